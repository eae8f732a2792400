#include "codec/families/overfitted_model.h"

#include <algorithm>
#include <utility>

#include "codec/common/stopwatch.h"
#include "models/overfitted/network_coder.h"
#include "models/runtime/layers/parallel.h"

namespace halfmoon {
namespace {

using overfitted::GridSide;
using overfitted::IntegerPlane;
using overfitted::kColours;
using overfitted::kGrids;
using overfitted::kLatentBits;
using overfitted::LatentGrids;

constexpr int kBlock = 64;
static_assert(GridSide(kBlock, kGrids - 1) == 1);

// Calls visit(number of a plane, position among the values) for each latent of a part.
template <typename Grids, typename Visit>
void ForLatents(Grids& grids, Visit visit) {
  const auto blocks_across = static_cast<std::size_t>(grids.width / kBlock);
  std::size_t offset = 0;
  for (int g = kGrids - 1; g >= 0; --g) {
    auto& plane = grids.planes[static_cast<std::size_t>(g)];
    const int side = kBlock >> g;
    for (int y = 0; y < plane.height(); ++y) {
      auto* row = plane.row(y);
      const std::size_t block_row = static_cast<std::size_t>(y / side) * blocks_across;
      for (int x = 0; x < plane.width(); ++x) {
        const std::size_t block = block_row + static_cast<std::size_t>(x / side);
        const auto within = static_cast<std::size_t>(y % side * side + x % side);
        visit(row[x], block * kOverfittedChannels + offset + within);
      }
    }
    offset += static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
  }
}

ModelAttributes Attributes() {
  ModelAttributes a;
  a.stride = kBlock;
  a.channels = static_cast<int>(kOverfittedChannels);
  a.synthesis.halo = (overfitted::kSynthesisReach + kBlock - 1) / kBlock * kBlock;
  // 16-bit numbers: the grids, the stack of full size and the one before it, two sets of colours;
  // then the colours as floats.
  a.synthesis.bytes_per_pixel = 2 * (1.34 + 6 + 1.5 + 6) + 12 + 8;
  a.resident_bytes = std::uint64_t{16} << 20;
  return a;
}

}  // namespace

overfitted::Parallel OverfittedThreads(int threads) {
  return [threads](std::size_t count, const std::function<void(std::size_t)>& work) {
    runtime::ParallelFor(threads, count, [&](std::size_t, std::size_t i) { work(i); });
  };
}

OverfittedModel::OverfittedModel(overfitted::IntegerDecoder decoder)
    : decoder_(std::move(decoder)) {
  attributes_ = Attributes();
}

Result<std::unique_ptr<OverfittedModel>> OverfittedModel::Load(
    std::span<const std::uint8_t> networks) {
  HALFMOON_ASSIGN_OR_RETURN(const overfitted::IntegerNetworks read,
                            overfitted::ReadNetworks(networks));
  HALFMOON_ASSIGN_OR_RETURN(const runtime::Isa isa, runtime::ChooseIsa(std::nullopt));
  HALFMOON_ASSIGN_OR_RETURN(overfitted::IntegerDecoder decoder,
                            overfitted::IntegerDecoder::Create(read, isa));
  return std::unique_ptr<OverfittedModel>(new OverfittedModel(std::move(decoder)));
}

Result<TileLatent> OverfittedModel::DecodeTile(const TileStream& stream, int /*threads*/,
                                               TileStats* stats) const {
  Stopwatch watch;
  HALFMOON_ASSIGN_OR_RETURN(LatentGrids grids,
                            decoder_.Decode(stream.bytes, static_cast<int>(stream.width),
                                            static_cast<int>(stream.height)));
  TileLatent latent;
  latent.values.resize(static_cast<std::size_t>(stream.height / kBlock * (stream.width / kBlock)) *
                       kOverfittedChannels);
  latent.symbols.reserve(latent.values.size());
  ForLatents(grids, [&](std::int16_t number, std::size_t at) {
    const int value = number >> kLatentBits;
    latent.values[at] = value;
    latent.symbols.push_back(value);
  });
  if (stats != nullptr) {
    stats->entropy_seconds += watch.Lap();
    stats->symbols += latent.symbols.size();
  }
  return latent;
}

Result<FloatPicture> OverfittedModel::Synthesise(std::span<const std::int32_t> values, int /*q*/,
                                                 std::int64_t height, std::int64_t width,
                                                 int threads) const {
  LatentGrids grids(static_cast<int>(width), static_cast<int>(height));
  ForLatents(grids, [&](std::int16_t& number, std::size_t at) {
    number = static_cast<std::int16_t>(values[at] * (1 << kLatentBits));
  });
  const auto colours = decoder_.Synthesise(grids, OverfittedThreads(threads));
  FloatPicture x(static_cast<std::size_t>(width), static_cast<std::size_t>(height));
  constexpr float kUnit = 1.0F / (1 << overfitted::kColourBits);
  for (std::size_t c = 0; c < kColours; ++c) {
    for (int y = 0; y < grids.height; ++y) {
      const std::int16_t* from = colours[c].row(y);
      float* to = x.at(0, static_cast<std::size_t>(y)) + c;
      for (int i = 0; i < grids.width; ++i)
        to[static_cast<std::size_t>(i) * kColours] = static_cast<float>(from[i]) * kUnit;
    }
  }
  return x;
}

}  // namespace halfmoon
