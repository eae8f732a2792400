// One .hmn file to one picture file: what `halfmoon decompress` does for each of its inputs.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"
#include "codec/imageio/image_io.h"
#include "halfmoon/decoder.h"

namespace halfmoon::cli {

struct DecompressSettings {
  DecodeOptions decode;
  ImageWriteOptions write;
  std::optional<ImageFormat> format;  // asked for; none: as the output's name says
  std::optional<Region> region;
  bool force = false;
  std::function<bool()> stop;  // asked before each row; true ends the work, nothing is left behind
};

struct DecompressReport {
  std::string input, output;
  PictureShape shape;  // of what was written
  std::uint64_t input_bytes = 0, output_bytes = 0;
  double seconds = 0;
  DecodeStats stats;
  Warnings warnings;
};

// The format of an output: as asked, else by the ending of its name, of standard output PNG.
// Errors: kInvalidArgument when the name has no known ending and nothing is asked for, or another
// than what is asked for.
Result<ImageFormat> OutputFormat(const std::string& output, std::optional<ImageFormat> asked);

// Writes `output` row by row and atomically. With decode.allow_partial a damaged file may give a
// report whose stats are damaged(): the caller owes its user a word and an exit code. The decoder
// is made at the first file that deserves one, and kept.
Result<DecompressReport> DecompressFile(const std::string& input, const std::string& output,
                                        const DecompressSettings& settings,
                                        std::optional<Decoder>* decoder);

nlohmann::ordered_json ToJson(const DecompressReport& report);
// One line for people.
std::string ToText(const DecompressReport& report);
// What --verbose adds to it: indented lines.
std::string Details(const DecompressReport& report);
// What is lost, for people; empty when nothing is.
std::string DamageText(const DecodeStats& stats);

}  // namespace halfmoon::cli
