// The VQ-VAE codec behind PictureModel: streams, stages, damage, drawn tiles. Its network is
// random, so nothing here says anything of quality.
#include "codec/families/vqvae_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "codec/generate/vqvae_generator.h"
#include "codec/tiling/window_pixels.h"
#include "models/networks/vqvae.h"
#include "models/networks/weights_io.h"
#include "models/training/export/vqvae_exporter.h"

namespace halfmoon {
namespace {

runtime::WeightsFile TinyWeights() {
  VqvaeConfig c;
  c.transforms.block_channels = 16;
  c.transforms.trunk_channels = 24;
  c.transforms.analysis_blocks = c.transforms.synthesis_blocks = 1;
  c.transforms.analysis_trunk_blocks = c.transforms.synthesis_trunk_blocks = 1;
  c.transforms.latent_channels = 32;
  c.codes = 20;
  c.dim = 12;
  c.code_dim = 4;
  c.stages = 5;
  c.context_channels = 6;
  c.context_hidden = 16;
  c.context_out = 12;
  torch::manual_seed(5);
  networks::Vqvae model(c);
  for (std::int64_t s = 0; s < c.stages; ++s) {
    model->support[s].copy_(torch::arange(4, torch::kLong) * 3 + s % 3);
  }
  model->slopes.fill_(0.001);
  return std::move(
      *runtime::WeightsFile::FromBytes(*training::ExportVqvae(model, {{"name", "tiny"}})));
}

class VqvaeModelTest : public ::testing::Test {
 protected:
  VqvaeModelTest() : weights_(TinyWeights()) {
    auto model = VqvaeModel::Load(weights_, ModelParts::kBoth);
    EXPECT_TRUE(model.ok()) << model.status().message();
    model_ = std::move(*model);
    std::mt19937 random(1);
    for (float& v : picture_.samples) v = static_cast<float>(random() % 256) / 255;
  }
  std::vector<std::uint8_t> Encode(int q) {
    auto stream = model_->EncodeTile(*model_->Analyse(picture_, q, {}, 1), q, {}, 1, &stats_);
    EXPECT_TRUE(stream.ok()) << stream.status().message();
    return std::move(*stream);
  }

  // Of the tile that Encode makes. stages: 0: all.
  Result<TileLatent> Decode(std::span<const std::uint8_t> stream, int stages = 0, int threads = 1) {
    TileStream tile;
    tile.bytes = stream;
    tile.height = 128;
    tile.width = 192;
    tile.stages = stages;
    return model_->DecodeTile(tile, threads, nullptr);
  }

