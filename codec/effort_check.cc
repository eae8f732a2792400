#include "codec/effort_check.h"

namespace halfmoon {
namespace {

double SampleAt(std::uint32_t bit_depth, const std::uint8_t* row, std::size_t i) {
  if (bit_depth <= 8) return row[i];
  return reinterpret_cast<const std::uint16_t*>(row)[i] / 257.0;  // in steps of 8 bits
}

}  // namespace

Result<double> CodingCost(const PictureModel& model, const ImageView& picture,
                          const BandDecodeRequest& request, std::size_t file_bytes, double lambda) {
  const PictureShape shape = picture.shape();
  const std::size_t channels = shape.channels, colours = channels - (shape.has_alpha() ? 1 : 0);
  double sum = 0;
  std::uint64_t count = 0;
  std::uint32_t y = 0;
  const RowSink sink = [&](std::span<const std::uint8_t> decoded) {
    const std::uint8_t *ours = picture.row(y++), *theirs = decoded.data();
    for (std::size_t x = 0; x < shape.width; ++x) {
      const std::size_t at = x * channels;
      if (shape.has_alpha() && SampleAt(shape.bit_depth, ours, at + colours) == 0) continue;
      for (std::size_t c = at; c < at + colours; ++c) {
        const double d = SampleAt(shape.bit_depth, ours, c) - SampleAt(shape.bit_depth, theirs, c);
        sum += d * d;
      }
      count += colours;
    }
    return Status::Ok();
  };
  DecodeStats stats;
  HALFMOON_RETURN_IF_ERROR(DecodeBands(model, request, sink, &stats));
  const double error = count == 0 ? 0 : sum / static_cast<double>(count);
  return 8.0 * static_cast<double>(file_bytes) / static_cast<double>(shape.pixels()) +
         lambda * error;
}

}  // namespace halfmoon
