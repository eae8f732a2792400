// Metrics against an independent implementation and libjxl's tools, on 18 pairs of pictures.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "codec/imageio/image_io.h"
#include "codec/metrics/metrics.h"

namespace halfmoon::metrics {
namespace {

TEST(MetricsReferenceTest, EighteenPairs) {
  const std::string folder = HALFMOON_SHARED_DATA "/metrics/";
  std::ifstream table(folder + "reference.csv");
  if (!table) GTEST_SKIP() << "no " << folder << "reference.csv";
  std::string line;
  std::getline(table, line);  // the head
  ASSERT_EQ(line.rfind("original,distorted,psnr_rgb_db,ssim_rgb,ms_ssim_rgb,ssimulacra2", 0), 0u);
  int pairs = 0;
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string original, distorted;
    std::getline(fields, original, ',');
    std::getline(fields, distorted, ',');
    double expected[4];
    for (double& e : expected) {
      std::string field;
      std::getline(fields, field, ',');
      e = std::stod(field);
    }
    const auto a = ReadImageFile(folder + original), b = ReadImageFile(folder + distorted);
    ASSERT_TRUE(a.ok() && b.ok()) << distorted;
    const auto v = Measure(a->view(), b->view());
    ASSERT_TRUE(v.ok());
    EXPECT_NEAR(*(*v)[Metric::kPsnrRgb], expected[0], 0.001) << distorted;
    EXPECT_NEAR(*(*v)[Metric::kSsim], expected[1], 1e-5) << distorted;
    EXPECT_NEAR(*(*v)[Metric::kMsSsim], expected[2], 1e-5) << distorted;
    EXPECT_NEAR(*(*v)[Metric::kSsimulacra2], expected[3], 0.05) << distorted;
    ++pairs;
  }
  EXPECT_EQ(pairs, 18);
}

}  // namespace
}  // namespace halfmoon::metrics
