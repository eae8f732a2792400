// The overfitted codec through the public API: networks of its own in every file, no model needed.
#include <gtest/gtest.h>

#include <random>

#include "bitstream/container.h"
#include "codec/imageio/image_io.h"
#include "codec/io/read_file.h"
#include "codec/metrics/metrics.h"
#include "codec/overfitted_encoder.h"
#include "tests/codec/random_edits.h"
#include "tests/codec/test_pictures.h"

namespace halfmoon {
namespace {

using namespace halfmoon::testing;  // NOLINT: helpers of this folder
using Bytes = std::vector<std::uint8_t>;

EncodeOptions Fit(double quality = 60) {
  EncodeOptions options;
  options.model = "overfitted";
  options.quality = quality;
  options.effort = 1;  // the least iterations
  options.threads = 2;
  return options;
}

// Where there are no models at all.
DecodeOptions Bare() {
  DecodeOptions options;
  options.models_dir = "/nonexistent";
  return options;
}

Bytes Encoded(const Image& image, const EncodeOptions& options) {
  auto encoder = Encoder::Create(options);
  EXPECT_TRUE(encoder.ok()) << encoder.status().message();
  EncodeStats stats;
  auto file = encoder->Encode(image.view(), &stats);
  EXPECT_TRUE(file.ok()) << file.status().message();
  EXPECT_GT(stats.coding.symbols, 0u);
  // Each tile ends with a state of its own.
  EXPECT_NEAR(stats.coding.estimated_bits, 8 * static_cast<double>(stats.latent_bytes),
              0.005 * stats.coding.estimated_bits + 100 * static_cast<double>(stats.tiles + 1));
  return *std::move(file);
}

TEST(OverfittedTest, AllKindsOfPicturesComeBackWithoutAnyModel) {
  auto decoder = Decoder::Create(Bare());
  ASSERT_TRUE(decoder.ok()) << decoder.status().message();
  for (const PictureShape shape :
       {PictureShape{70, 50, 1, 8}, PictureShape{64, 64, 3, 8}, PictureShape{65, 33, 2, 8},
        PictureShape{50, 90, 4, 16}, PictureShape{40, 40, 3, 16}, PictureShape{1, 1, 3, 8}}) {
    SCOPED_TRACE(std::to_string(shape.width) + "x" + std::to_string(shape.height) + "x" +
                 std::to_string(shape.channels));
    const Image image = MakeKind(shape);
    const Bytes file = Encoded(image, Fit());
    const auto info = ReadInfo(file);
    ASSERT_TRUE(info.ok());
    EXPECT_TRUE(info->has_own_networks);
    EXPECT_EQ(info->format_minor, 5);
    const auto back = decoder->Decode(file);
    ASSERT_TRUE(back.ok()) << back.status().message();
    EXPECT_EQ(back->shape(), image.shape());
    // Alpha is lossless; colour is near.
    if (shape.has_alpha()) {
      const std::size_t sample = shape.bit_depth / 8, pixel = shape.bytes_per_pixel();
      for (std::uint32_t y = 0; y < shape.height; ++y)
        for (std::uint32_t x = 0; x < shape.width; ++x)
          for (std::size_t b = pixel - sample; b < pixel; ++b)
            ASSERT_EQ(back->row(y)[x * pixel + b], image.row(y)[x * pixel + b]);
    } else if (shape.pixels() > 1) {  // of a single pixel bits weigh more than its colour
      EXPECT_GT(*metrics::Psnr(image.view(), back->view()), 20);
    }
  }
}

// A committed file: the same latents and pixels for ever, on every machine.
TEST(OverfittedTest, DecodesAsWhenItWasMade) {
  const std::string dir = HALFMOON_GOLDEN_DIR "/overfitted/";
  const auto file = ReadFile(dir + "scene.hmn");
  const auto expected = ReadImageFile(dir + "scene.png");
  ASSERT_TRUE(file.ok() && expected.ok());
  DecodeStats stats;
  const auto image = Decoder::Create(Bare())->Decode(*file, &stats);
  ASSERT_TRUE(image.ok()) << image.status().message();
  EXPECT_EQ(stats.symbol_hash, 0x7b52e5de6a30f8e6U);
  EXPECT_EQ(MaxDifference(*image, *expected), 0);
}

TEST(OverfittedTest, QualityBuysFidelity) {
  auto decoder = Decoder::Create(Bare());
  const Image image = MakePicture(192, 128, 3, Kind::kScene);
  std::size_t last_size = 0;
  double last_psnr = 0;
  for (const double quality : {20.0, 50.0, 80.0}) {
    const Bytes file = Encoded(image, Fit(quality));
    const double psnr = *metrics::Psnr(image.view(), decoder->Decode(file)->view());
    EXPECT_GT(file.size(), last_size);
    EXPECT_GT(psnr, last_psnr);
    last_size = file.size();
    last_psnr = psnr;
  }
}

TEST(OverfittedTest, BytesDoNotDependOnThreads) {
  const Image image = MakePicture(150, 131, 3, Kind::kScene);
  EncodeOptions options = Fit();
  const Bytes two = Encoded(image, options);
  options.threads = 1;
  EXPECT_EQ(Encoded(image, options), two);
  options.threads = 5;
  EXPECT_EQ(Encoded(image, options), two);
}

TEST(OverfittedTest, RegionsAndTilesHaveThePixelsOfTheWhole) {
  const Image image = MakePicture(400, 300, 3, Kind::kScene);
  EncodeOptions options = Fit();
  options.tile_size = 128;
  const Bytes file = Encoded(image, options);
  for (const int threads : {1, 3}) {
    DecodeOptions decode = Bare();
    decode.threads = threads;
    auto decoder = Decoder::Create(decode);
    const auto whole = decoder->Decode(file);
    ASSERT_TRUE(whole.ok()) << whole.status().message();
    for (const Region& region : {Region{0, 0, 1, 1}, Region{399, 299, 1, 1},
                                 Region{100, 50, 150, 130}, Region{260, 10, 100, 280}}) {
      const auto part = decoder->DecodeRegion(file, region);
      ASSERT_TRUE(part.ok()) << part.status().message();
      for (std::uint32_t y = 0; y < region.height; ++y) {
        ASSERT_TRUE(std::equal(part->row(y), part->row(y) + 3 * region.width,
                               whole->row(region.y + y) + 3 * region.x))
            << region.x << "," << region.y << " row " << y;
      }
    }
  }
}

TEST(OverfittedTest, ALostTileIsNamedAndLostNetworksAreAnError) {
  const Image image = MakePicture(256, 128, 3, Kind::kScene);
  EncodeOptions options = Fit();
  options.tile_size = 64;
  const Bytes file = Encoded(image, options);
  const auto parsed = Parse(file);
  ASSERT_TRUE(parsed.ok());
  DecodeOptions decode = Bare();
  decode.allow_partial = true;
  auto decoder = Decoder::Create(decode);
  const auto offset = [&](std::span<const std::uint8_t> payload) {
    return static_cast<std::size_t>(payload.data() - file.data());
  };

  Bytes damaged = file;
  damaged[offset(parsed->Latents()[3]) + 2] ^= 0x10;
  DecodeStats stats;
  ASSERT_TRUE(decoder->Decode(damaged, &stats).ok());
  EXPECT_EQ(stats.lost_tiles, (std::vector<std::uint32_t>{3}));
  EXPECT_EQ(Decoder::Create(Bare())->Decode(damaged).status().code(),
            StatusCode::kChecksumMismatch);

  damaged = file;
  damaged[offset(parsed->Find(kChunkNetworks)->payload) + 30] ^= 0x10;
  const auto lost = decoder->Decode(damaged);
  ASSERT_FALSE(lost.ok());
  EXPECT_NE(lost.status().message().find("NETW"), std::string::npos) << lost.status().message();
}

TEST(OverfittedTest, NetworksAndHeaderMustAgree) {
  const Image image = MakePicture(64, 64, 3, Kind::kScene);
  const Bytes file = Encoded(image, Fit());
  const auto parsed = Parse(file);
  ASSERT_TRUE(parsed.ok());
  Header header = parsed->header;
  // Without its networks, and networks in a file of another model.
  std::vector<Chunk> chunks;
  for (const Chunk& c : parsed->chunks)
    if (c.type != kChunkNetworks) chunks.push_back(c);
  EXPECT_EQ(Write(header, chunks).status().code(), StatusCode::kInvalidArgument);
  header.model_id = 1;
  EXPECT_EQ(Write(header, parsed->chunks).status().code(), StatusCode::kInvalidArgument);
  // The flag of another family.
  header = parsed->header;
  header.flags |= kFlagDependent;
  const auto dependent = Write(header, parsed->chunks);
  ASSERT_TRUE(dependent.ok());
  EXPECT_EQ(Decoder::Create(Bare())->Decode(*dependent).status().code(), StatusCode::kCorrupt);
}

// Whatever a file says with its checksums put right: an error or a picture, never a crash.
TEST(OverfittedTest, EditsWithRightChecksumsAreRefusedOrDecoded) {
  const Image image = MakePicture(64, 64, 3, Kind::kScene);
  const Bytes file = Encoded(image, Fit(30));
  const auto parsed = Parse(file);
  ASSERT_TRUE(parsed.ok());
  auto decoder = Decoder::Create(Bare());
  std::mt19937 random(1);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::vector<Bytes> payloads;
    std::vector<Chunk> chunks;
    for (const Chunk& c : parsed->chunks) payloads.emplace_back(c.payload.begin(), c.payload.end());
    Bytes& edited = payloads[random() % payloads.size()];
    if (random() % 4 == 0) edited.resize(random() % edited.size());
    for (int k = 0; k < 2 && !edited.empty(); ++k)
      edited[random() % std::min<std::size_t>(edited.size(), random() % 2 ? 25 : edited.size())] =
          static_cast<std::uint8_t>(random());
    for (std::size_t k = 0; k < payloads.size(); ++k)
      chunks.push_back({parsed->chunks[k].type, payloads[k]});
    const auto rewritten = Write(parsed->header, chunks);
    ASSERT_TRUE(rewritten.ok());
    const auto decoded = decoder->Decode(*rewritten);
    if (decoded.ok()) continue;
    ++refused;
    EXPECT_TRUE(decoded.status().code() == StatusCode::kTruncated ||
                decoded.status().code() == StatusCode::kCorrupt)
        << decoded.status().message();
  }
  EXPECT_GT(refused, 1500);
}

TEST(OverfittedTest, MoreMemoryThanAllowedIsRefusedBeforeTheWork) {
  EncodeOptions options = Fit();
  options.max_memory = 20'000'000;
  const auto file = Encoder::Create(options)->Encode(MakePicture(512, 512, 3, Kind::kFlat).view());
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.status().code(), StatusCode::kLimitExceeded);
  EXPECT_NE(file.status().message().find("--"), 0u);
}

TEST(OverfittedTest, IterationsAreItsOwnAndBounded) {
  EncodeOptions options = Fit();
  for (const int wrong : {-1, 1, 9, 1'000'001}) {
    options.iterations = wrong;
    EXPECT_EQ(Encoder::Create(options).status().code(), StatusCode::kInvalidArgument) << wrong;
  }
  const Image image = MakePicture(64, 64, 3, Kind::kScene);
  options.iterations = 10;
  const Bytes few = Encoded(image, options);
  options.iterations = 200;
  const Bytes many = Encoded(image, options);
  auto decoder = Decoder::Create(Bare());
  EXPECT_GT(*metrics::Psnr(image.view(), decoder->Decode(many)->view()),
            *metrics::Psnr(image.view(), decoder->Decode(few)->view()));
  EncodeOptions other = TinyEncode();
  other.iterations = 100;
  const Status status = Encoder::Create(other).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("overfitted"), std::string::npos) << status.message();
}

TEST(OverfittedTest, LambdaRisesWithQuality) {
  EXPECT_LT(OverfittedLambda(0), OverfittedLambda(50));
}

}  // namespace
}  // namespace halfmoon
