// Tiles: however the work is cut, the same picture comes out, and no seam shows.
#include <gtest/gtest.h>

#include <cmath>

#include "bitstream/container.h"
#include "codec/metrics/metrics.h"
#include "codec/store/model_store.h"
#include "codec/tiling/tile_grid.h"
#include "tests/codec/test_pictures.h"

namespace halfmoon {
namespace {

using namespace halfmoon::testing;  // NOLINT: helpers of this folder

std::vector<std::uint8_t> EncodeWith(const Image& image, int tile_size, double quality = 70,
                                     EncodeStats* stats = nullptr) {
  EncodeOptions options = TinyEncode(quality);
  options.tile_size = tile_size;
  auto encoder = Encoder::Create(options);
  EXPECT_TRUE(encoder.ok()) << encoder.status().message();
  auto file = encoder->Encode(image.view(), stats);
  EXPECT_TRUE(file.ok()) << file.status().message();
  return file.ok() ? *file : std::vector<std::uint8_t>();
}

Decoder MakeDecoder(DecodeOptions options = TinyDecode()) {
  auto made = Decoder::Create(options);
  EXPECT_TRUE(made.ok());
  return std::move(*made);
}

Image DecodeWith(const std::vector<std::uint8_t>& file, DecodeOptions options = TinyDecode()) {
  auto image = MakeDecoder(options).Decode(file);
  EXPECT_TRUE(image.ok()) << image.status().message();
  return image.ok() ? std::move(*image) : Image();
}

Image Cut(const Image& image, const Region& r) {
  Image part = *Image::Create(PictureShape{r.width, r.height, image.channels(), image.bit_depth()});
  const std::size_t pixel = image.shape().bytes_per_pixel();
  for (std::uint32_t y = 0; y < r.height; ++y) {
    std::copy_n(image.row(r.y + y) + r.x * pixel, part.stride(), part.row(y));
  }
  return part;
}

// The picture in one call of the networks, without windows.
Image WholeSynthesis(const std::vector<std::uint8_t>& file) {
  const auto parsed = Parse(file);
  EXPECT_TRUE(parsed.ok());
  const Header& h = parsed->header;
  auto store = ModelStore::Open(ModelsDir(), "");
  EXPECT_TRUE(store.ok());
  const auto entry = store->ForDecoding(h.model_id, h.model_hash);
  EXPECT_TRUE(entry.ok());
  const PictureModel& model = *(*entry)->model;
  const ModelAttributes& g = model.attributes();
  const TileGrid grid(h.width, h.height, h.tile_size);
  const std::int64_t height = PadUp(h.height), width = PadUp(h.width);
  const std::int64_t columns = width / g.stride;
  std::vector<std::int32_t> values(
      static_cast<std::size_t>(height / g.stride * columns * g.channels));
  const auto streams = parsed->Latents();
  for (std::uint32_t row = 0; row < grid.rows(); ++row) {
    for (std::uint32_t column = 0; column < grid.columns(); ++column) {
      const Rect tile = grid.tile(column, row);
      const std::int64_t th = PadUp(tile.height), tw = PadUp(tile.width);
      const auto stream = streams[row * grid.columns() + column];
      const auto latent = model.DecodeTile({stream, th, tw, h.quality, h.dependent()}, 1, nullptr);
      EXPECT_TRUE(latent.ok());
      const std::int64_t run = tw / g.stride * g.channels;
      for (std::int64_t y = 0; y < th / g.stride; ++y) {
        std::copy_n(
            latent->values.begin() + y * run, run,
            values.begin() + ((tile.y / g.stride + y) * columns + tile.x / g.stride) * g.channels);
      }
    }
  }
  const FloatPicture x = *model.Synthesise(values, h.quality, height, width, 1);
  Image image = *Image::Create(h.width, h.height, 3);
  for (std::uint32_t y = 0; y < h.height; ++y) {
    for (std::uint32_t i = 0; i < 3 * h.width; ++i) {
      const float v = x.at(i / 3, y)[i % 3] * 255;
      image.row(y)[i] = static_cast<std::uint8_t>(std::lrint(std::min(255.0f, std::max(0.0f, v))));
    }
  }
  return image;
}

TEST(TilesTest, WindowsAndTheWholeAgree) {
  const Image image = MakePicture(150, 140, 3, Kind::kScene);
  for (const int tile_size : {0, 64, 128}) {
    const auto file = EncodeWith(image, tile_size);
    EXPECT_EQ(MaxDifference(DecodeWith(file), WholeSynthesis(file)), 0) << tile_size;
  }
}

TEST(TilesTest, MoreThanOneWindowAgreesWithOne) {
  // Wider and higher than the smallest window; a memory limit makes the windows small.
  const Image image = MakePicture(1300, 1100, 3, Kind::kScene);
  EncodeStats stats;
  const auto file = EncodeWith(image, 256, 70, &stats);
  EXPECT_EQ(stats.tiles, 30u);
  DecodeStats one, many;
  const Image wide = *MakeDecoder().Decode(file, &one);
  DecodeOptions options = TinyDecode(2);
  options.max_memory = one.memory_bytes - 1;
  const Image small = *MakeDecoder(options).Decode(file, &many);
  EXPECT_LT(many.memory_bytes, one.memory_bytes);
  EXPECT_EQ(one.symbol_hash, many.symbol_hash);
  EXPECT_EQ(MaxDifference(wide, small), 0);

  // The encoder in small windows makes the same file.
  EncodeOptions encode = TinyEncode(70, 2);
  encode.tile_size = 256;
  encode.max_memory = stats.memory_bytes - 1;
  auto encoder = Encoder::Create(encode);
  ASSERT_TRUE(encoder.ok());
  EncodeStats less;
  const auto again = encoder->Encode(image.view(), &less);
  ASSERT_TRUE(again.ok()) << again.status().message();
  EXPECT_LT(less.memory_bytes, stats.memory_bytes);
  EXPECT_EQ(*again, file);
}

TEST(TilesTest, RegionsAreCutFromThePicture) {
  for (const std::uint32_t channels : {3u, 4u}) {
    const Image image = MakeKind({330, 210, channels, 8});
    for (const int tile_size : {0, 64}) {
      const auto file = EncodeWith(image, tile_size);
      const Image whole = DecodeWith(file);
      Decoder decoder = MakeDecoder();
      for (const Region& r : {Region{0, 0, 330, 210},
                              {0, 0, 1, 1},
                              {329, 209, 1, 1},
                              {63, 64, 2, 1},
                              {100, 37, 130, 99},
                              {64, 64, 64, 64}}) {
        SCOPED_TRACE(std::to_string(r.x) + "," + std::to_string(r.y) + " tiles " +
                     std::to_string(tile_size));
        const auto part = decoder.DecodeRegion(file, r);
        ASSERT_TRUE(part.ok()) << part.status().message();
        EXPECT_EQ(MaxDifference(*part, Cut(whole, r)), 0);
      }
      for (const Region& r :
           {Region{0, 0, 331, 1}, {330, 0, 1, 1}, {0, 0, 0, 5}, {1, 1, 0xFFFFFFFF, 0xFFFFFFFF}}) {
        EXPECT_EQ(decoder.DecodeRegion(file, r).status().code(), StatusCode::kInvalidArgument);
      }
    }
  }
}

TEST(TilesTest, ARegionReadsOnlyTheTilesItNeeds) {
  const Image image = MakePicture(640, 640, 3, Kind::kScene);
  auto file = EncodeWith(image, 64);
  DecodeStats stats;
  Decoder decoder = MakeDecoder();
  ASSERT_TRUE(decoder.DecodeRegion(file, {320, 320, 64, 64}, &stats).ok());
  // The halo of the tiny model is 24 pixels, rounded up to 32: the tile and its neighbours.
  EXPECT_EQ(stats.tiles, 9u);
  ASSERT_TRUE(decoder.Decode(file, &stats).ok());
  EXPECT_EQ(stats.tiles, 100u);
}

// Mean absolute error in the columns or rows with their distance from the next tile border.
void ExpectNoSeam(const Image& image, const Image& back, std::uint32_t tile) {
  std::vector<double> error(tile, 0);
  std::vector<double> count(tile, 0);
  for (std::uint32_t y = 0; y < image.height(); ++y) {
    for (std::uint32_t x = 0; x < image.width(); ++x) {
      for (std::uint32_t c = 0; c < 3; ++c) {
        const double e = std::abs(SampleOf(image, x, y, c) - SampleOf(back, x, y, c));
        error[x % tile] += e;
        error[y % tile] += e;
        ++count[x % tile];
        ++count[y % tile];
      }
    }
  }
  for (std::uint32_t i = 0; i < tile; ++i) error[i] /= count[i];
  // Blocks of 16 have their own pattern; a border is compared with the other borders of blocks.
  double border = 0, elsewhere = 0;
  for (const std::uint32_t i : {0u, 1u, tile - 2, tile - 1}) border += error[i] / 4;
  for (std::uint32_t b = 16; b < tile; b += 16) {
    for (const std::uint32_t i : {b - 2, b - 1, b, b + 1})
      elsewhere += error[i] / 4 / (tile / 16 - 1);
  }
  EXPECT_LT(border, 1.15 * elsewhere + 1e-4);
}

TEST(TilesTest, CostLittleAndShowNoSeam) {
  for (const Kind kind : {Kind::kGradient, Kind::kScene}) {
    const Image image = MakePicture(768, 512, 3, kind);
    EncodeStats one, many;
    const auto whole = EncodeWith(image, 0, 70, &one);
    const auto tiled = EncodeWith(image, 256, 70, &many);
    const double psnr_one = *metrics::Psnr(image.view(), DecodeWith(whole).view());
    const Image back = DecodeWith(tiled);
    const double psnr_many = *metrics::Psnr(image.view(), back.view());
    EXPECT_GT(psnr_many, psnr_one - 0.05);
    // Tiles of 256 are small on purpose; the default is 1024, measured in docs/large-pictures.md.
    EXPECT_LT(many.coding.estimated_bits, 1.05 * one.coding.estimated_bits + 8 * 64);
    ExpectNoSeam(image, back, 256);
  }
}

TEST(TilesTest, ThreadsChangeNoSymbol) {
  const Image image = MakePicture(300, 300, 3, Kind::kScene);
  const auto file = EncodeWith(image, 64);
  DecodeStats one, four;
  const Image a = *MakeDecoder(TinyDecode(1)).Decode(file, &one);
  const Image b = *MakeDecoder(TinyDecode(4)).Decode(file, &four);
  EXPECT_EQ(one.symbol_hash, four.symbol_hash);
  EXPECT_EQ(one.coding.symbols, four.coding.symbols);
  EXPECT_EQ(MaxDifference(a, b), 0);
  DecodeStats verified;
  ASSERT_TRUE(MakeDecoder().Verify(file, &verified).ok());
  EXPECT_EQ(verified.symbol_hash, one.symbol_hash);
}

TEST(TilesTest, RowsArriveInOrderAndAFailingSinkEndsIt) {
  const Image image = MakeKind({100, 200, 4, 16});
  const auto file = EncodeWith(image, 64);
  const Image whole = DecodeWith(file);
  Decoder decoder = MakeDecoder();
  PictureShape seen;
  std::uint32_t rows = 0;
  const Decoder::Begin begin = [&](const PictureShape& shape, const Metadata&) {
    seen = shape;
    return Status::Ok();
  };
  ASSERT_TRUE(decoder
                  .DecodeRows(file, nullptr, begin,
                              [&](std::span<const std::uint8_t> row) {
                                EXPECT_TRUE(std::equal(row.begin(), row.end(), whole.row(rows)));
                                ++rows;
                                return Status::Ok();
                              })
                  .ok());
  EXPECT_EQ(seen, image.shape());
  EXPECT_EQ(rows, 200u);
  const Status full(StatusCode::kIo, "disk full");
  const Status status =
      decoder.DecodeRows(file, nullptr, begin, [&](std::span<const std::uint8_t>) { return full; });
  EXPECT_EQ(status.code(), StatusCode::kIo);
  EXPECT_EQ(status.message(), "disk full");
}

TEST(TilesTest, LimitsAndSizesAreChecked) {
  for (const int size : {-2, 1, 63, 65, 32832}) {
    EncodeOptions o = TinyEncode();
    o.tile_size = size;
    EXPECT_EQ(Encoder::Create(o).status().code(), StatusCode::kInvalidArgument) << size;
  }
  const Image image = MakePicture(200, 100, 3, Kind::kFlat);
  EncodeOptions o = TinyEncode();
  o.max_pixels = 19999;
  EXPECT_EQ(Encoder::Create(o)->Encode(image.view()).status().code(), StatusCode::kLimitExceeded);
  o = TinyEncode();
  o.max_memory = 1 << 20;
  EXPECT_EQ(Encoder::Create(o)->Encode(image.view()).status().code(), StatusCode::kLimitExceeded);
  DecodeOptions d = TinyDecode();
  d.max_memory = 1 << 20;
  EXPECT_EQ(MakeDecoder(d).Decode(EncodeWith(image, 0)).status().code(),
            StatusCode::kLimitExceeded);
}

}  // namespace
}  // namespace halfmoon
