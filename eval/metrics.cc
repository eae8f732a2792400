#include "eval/metrics.h"

#include <cmath>
#include <limits>

namespace halfmoon::eval {

Result<double> Psnr(const ImageView& a, const ImageView& b) {
  if (a.width != b.width || a.height != b.height || a.channels != b.channels) {
    return Status(StatusCode::kInvalidArgument, "PSNR: the pictures differ in size or channels");
  }
  std::uint64_t sum = 0;
  for (std::uint32_t y = 0; y < a.height; ++y) {
    const std::uint8_t* p = a.row(y);
    const std::uint8_t* q = b.row(y);
    for (std::size_t i = 0; i < a.row_bytes(); ++i) {
      const int d = int{p[i]} - int{q[i]};
      sum += static_cast<std::uint64_t>(d * d);
    }
  }
  if (sum == 0) return std::numeric_limits<double>::infinity();
  const double mse = static_cast<double>(sum) / (static_cast<double>(a.height) * static_cast<double>(a.row_bytes()));
  return 10 * std::log10(255.0 * 255.0 / mse);
}

}  // namespace halfmoon::eval
