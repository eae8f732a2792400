// Whole runs: the same numbers for any number of jobs and after a kill, failures as rows, files.
#include "eval/evaluation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "codec/imageio/image_io.h"
#include "eval/aggregate.h"
#include "eval/result_files.h"
#include "halfmoon/encoder.h"
#include "tests/codec/test_pictures.h"

namespace halfmoon::eval {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class EvaluationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ =
        fs::path(::testing::TempDir()) /
        (std::string("eval_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(root_);
    fs::create_directories(root_ / "pictures");
    Save("b.png", 170, 164, 3, testing::Kind::kScene);
    Save("a.png", 164, 170, 1, testing::Kind::kScene);
    options_.pictures = {(root_ / "pictures").string()};
    options_.codecs = {"jpeg", "ae:model=tiny"};
    options_.models_dir = testing::ModelsDir();
    options_.points = 4;
    options_.out = Out("report");
    options_.command = {"halfmoon", "eval"};
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string Out(const std::string& name) const { return (root_ / name).string(); }

  void Save(const std::string& name, std::uint32_t width, std::uint32_t height,
            std::uint32_t channels, testing::Kind kind) {
    const Image image = testing::MakePicture(width, height, channels, kind);
    ASSERT_TRUE(WriteImageFile(Out("pictures/" + name), image.view(), {}, true).ok());
  }

  std::string Text(const std::string& name) const {
    std::ifstream in(root_ / name);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }

  // Runs with the options and writes the files; returns results.json.
  std::string RunAndWrite(const EvaluationOptions& o) {
    const auto e = Evaluate(o, {});
    EXPECT_TRUE(e.ok()) << e.status().message();
    if (!e.ok()) return "";
    EXPECT_TRUE(WriteResults(*e).ok());
    return Text(fs::path(o.out).filename().string() + "/results.json");
  }

  StatusCode Code(const EvaluationOptions& o, std::string* message = nullptr) {
    const Status s = Evaluate(o, {}).status();
    if (message) *message = s.message();
    return s.code();
  }

  fs::path root_;
  EvaluationOptions options_;
};

TEST_F(EvaluationTest, WritesWhatTheFormatSays) {
  const json r = json::parse(RunAndWrite(options_));
  EXPECT_EQ(r.at("format"), "halfmoon-eval-1");
  EXPECT_EQ(r.at("dataset").at("name"), "pictures");
  EXPECT_EQ(r.at("dataset").at("pictures").at(0).at("name"), "a.png");
  ASSERT_EQ(r.at("codecs").size(), 2u);
  for (const json& codec : r.at("codecs")) {
    ASSERT_EQ(codec.at("points").size(), 4u);
    ASSERT_EQ(codec.at("pictures").size(), 8u);
    for (std::size_t q = 0; q < 4; ++q) {
      const json& point = codec.at("points").at(q);
      double bpp = 0, psnr = 0;
      std::uint64_t bytes = 0;
      for (const json& row : codec.at("pictures")) {
        if (row.at("point") != q) continue;
        const json& picture =
            r.at("dataset").at("pictures").at(row.at("picture").get<std::size_t>());
        const double pixels =
            picture.at("width").get<double>() * picture.at("height").get<double>();
        EXPECT_NEAR(row.at("bpp").get<double>(), 8 * row.at("bytes").get<double>() / pixels, 1e-12);
        bpp += row.at("bpp").get<double>() / 2;
        psnr += row.at("metrics").at("psnr_rgb").get<double>() / 2;
        bytes += row.at("bytes").get<std::uint64_t>();
      }
      EXPECT_NEAR(point.at("bpp").get<double>(), bpp, 1e-12);
      EXPECT_NEAR(point.at("metrics").at("psnr_rgb").get<double>(), psnr, 1e-9);
      EXPECT_EQ(point.at("bytes"), bytes);
      EXPECT_EQ(point.at("failed"), 0);
    }
  }
  // The originals and the matched pictures are where they are said to be, and what they are said to
  // be.
  for (const json& picture : r.at("dataset").at("pictures")) {
    EXPECT_TRUE(fs::exists(root_ / "report" / picture.at("file").get<std::string>()));
  }
  ASSERT_EQ(r.at("matched").size(), 2u);
  for (const json& matched : r.at("matched")) {
    const auto original =
        ReadImageFile(Out("report/" + r.at("dataset")
                                          .at("pictures")
                                          .at(matched.at("picture").get<std::size_t>())
                                          .at("file")
                                          .get<std::string>()));
    ASSERT_TRUE(original.ok());
    EXPECT_EQ(original->channels(), 3u);
    for (const json& file : matched.at("files")) {
      const auto decoded = ReadImageFile(Out("report/" + file.at("file").get<std::string>()));
      ASSERT_TRUE(decoded.ok());
      EXPECT_NEAR(*metrics::Psnr(original->view(), decoded->view()),
                  file.at("metrics").at("psnr_rgb").get<double>(), 1e-9);
      if (file.contains("encoded")) {
        EXPECT_EQ(fs::file_size(root_ / "report" / file.at("encoded").get<std::string>()),
                  file.at("bytes"));
      }
    }
  }
  // The table has a row per codec, point and picture.
  const std::string csv = Text("report/pictures.csv");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 2 * 4 * 2);
  const json curve = json::parse(Text("report/codecs/jpeg.json"));
  EXPECT_EQ(curve.at("results").at("bpp").size(), 4u);
  EXPECT_EQ(curve.at("results").at("ms-ssim-rgb").size(), 4u);
}

// The bytes are those of the encoder, and the estimate is of the same symbols.
TEST_F(EvaluationTest, RatesAreThoseOfTheEncodersFiles) {
  options_.codecs = {"ae:model=tiny-dependent"};
  options_.qualities = {20, 80};
  options_.out = "";
  const auto e = Evaluate(options_, {});
  ASSERT_TRUE(e.ok()) << e.status().message();
  auto encoder = Encoder::Create(testing::TinyEncode(20));
  ASSERT_TRUE(encoder.ok());
  for (std::size_t q = 0; q < 2; ++q) {
    double bpp = 0;
    for (const DatasetPicture& p : e->pictures) {
      const auto picture = metrics::RgbPicture::From(*ReadImageFile(p.path));
      const auto file = encoder->Encode(picture->view(), options_.qualities[q]);
      ASSERT_TRUE(file.ok());
      bpp += 8.0 * static_cast<double>(file->size()) / p.pixels() / 2;
    }
    const PointMeans means = MeansOf(*e, e->codecs[0])[q];
    EXPECT_NEAR(means.bpp, bpp, 1e-12);
    ASSERT_TRUE(means.estimated_bpp);
    EXPECT_GT(*means.estimated_bpp, 0);
    EXPECT_LT(*means.estimated_bpp, means.bpp);
  }
}

// The same numbers, and not a file.
TEST_F(EvaluationTest, NeedsNoReportFolder) {
  const json whole = json::parse(RunAndWrite(options_));
  fs::remove_all(root_ / "report");
  options_.out = "";
  const auto e = Evaluate(options_, {});
  ASSERT_TRUE(e.ok()) << e.status().message();
  EXPECT_EQ(std::distance(fs::directory_iterator(root_), fs::directory_iterator()), 1);
  const json summary = json::parse(SummaryToJson(*e));
  EXPECT_EQ(summary.at("format"), "halfmoon-eval-summary-1");
  EXPECT_EQ(summary.at("dataset"), (json{{"name", "pictures"}, {"count", 2}}));
  ASSERT_EQ(summary.at("codecs").size(), 2u);
  for (std::size_t c = 0; c < 2; ++c) {
    const json& codec = summary.at("codecs").at(c);
    EXPECT_EQ(codec.at("points"), whole.at("codecs").at(c).at("points"));
    EXPECT_FALSE(codec.contains("pictures"));
  }
  ASSERT_EQ(summary.at("bd").size(), whole.at("bd").size());
  EXPECT_EQ(summary.at("bd").at(0).at("bd_rate"), whole.at("bd").at(0).at("bd_rate"));
}

// Files and folders, in the order in which they are named; each once.
TEST_F(EvaluationTest, TakesFilesAndFolders) {
  fs::create_directories(root_ / "more");
  fs::copy(root_ / "pictures/a.png", root_ / "more/a.png");
  options_.pictures = {Out("pictures/b.png"), Out("pictures"), Out("more/../more/a.png")};
  options_.codecs = {"jpeg"};
  options_.points = 1;
  const json r = json::parse(RunAndWrite(options_));
  EXPECT_EQ(r.at("dataset").at("name"), "b.png and 2 more");
  EXPECT_EQ(r.at("dataset").at("count"), 3);
  const json& pictures = r.at("dataset").at("pictures");
  ASSERT_EQ(pictures.size(), 3u);
  EXPECT_EQ(pictures.at(0).at("name"), "b.png");
  // Of two with one name the paths, so that each is named and kept.
  EXPECT_EQ(pictures.at(1).at("name"), Out("pictures/a.png"));
  EXPECT_EQ(pictures.at(2).at("name"), Out("more/../more/a.png"));
  EXPECT_NE(pictures.at(1).at("file"), pictures.at(2).at("file"));
  for (const json& p : pictures) {
    EXPECT_TRUE(fs::exists(root_ / "report" / p.at("file").get<std::string>())) << p;
  }
}

// Alpha, 16 bit and grey: measured as they are shown over mid-grey, against the same original that
// the report has.
TEST_F(EvaluationTest, PicturesOfEveryKind) {
  fs::remove_all(root_ / "pictures");
  fs::create_directories(root_ / "pictures");
  const Image rgb = testing::MakePicture(170, 164, 3, testing::Kind::kScene);
  Image wide = *Image::Create({170, 164, 3, 16}), clear = *Image::Create({170, 164, 4, 8}),
        half = *Image::Create({170, 164, 4, 16});
  for (std::uint32_t y = 0; y < 164; ++y) {
    for (std::uint32_t x = 0; x < 170; ++x) {
      for (std::uint32_t c = 0; c < 3; ++c) {
        const std::uint8_t level = rgb.row(y)[3 * x + c];
        wide.row16(y)[3 * x + c] = static_cast<std::uint16_t>(257 * level);
        clear.row(y)[4 * x + c] = level;
        half.row16(y)[4 * x + c] = static_cast<std::uint16_t>(257 * level);
      }
      clear.row(y)[4 * x + 3] = 255;
      half.row16(y)[4 * x + 3] = static_cast<std::uint16_t>(x < 80 ? 65535 : 257 * x);
    }
  }
  ASSERT_TRUE(WriteImageFile(Out("pictures/a.png"), rgb.view(), {}, true).ok());
  ASSERT_TRUE(WriteImageFile(Out("pictures/b.png"), wide.view(), {}, true).ok());
  ASSERT_TRUE(WriteImageFile(Out("pictures/c.png"), clear.view(), {}, true).ok());
  ASSERT_TRUE(WriteImageFile(Out("pictures/d.png"), half.view(), {}, true).ok());
  const json r = json::parse(RunAndWrite(options_));
  for (const json& codec : r.at("codecs")) {
    std::map<std::pair<int, int>, json> rows;
    for (const json& row : codec.at("pictures")) rows[{row.at("picture"), row.at("point")}] = row;
    for (int q = 0; q < 4; ++q) {
      // Equal pixels: equal files, equal metrics.
      for (const int p : {1, 2}) {
        EXPECT_EQ((rows[{p, q}].at("bytes")), (rows[{0, q}].at("bytes")));
        EXPECT_EQ((rows[{p, q}].at("metrics")), (rows[{0, q}].at("metrics")));
      }
      EXPECT_GT((rows[{3, q}].at("metrics").at("psnr_rgb").get<double>()), 20);
    }
  }
  const auto original = ReadImageFile(Out("report/originals/d.png"));
  ASSERT_TRUE(original.ok());
  ASSERT_EQ(original->shape(), (PictureShape{170, 164, 3, 8}));
  for (const std::uint32_t x : {10u, 100u}) {
    const double alpha = x < 80 ? 1 : x / 255.0;
    EXPECT_EQ(original->row(50)[3 * x],
              std::lround(rgb.row(50)[3 * x] * alpha + 128 * (1 - alpha)));
  }
  const json& pictures = r.at("dataset").at("pictures");
  EXPECT_FALSE(pictures.at(0).contains("note"));
  EXPECT_EQ(pictures.at(1).at("note"), "16 bits rounded to 8");
  EXPECT_EQ(pictures.at(3).at("note"), "transparency over mid-grey, 16 bits rounded to 8");
  EXPECT_EQ(r.at("notes").size(), 3u);
}

// A blank page is decoded without error. The set's PSNR is then that of the mean squared error, at
// every point of every codec; the picture is named; there are BD-rates.
TEST_F(EvaluationTest, AnInfinitePsnrDoesNotSpoilTheSet) {
  Image white = *Image::Create(170, 164, 3);
  std::ranges::fill(white.samples(), std::uint8_t{255});
  ASSERT_TRUE(WriteImageFile(Out("pictures/white.png"), white.view(), {}, true).ok());
  options_.codecs = {"jpeg", "jpeg:progressive"};
  const json r = json::parse(RunAndWrite(options_));
  int infinite = 0;  // not at the lowest quality, which does not reach white
  for (const json& codec : r.at("codecs")) {
    for (std::size_t q = 0; q < 4; ++q) {
      double mse = 0;
      for (const json& row : codec.at("pictures")) {
        if (row.at("point") != q) continue;
        const json& psnr = row.at("metrics").at("psnr_rgb");
        infinite += psnr.is_null() ? 1 : 0;
        if (!psnr.is_null()) mse += 255.0 * 255 / std::pow(10, psnr.get<double>() / 10) / 3;
      }
      EXPECT_NEAR(codec.at("points").at(q).at("metrics").at("psnr_rgb").get<double>(),
                  10 * std::log10(255.0 * 255 / mse), 1e-9);
    }
  }
  EXPECT_EQ(infinite, 2 * 3);
  bool found = false;
  for (const json& bd : r.at("bd")) {
    if (bd.at("metric") != "psnr_rgb") continue;
    found = true;
    EXPECT_TRUE(bd.contains("bd_rate")) << bd;
  }
  EXPECT_TRUE(found);
  // a.png is grey: its colour differences are exact, too.
  const std::string notes = r.at("notes").dump();
  EXPECT_NE(notes.find("white.png: decoded without error at some quality; PSNR (RGB)"),
            std::string::npos)
      << notes;
  EXPECT_NE(notes.find("a.png: decoded without error at some quality; PSNR (Cb), PSNR (Cr)"),
            std::string::npos)
      << notes;
}

TEST_F(EvaluationTest, TheTitleIsTheFoldersOrTheGivenOne) {
  options_.points = 1;
  options_.codecs = {"jpeg"};
  options_.matched_bpp = 0;
  fs::rename(root_ / "pictures", root_ / "in");
  options_.pictures = {Out("in") + "/"};
  EXPECT_EQ(json::parse(RunAndWrite(options_)).at("dataset").at("name"),
            root_.filename().string() + "/in");
  options_.title = "Holidays";
  options_.overwrite = true;
  EXPECT_EQ(json::parse(RunAndWrite(options_)).at("dataset").at("name"), "Holidays");
}

TEST_F(EvaluationTest, SameResultForAnyJobs) {
  const std::string one = RunAndWrite(options_);
  options_.out = Out("report3");
  options_.jobs = 3;
  EXPECT_EQ(RunAndWrite(options_), one);
  EXPECT_EQ(Text("report/pictures.csv"), Text("report3/pictures.csv"));
}

TEST_F(EvaluationTest, ResumeAfterAKillGivesTheSameReport) {
  const std::string whole = RunAndWrite(options_);
  const std::string journal = Text("report/journal.jsonl");
  fs::create_directories(root_ / "killed");
  for (const double part : {0.0, 0.3, 0.31, 0.9, 1.0}) {
    options_.out = Out("killed");
    options_.resume = true;
    std::ofstream(root_ / "killed" / "journal.jsonl")
        << journal.substr(0, static_cast<std::size_t>(part * static_cast<double>(journal.size())));
    EXPECT_EQ(RunAndWrite(options_), whole) << part;
  }
}

TEST_F(EvaluationTest, ResumeMeasuresOnlyWhatIsMissing) {
  const std::string whole = RunAndWrite(options_);
  const std::string journal = Text("report/journal.jsonl");
  const auto at = journal.find("\"bytes\":");
  ASSERT_NE(at, std::string::npos);
  options_.resume = true;
  // A line that isn't whole is measured again.
  std::string damaged = journal;
  damaged[at] = '{';
  std::ofstream(root_ / "report" / "journal.jsonl") << damaged;
  EXPECT_EQ(RunAndWrite(options_), whole);
  // An entry is believed, so a changed one shows in the result.
  std::string changed = journal;
  changed[at + 8] = changed[at + 8] == '9' ? '8' : '9';
  std::ofstream(root_ / "report" / "journal.jsonl") << changed;
  EXPECT_NE(RunAndWrite(options_), whole);
}

TEST_F(EvaluationTest, AJournalOfAnotherRunIsRefused) {
  RunAndWrite(options_);
  options_.resume = true;
  options_.codecs = {"jpeg:progressive"};
  EXPECT_EQ(Code(options_), StatusCode::kInvalidArgument);
  options_.resume = false;
  EXPECT_EQ(Code(options_), StatusCode::kFileExists);
  options_.overwrite = true;
  EXPECT_EQ(Code(options_), StatusCode::kOk);
}

TEST_F(EvaluationTest, DamagedPictureIsARow) {
  std::ofstream(root_ / "pictures" / "torn.png") << "no picture";
  const auto e = Evaluate(options_, {});
  ASSERT_TRUE(e.ok()) << e.status().message();
  EXPECT_NE(e->FirstFailure().message().find("torn.png"), std::string::npos);
  const json r = json::parse(ResultsToJson(*e));
  EXPECT_TRUE(r.at("dataset").at("pictures").at(2).contains("error"));
  EXPECT_EQ(r.at("codecs").at(0).at("pictures").size(), 8u);
  EXPECT_EQ(r.at("codecs").at(0).at("points").at(0).at("failed"), 0);
  EXPECT_NE(PicturesToCsv(*e).find(",torn.png,"), std::string::npos);
}

TEST_F(EvaluationTest, FailingCodecsAreRows) {
  options_.codecs = {"jpeg", "ae:model=none",
                     "exec:name=bad;encode=false {in} {out} {q};decode=cp "
                     "{in} {out};quality=1,2,3,4"};
  const auto e = Evaluate(options_, {});
  ASSERT_TRUE(e.ok()) << e.status().message();
  const json r = json::parse(ResultsToJson(*e));
  EXPECT_TRUE(r.at("codecs").at(1).contains("error"));
  const json& bad = r.at("codecs").at(2);
  EXPECT_EQ(bad.at("points").at(0).at("failed"), 2);
  EXPECT_FALSE(bad.at("points").at(0).contains("bpp"));
  EXPECT_NE(bad.at("pictures").at(0).at("error").get<std::string>().find("exit code 1"),
            std::string::npos);
  EXPECT_TRUE(r.at("matched").at(0).at("files").at(1).contains("error"));
  for (const json& bd : r.at("bd")) EXPECT_TRUE(bd.contains("refused")) << bd;
}

TEST_F(EvaluationTest, FewerThanFourPointsSaySo) {
  options_.points = 3;
  const json r = json::parse(RunAndWrite(options_));
  ASSERT_EQ(r.at("bd").size(), 3u);
  EXPECT_NE(r.at("bd").at(0).at("refused").get<std::string>().find("at least four points"),
            std::string::npos);
}

TEST_F(EvaluationTest, WrongArguments) {
  EvaluationOptions o = options_;
  std::string message;
  o.codecs = {"jpegg"};
  EXPECT_EQ(Code(o, &message), StatusCode::kInvalidArgument);
  EXPECT_NE(message.find("known are"), std::string::npos);
  o = options_;
  o.codecs = {"jpeg", "jpeg"};
  EXPECT_EQ(Code(o), StatusCode::kInvalidArgument);
  o = options_;
  o.qualities = {20, 400};
  EXPECT_EQ(Code(o, &message), StatusCode::kInvalidArgument);
  EXPECT_NE(message.find("400 is out of range"), std::string::npos) << message;
  o = options_;
  o.pictures = {Out("empty")};
  fs::create_directories(Out("empty"));
  EXPECT_EQ(Code(o, &message), StatusCode::kInvalidArgument);
  EXPECT_NE(message.find("no PNG or JPEG"), std::string::npos);
  o.pictures = {Out("nowhere")};
  EXPECT_EQ(Code(o), StatusCode::kIo);
  o.pictures = {};
  EXPECT_EQ(Code(o, &message), StatusCode::kInvalidArgument);
  EXPECT_NE(message.find("no pictures; name PNG or JPEG files"), std::string::npos);
  o = options_;
  o.out = "";
  o.resume = true;
  EXPECT_EQ(Code(o, &message), StatusCode::kInvalidArgument);
  EXPECT_NE(message.find("give --out"), std::string::npos);
  o = options_;
  o.anchors = Out("none.json");
  EXPECT_EQ(Code(o), StatusCode::kIo);
  EXPECT_FALSE(fs::exists(options_.out)) << "nothing is made before everything is checked";
}

TEST_F(EvaluationTest, AnchorsAndWins) {
  options_.anchors = HALFMOON_ANCHORS;
  options_.codecs = {"jpeg:progressive,yuv=444", "jpeg:yuv=444"};
  options_.points = 5;
  options_.matched_bpp = 0;
  const json r = json::parse(RunAndWrite(options_));
  EXPECT_EQ(r.at("anchors").size(), 16u);
  EXPECT_EQ(r.at("anchors_dataset"), (json{{"name", "Kodak"}, {"fits", false}}));
  EXPECT_NE(r.at("notes").dump().find("belong to Kodak (24 pictures of 768x512), this data set has "
                                      "2 pictures"),
            std::string::npos)
      << r.at("notes");
  EXPECT_EQ(r.at("matched").size(), 0u);
  bool found = false;
  for (const json& bd : r.at("bd")) {
    if (bd.at("published") || bd.at("metric") != "psnr_rgb") continue;
    found = true;
    // The same pixels with other Huffman tables: more bytes at every quality.
    ASSERT_TRUE(bd.contains("bd_rate")) << bd;
    EXPECT_EQ(bd.at("anchor"), "jpeg:progressive,yuv=444");
    EXPECT_EQ(
        bd.at("per_picture").at("count").get<int>() + bd.at("per_picture").at("refused").get<int>(),
        2);
    EXPECT_EQ(bd.at("wins").get<int>() + bd.at("losses").get<int>(),
              bd.at("per_picture").at("count"));
  }
  EXPECT_TRUE(found);
}

// What the report is developed against obeys the same format.
TEST(ResultsExampleTest, HasTheKeysOfARealResult) {
  std::ifstream in(HALFMOON_EVAL_DATA "/results-example.json");
  const json r = json::parse(in);
  for (const char* key : {"format", "halfmoon", "command", "machine", "metrics", "dataset",
                          "codecs", "anchors", "bd", "matched", "notes"}) {
    EXPECT_TRUE(r.contains(key)) << key;
  }
  ASSERT_EQ(r.at("metrics").size(), metrics::kMetricCount);
  for (std::size_t i = 0; i < metrics::kMetricCount; ++i) {
    EXPECT_EQ(r.at("metrics").at(i).at("key"), std::string(metrics::kMetrics[i].key));
  }
}

}  // namespace
}  // namespace halfmoon::eval
