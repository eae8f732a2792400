#include "codec/metrics/metrics.h"

#include <cmath>
#include <limits>
#include <string>

#include "codec/imageio/pixels.h"
#include "codec/metrics/planes.h"
#include "codec/metrics/ssim.h"
#include "codec/metrics/ssimulacra2.h"

namespace halfmoon::metrics {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Luma weights of ITU-R BT.709; full range, so that grey has Cb = Cr = 0 and Y = its level.
constexpr double kRed = 0.2126, kBlue = 0.0722;  // green: the rest

Status CheckComparable(const ImageView& a, const ImageView& b) {
  auto shape = [](const ImageView& i) {
    return std::to_string(i.width) + "x" + std::to_string(i.height) +
           (i.channels == 1 ? " grey" : " RGB");
  };
  if (a.width == b.width && a.height == b.height && a.channels == b.channels) return Status::Ok();
  return {StatusCode::kInvalidArgument, "the pictures differ in size or channels: " + shape(a) +
                                            " and " + shape(b) +
                                            "; only pictures of equal size can be compared"};
}

double PsnrOfMse(double mse) { return mse == 0 ? kInfinity : 10 * std::log10(255.0 * 255.0 / mse); }

// PSNR of Y, Cb and Cr, which are linear in R, G, B: the difference is converted, not the pictures.
// Nothing is rounded on the way.
void MeasureYcbcr(const ImageView& a, const ImageView& b, MetricValues* values) {
  double sum_y = 0, sum_cb = 0, sum_cr = 0;
  const std::uint32_t green = a.channels == 1 ? 0 : 1, blue = a.channels == 1 ? 0 : 2;
  for (std::uint32_t row = 0; row < a.height; ++row) {
    const std::uint8_t* p = a.row(row);
    const std::uint8_t* q = b.row(row);
    double row_y = 0, row_cb = 0, row_cr = 0;
    for (std::uint32_t x = 0; x < a.width; ++x, p += a.channels, q += a.channels) {
      const double dr = int{p[0]} - int{q[0]};
      const double dg = int{p[green]} - int{q[green]};
      const double db = int{p[blue]} - int{q[blue]};
      // So written, equal differences give exactly dy, and no colour difference at all.
      const double dy = dg + kRed * (dr - dg) + kBlue * (db - dg);
      const double dcb = (db - dy) / (2 * (1 - kBlue));
      const double dcr = (dr - dy) / (2 * (1 - kRed));
      row_y += dy * dy;
      row_cb += dcb * dcb;
      row_cr += dcr * dcr;
    }
    sum_y += row_y;
    sum_cb += row_cb;
    sum_cr += row_cr;
  }
  const double pixels = static_cast<double>(a.width) * a.height;
  const double y = PsnrOfMse(sum_y / pixels);
  const double cb = PsnrOfMse(sum_cb / pixels), cr = PsnrOfMse(sum_cr / pixels);
  (*values)[Metric::kPsnrY] = y;
  (*values)[Metric::kPsnrCb] = cb;
  (*values)[Metric::kPsnrCr] = cr;
  (*values)[Metric::kPsnr611] = (6 * y + cb + cr) / 8;
}

void MeasureSsim(const ImageView& a, const ImageView& b, MetricValues* values) {
  double ssim = 0, ms_ssim = 0;
  SsimValues channel;
  for (std::uint32_t c = 0; c < a.channels; ++c) {
    channel = Ssim(ChannelPlane(a, c), ChannelPlane(b, c));
    ssim += channel.ssim.value_or(0);
    ms_ssim += channel.ms_ssim.value_or(0);
  }
  ssim /= a.channels;
  ms_ssim /= a.channels;
  if (channel.ssim) (*values)[Metric::kSsim] = ssim;
  if (channel.ms_ssim) {
    (*values)[Metric::kMsSsim] = ms_ssim;
    (*values)[Metric::kMsSsimDb] = MsSsimToDb(ms_ssim);
  }
}

}  // namespace

double MsSsimToDb(double ms_ssim) {
  return ms_ssim >= 1 ? kInfinity : -10 * std::log10(1 - ms_ssim);
}

Result<double> Psnr(const ImageView& a, const ImageView& b) {
  HALFMOON_RETURN_IF_ERROR(CheckComparable(a, b));
  std::uint64_t sum = 0;
  for (std::uint32_t y = 0; y < a.height; ++y) {
    const std::uint8_t* p = a.row(y);
    const std::uint8_t* q = b.row(y);
    for (std::size_t i = 0; i < a.row_bytes(); ++i) {
      const int d = int{p[i]} - int{q[i]};
      sum += static_cast<std::uint64_t>(d * d);
    }
  }
  return PsnrOfMse(static_cast<double>(sum) /
                   (static_cast<double>(a.height) * static_cast<double>(a.row_bytes())));
}

Result<double> MsSsim(const ImageView& a, const ImageView& b) {
  HALFMOON_RETURN_IF_ERROR(CheckComparable(a, b));
  MetricValues values;
  MeasureSsim(a, b, &values);
  if (const auto value = values[Metric::kMsSsim]) return *value;
  return Status(StatusCode::kInvalidArgument, "MS-SSIM needs 161 pixels a side, the picture has " +
                                                  std::to_string(a.width) + "x" +
                                                  std::to_string(a.height));
}

Result<double> Ssimulacra2Score(const ImageView& original, const ImageView& distorted) {
  HALFMOON_RETURN_IF_ERROR(CheckComparable(original, distorted));
  if (const auto value = Ssimulacra2(original, distorted)) return *value;
  return Status(StatusCode::kInvalidArgument,
                "SSIMULACRA 2 needs 113 pixels a side, the picture has " +
                    std::to_string(original.width) + "x" + std::to_string(original.height));
}

Result<Image> Comparable(const ImageView& picture) {
  const PictureShape shape = picture.shape();
  HALFMOON_ASSIGN_OR_RETURN(
      Image plain,
      Image::Create({shape.width, shape.height, shape.is_grey() ? 1u : 3u, 8}, shape.pixels()));
  for (std::uint32_t y = 0; y < shape.height; ++y) {
    imageio::FlattenRow(shape, picture.row(y), {128, 128, 128}, plain.row(y));
  }
  return plain;
}

Result<MetricValues> Measure(const ImageView& original, const ImageView& distorted) {
  MetricValues values;
  HALFMOON_ASSIGN_OR_RETURN(values[Metric::kPsnrRgb], Psnr(original, distorted));
  MeasureYcbcr(original, distorted, &values);
  MeasureSsim(original, distorted, &values);
  values[Metric::kSsimulacra2] = Ssimulacra2(original, distorted);
  return values;
}

}  // namespace halfmoon::metrics
