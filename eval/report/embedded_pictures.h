// Pictures of a report as text for its page. Internal to eval/report.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon::eval {

struct EmbeddedPicture {
  std::string id;      // of the element in the page
  std::string type;    // media type, e.g. image/avif
  std::string base64;  // the file's bytes
};

// RFC 4648 with padding.
std::string Base64(std::span<const std::uint8_t> bytes);

// Original and matched pictures of one picture of the data set.
struct PictureSet {
  std::vector<EmbeddedPicture> pictures;
  nlohmann::json ids;                 // {"original": id or null, "files": [id or null]}
  std::vector<std::string> problems;  // one sentence per picture that could not be taken
};

// The smallest exact form a browser shows: the codec's own file when it is JPEG, WebP or AVIF, else
// the PNG's pixels as lossless WebP (or the PNG itself when that is smaller or libwebp is missing).
// REQUIRES: `results` passed ReadResultsFile. What can't be read is left out with a problem.
PictureSet CollectPictures(const std::string& report_dir, const nlohmann::json& results,
                           std::size_t picture);

}  // namespace halfmoon::eval
