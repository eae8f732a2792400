// What of a results.json is refused, and with which words.
#include "eval/report/results_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/report/sample_report.h"

namespace halfmoon::eval {
namespace {

using testing::SampleReport;

// The refusal after `change`; Ok when it is read.
template <typename Change>
Status After(Change change) {
  SampleReport sample;
  change(sample.results());
  sample.Save();
  return ReadResultsFile(sample.folder()).status();
}

void ExpectCorrupt(const Status& status, const std::string& key) {
  EXPECT_EQ(status.code(), StatusCode::kCorrupt);
  EXPECT_NE(status.message().find(key), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("results.json: "), std::string::npos) << status.message();
}

using Json = nlohmann::json;

TEST(ResultsFile, ReadsTheSample) {
  EXPECT_TRUE(After([](Json&) {}).ok());
}

TEST(ResultsFile, NeedsOnlyTheFormatAndTheDataSet) {
  EXPECT_TRUE(After([](Json& r) {
                r = {{"format", "halfmoon-eval-1"}, {"dataset", {{"name", "empty"}}}};
              }).ok());
}

TEST(ResultsFile, RefusesOtherFormats) {
  EXPECT_EQ(After([](Json& r) { r["format"] = "halfmoon-eval-2"; }).code(),
            StatusCode::kNotHalfmoon);
  EXPECT_EQ(After([](Json& r) { r.erase("format"); }).code(), StatusCode::kNotHalfmoon);
  EXPECT_EQ(After([](Json& r) { r = Json::array({1}); }).code(), StatusCode::kNotHalfmoon);
}

TEST(ResultsFile, RefusesCutOffJson) {
  SampleReport sample;
  std::ofstream(sample.Path("results.json")) << sample.results().dump().substr(0, 500);
  EXPECT_EQ(ReadResultsFile(sample.folder()).status().code(), StatusCode::kNotHalfmoon);
}

TEST(ResultsFile, NamesTheDamagedKey) {
  ExpectCorrupt(After([](Json& r) { r.erase("dataset"); }), "dataset");
  ExpectCorrupt(After([](Json& r) { r["codecs"] = 1; }), "codecs");
  ExpectCorrupt(After([](Json& r) { r["codecs"][0] = "jpeg"; }), "codecs");
  ExpectCorrupt(After([](Json& r) { r["codecs"][1].erase("name"); }), "codecs[1].name");
  ExpectCorrupt(After([](Json& r) { r["codecs"][0]["pictures"][0]["picture"] = 3; }),
                "codecs[0].pictures[].picture is no index below 3");
  ExpectCorrupt(After([](Json& r) { r["codecs"][0]["timing"][0]["point"] = -1; }),
                "codecs[0].timing[].point");
  ExpectCorrupt(After([](Json& r) { r["dataset"]["pictures"][0]["width"] = 1e9; }),
                "dataset.pictures[0].width");
  ExpectCorrupt(After([](Json& r) { r["dataset"]["pictures"][0]["height"] = 0; }),
                "dataset.pictures[0].height is zero");
  ExpectCorrupt(After([](Json& r) { r["matched"][0]["files"][0].erase("metrics"); }),
                "matched[].files[].metrics");
  ExpectCorrupt(After([](Json& r) { r["bd"][0]["anchor"] = nullptr; }), "bd[].anchor");
  ExpectCorrupt(After([](Json& r) { r["metrics"][0].erase("unit"); }), "metrics[].unit");
}

TEST(ResultsFile, PathsStayInside) {
  EXPECT_TRUE(IsInsideReport("matched/0-jpeg.png"));
  EXPECT_TRUE(IsInsideReport("matched/..png"));
  for (const char* path : {"", "/a.png", "../a.png", "a/../b.png", ".."}) {
    EXPECT_FALSE(IsInsideReport(path)) << path;
  }
}

}  // namespace
}  // namespace halfmoon::eval
