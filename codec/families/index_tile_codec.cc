#include "codec/families/index_tile_codec.h"

#include <algorithm>
#include <string>
#include <utility>

#include "bitstream/byte_io.h"
#include "codec/common/stopwatch.h"

namespace halfmoon {
namespace {

using runtime::VqPriorTile;

Status Damaged(const std::string& what) {
  return {StatusCode::kCorrupt,
          "latent stream: " + what + "; the file is damaged, get a fresh copy"};
}

}  // namespace

Result<std::vector<std::uint8_t>> IndexTileCodec::Encode(int n_stages, std::size_t h, std::size_t w,
                                                         int threads, const Choose& choose,
                                                         TileStats* stats) const {
  Stopwatch watch;
  TileStats s;
  HALFMOON_ASSIGN_OR_RETURN(VqPriorTile tile, VqPriorTile::Create(prior_, static_cast<int>(h),
                                                                  static_cast<int>(w), threads));
  const auto count = codes();
  ByteWriter writer;
  writer.U8(static_cast<std::uint8_t>(n_stages));
  std::vector<std::uint16_t> frequencies;
  std::vector<std::uint8_t> indices;
  for (int stage = 0; stage < n_stages; ++stage) {
    FrequencyEncoder coder;
    for (int k = 0; k < kVqPasses; ++k) {
      const std::size_t n = tile.IndexCount(k);
      frequencies.resize(n * count);
      indices.resize(n);
      HALFMOON_RETURN_IF_ERROR(tile.Predict(stage, k, frequencies));
      s.prior_seconds += watch.Lap();
      choose(static_cast<std::size_t>(stage), tile.Positions(k), frequencies, indices);
      s.transform_seconds += watch.Lap();
      HALFMOON_RETURN_IF_ERROR(tile.Commit(stage, k, indices));
      coder.Append(frequencies, count, indices);
      s.symbols += n;
    }
    s.estimated_bits += static_cast<double>(coder.CostQ16()) / 65536;
    HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> stream, coder.Finish());
    writer.VarU32(static_cast<std::uint32_t>(stream.size()));
    writer.Bytes(stream);
    s.entropy_seconds += watch.Lap();
  }
  if (stats) *stats = s;
  return std::move(writer).Take();
}

Result<std::vector<std::uint8_t>> IndexTileCodec::EncodeValues(std::span<const std::int32_t> values,
                                                               int n, std::size_t h, std::size_t w,
                                                               int threads,
                                                               TileStats* stats) const {
  const auto all = static_cast<std::size_t>(stages());
  HALFMOON_ENSURE(n >= 1 && n <= stages() && values.size() == h * w * all);
  const auto choose = [&](std::size_t stage, std::span<const std::uint32_t> positions,
                          std::span<const std::uint16_t>, std::span<std::uint8_t> indices) {
    for (std::size_t i = 0; i < indices.size(); ++i) {
      indices[i] = static_cast<std::uint8_t>(values[positions[i] * all + stage] - 1);
    }
  };
  return Encode(n, h, w, threads, choose, stats);
}

Result<TileLatent> IndexTileCodec::Decode(std::span<const std::uint8_t> stream, int wanted,
                                          std::size_t height, std::size_t width, int threads,
                                          TileStats* stats) const {
  ByteReader reader(stream);
  const int written = reader.U8();
  if (!reader.ok() || written < 1 || written > stages()) {
    return Damaged("number of stages is " + std::to_string(written) + ", legal are 1 to " +
                   std::to_string(stages()));
  }
  const int used = std::clamp(wanted, 1, written);
  const auto open = [&](int stage, std::size_t positions) -> Result<FrequencyDecoder> {
    const std::size_t size = reader.VarU32();
    const std::span<const std::uint8_t> part = reader.Bytes(size);
    if (reader.malformed())
      return Damaged("size of stage " + std::to_string(stage + 1) + " is malformed");
    if (!reader.ok()) {
      return Status(StatusCode::kTruncated,
                    "latent stream: ends within stage " + std::to_string(stage + 1) + " of " +
                        std::to_string(written) + "; the file is damaged, get a fresh copy");
    }
    return FrequencyDecoder::Create(part, positions);
  };
  HALFMOON_ASSIGN_OR_RETURN(TileLatent latent,
                            Walk(used, height, width, threads, open, true, stats));
  if (used == written && reader.remaining() != 0) {
    return Damaged(std::to_string(reader.remaining()) + " byte(s) left over after the last stage");
  }
  return latent;
}

