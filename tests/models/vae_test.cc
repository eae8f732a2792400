#include "models/networks/vae.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <numbers>
#include <stdexcept>

#include "models/runtime/generative/code_prior.h"
#include "models/runtime/weights/safetensors.h"
#include "models/training/data/moon_renderer.h"
#include "models/training/families.h"
#include "models/training/generative/vae_task.h"
#include "models/training/loop/checkpoint.h"
#include "models/training/loop/run_random.h"
#include "models/training/loop/shared_mean.h"
#include "models/training/loop/trainer.h"

namespace halfmoon::training {
namespace {

using networks::GaussianKl;

VaeConfig TinyVae() {
  VaeConfig c;
  c.pyramid.side = 12;  // padded to 16
  c.pyramid.widths = {8, 16};
  c.features = 4;
  c.latent = 3;
  return c;
}

at::Generator Seeded(std::uint64_t seed) {
  at::Generator g = MakeGenerator(torch::kCPU);
  g.set_current_seed(seed);
  return g;
}

TEST(Vae, KlIsItsClosedFormAndMonteCarlo) {
  // Closed form by hand: N(0, 1) costs nothing; N(1, 1) half a nat.
  EXPECT_NEAR(GaussianKl(torch::zeros({1}), torch::zeros({1})).item<double>(), 0, 1e-7);
  EXPECT_NEAR(GaussianKl(torch::ones({1}), torch::zeros({1})).item<double>(), 0.5, 1e-6);
  const double mean = 0.7, sigma = 0.3;
  const double closed =
      GaussianKl(torch::full({1}, mean), torch::full({1}, 2 * std::log(sigma))).item<double>();
  // E over q of log q(z) - log p(z).
  const torch::Tensor eps = torch::empty({400000}, torch::kFloat64).normal_(0, 1, Seeded(1));
  const torch::Tensor z = mean + sigma * eps;
  const torch::Tensor log_ratio = -0.5 * eps.square() - std::log(sigma) + 0.5 * z.square();
  EXPECT_NEAR(log_ratio.mean().item<double>(), closed, 0.01);
}

TEST(Vae, TheGradientThroughTheDrawIsTheNumericalOne) {
  networks::Vae model(TinyVae());
  torch::Tensor mean = torch::tensor({0.3, -0.8, 1.1}, torch::kFloat64).view({1, 3, 1, 1});
  torch::Tensor logvar = torch::tensor({-1.0, 0.2, -3.0}, torch::kFloat64).view({1, 3, 1, 1});
  mean.requires_grad_(true);
  logvar.requires_grad_(true);
  // The same noise each time: what is left is a function of mean and log-variance.
  auto value = [&](const torch::Tensor& m, const torch::Tensor& v) {
    const torch::Tensor z = model->Draw(m, v, Seeded(3));
    return (z.sin() * z).sum();
  };
  const auto gradient = torch::autograd::grad({value(mean, logvar)}, {mean, logvar});
  constexpr double kStep = 1e-5;
  for (int which = 0; which < 2; ++which) {
    for (int i = 0; i < 3; ++i) {
      double side[2];
      for (int s = 0; s < 2; ++s) {
        torch::Tensor m = mean.detach().clone(), v = logvar.detach().clone();
        (which == 0 ? m : v).data_ptr<double>()[i] += s == 0 ? -kStep : kStep;
        side[s] = value(m, v).item<double>();
      }
      const double numerical = (side[1] - side[0]) / (2 * kStep);
      EXPECT_NEAR(gradient[static_cast<std::size_t>(which)].data_ptr<double>()[i], numerical, 1e-6);
    }
  }
}

TEST(Vae, TheDiscretisedLogisticSumsToOneOverAllSamples) {
  const torch::Tensor x = torch::arange(256, torch::kFloat64) / 255;
  for (const double mean : {-0.2, 0.0, 0.41, 1.0}) {
    for (const double log_scale : {-6.0, -3.0, 0.0}) {
      const torch::Tensor nats =
          networks::DiscretisedLogisticNats(x, torch::full({256}, mean, torch::kFloat64),
                                            torch::full({1}, log_scale, torch::kFloat64));
      EXPECT_NEAR((-nats).exp().sum().item<double>(), 1, 2e-3) << mean << " " << log_scale;
    }
  }
  // Far from the mean nothing overflows or vanishes.
  const torch::Tensor far = networks::DiscretisedLogisticNats(
      torch::full({1}, 0.5), torch::full({1}, 40.0), torch::full({1}, -6.0));
  EXPECT_TRUE(std::isfinite(far.item<double>()));
  EXPECT_GT(far.item<double>(), 1000);
}

TEST(Vae, ShapesOfItsLatent) {
  torch::NoGradGuard no_grad;
  for (const bool attention : {false, true}) {
    VaeConfig c = TinyVae();
    c.pyramid.channels = 3;
    c.pyramid.attention = attention;
    networks::Vae model(c);
    const auto [mean, logvar] = model->g_a->forward(torch::rand({2, 3, 12, 12}));
    EXPECT_EQ(mean.sizes(), (std::vector<std::int64_t>{2, 3, 1, 1}));
    EXPECT_EQ(logvar.sizes(), mean.sizes());
    EXPECT_EQ(model->g_s->forward(mean).sizes(), (std::vector<std::int64_t>{2, 3, 12, 12}));
  }
}

TEST(Vae, ConfigurationsSurviveMetadataAndNameBadFields) {
  VaeConfig c = TinyVae();
  c.variational = false;
  const auto back = FromMetadata<VaeConfig>(ToMetadata(c));
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(ToMetadata(*back), ToMetadata(c));
  auto message = [](const std::string& field, const nlohmann::json& value) {
    return FromJson<VaeConfig>({{field, value}}).status().message();
  };
  EXPECT_NE(message("latent", 0).find("'latent' is 0; legal are 1 to 256"), std::string::npos);
  // What files could say once.
  EXPECT_NE(message("likelihood", "gaussian").find("legal is only 'logistic'"), std::string::npos);
  EXPECT_NE(message("spatial", true).find("'spatial'"), std::string::npos);
  EXPECT_NE(message("widths", 32).find("no list of whole numbers"), std::string::npos);
  EXPECT_NE(message("width", 3).find("unknown model field 'width'"), std::string::npos);
}

class VaeRun : public ::testing::Test {
 protected:
  VaeRun() : dir_(::testing::TempDir() + "vae_test_" + std::to_string(getpid())) {
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
    MoonSetOptions moons;
    moons.count = 60;
    const auto pack = MakeMoonPack(moons);
    std::ofstream(dir_ + "/moons.hmnpack", std::ios::binary)
        .write(reinterpret_cast<const char*>(pack->data()),
               static_cast<std::streamsize>(pack->size()));
  }
  ~VaeRun() override { std::filesystem::remove_all(dir_); }

