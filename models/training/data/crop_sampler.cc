#include "models/training/data/crop_sampler.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace halfmoon::training {

Result<CropSampler> CropSampler::Create(const std::vector<Pack>& packs, std::int64_t min_side,
                                        torch::Device device) {
  std::vector<std::int64_t> width, height, offset;
  std::vector<double> area;
  std::int64_t total = 0;
  auto usable = [&](const PackEntry& e) {
    return !e.validation && !e.grey && std::min<std::int64_t>(e.width, e.height) >= min_side;
  };
  for (const Pack& pack : packs) {
    for (const PackEntry& e : pack.entries) {
      if (!usable(e)) continue;
      width.push_back(e.width);
      height.push_back(e.height);
      offset.push_back(total);
      total += std::int64_t{e.width} * e.height * 3;
      area.push_back(static_cast<double>(e.width) * e.height + (area.empty() ? 0 : area.back()));
    }
  }
  if (width.empty()) {
    return Status(StatusCode::kInvalidArgument,
                  "no training picture in the packs has both sides of at least " +
                      std::to_string(min_side) + " pixels; use larger pictures or smaller crops");
  }
  CropSampler s;
  s.pixels_ = torch::empty({total}, torch::kUInt8);
  std::uint8_t* out = s.pixels_.data_ptr<std::uint8_t>();
  for (const Pack& pack : packs) {
    for (const PackEntry& e : pack.entries) {
      if (!usable(e)) continue;
      const std::size_t size = std::size_t{e.width} * e.height * 3;
      std::memcpy(out, pack.bytes.data() + e.offset, size);
      out += size;
    }
  }
  s.pixels_ = s.pixels_.to(device);
  s.width_ = torch::tensor(width).to(device);
  s.height_ = torch::tensor(height).to(device);
  s.offset_ = torch::tensor(offset).to(device);
  s.cumulative_ = (torch::tensor(area, torch::kFloat64) / area.back()).to(device);
  return s;
}

torch::Tensor CropSampler::Sample(std::int64_t count, std::int64_t side,
                                  at::Generator generator) const {
  const torch::Tensor u = torch::rand({4, count}, generator, cumulative_.options());
  return Gather(DrawPictures(u[0]), side, u.slice(0, 1));
}

torch::Tensor CropSampler::SampleScaled(std::int64_t count, std::int64_t side, double max_downscale,
                                        at::Generator generator) const {
  if (max_downscale <= 1) return Sample(count, side, std::move(generator));
  const torch::Tensor u = torch::rand({5, count}, generator, cumulative_.options());
  const torch::Tensor picture = DrawPictures(u[0]);
  const torch::Tensor reach = torch::minimum(width_, height_).index_select(0, picture);
  std::vector<torch::Tensor> crops;
  for (std::int64_t i = 0; i < count; ++i) {
    const torch::Tensor one = picture.slice(0, i, i + 1), at = u.slice(0, 1, 4).slice(1, i, i + 1);
    // The lower half of the last number: as it is; the upper half: the factor.
    const double factor = 1 + std::max(0.0, 2 * u[4][i].item<double>() - 1) * (max_downscale - 1);
    const std::int64_t from = std::min(std::llround(static_cast<double>(side) * factor),
                                       static_cast<long long>(reach[i].item<std::int64_t>()));
    const torch::Tensor crop = Gather(one, from, at);
    crops.push_back(from == side
                        ? crop
                        : torch::_upsample_bicubic2d_aa(crop, {side, side}, false).clamp_(0, 1));
  }
  return torch::cat(crops).contiguous(torch::MemoryFormat::ChannelsLast);
}

torch::Tensor CropSampler::DrawPictures(const torch::Tensor& u) const {
  return torch::searchsorted(cumulative_, u, false, /*right=*/true).clamp_max(pictures() - 1);
}

torch::Tensor CropSampler::Gather(const torch::Tensor& picture, std::int64_t side,
                                  const torch::Tensor& u) const {
  const auto i64 = torch::TensorOptions(torch::kLong).device(pixels_.device());
  const std::int64_t count = picture.size(0);
  const torch::Tensor w = width_.index_select(0, picture);
  const torch::Tensor h = height_.index_select(0, picture);
  const torch::Tensor x0 = (u[0] * (w - side + 1)).to(torch::kLong);
  const torch::Tensor y0 = (u[1] * (h - side + 1)).to(torch::kLong);
  const torch::Tensor flip = (u[2] < 0.5).to(torch::kLong);

  const torch::Tensor ramp = torch::arange(side, i64);
  const torch::Tensor sign = (1 - 2 * flip).unsqueeze(1);
  const torch::Tensor xs =
      x0.unsqueeze(1) + flip.unsqueeze(1) * (side - 1) + sign * ramp;  // [B, S]
  const torch::Tensor ys = y0.unsqueeze(1) + ramp;                     // [B, S]
  const torch::Tensor base = offset_.index_select(0, picture);
  const torch::Tensor index =
      (base.view({-1, 1, 1, 1}) +
       (ys.view({-1, side, 1, 1}) * w.view({-1, 1, 1, 1}) + xs.view({-1, 1, side, 1})) * 3 +
       torch::arange(3, i64).view({1, 1, 1, 3}));
  // NHWC gathered, seen as NCHW: channels-last without a copy.
  return pixels_.index_select(0, index.flatten())
      .view({count, side, side, 3})
      .to(torch::kFloat32)
      .mul_(1.0 / 255)
      .permute({0, 3, 1, 2});
}

torch::Tensor CropSampler::ValidationCrops(const std::vector<Pack>& packs, std::int64_t side,
                                           std::int64_t limit) {
  std::vector<std::pair<const Pack*, const PackEntry*>> all;
  for (const Pack& pack : packs) {
    for (const PackEntry& e : pack.entries) {
      if (e.validation && !e.grey && std::min<std::int64_t>(e.width, e.height) >= side)
        all.push_back({&pack, &e});
    }
  }
  const auto n = std::min<std::int64_t>(limit, static_cast<std::int64_t>(all.size()));
  torch::Tensor crops = torch::empty({n, side, side, 3}, torch::kUInt8);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto& [pack, e] =
        all[static_cast<std::size_t>(i) * all.size() / static_cast<std::size_t>(n)];
    const std::int64_t x0 = (e->width - side) / 2, y0 = (e->height - side) / 2;
    for (std::int64_t y = 0; y < side; ++y) {
      const auto from = e->offset + static_cast<std::uint64_t>(((y0 + y) * e->width + x0) * 3);
      std::memcpy(crops.data_ptr<std::uint8_t>() + (i * side + y) * side * 3,
                  pack->bytes.data() + from, static_cast<std::size_t>(side * 3));
    }
  }
  return crops.to(torch::kFloat32).mul_(1.0 / 255).permute({0, 3, 1, 2});
}

}  // namespace halfmoon::training
