// Curves as SVG and PNG: which files, what they hold, that the PNG is a picture of the right size.
#include "eval/report/svg_curves.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "codec/imageio/image_io.h"
#include "eval/report/html_report.h"
#include "eval/report/svg_chart.h"
#include "eval/report/svg_to_png.h"
#include "tests/report/sample_report.h"

namespace halfmoon::eval {
namespace {

using testing::ReadText;
using testing::SampleReport;

std::size_t Count(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
    ++count;
  return count;
}

TEST(SvgCurves, WritesEveryMetric) {
  SampleReport sample;
  const Result<CurveFiles> files = WriteCurveFiles(sample.folder());
  ASSERT_TRUE(files.ok()) << files.status().message();
  for (const nlohmann::json& metric : sample.results()["metrics"]) {
    const std::string base = sample.Path("curves/" + metric["key"].get<std::string>());
    EXPECT_TRUE(std::filesystem::exists(base + ".svg")) << base;
    EXPECT_EQ(std::filesystem::exists(base + ".png"), CanRenderPng()) << base;
  }
  EXPECT_EQ(files.value().paths.size(),
            sample.results()["metrics"].size() * (CanRenderPng() ? 2 : 1));
  EXPECT_EQ(files.value().note.empty(), CanRenderPng());
}

TEST(SvgCurves, DrawsEveryPointAndDashesPublishedCurves) {
  SampleReport sample;
  ASSERT_TRUE(WriteCurveFiles(sample.folder()).ok());
  const std::string psnr = ReadText(sample.Path("curves/psnr_rgb.svg"));
  // Three codecs with five points, and their symbols beside the names; not the torn one.
  EXPECT_EQ(Count(psnr, "class=\"point\""), 3u * 5 + 3);
  EXPECT_EQ(Count(psnr, "class=\"curve reference\""), 2u);
  EXPECT_EQ(Count(psnr, ">VTM</text>"), 1u);
  EXPECT_EQ(Count(psnr, ">PSNR (RGB), dB</text>"), 1u);
  const std::string ssim = ReadText(sample.Path("curves/ssim.svg"));
  EXPECT_EQ(Count(ssim, "class=\"curve reference\""), 0u) << "published without SSIM";
  EXPECT_EQ(Count(ssim, "class=\"point\""), 3u * 5 + 3);
}

// As on the page: a colour and a symbol of its own, curves bent between the points.
TEST(SvgCurves, LooksAsThePageDoes) {
  SampleReport sample;
  ASSERT_TRUE(WriteCurveFiles(sample.folder()).ok());
  const std::string psnr = ReadText(sample.Path("curves/psnr_rgb.svg"));
  const std::string first = psnr.substr(psnr.find("class=\"curve\""));
  EXPECT_NE(first.find("C"), std::string::npos);
  std::set<std::string> looks;
  for (std::size_t at = psnr.find("class=\"point\""); at != std::string::npos;
       at = psnr.find("class=\"point\"", at + 1)) {
    const std::string point = psnr.substr(at, psnr.find("/>", at) - at);
    looks.insert(point.substr(0, point.find(" transform")) + point.substr(point.find(" d=")));
  }
  EXPECT_EQ(looks.size(), 3u);
  ASSERT_TRUE(WriteHtmlReport(sample.folder()).ok());
  const std::string page = ReadText(sample.Path("report.html"));
  for (const std::string& look : looks) {
    const auto quoted = [&](const std::string& key) {
      const auto from = look.find(key) + key.size();
      return "\"" + look.substr(from, look.find('"', from) - from) + "\"";
    };
    EXPECT_NE(page.find(quoted("fill=\"")), std::string::npos) << look;
    EXPECT_NE(page.find(quoted(" d=\"")), std::string::npos) << look;
  }
}

TEST(SvgCurves, AMetricWithoutPointsHasNoFile) {
  SampleReport sample;
  sample.results()["metrics"].push_back({{"key", "butteraugli"}, {"name", "B"}, {"unit", ""}});
  sample.Save();
  ASSERT_TRUE(WriteCurveFiles(sample.folder()).ok());
  EXPECT_FALSE(std::filesystem::exists(sample.Path("curves/butteraugli.svg")));
}

TEST(SvgCurves, AKeyIsNoPath) {
  SampleReport sample;
  sample.results()["metrics"][0]["key"] = "../psnr";
  for (nlohmann::json& point : sample.results()["codecs"][0]["points"])
    point["metrics"]["../psnr"] = 1;
  sample.Save();
  EXPECT_EQ(WriteCurveFiles(sample.folder()).status().code(), StatusCode::kCorrupt);
  EXPECT_FALSE(std::filesystem::exists(sample.Path("psnr.svg")));
}

TEST(SvgCurves, PngHasTheChartsSizeTwice) {
  if (!CanRenderPng()) GTEST_SKIP() << "built without librsvg (Debian: librsvg2-dev)";
  SampleReport sample;
  ASSERT_TRUE(WriteCurveFiles(sample.folder()).ok());
  const Result<Image> image = ReadImageFile(sample.Path("curves/psnr_rgb.png"));
  ASSERT_TRUE(image.ok()) << image.status().message();
  EXPECT_EQ(image.value().width(), 2u * 860);
  EXPECT_EQ(image.value().height(), 2u * 540);
  // A white page with the first codec's blue somewhere on it.
  EXPECT_EQ(image.value().row(0)[0], 255);
  bool blue = false;
  for (std::uint32_t y = 0; y < image.value().height(); ++y) {
    for (std::uint32_t x = 0; x < image.value().width(); ++x) {
      const std::uint8_t* rgb = image.value().row(y) + 3 * x;
      blue = blue || (rgb[0] == 0x00 && rgb[1] == 0x72 && rgb[2] == 0xB2);
    }
  }
  EXPECT_TRUE(blue);
}

TEST(SvgToPng, RefusesWhatIsNoSvg) {
  if (!CanRenderPng()) GTEST_SKIP() << "built without librsvg (Debian: librsvg2-dev)";
  EXPECT_EQ(SvgToPng("no picture", 1).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(SvgToPng(ChartToSvg({"huge", "x", {}}), 1e6).status().code(),
            StatusCode::kInvalidArgument);
}

TEST(SvgChart, EscapesNamesAndSaysWhenThereIsNothing) {
  const std::string svg = ChartToSvg({"<&>", "x", {}});
  EXPECT_NE(svg.find("&lt;&amp;&gt;"), std::string::npos);
  EXPECT_NE(svg.find("no data yet"), std::string::npos);
}

TEST(SvgChart, ReferencesAloneAreShown) {
  const std::string svg = ChartToSvg({"t", "x", {{"VTM", {{1, 2}, {2, 3}}, false, true}}});
  EXPECT_EQ(Count(svg, "class=\"curve reference\""), 1u);
}

}  // namespace
}  // namespace halfmoon::eval