  TrainOptions Options(const std::string& out, std::int64_t steps, bool variational) const {
    TrainOptions o;
    o.recipe.name = "tiny-vae";
    o.recipe.family = "vae";
    o.recipe.model = {{"side", 64},
                      {"widths", {8, 16, 16, 16}},
                      {"features", 8},
                      {"latent", 3},
                      {"variational", variational}};
    o.recipe.batch = 8;
    o.recipe.warmup_steps = 5;
    o.recipe.learning_rate = 4e-3;
    o.recipe.ema = 0.9;
    o.packs = {dir_ + "/moons.hmnpack"};
    o.out_dir = dir_ + "/" + out;
    o.budget.steps = steps;
    o.workers = 1;
    o.precision = "float32";
    return o;
  }
  std::string dir_;
};

TEST_F(VaeRun, TheScoreFallsAndActiveUnitsAreLogged) {
  for (const bool variational : {true, false}) {
    double first = 0, last = 0, active = -1, kl = -1;
    auto keep = [&](double* score) {
      return [&, score](const TrainProgress& p) {
        if (p.validation == nullptr) return true;
        *score = p.validation->score;
        for (const auto& [name, value] : p.validation->figures) {
          if (name == "active") active = value;
          if (name == "kl_bits") kl = value;
        }
        return true;
      };
    };
    ASSERT_TRUE(Train(Options("first", 1, variational), keep(&first)).ok());
    const Status status = Train(Options("last", 60, variational), keep(&last));
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_LT(last, first - 0.5);  // bits per dimension
    EXPECT_GE(active, variational ? 0 : 1);
    EXPECT_LE(active, 3);
    if (variational)
      EXPECT_GT(kl, 0);
    else
      EXPECT_EQ(kl, 0);
  }
}

TEST_F(VaeRun, ExportsAWeightsFileWithTablesForEachDimension) {
  ASSERT_TRUE(Train(Options("run", 5, true), [](const TrainProgress&) { return true; }).ok());
  const auto checkpoint = Checkpoint::Load(dir_ + "/run/checkpoint.pt");
  ASSERT_TRUE(checkpoint.ok());
  EXPECT_EQ(FamilyOf(*checkpoint), "vae");
  const auto bytes = ExportCheckpoint(*checkpoint, {{"name", "tiny-vae"}});
  ASSERT_TRUE(bytes.ok()) << bytes.status().message();
  const auto file = runtime::WeightsFile::FromBytes(*bytes);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(*file->Metadata("architecture"), "vae");
  EXPECT_EQ(file->Get("tables.sizes")->shape, (std::vector<std::int64_t>{3}));
  EXPECT_EQ(file->Get("gain.step")->shape, (std::vector<std::int64_t>{3}));
  EXPECT_FALSE(runtime::CodePrior::Load(*file, 3, "")->is_mixture());

  // With data a mixture is fitted to the codes of the training pictures.
  std::vector<Pack> packs;
  packs.push_back(std::move(Pack::Read(dir_ + "/moons.hmnpack")).value());
  const auto fitted = ExportCheckpoint(*checkpoint, {{"name", "tiny-vae"}}, packs);
  ASSERT_TRUE(fitted.ok()) << fitted.status().message();
  const auto with = runtime::WeightsFile::FromBytes(*fitted);
  const auto prior = runtime::CodePrior::Load(*with, 3, "");
  ASSERT_TRUE(prior.ok()) << prior.status().message();
  EXPECT_TRUE(prior->is_mixture());
  EXPECT_EQ(*fitted, *ExportCheckpoint(*checkpoint, {{"name", "tiny-vae"}}, packs));
}

TEST_F(VaeRun, AnUnknownLossFieldIsRefused) {
  TrainOptions o = Options("bad", 1, true);
  o.recipe.loss = {{"betta", 1}};
  const Status status = Train(o, [](const TrainProgress&) { return true; });
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("unknown loss field 'betta'"), std::string::npos);
}

TEST(SharedMeanTest, IsTheMeanOverAllShares) {
  const torch::Tensor rows = torch::randn({7, 3});
  for (const int workers : {1, 2, 4}) {
    WorkerPool pool(workers);
    SharedMean mean(workers);
    std::vector<torch::Tensor> got(static_cast<std::size_t>(workers));
    pool.Run([&](int w) {
      SharedMean::Share share(mean, w);
      // The last of four is empty; the others have 2, 2 and 3 rows.
      const std::int64_t parts = std::min(workers, 3);
      if (w == 3) return;
      const torch::Tensor mine = rows.slice(0, 7 * w / parts, 7 * (w + 1) / parts);
      got[static_cast<std::size_t>(w)] = share.Mean(mine.sum(0), mine.size(0));
    });
    for (int w = 0; w < std::min(workers, 3); ++w) {
      EXPECT_TRUE(torch::allclose(got[static_cast<std::size_t>(w)], rows.mean(0), 1e-5, 1e-6));
      EXPECT_TRUE(torch::equal(got[static_cast<std::size_t>(w)], got[0]));
    }
  }
}

TEST(SharedMeanTest, AWorkerThatFailsKeepsNobodyWaiting) {
  WorkerPool pool(2);
  SharedMean mean(2);
  torch::Tensor got;
  EXPECT_THROW(pool.Run([&](int w) {
    SharedMean::Share share(mean, w);
    if (w == 0) throw std::runtime_error("out of memory");
    got = share.Mean(torch::full({1}, 6.0), 2);
  }),
               std::runtime_error);
  EXPECT_EQ(got.item<double>(), 3);
}

// Free bits are a bound on the mean over the batch, whoever computes its parts.
TEST_F(VaeRun, FreeBitsDoNotDependOnTheNumberOfWorkers) {
  std::vector<Pack> packs;
  packs.push_back(std::move(Pack::Read(dir_ + "/moons.hmnpack")).value());
  constexpr double kUnit = 64 * 64 * std::numbers::ln2;  // nats of a picture in a bit per dimension
  double reconstruction[2], kl[2];
  // Of two workers with a picture each.
  auto loss = [&](double free_nats) {
    Recipe r = Options("free", 1, true).recipe;
    r.batch = 2;
    r.model["latent"] = 1;
    r.loss = {{"beta", 1000}, {"warm_up", 0}, {"free_nats", free_nats}};
    auto task = std::move(MakeTask(r, packs, 0, "cpu")).value();
    {
      // A new network says nearly the same of every picture.
      torch::NoGradGuard no_grad;
      for (torch::Tensor& p : task->network().parameters()) {
        if (p.dim() > 1) p.mul_(2);
      }
    }
    task->BeforeStep({0, 0.5, 0, 2});
    WorkerPool pool(2);
    double sum[2];
    pool.Run([&](int w) {
      at::Generator generator = Seeded(static_cast<std::uint64_t>(20 + w));
      Figures figures;
      sum[w] = task->Loss({0, 0.5, w, 2}, generator, &figures).item<double>();
      for (const auto& [name, value] : figures) {
        if (name == "reconstruction_bits") reconstruction[w] = value;
        if (name == "kl_bits") kl[w] = value;
      }
    });
    // What the KL counts.
    return (sum[0] + sum[1] - (reconstruction[0] + reconstruction[1]) / 2) / 1000;
  };
  (void)loss(0);
  const double mean = (kl[0] + kl[1]) / 2, least = std::min(kl[0], kl[1]);
  ASSERT_GT(mean - least, 0.02 * mean) << "the two pictures are too alike";
  // One share is below the bound, the batch is not: nothing is free.
  const double inside = (mean + least) / 2;
  EXPECT_NEAR(loss(inside * kUnit), mean, 1e-3 * mean);
  // The batch is below it.
  EXPECT_NEAR(loss(2 * mean * kUnit), 2 * mean, 2e-3 * mean);
}

TEST(MoonRenderer, TheLitShareIsWhatIsBright) {
  auto sum = [](double lit) {
    double s = 0;
    for (const std::uint8_t v : RenderMoon({lit})) s += v;
    return s;
  };
  const double full = sum(1.0);
  EXPECT_LT(sum(0.0) / full, 0.06);  // earthshine alone
  EXPECT_NEAR(sum(0.5) / full, 0.5, 0.08);
  EXPECT_GT(sum(0.6), sum(0.5));
  EXPECT_EQ(RenderMoon({1.0})[0], 0);  // the sky is black
}

TEST(MoonRenderer, LeavesOutWhatItIsTold) {
  MoonSetOptions o;
  o.hole_from = 0.35, o.hole_to = 0.65;
  double low = 1, high = 0;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const Moon m = DrawMoon(o, i);
    EXPECT_TRUE(m.lit < 0.35 || m.lit >= 0.65);
    low = std::min(low, m.lit), high = std::max(high, m.lit);
  }
  EXPECT_LT(low, 0.01);
  EXPECT_GT(high, 0.99);
}

}  // namespace
}  // namespace halfmoon::training
