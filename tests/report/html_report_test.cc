// The page as a file: what is inside, how large, and what is refused. How it behaves: browser_test.
#include "eval/report/html_report.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "eval/report/embedded_pictures.h"
#include "tests/report/sample_report.h"

namespace halfmoon::eval {
namespace {

using testing::ReadText;
using testing::SampleReport;

// Between `begin` and the next `end`.
std::string Between(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t at = text.find(begin);
  if (at == std::string::npos) return "";
  const std::size_t from = at + begin.size();
  return text.substr(from, text.find(end, from) - from);
}

nlohmann::json EmbeddedIds(const std::string& page) {
  return nlohmann::json::parse(
      Between(page, "<script id=\"embedded\" type=\"application/json\">", "</script>"));
}

class HtmlReportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HasHtmlReport()) GTEST_SKIP() << "built without D3 (Debian: node-d3)";
  }

  std::string Write(const ReportOptions& options = {}) {
    const Status status = WriteHtmlReport(sample_.folder(), options, &summary_);
    EXPECT_TRUE(status.ok()) << status.message();
    return ReadText(sample_.Path("report.html"));
  }

  SampleReport sample_;
  ReportSummary summary_;
};

TEST(Base64, FollowsTheStandard) {
  auto encode = [](const std::string& text) {
    return Base64({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  EXPECT_EQ(encode(""), "");  // the test vectors of RFC 4648
  EXPECT_EQ(encode("f"), "Zg==");
  EXPECT_EQ(encode("fo"), "Zm8=");
  EXPECT_EQ(encode("foo"), "Zm9v");
  EXPECT_EQ(encode("foob"), "Zm9vYg==");
  EXPECT_EQ(encode("fooba"), "Zm9vYmE=");
  EXPECT_EQ(encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(encode("\xff\xfe\xfd"), "//79");
}

TEST_F(HtmlReportTest, HoldsTheResultsUnchanged) {
  const std::string page = Write();
  const std::string json =
      Between(page, "<script id=\"results\" type=\"application/json\">", "</script>");
  EXPECT_EQ(nlohmann::json::parse(json), sample_.results());
  EXPECT_EQ(summary_.bytes, page.size());
  EXPECT_TRUE(summary_.warnings.empty());
}

TEST_F(HtmlReportTest, NamesNoOtherPlace) {
  std::string page = Write();
  for (const char* attribute :
       {" src=\"http", " href=\"http", " src=\"//", "@import", "url(http"}) {
    EXPECT_EQ(page.find(attribute), std::string::npos) << attribute;
  }
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  EXPECT_NE(page.find("Mike Bostock"), std::string::npos) << "D3's licence";
}

TEST_F(HtmlReportTest, TakesTheCodecsOwnFileWhereBrowsersShowIt) {
  const std::string page = Write();
  const nlohmann::json ids = EmbeddedIds(page);
  ASSERT_EQ(ids.size(), 2u);
  EXPECT_EQ(summary_.pictures, 2u);
  const std::string jpeg = ids["0"]["files"][0], ae = ids["0"]["files"][1];
  EXPECT_TRUE(ids["0"]["files"][2].is_null()) << "the codec that failed";
  auto holder = [&page](const std::string& id) {
    return Between(page, "id=\"" + id + "\" data-type=\"", "</script>");
  };
  const std::string file = ReadText(sample_.Path("matched/jpeg-0.jpg"));
  EXPECT_EQ(
      holder(jpeg),
      "image/jpeg\">" + Base64({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()}));
  const std::string type = holder(ae).substr(0, 10);
  EXPECT_TRUE(type == "image/webp" || type == "image/png\"") << type;
}

TEST_F(HtmlReportTest, FallsBackToTheDecodedPicture) {
  std::filesystem::remove(sample_.Path("matched/jpeg-0.jpg"));
  const nlohmann::json ids = EmbeddedIds(Write());
  EXPECT_TRUE(ids["0"]["files"][0].is_string());
  EXPECT_TRUE(summary_.warnings.empty());
}

TEST_F(HtmlReportTest, MissingPicturesAreWarnings) {
  std::filesystem::remove(sample_.Path("matched/ae-0.png"));
  std::filesystem::remove(sample_.Path("originals/1.png"));
  const nlohmann::json ids = EmbeddedIds(Write());
  EXPECT_TRUE(ids["0"]["files"][1].is_null());
  EXPECT_TRUE(ids["1"]["original"].is_null());
  ASSERT_EQ(summary_.warnings.size(), 2u);
  EXPECT_EQ(summary_.warnings[0].substr(0, 15), "waves.png, ae: ");
}

TEST_F(HtmlReportTest, ReadsNothingOutsideItsFolder) {
  for (const char* path : {"../outside.png", "/etc/passwd", "a/../../outside.png", ""}) {
    sample_.results()["dataset"]["pictures"][0]["file"] = path;
    sample_.Save();
    EXPECT_TRUE(EmbeddedIds(Write())["0"]["original"].is_null()) << path;
    EXPECT_EQ(summary_.warnings.size(), 1u) << path;
  }
}

TEST_F(HtmlReportTest, LimitLeavesWholePicturesOut) {
  Write();
  const std::uint64_t all = summary_.bytes;
  const std::string none = Write({.max_picture_bytes = 0});
  EXPECT_EQ(summary_.pictures, 0u);
  EXPECT_EQ(summary_.pictures_left_out, 2u);
  EXPECT_EQ(EmbeddedIds(none).size(), 0u);
  const std::uint64_t pixels = all - none.size();
  const std::string half = Write({.max_picture_bytes = pixels * 3 / 4});
  EXPECT_EQ(summary_.pictures, 1u);
  EXPECT_EQ(summary_.pictures_left_out, 1u);
  EXPECT_TRUE(EmbeddedIds(half).contains("0"));
}

TEST_F(HtmlReportTest, IsTheSameEveryTime) { EXPECT_EQ(Write(), Write()); }

TEST_F(HtmlReportTest, AnUnreadableResultFileIsRefused) {
  std::filesystem::remove(sample_.Path("results.json"));
  const Status status = WriteHtmlReport(sample_.folder());
  EXPECT_EQ(status.code(), StatusCode::kIo);
  EXPECT_NE(status.message().find("results.json"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(sample_.Path("report.html")));
}

}  // namespace
}  // namespace halfmoon::eval
