#include "models/training/data/picture_sampler.h"

#include <algorithm>

namespace halfmoon::training {
namespace {

// One picture of a pack into out [side][side][channels], centred; the margin stays as it is.
void CopyPicture(const Pack& pack, const PackEntry& e, std::int64_t channels, std::int64_t side,
                 std::uint8_t* out) {
  const std::int64_t size = e.width, margin = (side - size) / 2;
  const std::uint8_t* in = pack.bytes.data() + e.offset;
  for (std::int64_t y = 0; y < size; ++y) {
    for (std::int64_t x = 0; x < size; ++x) {
      std::uint8_t* to = out + ((y + margin) * side + x + margin) * channels;
      const std::uint8_t* p = in + (y * size + x) * static_cast<std::int64_t>(e.channels());
      if (e.grey) {
        std::fill(to, to + channels, p[0]);
      } else if (channels == 1) {
        to[0] = static_cast<std::uint8_t>((p[0] + p[1] + p[2] + 1) / 3);
      } else {
        std::copy(p, p + 3, to);
      }
    }
  }
}

}  // namespace

Result<PictureSampler> PictureSampler::Create(const std::vector<Pack>& packs, Part part,
                                              std::int64_t channels, std::int64_t side,
                                              torch::Device device) {
  const bool validation = part == Part::kValidation;
  PictureSampler s;
  std::vector<std::int64_t> labels;
  bool captions = true;
  for (const Pack& pack : packs) {
    if (&pack == &packs.front()) s.classes_ = pack.classes;
    if (pack.classes != s.classes_) {
      return Status(StatusCode::kInvalidArgument, "the packs name different classes");
    }
    captions = captions && !pack.captions.empty();
    for (std::size_t i = 0; i < pack.entries.size(); ++i) {
      const PackEntry& e = pack.entries[i];
      if (e.validation != validation) continue;
      if (e.width != e.height || e.width > side || (side - e.width) % 2 != 0) {
        return Status(StatusCode::kInvalidArgument,
                      "picture " + std::to_string(i) + " of a pack has " + std::to_string(e.width) +
                          "x" + std::to_string(e.height) + " pixels; this model takes squares of " +
                          std::to_string(side) + " pixels, or a little smaller by an even number");
      }
      labels.push_back(e.label);
      if (captions) s.captions_.push_back(pack.captions[i]);
    }
  }
  if (!captions) s.captions_.clear();
  if (labels.empty() && !validation) {
    return Status(StatusCode::kInvalidArgument, "the packs hold no training picture");
  }
  s.pixels_ =
      torch::zeros({static_cast<std::int64_t>(labels.size()), side, side, channels}, torch::kUInt8);
  std::uint8_t* out = s.pixels_.data_ptr<std::uint8_t>();
  for (const Pack& pack : packs) {
    for (const PackEntry& e : pack.entries) {
      if (e.validation != validation) continue;
      CopyPicture(pack, e, channels, side, out);
      out += side * side * channels;
    }
  }
  s.pixels_ = s.pixels_.to(device);
  s.labels_ = torch::tensor(labels, torch::kLong).to(device);
  return s;
}

Result<PictureParts> PictureParts::Create(const std::vector<Pack>& packs, std::int64_t channels,
                                          std::int64_t side, torch::Device device) {
  PictureParts parts;
  HALFMOON_ASSIGN_OR_RETURN(
      parts.training,
      PictureSampler::Create(packs, PictureSampler::Part::kTraining, channels, side, device));
  HALFMOON_ASSIGN_OR_RETURN(
      parts.validation,
      PictureSampler::Create(packs, PictureSampler::Part::kValidation, channels, side, device));
  return parts;
}

torch::Tensor PictureSampler::ToFloat(const torch::Tensor& bytes) const {
  // NHWC seen as NCHW: channels-last without a copy.
  return bytes.to(torch::kFloat32).mul_(1.0 / 255).permute({0, 3, 1, 2});
}

PictureSampler::Batch PictureSampler::Sample(std::int64_t count, bool flip,
                                             at::Generator generator) const {
  const auto f64 = torch::TensorOptions(torch::kFloat64).device(pixels_.device());
  const torch::Tensor u = torch::rand({2, count}, generator, f64);
  const torch::Tensor index =
      (u[0] * static_cast<double>(size())).to(torch::kLong).clamp_max(size() - 1);
  torch::Tensor bytes = pixels_.index_select(0, index);
  if (flip) {
    bytes = torch::where((u[1] < 0.5).view({-1, 1, 1, 1}), bytes.flip({2}), bytes);
  }
  return {ToFloat(bytes), labels_.index_select(0, index), index};
}

PictureSampler::Batch PictureSampler::Slice(std::int64_t first, std::int64_t count) const {
  return {ToFloat(pixels_.slice(0, first, first + count)), labels_.slice(0, first, first + count),
          torch::arange(first, first + count, labels_.options())};
}

}  // namespace halfmoon::training
