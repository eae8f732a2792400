#include "codec/packing/make_pack.h"

#include <torch/torch.h>

#include <algorithm>
#include <bit>
#include <filesystem>

#include "codec/common/torch_guard.h"
#include "codec/imageio/image_io.h"
#include "codec/io/atomic_file.h"
#include "models/training/data/pack.h"

namespace halfmoon {
namespace {

constexpr int kDuplicateBits = 3;

// Packs hold 8-bit pixels without alpha.
Status CheckPackable(const PictureShape& shape) {
  if (shape.has_alpha()) {
    return {StatusCode::kUnsupportedFeature,
            "the picture has an alpha channel, which a pack can't hold; flatten it first"};
  }
  if (shape.bit_depth != 8) {
    return {StatusCode::kUnsupportedFeature,
            "the picture has " + std::to_string(shape.bit_depth) +
                " bits per sample, a pack holds 8; convert it first"};
  }
  return Status::Ok();
}

// [1, 3, H, W] float32, 0..255.
torch::Tensor ToTensor(const Image& image) {
  const auto h = static_cast<std::int64_t>(image.height()),
             w = static_cast<std::int64_t>(image.width());
  torch::Tensor t =
      torch::from_blob(const_cast<std::uint8_t*>(image.samples().data()),
                       {1, h, w, static_cast<std::int64_t>(image.channels())}, torch::kUInt8)
          .permute({0, 3, 1, 2})
          .to(torch::kFloat32);
  return image.channels() == 1 ? t.expand({1, 3, h, w}).contiguous() : t;
}

// Which of 8x8 neighbouring regions is brighter, one bit each ("dHash").
std::uint64_t DifferenceHash(const torch::Tensor& x) {
  const torch::Tensor small =
      torch::adaptive_avg_pool2d(x.mean(1, true), {8, 9})[0][0].contiguous();
  const float* p = small.data_ptr<float>();
  std::uint64_t hash = 0;
  for (int y = 0; y < 8; ++y) {
    for (int i = 0; i < 8; ++i) hash = hash << 1 | (p[9 * y + i] < p[9 * y + i + 1] ? 1 : 0);
  }
  return hash;
}

Result<std::vector<std::string>> FindPictures(const std::vector<std::string>& directories) {
  std::vector<std::string> files;
  for (const std::string& directory : directories) {
    std::error_code error;
    std::filesystem::recursive_directory_iterator it(directory, error), end;
    if (error) return Status(StatusCode::kIo, directory + ": " + error.message());
    for (; it != end; it.increment(error)) {
      if (error) return Status(StatusCode::kIo, directory + ": " + error.message());
      std::string extension = it->path().extension().string();
      std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) {
        return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
      });
      if (extension == ".png" || extension == ".jpg" || extension == ".jpeg") {
        files.push_back(it->path().string());
      }
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The first of them, for a message.
std::string Reasons(const std::vector<std::string>& problems) {
  constexpr std::size_t kMost = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(problems.size(), kMost); ++i) text += "; " + problems[i];
  if (problems.size() > kMost) text += "; and " + std::to_string(problems.size() - kMost) + " more";
  return text;
}

}  // namespace

Result<PackReport> MakePack(const std::vector<std::string>& directories, const PackOptions& options,
                            const std::string& out_file, bool overwrite,
                            const std::function<void(std::size_t, std::size_t)>& progress) {
  if (options.min_side < 64 || options.max_short_side < 0 || options.validation_every < 0 ||
      (options.max_short_side > 0 && options.max_short_side < options.min_side)) {
    return Status(StatusCode::kInvalidArgument,
                  "pack: min_side must be at least 64, max_short_side 0 or at least min_side, "
                  "validation_every at least 0");
  }
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::string> files, FindPictures(directories));
  PackReport report;
  training::PackWriter writer;
  std::vector<std::uint64_t> hashes;
  std::size_t done = 0;
  for (const std::string& path : files) {
    if (progress) progress(done, files.size());
    ++done;
    const auto image = ReadImageFile(path);
    if (!image.ok()) {
      ++report.unreadable;
      report.problems.push_back(image.status().message());
      continue;
    }
    if (const Status status = CheckPackable(image->shape()); !status.ok()) {
      ++report.unreadable;
      report.problems.push_back(status.WithContext(path).message());
      continue;
    }
    const auto short_side = static_cast<std::int64_t>(std::min(image->width(), image->height()));
    if (short_side < options.min_side) {
      ++report.too_small;
      report.problems.push_back(path + ": " + std::to_string(image->width()) + "x" +
                                std::to_string(image->height()) + ", a side is shorter than " +
                                std::to_string(options.min_side) + " pixels");
      continue;
    }
    const Status added = GuardTorch("pack", [&]() -> Status {
      torch::InferenceMode inference;
      torch::Tensor x = ToTensor(*image);
      const std::uint64_t hash = DifferenceHash(x);
      for (const std::uint64_t other : hashes) {
        if (std::popcount(hash ^ other) <= kDuplicateBits) {
          ++report.duplicates;
          report.problems.push_back(path + ": near duplicate of an earlier picture");
          return Status::Ok();
        }
      }
      hashes.push_back(hash);
      if (options.max_short_side > 0 && short_side > options.max_short_side) {
        const double scale =
            static_cast<double>(options.max_short_side) / static_cast<double>(short_side);
        x = at::_upsample_bicubic2d_aa(x,
                                       {std::llround(static_cast<double>(x.size(2)) * scale),
                                        std::llround(static_cast<double>(x.size(3)) * scale)},
                                       /*align_corners=*/false);
      }
      const torch::Tensor bytes =
          x[0].round().clamp(0, 255).to(torch::kUInt8).permute({1, 2, 0}).contiguous();
      const bool validation =
          options.validation_every > 0 && (report.pictures + 1) % options.validation_every == 0;
      ++report.pictures;
      report.validation += validation;
      return writer.Add(
          static_cast<std::uint32_t>(x.size(3)), static_cast<std::uint32_t>(x.size(2)),
          {bytes.data_ptr<std::uint8_t>(), static_cast<std::size_t>(bytes.numel())}, validation);
    });
    HALFMOON_RETURN_IF_ERROR(added.WithContext(path));
  }
  if (progress) progress(done, files.size());
  if (report.pictures == 0) {
    return Status(StatusCode::kInvalidArgument,
                  "no usable picture found: " + std::to_string(files.size()) +
                      (files.size() == 1 ? " PNG or JPEG file" : " PNG or JPEG files") +
                      Reasons(report.problems));
  }
  HALFMOON_RETURN_IF_ERROR(WriteFile(out_file, writer.Finish(), overwrite));
  return report;
}

}  // namespace halfmoon
