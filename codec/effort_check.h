// The cost of a file as it is decoded, by which a higher effort is held against effort 1. Internal.
//
// What efforts 2 and 3 do helps photographs and drawings without exception so far, but nothing
// promises it: next to hard edges of saturated colours, a correction by what is decoded can go the
// wrong way (docs/effort.md).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/band_decoder.h"

namespace halfmoon {

// Pictures of up to so many pixels are checked: it needs the picture in memory.
inline constexpr std::uint64_t kLargestChecked = std::uint64_t{1} << 24;

// Bits per pixel + lambda * mean squared error, in steps of 8 bits; of colour where the picture is
// not transparent. `request`: how to decode the whole picture from the streams of a file of so many
// bytes. Errors: those of DecodeBands.
Result<double> CodingCost(const PictureModel& model, const ImageView& picture,
                          const BandDecodeRequest& request, std::size_t file_bytes, double lambda);

}  // namespace halfmoon
