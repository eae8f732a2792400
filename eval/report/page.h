// The report's page as built in. Internal to eval/report; the source is made by embed.cmake.
#pragma once

#include <array>
#include <string_view>

namespace halfmoon::eval {

// False when D3 was not found at configuration: then there is no page to fill.
extern const bool kPageHasCharts;
// Between the parts go the results (JSON), the list of embedded pictures (JSON), the pictures.
extern const std::array<std::string_view, 4> kPageParts;

}  // namespace halfmoon::eval
