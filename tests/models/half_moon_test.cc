// The half-moon experiment runs to its end and says what it ran.
#include "models/training/generative/half_moon.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

namespace halfmoon::training {
namespace {

TEST(HalfMoonTest, FourRunsWithTheirPathsAndTheKlsWeight) {
  std::string folder = (std::filesystem::temp_directory_path() / "half-moon-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  HalfMoonOptions options;
  options.work_dir = folder;
  options.steps = 2;
  options.workers = 1;
  options.beta = 7;
  options.latent = 3;
  double done = 0;
  const auto runs = RunHalfMoon(options, [&](const std::string&, double share) {
    EXPECT_GE(share, done);
    done = share;
    return true;
  });
  ASSERT_TRUE(runs.ok()) << runs.status().message();
  ASSERT_EQ(runs->size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    const HalfMoonRun& run = (*runs)[i];
    EXPECT_EQ(run.variational, i % 2 == 1);
    EXPECT_EQ(run.hole, i >= 2);
    EXPECT_EQ(run.beta, run.variational ? 7 : 0);
    EXPECT_EQ(run.latent, 3);
    EXPECT_EQ(run.path.size(), 21u);
    EXPECT_GT(run.PathDistance(), 0);
    EXPECT_GE(run.WorstDistance(), run.PathDistance());
    // Moons as rendered lie near the bank's grid; after two steps no decoded one does.
    EXPECT_LT(run.rendered_distance, 12);
    EXPECT_GT(run.reconstruction_distance, 2 * run.rendered_distance);
  }
  const auto stopped = RunHalfMoon(options, [](const std::string&, double) { return false; });
  EXPECT_EQ(stopped.status().code(), StatusCode::kInvalidArgument);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace halfmoon::training
