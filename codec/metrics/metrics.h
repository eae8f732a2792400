// Distortion between two pictures, on 8-bit R, G and B. Definitions: docs/metrics.md. std only.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "codec/metrics/rgb_picture.h"
#include "halfmoon/image.h"
#include "halfmoon/status.h"

namespace halfmoon::metrics {

enum class Metric {
  kPsnrRgb,
  kPsnrY,
  kPsnrCb,
  kPsnrCr,
  kPsnr611,
  kSsim,
  kMsSsim,
  kMsSsimDb,
  kSsimulacra2,
};
inline constexpr std::size_t kMetricCount = 9;

struct MetricName {
  Metric metric;
  std::string_view key;    // in files: "psnr_rgb"
  std::string_view title;  // for people: "PSNR (RGB)"
  std::string_view unit;   // "dB" or empty
};

// All metrics in the order to show them; more is better for every one of them.
inline constexpr std::array<MetricName, kMetricCount> kMetrics = {{
    {Metric::kPsnrRgb, "psnr_rgb", "PSNR (RGB)", "dB"},
    {Metric::kPsnrY, "psnr_y", "PSNR (Y)", "dB"},
    {Metric::kPsnrCb, "psnr_cb", "PSNR (Cb)", "dB"},
    {Metric::kPsnrCr, "psnr_cr", "PSNR (Cr)", "dB"},
    {Metric::kPsnr611, "psnr_611", "PSNR (YCbCr 6:1:1)", "dB"},
    {Metric::kSsim, "ssim", "SSIM", ""},
    {Metric::kMsSsim, "ms_ssim", "MS-SSIM", ""},
    {Metric::kMsSsimDb, "ms_ssim_db", "MS-SSIM", "dB"},
    {Metric::kSsimulacra2, "ssimulacra2", "SSIMULACRA 2", ""},
}};

// One number per metric; nothing where the metric does not exist for a picture. PSNR and MS-SSIM
// in dB of equal pictures are infinite.
class MetricValues {
 public:
  std::optional<double>& operator[](Metric m) { return values_[static_cast<std::size_t>(m)]; }
  const std::optional<double>& operator[](Metric m) const {
    return values_[static_cast<std::size_t>(m)];
  }
  bool operator==(const MetricValues&) const = default;

 private:
  std::array<std::optional<double>, kMetricCount> values_;
};

// The functions of ImageView take pictures of any kind, also of two kinds; RgbPicture::From says
// what is compared of them. Errors of all: kInvalidArgument when the sizes differ, kOutOfMemory.

// Every metric of a distorted picture against its original (SSIMULACRA 2 is not symmetric).
Result<MetricValues> Measure(const RgbPicture& original, const RgbPicture& distorted);
Result<MetricValues> Measure(const ImageView& original, const ImageView& distorted);

// PSNR in dB of the mean squared error over R, G and B, peak 255; infinity for equal pictures.
Result<double> Psnr(const ImageView& original, const ImageView& distorted);

// MS-SSIM, mean over R, G and B. Errors also: kInvalidArgument below 161 pixels a side, where there
// is none.
Result<double> MsSsim(const ImageView& original, const ImageView& distorted);

// SSIMULACRA 2. Errors also: kInvalidArgument below 113 pixels a side, where there is none.
Result<double> Ssimulacra2Score(const ImageView& original, const ImageView& distorted);

// 10 log10(255^2 / mse); infinity for 0. And back.
double PsnrOfMse(double mse);
double MseOfPsnr(double psnr);

// -10 log10(1 - ms_ssim); infinity for 1.
double MsSsimToDb(double ms_ssim);

}  // namespace halfmoon::metrics
