// Bjontegaard differences: known answers, refusals, and published curves.
#include "eval/bjontegaard.h"

#include <gtest/gtest.h>

#include <cmath>

#include "eval/curve_files.h"

namespace halfmoon::eval {
namespace {

const BdCurve kCurve{"a", {0.1, 0.2, 0.4, 0.9, 1.6}, {28, 31, 34, 38, 41}};

BdCurve Changed(double rate_factor, double metric_offset) {
  BdCurve c{"b", kCurve.rate, kCurve.metric};
  for (double& r : c.rate) r *= rate_factor;
  for (double& m : c.metric) m += metric_offset;
  return c;
}

TEST(BjontegaardTest, ScaledRatesAndShiftedMetrics) {
  const auto scaled = CompareCurves(kCurve, Changed(1.25, 0), "PSNR");
  ASSERT_TRUE(scaled.ok());
  EXPECT_NEAR(scaled->bd_rate, 25, 1e-6);
  EXPECT_LT(scaled->bd_metric, 0);
  EXPECT_NEAR(scaled->share, 1, 1e-12);
  EXPECT_EQ(scaled->low, 28);
  EXPECT_EQ(scaled->high, 41);
  EXPECT_EQ(scaled->warning, "");
  const auto shifted = CompareCurves(kCurve, Changed(1, 0.75), "PSNR");
  ASSERT_TRUE(shifted.ok());
  EXPECT_NEAR(shifted->bd_metric, 0.75, 1e-9);
  EXPECT_LT(shifted->bd_rate, 0);
}

// The interpolation reproduces a straight line in ln(rate), so the answer is exact.
TEST(BjontegaardTest, StraightLines) {
  BdCurve a{"a", {}, {}}, b{"b", {}, {}};
  for (const double psnr : {30.0, 32.0, 35.0, 39.0, 40.0}) {
    a.metric.push_back(psnr);
    a.rate.push_back(std::exp(0.2 * (psnr - 40)));
    b.metric.push_back(psnr + 1);
    b.rate.push_back(std::exp(0.2 * (psnr - 40)));
  }
  const auto d = CompareCurves(a, b, "PSNR");
  ASSERT_TRUE(d.ok());
  EXPECT_NEAR(d->bd_rate, (std::exp(-0.2) - 1) * 100, 1e-9);
  EXPECT_NEAR(d->bd_metric, 1, 1e-9);
  EXPECT_NEAR(d->low, 31, 1e-12);
  EXPECT_NEAR(d->share, 0.9, 1e-12);
}

TEST(BjontegaardTest, OrderOfPointsDoesNotMatter) {
  BdCurve mixed = Changed(1.1, 0.2);
  const double in_order = CompareCurves(kCurve, mixed, "PSNR")->bd_rate;
  std::swap(mixed.rate[0], mixed.rate[3]);
  std::swap(mixed.metric[0], mixed.metric[3]);
  EXPECT_EQ(CompareCurves(kCurve, mixed, "PSNR")->bd_rate, in_order);
}

TEST(BjontegaardTest, ShortOverlapIsWarnedOf) {
  const auto d = CompareCurves(kCurve, Changed(1, 10), "PSNR");
  ASSERT_TRUE(d.ok());
  EXPECT_NEAR(d->share, 3.0 / 13, 1e-12);
  EXPECT_NE(d->warning.find("only 23 %"), std::string::npos) << d->warning;
}

TEST(BjontegaardTest, RefusesWhatHasNoAnswer) {
  auto refusal = [](const BdCurve& test) {
    const Status s = CompareCurves(kCurve, test, "PSNR").status();
    EXPECT_EQ(s.code(), StatusCode::kInvalidArgument) << test.name;
    return s.message();
  };
  EXPECT_NE(refusal({"three", {0.1, 0.2, 0.4}, {28, 31, 34}}).find("has 3"), std::string::npos);
  EXPECT_NE(refusal({"none", {}, {}}).find("has 0"), std::string::npos);
  EXPECT_NE(refusal({"falls", {0.1, 0.2, 0.4, 0.9}, {28, 34, 33, 38}}).find("monotone"),
            std::string::npos);
  EXPECT_NE(refusal({"twice", {0.1, 0.2, 0.2, 0.9}, {28, 31, 34, 38}}).find("monotone"),
            std::string::npos);
  EXPECT_NE(refusal(Changed(1, 20)).find("in common"), std::string::npos);
  EXPECT_NE(refusal({"zero", {0, 0.2, 0.4, 0.9}, {28, 31, 34, 38}}).find("positive"),
            std::string::npos);
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_NE(refusal({"equal", {0.1, 0.2, 0.4, 0.9}, {28, 31, 34, infinity}}).find("finite"),
            std::string::npos);
}

// Against an independent computation (PCHIP, common range, anchor VTM) on the shipped curves.
TEST(BjontegaardTest, PublishedCurves) {
  const auto curves = ReadCurves(HALFMOON_ANCHORS);
  ASSERT_TRUE(curves.ok()) << curves.status().message();
  auto find = [&](const std::string& start) {
    for (const CurveFile& c : curves->curves) {
      if (c.name.rfind(start, 0) == 0) return BdCurve{c.name, c.bpp, c.psnr_rgb};
    }
    return BdCurve{};
  };
  const std::pair<const char*, double> expected[] = {{"WebP", 78.7}, {"JPEG", 208.5},
                                                     {"BPG", 22.0},  {"mbt2018-mean (", 21.3},
                                                     {"AV1", 16.2},  {"ELIC", -7.0}};
  for (const auto& [name, value] : expected) {
    const auto d = CompareCurves(find("VTM"), find(name), "PSNR");
    ASSERT_TRUE(d.ok()) << name << ": " << d.status().message();
    EXPECT_NEAR(d->bd_rate, value, 0.2) << name;
  }
}

}  // namespace
}  // namespace halfmoon::eval
