#include "tests/report/sample_report.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "codec/imageio/image_io.h"

namespace halfmoon::eval::testing {
namespace {

using Json = nlohmann::json;

constexpr std::uint32_t kWidth = 96, kHeight = 64;

// Waves of colour; `flatten` makes a codec's picture of it: fewer shades.
Image Waves(int seed, int flatten) {
  Image image = std::move(Image::Create(kWidth, kHeight, 3)).value();
  for (std::uint32_t y = 0; y < kHeight; ++y) {
    for (std::uint32_t x = 0; x < kWidth; ++x) {
      for (std::uint32_t c = 0; c < 3; ++c) {
        const double wave = std::sin(0.11 * x + 0.07 * y * (1 + c) + seed) * 110 + 128;
        image.row(y)[3 * x + c] =
            static_cast<std::uint8_t>(static_cast<int>(wave) / flatten * flatten);
      }
    }
  }
  return image;
}

void WritePicture(const std::string& path, int seed, int flatten) {
  const Image image = Waves(seed, flatten);
  const Status status = WriteImageFile(path, image.view(), {}, true);
  ASSERT_TRUE(status.ok()) << status.message();
}

Json Metrics(double psnr) {
  return {{"psnr_rgb", psnr},          {"psnr_y", psnr + 1},      {"ssim", 1 - 3 / psnr},
          {"ms_ssim", 1 - 1.5 / psnr}, {"ms_ssim_db", psnr - 16}, {"ssimulacra2", 3 * psnr - 50}};
}

// Five points, every picture at each of them, timed on the first picture with one and two threads.
Json Codec(const std::string& name, double psnr) {
  Json codec = {{"name", name},
                {"adapter", name.substr(0, name.find(':'))},
                {"description", "the codec " + name},
                {"version", "1.2"},
                {"points", Json::array()},
                {"pictures", Json::array()},
                {"timing", Json::array()}};
  for (int i = 0; i < 5; ++i) {
    const double bpp = 0.15 * std::pow(1.8, i), value = psnr + 2.5 * i;
    codec["points"].push_back({{"quality", 20 * i + 10},
                               {"bpp", bpp},
                               {"failed", 0},
                               {"bytes", 2000 + i},
                               {"metrics", Metrics(value)}});
    for (int picture = 0; picture < 2; ++picture) {
      codec["pictures"].push_back({{"picture", picture},
                                   {"point", i},
                                   {"bytes", 1000 + 500 * i},
                                   {"bpp", bpp},
                                   {"metrics", Metrics(value + picture)}});
    }
    for (const int threads : {1, 2}) {
      codec["timing"].push_back({{"picture", 0},
                                 {"point", i},
                                 {"threads", threads},
                                 {"encode_seconds", 0.01 * (i + 1) / threads},
                                 {"decode_seconds", 0.002 * (i + 1)},
                                 {"encode_memory_bytes", 5e6},
                                 {"decode_memory_bytes", 3e6}});
    }
  }
  return codec;
}

Json Bd(const std::string& anchor, const std::string& test, const std::string& metric,
        double rate) {
  return {{"anchor", anchor},
          {"test", test},
          {"published", false},
          {"metric", metric},
          {"method", "pchip"},
          {"bd_rate", rate},
          {"bd_metric", -rate / 20},
          {"wins", 2},
          {"losses", 0},
          {"overlap", {{"low", 27.0}, {"high", 36.0}, {"share", 0.9}}},
          {"per_picture",
           {{"count", 2},
            {"mean", rate},
            {"median", rate},
            {"stddev", 1.5},
            {"min", rate - 1},
            {"max", rate + 1},
            {"refused", 0},
            {"values", Json::array()}}}};
}

Json Matched(int picture) {
  auto file = [picture](const std::string& codec, const std::string& path) -> Json {
    return {{"codec", codec},         {"quality", 50},
            {"bytes", 384},           {"bpp", 0.5},
            {"metrics", Metrics(32)}, {"file", path + std::to_string(picture) + ".png"}};
  };
  Json jpeg = file("jpeg", "matched/jpeg-");
  jpeg["encoded"] = "matched/jpeg-" + std::to_string(picture) + ".jpg";
  return {
      {"picture", picture},
      {"target_bpp", 0.5},
      {"files", {jpeg, file("ae", "matched/ae-"), {{"codec", "torn"}, {"error", "no memory"}}}}};
}

Json Anchor(const std::string& name, double psnr) {
  Json points = Json::array();
  for (int i = 0; i < 6; ++i) {
    points.push_back(
        {{"bpp", 0.1 * std::pow(1.9, i)}, {"metrics", {{"psnr_rgb", psnr + 2.6 * i}}}});
  }
  return {{"name", name}, {"source", "a paper"}, {"points", points}};
}

Json MetricList() {
  return {{{"key", "psnr_rgb"}, {"name", "PSNR (RGB)"}, {"unit", "dB"}},
          {{"key", "psnr_y"}, {"name", "PSNR (Y)"}, {"unit", "dB"}},
          {{"key", "ssim"}, {"name", "SSIM"}, {"unit", ""}},
          {{"key", "ms_ssim"}, {"name", "MS-SSIM"}, {"unit", ""}},
          {{"key", "ms_ssim_db"}, {"name", "MS-SSIM"}, {"unit", "dB"}},
          {{"key", "ssimulacra2"}, {"name", "SSIMULACRA 2"}, {"unit", ""}}};
}

Json Results() {
  Json results = {{"format", "halfmoon-eval-1"},
                  {"halfmoon", "0.1.0"},
                  {"command", {"halfmoon", "eval"}},
                  {"machine", {{"cpu", "Test CPU"}, {"cores", 2}, {"memory_bytes", 1}}},
                  {"metrics", MetricList()},
                  {"codecs", {Codec("jpeg", 27), Codec("ae", 28), Codec("avif:speed=6", 29)}},
                  {"anchors", {Anchor("VTM", 29), Anchor("BPG", 28)}},
                  {"bd",
                   {Bd("jpeg", "ae", "psnr_rgb", -20), Bd("jpeg", "avif:speed=6", "psnr_rgb", -40),
                    Bd("jpeg", "ae", "ssimulacra2", -10)}},
                  {"timing", {{"pictures", {0}}, {"repeats", 3}, {"threads", {1, 2}}}}};
  results["dataset"] = {{"name", "sample"},
                        {"pictures",
                         {{{"name", "waves.png"},
                           {"width", kWidth},
                           {"height", kHeight},
                           {"file", "originals/0.png"}},
                          {{"name", kHostileName},
                           {"width", kWidth},
                           {"height", kHeight},
                           {"file", "originals/1.png"}},
                          {{"name", "torn.png"}, {"error", "cut off"}}}}};
  results["matched"] = Json::array({Matched(0), Matched(1)});
  results["bd"][1]["warning"] = "the curves share a short range";
  results["codecs"].push_back({{"name", "torn"},
                               {"adapter", "torn"},
                               {"error", "not built in"},
                               {"points", Json::array()},
                               {"pictures", Json::array()}});
  Json& rows = results["codecs"][2]["pictures"];
  rows[0] = {{"picture", 0}, {"point", 0}, {"error", "encoder gave up"}};
  results["codecs"][2]["points"][0]["failed"] = 1;
  return results;
}

}  // namespace

SampleReport::SampleReport() : results_(Results()) {
  folder_ = ::testing::TempDir() + "halfmoon-report-XXXXXX";
  EXPECT_NE(mkdtemp(folder_.data()), nullptr);
  for (const char* name : {"originals", "matched"}) std::filesystem::create_directory(Path(name));
  for (int i = 0; i < 2; ++i) {
    const std::string number = std::to_string(i);
    WritePicture(Path("originals/" + number + ".png"), i, 1);
    WritePicture(Path("matched/jpeg-" + number + ".png"), i, 1);
    WritePicture(Path("matched/jpeg-" + number + ".jpg"), i, 1);
    WritePicture(Path("matched/ae-" + number + ".png"), i, 32);
  }
  Save();
}

SampleReport::~SampleReport() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void SampleReport::Save() const { std::ofstream(Path("results.json")) << results_.dump(1); }

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace halfmoon::eval::testing
