// EffortCheck: holds a file of a higher effort against the one of effort 1, as they are decoded.
// Internal.
//
// What efforts 2 and 3 do helps photographs and drawings without exception so far, but nothing
// promises it: next to hard edges of saturated colours, a correction by what is decoded can go the
// wrong way (docs/effort.md).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "codec/common/progress.h"
#include "halfmoon/decoder.h"
#include "halfmoon/encoder.h"

namespace halfmoon {

// Efforts from this one on are checked, pictures of up to so many pixels: it needs the picture, and
// what is decoded, in memory.
inline constexpr int kFirstCheckedEffort = 4;
inline constexpr std::uint64_t kLargestChecked = std::uint64_t{1} << 24;

class EffortCheck {
 public:
  // Of the work for a pixel, by codec/common/progress.h: an encode and two decodes.
  static constexpr double kUnits = 1 + kTilePixelUnits + 2 * (kTilePixelUnits + kSynthesisUnits);

  // `options`: those of the higher effort. `progress`: is told of a check; null: nothing is.
  // Errors: those of Encoder::Create.
  static Result<std::unique_ptr<EffortCheck>> Create(const EncodeOptions& options,
                                                     Progress* progress = nullptr);

  // Bits per pixel + lambda * mean squared error, in steps of 8 bits; of colour where the picture
  // is not transparent. Errors: those of Decode.
  Result<double> Cost(const ImageView& picture, const std::vector<std::uint8_t>& file,
                      double lambda);

  // `file` or the one of effort 1, whichever costs less; `stats` is that of `file` and becomes that
  // of what is returned. Errors: those of Encode and Decode.
  Result<std::vector<std::uint8_t>> Cheaper(const ImageView& picture, double quality, double lambda,
                                            std::vector<std::uint8_t> file, EncodeStats* stats);

 private:
  EffortCheck(Encoder plain, Decoder decoder, Progress* progress)
      : plain_(std::move(plain)), decoder_(std::move(decoder)), progress_(progress) {}

  Encoder plain_;
  Decoder decoder_;
  Progress* progress_;
};

}  // namespace halfmoon
