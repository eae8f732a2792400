// One picture file to one .hmn file: what `halfmoon compress` does for each of its inputs.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"
#include "codec/imageio/warning.h"
#include "halfmoon/encoder.h"

namespace halfmoon::cli {

// What the file is to be, instead of a quality.
struct Target {
  enum class Kind { kNone, kBytes, kBitsPerPixel, kPsnr, kMsSsim, kSsimulacra2 };
  Kind kind = Kind::kNone;
  double value = 0;  // bytes, bits per pixel, dB, MS-SSIM in (0, 1), or SSIMULACRA 2
};

struct CompressSettings {
  Target target;  // with one, encode.quality is not used
  EncodeOptions encode;
  bool force = false;
  bool lenient = false;
  bool psnr = false;              // measure it
  bool metrics = false;           // and MS-SSIM and SSIMULACRA 2
  bool defers_interrupt = false;  // the caller does; otherwise writing does (cli/interrupt.h)
};

struct CompressReport {
  std::string input, output;
  PictureShape shape;
  std::uint64_t input_bytes = 0, output_bytes = 0;
  double seconds = 0;
  double quality = 0;
  double reached = 0;  // with a target: what the file has of it
  // What the file gives back, where it is measured and exists for a picture of this size.
  std::optional<double> psnr, ms_ssim, ssimulacra2;
  int encodes = 1;
  EncodeStats stats;
  Warnings warnings;
};

// Reads `input` row by row, encodes, writes `output` atomically. The encoder is made at the first
// picture that deserves one, and kept: loading a model costs more than most pictures.
Result<CompressReport> CompressFile(const std::string& input, const std::string& output,
                                    const CompressSettings& settings,
                                    std::optional<Encoder>* encoder);

// What decides about the file beside the picture, as a batch's journal keeps it (cli/batch.h).
nlohmann::ordered_json ResultOptions(const CompressSettings& settings);

nlohmann::ordered_json ToJson(const CompressReport& report, const CompressSettings& settings);
// One line for people.
std::string ToText(const CompressReport& report, const CompressSettings& settings);
// What --verbose adds to it: indented lines.
std::string Details(const CompressReport& report, const CompressSettings& settings);

}  // namespace halfmoon::cli
