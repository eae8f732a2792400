// What kind of file bytes are, by their beginning and never by a name. Internal to codec/imageio.
#pragma once

#include <cstdint>
#include <span>

#include "codec/imageio/image_io.h"

namespace halfmoon::imageio {

// Errors: kTruncated (empty, or only the start of a signature), kUnsupportedFeature naming another
// format, kNotHalfmoon.
Result<ImageFormat> DetectFormat(std::span<const std::uint8_t> bytes);

}  // namespace halfmoon::imageio
