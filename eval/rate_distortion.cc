#include "eval/rate_distortion.h"

#include <chrono>
#include <cmath>

#include "codec/imageio/image_io.h"
#include "codec/metrics/metrics.h"
#include "halfmoon/decoder.h"
#include "halfmoon/encoder.h"

namespace halfmoon::eval {
namespace {

double Seconds(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Over a point's pictures; by the mean squared error where a PSNR of the report is infinite.
double PsnrOver(const std::vector<double>& psnrs, bool by_error) {
  double sum = 0;
  for (const double psnr : psnrs) sum += by_error ? metrics::MseOfPsnr(psnr) : psnr;
  const double mean = sum / static_cast<double>(psnrs.size());
  return by_error ? metrics::PsnrOfMse(mean) : mean;
}

}  // namespace

Result<RdReport> MeasureRd(const std::vector<std::string>& files, const RdOptions& options,
                           const std::function<void(std::size_t, std::size_t)>& progress) {
  if (files.empty() || options.qualities.empty()) {
    return Status(StatusCode::kInvalidArgument, "rd: no pictures or no qualities given");
  }
  EncodeOptions eo;
  eo.model = options.model;
  eo.models_dir = options.models_dir;
  eo.threads = options.threads;
  DecodeOptions d;
  d.models_dir = options.models_dir;
  d.model = options.model;
  d.threads = options.threads;
  HALFMOON_ASSIGN_OR_RETURN(Encoder encoder, Encoder::Create(eo));
  HALFMOON_ASSIGN_OR_RETURN(Decoder decoder, Decoder::Create(d));

  RdReport report;
  report.pictures = static_cast<int>(files.size());
  for (const double quality : options.qualities) report.points.push_back({.quality = quality});
  const std::size_t total = files.size() * options.qualities.size();
  const double share = 1.0 / static_cast<double>(files.size());
  std::vector<std::vector<double>> psnrs(options.qualities.size());  // [point][picture]
  std::size_t done = 0;
  for (const std::string& path : files) {
    HALFMOON_ASSIGN_OR_RETURN(const Image image, ReadImageFile(path));
    const double pixels = static_cast<double>(image.pixels());
    report.sizes.emplace_back(image.width(), image.height());
    bool exact = false;
    for (std::size_t i = 0; i < report.points.size(); ++i) {
      RdPoint& point = report.points[i];
      if (progress) progress(done, total);
      ++done;
      EncodeStats stats;
      auto start = std::chrono::steady_clock::now();
      const auto file = encoder.Encode(image.view(), point.quality, &stats);
      if (!file.ok()) return file.status().WithContext(path);
      report.encode_seconds += Seconds(start) / static_cast<double>(total);
      start = std::chrono::steady_clock::now();
      const auto decoded = decoder.Decode(*file);
      if (!decoded.ok()) return decoded.status().WithContext(path);
      report.decode_seconds += Seconds(start) / static_cast<double>(total);
      HALFMOON_ASSIGN_OR_RETURN(const double psnr, metrics::Psnr(image.view(), decoded->view()));
      point.bpp += share * 8 * static_cast<double>(file->size()) / pixels;
      psnrs[i].push_back(psnr);
      exact = exact || std::isinf(psnr);
      point.estimated_bpp += share * stats.estimated_bits / pixels;
      point.latent_bpp += share * 8 * static_cast<double>(stats.latent_bytes) / pixels;
    }
    if (exact) report.exact.push_back(path);
  }
  for (std::size_t i = 0; i < report.points.size(); ++i) {
    report.points[i].psnr = PsnrOver(psnrs[i], !report.exact.empty());
  }
  if (progress) progress(done, total);
  return report;
}

}  // namespace halfmoon::eval
