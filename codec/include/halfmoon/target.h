// Encoding to a size or to a fidelity instead of a quality number. Public; depends on halfmoon
// headers and std only.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "halfmoon/decoder.h"
#include "halfmoon/encoder.h"

namespace halfmoon {

struct TargetedFile {
  std::vector<std::uint8_t> file;
  double quality = 0;  // 0..100, that gave it
  double reached = 0;  // what was asked for: bytes, or the metric
  int encodes = 0;     // how many it took
  EncodeStats stats;   // of the encode that gave it
};

// The largest file of at most `max_bytes`: within 1 % of it, unless quality 100 needs less or a
// model has only few qualities. Takes some six encodes. Errors: those of Encode; kInvalidArgument
// naming the sizes that can be had when quality 0 needs more.
Result<TargetedFile> EncodeToSize(Encoder& encoder, const ImageView& image,
                                  std::uint64_t max_bytes);

// How close a decoded picture is to the original; more is closer.
using FidelityMetric =
    std::function<Result<double>(const ImageView& original, const ImageView& decoded)>;

// The smallest file that reaches `target`, not by more than `tolerance` where the qualities are
// fine enough. Takes some six encodes and decodes. Errors: those of Encode, Decode and the metric;
// kInvalidArgument naming what can be had when quality 100 does not reach it.
Result<TargetedFile> EncodeToFidelity(Encoder& encoder, Decoder& decoder, const ImageView& image,
                                      double target, double tolerance,
                                      const FidelityMetric& metric);

}  // namespace halfmoon
