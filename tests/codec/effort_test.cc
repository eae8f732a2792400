// The encoder's search for better latents: it helps, on real files; it is not to be seen in the
// format.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <mutex>

#include "bitstream/container.h"
#include "codec/families/ae_model.h"
#include "codec/store/network_table.h"
#include "models/config/ae_config.h"
#include "models/networks/ae_weights.h"
#include "tests/codec/test_pictures.h"

namespace halfmoon {
namespace {

using namespace halfmoon::testing;  // NOLINT: helpers of this folder

constexpr double kQuality = 50;

class EffortTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { UseNetworkModels(&LinkedNetworkModels()); }

  static EncodeOptions WithEffort(int effort) {
    EncodeOptions o = TinyEncode(kQuality);
    o.effort = effort;
    return o;
  }

  static std::vector<std::uint8_t> Encode(const EncodeOptions& options, const Image& image) {
    auto encoder = Encoder::Create(options);
    EXPECT_TRUE(encoder.ok()) << encoder.status().message();
    auto file = encoder->Encode(image.view());
    EXPECT_TRUE(file.ok()) << file.status().message();
    return std::move(*file);
  }

  // Bits + 1.2 lambda * squared error: about what searches minimise, of the file itself.
  static double Cost(const std::vector<std::uint8_t>& file, const Image& original) {
    const auto decoded = Decoder::Create(TinyDecode())->Decode(file);
    EXPECT_TRUE(decoded.ok()) << decoded.status().message();
    double squares = 0;
    for (std::size_t i = 0; i < original.samples().size(); ++i) {
      const double d = int{original.samples()[i]} - int{decoded->samples()[i]};
      squares += d * d;
    }
    const double lambda = AeConfig().Lambda(kQuality / 100 * (AeConfig::kLevels - 1));
    return 8.0 * static_cast<double>(file.size()) + 1.2 * lambda * squares / 3;
  }
};

TEST_F(EffortTest, MoreEffortCostsLess) {
  const Image image = MakePicture(200, 130, 3, Kind::kScene);
  const double plain = Cost(Encode(WithEffort(3), image), image);
  const double some = Cost(Encode(WithEffort(5), image), image);
  const double more = Cost(Encode(WithEffort(7), image), image);
  EXPECT_LT(some, 0.99 * plain);
  EXPECT_LT(more, some);
}

// The encoder's own latent: rounded, then with dependent quantisation, then corrected as well.
TEST_F(EffortTest, UpToFourThereIsNoSearch) {
  const Image image = MakePicture(200, 130, 3, Kind::kScene);
  const auto rounded = Encode(WithEffort(1), image), path = Encode(WithEffort(2), image),
             corrected = Encode(WithEffort(3), image);
  EXPECT_EQ(corrected, Encode(WithEffort(4), image));
  EXPECT_FALSE(ReadInfo(rounded)->dependent);
  EXPECT_TRUE(ReadInfo(path)->dependent);
  EXPECT_TRUE(ReadInfo(corrected)->dependent);
  EXPECT_LT(Cost(path, image), Cost(rounded, image));
  EXPECT_LT(Cost(corrected, image), Cost(path, image));
  // A model from before has the plain quantiser alone.
  EncodeOptions plain = WithEffort(3);
  plain.model = "tiny";
  EXPECT_FALSE(ReadInfo(Encode(plain, image))->dependent);
}

// The codec corrects its latent as the network that searches does.
TEST_F(EffortTest, AnalysisBySynthesisIsTheNetworks) {
  const auto file = runtime::WeightsFile::FromFile(ModelsDir() + "/tiny-dependent.safetensors");
  ASSERT_TRUE(file.ok()) << file.status().message();
  constexpr std::size_t kWidth = 192, kHeight = 128;
  constexpr int kQ = 40 << 8;
  FloatPicture x(kWidth, kHeight);
  for (std::size_t i = 0; i < x.samples.size(); ++i)
    x.samples[i] = 0.5f + 0.4f * std::sin(static_cast<float>(i * i % 4001));
  const auto model = AeModel::Load(*file, ModelParts::kBoth);
  ASSERT_TRUE(model.ok()) << model.status().message();
  EffortPlan own, corrected;
  corrected.correct = true;
  const FloatLatent y = (*model)->Analyse(x, kQ, own, 1)->y,
                    found = (*model)->Analyse(x, kQ, corrected, 2)->y;
  const ModelAttributes& a = (*model)->attributes();
  EXPECT_EQ(a.AnalysisOf(own).halo, a.analysis.halo);
  EXPECT_EQ(a.AnalysisOf(corrected).halo, 2 * a.analysis.halo + a.synthesis.halo);

  torch::NoGradGuard no_grad;
  networks::Autoencoder network = *networks::ImportAutoencoder(*file);
  network->eval();
  auto map = [](const FloatLatent& latent) {
    return torch::tensor(latent.values)
        .view({1, static_cast<std::int64_t>(latent.height), static_cast<std::int64_t>(latent.width),
               static_cast<std::int64_t>(latent.channels)})
        .permute({0, 3, 1, 2});
  };
  const torch::Tensor expected = network->Corrected(map(y), torch::full({1}, 40.0f));
  const double moved = (expected - map(y)).square().mean().sqrt().item<double>();
  EXPECT_GT(moved, 0.02);
  // Values at a half may be rounded the other way, and what is decoded from them spreads.
  EXPECT_LT((expected - map(found)).square().mean().sqrt().item<double>(), 0.05 * moved);
}

// What a long search ends at is rounded again.
TEST_F(EffortTest, ALongSearchHasNoPath) {
  const Image image = MakePicture(60, 50, 3, Kind::kScene);
  EXPECT_TRUE(ReadInfo(Encode(WithEffort(7), image))->dependent);
  EXPECT_FALSE(ReadInfo(Encode(WithEffort(8), image))->dependent);
}

// A flag that the model has no tables for is damage.
TEST_F(EffortTest, DependentSymbolsNeedTheModelsTables) {
  const Image image = MakePicture(70, 60, 3, Kind::kScene);
  EncodeOptions plain = WithEffort(3);
  plain.model = "tiny";
  const auto file = Encode(plain, image);
  const auto parsed = Parse(file);
  ASSERT_TRUE(parsed.ok());
  Header header = parsed->header;
  header.flags |= kFlagDependent;
  const auto flagged = Write(header, parsed->chunks);
  ASSERT_TRUE(flagged.ok()) << flagged.status().message();
  const auto decoded = Decoder::Create(TinyDecode())->Decode(*flagged);
  EXPECT_EQ(decoded.status().code(), StatusCode::kCorrupt);
  EXPECT_NE(decoded.status().message().find("flag 16"), std::string::npos);
  // And one that is missing decodes other symbols, or none.
  const auto path = Encode(WithEffort(3), image);
  const auto whole = Parse(path);
  header = whole->header;
  header.flags = 0;
  const auto cleared = Decoder::Create(TinyDecode())->Decode(*Write(header, whole->chunks));
  EXPECT_FALSE(cleared.ok());
}

TEST_F(EffortTest, TheSameBytesAgain) {
  const Image image = MakePicture(70, 60, 3, Kind::kScene);
  EXPECT_EQ(Encode(WithEffort(5), image), Encode(WithEffort(5), image));
}

// Wider than a window, in tiles: windows with halos on the grid of the hyper-latent.
TEST_F(EffortTest, WindowsAndTilesGainAsWell) {
  const Image image = MakePicture(1100, 90, 3, Kind::kScene);
  EncodeOptions plain = WithEffort(3), some = WithEffort(5);
  plain.tile_size = some.tile_size = 256;
  some.threads = 2;
  EXPECT_LT(Cost(Encode(some, image), image), 0.99 * Cost(Encode(plain, image), image));
}

TEST_F(EffortTest, GreyAndTransparentPictures) {
  for (const std::uint32_t channels : {1u, 2u, 4u}) {
    const Image image = MakeKind({90, 70, channels, 8});
    const auto decoded = Decoder::Create(TinyDecode())->Decode(Encode(WithEffort(5), image));
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(decoded->shape(), image.shape());
  }
}

TEST_F(EffortTest, ReportsHowFarItIs) {
  for (const std::uint32_t width : {90u, 1100u}) {
    std::mutex mutex;
    std::vector<double> seen;
    EncodeOptions options = WithEffort(5);
    options.progress = [&](double done) {
      const std::lock_guard lock(mutex);
      seen.push_back(done);
    };
    Encode(options, MakePicture(width, 64, 3, Kind::kGradient));
    ASSERT_GE(seen.size(), 20u);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    EXPECT_GT(seen.front(), 0);
    EXPECT_EQ(seen.back(), 1);
  }
}

TEST_F(EffortTest, WrongEffortsAreRefused) {
  for (const int effort : {0, 10, -1}) {
    const auto encoder = Encoder::Create(WithEffort(effort));
    ASSERT_FALSE(encoder.ok());
    EXPECT_EQ(encoder.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(encoder.status().message().find("legal are 1 to 9"), std::string::npos);
  }
}

TEST_F(EffortTest, OtherModelsHaveNoSearch) {
  EncodeOptions options = WithEffort(5);
  options.model = "vqvae";
  options.models_dir = HALFMOON_WEIGHTS_DIR;
  const auto encoder = Encoder::Create(options);
  ASSERT_FALSE(encoder.ok());
  EXPECT_EQ(encoder.status().code(), StatusCode::kUnsupportedFeature);
  EXPECT_NE(encoder.status().message().find("at most 4"), std::string::npos)
      << encoder.status().message();
}

}  // namespace
}  // namespace halfmoon
