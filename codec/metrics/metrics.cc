#include "codec/metrics/metrics.h"

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "codec/metrics/planes.h"
#include "codec/metrics/ssim.h"
#include "codec/metrics/ssimulacra2.h"

namespace halfmoon::metrics {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Luma weights of ITU-R BT.709; full range, so that grey has Cb = Cr = 0 and Y = its level.
constexpr double kRed = 0.2126, kBlue = 0.0722;  // green: the rest

// PSNR of Y, Cb and Cr, which are linear in R, G, B: the difference is converted, not the pictures.
// Nothing is rounded on the way.
void MeasureYcbcr(const RgbPicture& a, const RgbPicture& b, MetricValues* values) {
  double sum_y = 0, sum_cb = 0, sum_cr = 0;
  for (std::uint32_t row = 0; row < a.height(); ++row) {
    const std::uint8_t* p = a.row(row);
    const std::uint8_t* q = b.row(row);
    double row_y = 0, row_cb = 0, row_cr = 0;
    for (std::uint32_t x = 0; x < a.width(); ++x, p += 3, q += 3) {
      const double dr = int{p[0]} - int{q[0]};
      const double dg = int{p[1]} - int{q[1]};
      const double db = int{p[2]} - int{q[2]};
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
  const auto pixels = static_cast<double>(a.pixels());
  const double y = PsnrOfMse(sum_y / pixels);
  const double cb = PsnrOfMse(sum_cb / pixels), cr = PsnrOfMse(sum_cr / pixels);
  (*values)[Metric::kPsnrY] = y;
  (*values)[Metric::kPsnrCb] = cb;
  (*values)[Metric::kPsnrCr] = cr;
  (*values)[Metric::kPsnr611] = (6 * y + cb + cr) / 8;
}

bool IsGrey(const RgbPicture& p) {
  const auto s = p.samples();
  for (std::size_t i = 0; i < s.size(); i += 3) {
    if (s[i] != s[i + 1] || s[i] != s[i + 2]) return false;
  }
  return true;
}

void MeasureSsim(const RgbPicture& a, const RgbPicture& b, MetricValues* values) {
  double ssim = 0, ms_ssim = 0;
  SsimValues channel;
  const std::uint32_t channels = IsGrey(a) && IsGrey(b) ? 1 : 3;  // equal ones are measured once
  for (std::uint32_t c = 0; c < channels; ++c) {
    channel = Ssim(ChannelPlane(a, c), ChannelPlane(b, c));
    ssim += channel.ssim.value_or(0);
    ms_ssim += channel.ms_ssim.value_or(0);
  }
  ssim /= channels;
  ms_ssim /= channels;
  if (channel.ssim) (*values)[Metric::kSsim] = ssim;
  if (channel.ms_ssim) {
    (*values)[Metric::kMsSsim] = ms_ssim;
    (*values)[Metric::kMsSsimDb] = MsSsimToDb(ms_ssim);
  }
}

double PsnrOf(const RgbPicture& a, const RgbPicture& b) {
  const auto p = a.samples(), q = b.samples();
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const int d = int{p[i]} - int{q[i]};
    sum += static_cast<std::uint64_t>(d * d);
  }
  return PsnrOfMse(static_cast<double>(sum) / static_cast<double>(p.size()));
}

// Both pictures, of one size.
struct Pair {
  static Result<Pair> Of(const ImageView& original, const ImageView& distorted) {
    Pair pair;
    HALFMOON_ASSIGN_OR_RETURN(pair.a, RgbPicture::From(original));
    HALFMOON_ASSIGN_OR_RETURN(pair.b, RgbPicture::From(distorted));
    HALFMOON_RETURN_IF_ERROR(CheckSameSize(pair.a, pair.b));
    return pair;
  }

  RgbPicture a, b;
};

Status TooSmall(const char* metric, int least, const RgbPicture& picture) {
  return {StatusCode::kInvalidArgument, std::string(metric) + " needs " + std::to_string(least) +
                                            " pixels a side, the picture has " +
                                            std::to_string(picture.width()) + "x" +
                                            std::to_string(picture.height())};
}

}  // namespace

double MsSsimToDb(double ms_ssim) {
  return ms_ssim >= 1 ? kInfinity : -10 * std::log10(1 - ms_ssim);
}

double PsnrOfMse(double mse) { return mse == 0 ? kInfinity : 10 * std::log10(255.0 * 255.0 / mse); }

double MseOfPsnr(double psnr) { return 255.0 * 255.0 * std::pow(10, -psnr / 10); }

Result<double> Psnr(const ImageView& original, const ImageView& distorted) {
  HALFMOON_ASSIGN_OR_RETURN(const Pair pair, Pair::Of(original, distorted));
  return PsnrOf(pair.a, pair.b);
}

Result<double> MsSsim(const ImageView& original, const ImageView& distorted) {
  HALFMOON_ASSIGN_OR_RETURN(const Pair pair, Pair::Of(original, distorted));
  MetricValues values;
  MeasureSsim(pair.a, pair.b, &values);
  if (const auto value = values[Metric::kMsSsim]) return *value;
  return TooSmall("MS-SSIM", 161, pair.a);
}

Result<double> Ssimulacra2Score(const ImageView& original, const ImageView& distorted) {
  HALFMOON_ASSIGN_OR_RETURN(const Pair pair, Pair::Of(original, distorted));
  if (const auto value = Ssimulacra2(pair.a, pair.b)) return *value;
  return TooSmall("SSIMULACRA 2", 113, pair.a);
}

Result<MetricValues> Measure(const RgbPicture& original, const RgbPicture& distorted) {
  HALFMOON_RETURN_IF_ERROR(CheckSameSize(original, distorted));
  MetricValues values;
  values[Metric::kPsnrRgb] = PsnrOf(original, distorted);
  MeasureYcbcr(original, distorted, &values);
  MeasureSsim(original, distorted, &values);
  values[Metric::kSsimulacra2] = Ssimulacra2(original, distorted);
  return values;
}

Result<MetricValues> Measure(const ImageView& original, const ImageView& distorted) {
  HALFMOON_ASSIGN_OR_RETURN(const Pair pair, Pair::Of(original, distorted));
  return Measure(pair.a, pair.b);
}

}  // namespace halfmoon::metrics