Result<TileLatent> IndexTileCodec::Draw(int n, std::size_t height, std::size_t width, int threads,
                                        const std::function<std::uint32_t()>& next) const {
  if (n < 1 || n > stages()) {
    return Status(StatusCode::kInvalidArgument, "stages " + std::to_string(n) +
                                                    " is out of range; legal are 1 to " +
                                                    std::to_string(stages()));
  }
  const auto open = [&](int, std::size_t positions) {
    std::vector<std::uint64_t> states;
    for (int lane = 0; lane < LaneCount(positions); ++lane) {
      // A leading one and 62 random bits: a legal state whose low bits, which choose symbols, are
      // even.
      const std::uint64_t high = next(), low = next();
      states.push_back(std::uint64_t{1} << 62 | (high << 32 | low) >> 2);
    }
    // A symbol takes at most half a word and a rounding loss.
    std::vector<std::uint32_t> words(positions / 2 + positions / 1024 + 8);
    for (std::uint32_t& word : words) word = next();
    return FrequencyDecoder::FromRandom(states, std::move(words), positions);
  };
  return Walk(n, height, width, threads, open, false, nullptr);
}

Result<TileLatent> IndexTileCodec::Walk(
    int n_stages, std::size_t height, std::size_t width, int threads,
    const std::function<Result<FrequencyDecoder>(int, std::size_t)>& open, bool check_end,
    TileStats* stats) const {
  Stopwatch watch;
  TileStats s;
  HALFMOON_ASSIGN_OR_RETURN(
      VqPriorTile tile,
      VqPriorTile::Create(prior_, static_cast<int>(height), static_cast<int>(width), threads));
  const std::size_t positions = tile.IndexCount(0) + tile.IndexCount(1);
  const auto count = codes();
  TileLatent latent;
  const auto all = static_cast<std::size_t>(stages());
  latent.values.assign(positions * all, 0);
  latent.symbols.reserve(positions * static_cast<std::size_t>(n_stages));
  std::vector<std::uint16_t> frequencies;
  std::vector<std::uint8_t> indices;
  for (int stage = 0; stage < n_stages; ++stage) {
    HALFMOON_ASSIGN_OR_RETURN(FrequencyDecoder coder, open(stage, positions));
    for (int k = 0; k < kVqPasses; ++k) {
      const std::size_t n = tile.IndexCount(k);
      frequencies.resize(n * count);
      indices.resize(n);
      HALFMOON_RETURN_IF_ERROR(tile.Predict(stage, k, frequencies));
      s.prior_seconds += watch.Lap();
      HALFMOON_RETURN_IF_ERROR(coder.Decode(frequencies, count, indices));
      s.entropy_seconds += watch.Lap();
      HALFMOON_RETURN_IF_ERROR(tile.Commit(stage, k, indices));
      for (std::size_t i = 0; i < n; ++i) {
        latent.values[tile.Positions(k)[i] * all + static_cast<std::size_t>(stage)] =
            indices[i] + 1;
        latent.symbols.push_back(indices[i]);
      }
    }
    if (check_end) HALFMOON_RETURN_IF_ERROR(coder.Finish());
  }
  s.symbols = latent.symbols.size();
  s.prior_seconds += watch.Lap();
  if (stats) *stats = s;
  return latent;
}

}  // namespace halfmoon
