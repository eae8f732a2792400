// The alpha samples of one tile, losslessly: PNG's row filters and a compressed block. Normative
// text: FORMAT.md, "Alpha". Must not include images; knows nothing of what the samples mean.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon {

// The payload of samples in rows from the top, `sample_bytes` bytes each, the high byte first.
//
// Every row may have its own filter, chosen as PNG encoders do (smallest sum of absolute
// differences) or one for all rows; of these the encoder keeps what zstd makes smallest.
// REQUIRES: samples.size() == width * height * sample_bytes.
// Range: width, height >= 1; sample_bytes 1 or 2.
// Errors: kInvalidArgument (wrong size, or above 2^32 - 1 bytes with one filter byte a row: use
//   tiles); kOutOfMemory.
Result<std::vector<std::uint8_t>> EncodeAlpha(std::span<const std::uint8_t> samples,
                                              std::uint32_t width, std::uint32_t height,
                                              int sample_bytes);

// The samples again. The size that the payload declares is compared with the one that follows from
// the tile before memory is taken. Errors: kTruncated, kCorrupt, kOutOfMemory.
Result<std::vector<std::uint8_t>> DecodeAlpha(std::span<const std::uint8_t> payload,
                                              std::uint32_t width, std::uint32_t height,
                                              int sample_bytes);

}  // namespace halfmoon