  runtime::WeightsFile weights_;
  std::unique_ptr<VqvaeModel> model_;
  FloatPicture picture_{192, 128};
  TileStats stats_;
};

TEST_F(VqvaeModelTest, QualitySnapsToStagesAndEveryStageCosts) {
  EXPECT_EQ(model_->StagesOf(0), 1);
  EXPECT_EQ(model_->StagesOf(63 * 256), 5);
  std::size_t last = 0;
  for (const int q : {0, 16 * 256, 32 * 256, 48 * 256, 63 * 256}) {
    const auto stream = Encode(q);
    EXPECT_EQ(stream[0], model_->StagesOf(q));
    EXPECT_GT(stream.size(), last);
    last = stream.size();
    EXPECT_NEAR(static_cast<double>(stream.size()) * 8, stats_.estimated_bits,
                0.002 * stats_.estimated_bits + 96 * stream[0]);
  }
}

TEST_F(VqvaeModelTest, DecodesWhatWasCodedWithAnyNumberOfThreads) {
  const auto stream = Encode(63 * 256);
  const auto one = Decode(stream);
  ASSERT_TRUE(one.ok()) << one.status().message();
  const auto three = Decode(stream, 0, 3);
  ASSERT_TRUE(three.ok());
  EXPECT_EQ(one->symbols, three->symbols);
  EXPECT_EQ(one->symbols.size(), stats_.symbols);
  const auto x = model_->Synthesise(one->values, 63 * 256, 128, 192, 2);
  ASSERT_TRUE(x.ok());
  EXPECT_EQ(x->width, 192u);
  EXPECT_EQ(x->height, 128u);
  EXPECT_TRUE(
      std::all_of(x->samples.begin(), x->samples.end(), [](float v) { return std::isfinite(v); }));
}

TEST_F(VqvaeModelTest, AnalysisBySynthesisChoosesAgain) {
  const int q = 63 * 256;
  EffortPlan correct;
  correct.correct = true;
  EXPECT_EQ(model_->attributes().AnalysisOf({}).tile_bytes_per_pixel, 0);
  EXPECT_GT(model_->attributes().AnalysisOf(correct).tile_bytes_per_pixel, 0);
  const AnalysedLatents y = *model_->Analyse(picture_, q, correct, 1);
  const auto plain = *model_->EncodeTile(y, q, {}, 1, nullptr);
  const auto corrected = model_->EncodeTile(y, q, correct, 1, &stats_);
  ASSERT_TRUE(corrected.ok()) << corrected.status().message();
  EXPECT_NE(*corrected, plain);
  EXPECT_EQ(*model_->EncodeTile(y, q, correct, 3, nullptr), *corrected);
  const auto decoded = Decode(*corrected);
  ASSERT_TRUE(decoded.ok()) << decoded.status().message();
  EXPECT_EQ(decoded->symbols.size(), stats_.symbols);
}

// The runtime's transforms compute what the LibTorch networks that were trained compute.
TEST_F(VqvaeModelTest, AgreesWithTheTrainedNetworks) {
  torch::NoGradGuard no_grad;
  networks::Vqvae trained(model_->config());
  ASSERT_TRUE(networks::LoadModule(weights_, "g_a", *trained->g_a).ok());
  ASSERT_TRUE(networks::LoadModule(weights_, "g_s", *trained->g_s).ok());
  const std::int64_t m = 32, d = 12;
  trained->project.copy_(*networks::LoadFloatTensor(weights_, "g_a.project", {d, m}));
  trained->unproject.copy_(*networks::LoadFloatTensor(weights_, "g_s.unproject", {m, d}));
  const torch::Tensor x =
      torch::from_blob(picture_.samples.data(), {1, 128, 192, 3}).permute({0, 3, 1, 2});
  const torch::Tensor expected = trained->Analyse(x).permute({0, 2, 3, 1});
  FloatLatent y = model_->Analyse(picture_, 0, {}, 1)->y;
  const torch::Tensor error = torch::from_blob(y.values.data(), {1, 8, 12, d}) - expected;
  EXPECT_GT(expected.std().item<double>(), 0.01);
  EXPECT_LT(error.abs().max().item<double>(), 1e-4 * expected.abs().max().item<double>());

  const auto latent = Decode(Encode(32 * 256));
  const torch::Tensor codes = *networks::LoadFloatTensor(weights_, "g_s.codes", {5, 20, 4});
  torch::Tensor z = torch::zeros({1, d, 8, 12});
  for (std::int64_t p = 0; p < 96; ++p) {
    for (std::int64_t s = 0; s < 3; ++s) {
      const std::int32_t value = latent->values[static_cast<std::size_t>(p * 5 + s)];
      ASSERT_GE(value, 1);
      for (std::int64_t j = 0; j < 4; ++j)
        z[0][j * 3 + s % 3][p / 12][p % 12] += codes[s][value - 1][j];
    }
  }
  const torch::Tensor back = trained->Synthesise(z, torch::full({1}, 3)).permute({0, 2, 3, 1});
  FloatPicture pixels = *model_->Synthesise(latent->values, 32 * 256, 128, 192, 1);
  const torch::Tensor difference = torch::from_blob(pixels.samples.data(), {1, 128, 192, 3}) - back;
  EXPECT_GT(back.std().item<double>(), 0.001);
  EXPECT_LT(difference.abs().max().item<double>(), 1e-3 * back.std().item<double>());
}

// A file of few stages is the beginning of one of many: stages are chosen one after the other.
TEST_F(VqvaeModelTest, FewStagesAreTheBeginningOfMany) {
  const auto all = Encode(63 * 256), two = Encode(16 * 256);
  ASSERT_EQ(two[0], 2);
  ASSERT_LT(two.size(), all.size());
  EXPECT_TRUE(std::equal(two.begin() + 1, two.end(), all.begin() + 1));
  const auto cut = Decode(all, 2);
  const auto own = Decode(two);
  ASSERT_TRUE(cut.ok() && own.ok());
  EXPECT_EQ(cut->values, own->values);
}

TEST_F(VqvaeModelTest, DamageIsRefused) {
  const auto stream = Encode(63 * 256);
  const auto refuses = [&](std::vector<std::uint8_t> bytes) { return !Decode(bytes).ok(); };
  EXPECT_TRUE(refuses({}));
  EXPECT_TRUE(refuses({0}));
  auto bad = stream;
  bad[0] = 6;  // more stages than there are
  EXPECT_TRUE(refuses(bad));
  bad[0] = 4;  // bytes left over
  EXPECT_TRUE(refuses(bad));
  for (std::size_t size = 1; size < stream.size(); size += 37) {
    EXPECT_TRUE(refuses({stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(size)}))
        << size;
  }
  bad = stream;
  bad.push_back(0);
  EXPECT_TRUE(refuses(bad));
}

TEST_F(VqvaeModelTest, DrawnTilesFollowTheSeed) {
  const auto draw = [&](std::uint32_t seed, int threads) {
    std::mt19937 random(seed);
    auto latent =
        model_->DrawTile(5, 128, 64, threads, [&] { return static_cast<std::uint32_t>(random()); });
    EXPECT_TRUE(latent.ok()) << latent.status().message();
    return std::move(*latent);
  };
  const TileLatent a = draw(7, 1), again = draw(7, 2), other = draw(8, 1);
  EXPECT_EQ(a.symbols, again.symbols);
  EXPECT_NE(a.symbols, other.symbols);
  for (const std::int32_t v : a.values) {
    EXPECT_GE(v, 1);
    EXPECT_LE(v, 20);
  }
  EXPECT_TRUE(model_->Synthesise(a.values, 0, 128, 64, 1).ok());
  std::mt19937 random(1);
  EXPECT_FALSE(
      model_->DrawTile(6, 64, 64, 1, [&] { return static_cast<std::uint32_t>(random()); }).ok());
}

// A drawn tile is a code like any other: its stream decodes to it, and costs what the prior says.
TEST_F(VqvaeModelTest, DrawnTilesCanBeCoded) {
  std::mt19937 random(3);
  for (const int stages : {2, 5}) {
    const auto drawn =
        model_->DrawTile(stages, 128, 192, 1, [&] { return static_cast<std::uint32_t>(random()); });
    ASSERT_TRUE(drawn.ok());
    TileStats stats;
    const auto stream = model_->EncodeIndices(*drawn, stages, 128, 192, 2, &stats);
    ASSERT_TRUE(stream.ok());
    const int q = model_->QOf(stages);
    EXPECT_EQ(model_->StagesOf(q), stages);
    const auto back = Decode(*stream);
    ASSERT_TRUE(back.ok()) << back.status().message();
    EXPECT_EQ(back->values, drawn->values);
    EXPECT_NEAR(8 * static_cast<double>(stream->size()), stats.estimated_bits,
                0.001 * stats.estimated_bits + 96 * stages);
  }
}

// What the generator draws as a picture and as a stream is the same.
TEST_F(VqvaeModelTest, ASampleIsItsOwnCode) {
  const auto generator = LoadVqvaeGenerator(weights_, 2);
  ASSERT_TRUE(generator.ok()) << generator.status().message();
  EXPECT_TRUE((*generator)->Info().any_size);
  EXPECT_EQ((*generator)->Info().stages, 5);
  SampleRequest request;
  request.seed = 9;
  request.width = 100;
  request.height = 70;
  request.stages = 3;
  request.count = 2;
  const auto pictures = (*generator)->Sample(request);
  ASSERT_TRUE(pictures.ok()) << pictures.status().message();
  for (std::uint64_t i = 0; i < 2; ++i) {
    request.first = i;
    const auto sampled = (*generator)->SampleStream(request);
    ASSERT_TRUE(sampled.ok()) << sampled.status().message();
    EXPECT_EQ(sampled->shape, (PictureShape{100, 70, 3, 8}));
    const auto latent = model_->DecodeTile({sampled->stream, 128, 128}, 1, nullptr);
    ASSERT_TRUE(latent.ok()) << latent.status().message();
    const auto x = model_->Synthesise(latent->values, sampled->q, 128, 128, 1);
    ASSERT_TRUE(x.ok());
    Image decoded = *Image::Create(sampled->shape);
    SamplesFromFloats(*x, {0, 0, 100, 70}, decoded.shape(), decoded.stride(),
                      decoded.samples().data());
    EXPECT_TRUE(std::ranges::equal(decoded.samples(), (*pictures)[i].samples())) << i;
  }
  EXPECT_FALSE(std::ranges::equal((*pictures)[0].samples(), (*pictures)[1].samples()));
  for (const auto spoil : {+[](SampleRequest* r) { r->temperature = 0.5; },
                           +[](SampleRequest* r) { r->width = 2049; }}) {
    SampleRequest bad = request;
    spoil(&bad);
    EXPECT_FALSE((*generator)->Sample(bad).ok());
  }
}

}  // namespace
}  // namespace halfmoon
