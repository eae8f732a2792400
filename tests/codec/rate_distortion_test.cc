#include "eval/rate_distortion.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "codec/imageio/image_io.h"
#include "codec/metrics/metrics.h"
#include "eval/bd_rate.h"
#include "tests/codec/test_pictures.h"

namespace halfmoon::eval {
namespace {

TEST(PsnrTest, KnownAnswers) {
  const Image a = testing::MakePicture(20, 10, 3, testing::Kind::kFlat);
  Image b = *a.Clone();
  EXPECT_TRUE(std::isinf(*metrics::Psnr(a.view(), b.view())));
  for (auto& s : b.samples()) s = static_cast<std::uint8_t>(s + 5);
  EXPECT_NEAR(*metrics::Psnr(a.view(), b.view()), 10 * std::log10(255.0 * 255 / 25), 1e-9);
  const Image c = testing::MakePicture(20, 11, 3, testing::Kind::kFlat);
  EXPECT_EQ(metrics::Psnr(a.view(), c.view()).status().code(), StatusCode::kInvalidArgument);
}

TEST(BdRateTest, ScaledRatesAreTheScale) {
  const RdCurve a{"a", {0.1, 0.2, 0.4, 0.9}, {28, 31, 34, 38}};
  RdCurve b = a;
  for (double& r : b.bpp) r *= 1.25;
  EXPECT_NEAR(*BdRate(a, b), 25, 1e-9);
  EXPECT_NEAR(*BdRate(b, a), -20, 1e-9);
  std::swap(b.bpp[0], b.bpp[3]);  // the order of points does not matter
  std::swap(b.psnr[0], b.psnr[3]);
  EXPECT_NEAR(*BdRate(a, b), 25, 1e-9);
}

TEST(BdRateTest, RefusesWhatHasNoAnswer) {
  const RdCurve a{"a", {0.1, 0.2, 0.4, 0.9}, {28, 31, 34, 38}};
  EXPECT_FALSE(BdRate(a, {"three", {0.1, 0.2, 0.4}, {28, 31, 34}}).ok());
  EXPECT_FALSE(BdRate(a, {"falls", {0.1, 0.2, 0.19, 0.9}, {28, 31, 34, 38}}).ok());
  EXPECT_FALSE(BdRate(a, {"apart", {0.1, 0.2, 0.4, 0.9}, {48, 51, 54, 58}}).ok());
  EXPECT_FALSE(BdRate(a, {"zero", {0, 0.2, 0.4, 0.9}, {28, 31, 34, 38}}).ok());
}

// Against an independent computation (PCHIP, common range, anchor VTM) on published curves.
TEST(BdRateTest, PublishedCurves) {
  const std::string path = HALFMOON_SHARED_DATA "/anchors/kodak.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
  const auto published = ReadCurves(path);
  ASSERT_TRUE(published.ok()) << published.status().message();
  const std::vector<RdCurve> curves = PsnrCurves(published->curves);
  auto find = [&](const std::string& start) {
    for (const RdCurve& c : curves) {
      if (c.name.rfind(start, 0) == 0) return c;
    }
    return RdCurve{};
  };
  const std::pair<const char*, double> expected[] = {{"WebP", 78.7}, {"JPEG", 208.5},
                                                     {"BPG", 22.0},  {"mbt2018-mean (", 21.3},
                                                     {"AV1", 16.2},  {"ELIC", -7.0}};
  for (const auto& [name, value] : expected) {
    const auto bd = BdRate(find("VTM"), find(name));
    ASSERT_TRUE(bd.ok()) << name << ": " << bd.status().message();
    EXPECT_NEAR(*bd, value, 0.2) << name;
  }
}

TEST(RateDistortionTest, MeasuresRealFiles) {
  const std::string path = ::testing::TempDir() + "rd_test.png";
  const Image image = testing::MakePicture(128, 96, 3, testing::Kind::kScene);
  ASSERT_TRUE(WriteImageFile(path, image.view(), {}, true).ok());
  RdOptions o;
  o.qualities = {20, 80};
  o.model = "tiny-dependent";
  o.models_dir = testing::ModelsDir();
  std::size_t calls = 0;
  const auto report = MeasureRd({path}, o, [&](std::size_t, std::size_t total) {
    ++calls;
    EXPECT_EQ(total, 2u);
  });
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(calls, 3u);
  EXPECT_LT(report->points[0].bpp, report->points[1].bpp);
  EXPECT_LT(report->points[0].psnr, report->points[1].psnr);
  auto encoder = Encoder::Create(testing::TinyEncode(20));
  ASSERT_TRUE(encoder.ok());
  EXPECT_NEAR(report->points[0].bpp,
              8.0 * static_cast<double>(encoder->Encode(image.view())->size()) / (128 * 96), 1e-12);
  EXPECT_FALSE(MeasureRd({}, o, {}).ok());
  EXPECT_FALSE(MeasureRd({path + ".missing"}, o, {}).ok());
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace halfmoon::eval
