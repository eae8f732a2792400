// Bytes and PSNR of a few pictures with the shipped models, to the byte: encoders and decoders are
// the same everywhere, so any change is a change of ours and a diff to be looked at. To renew:
// HALFMOON_RENEW_RATES=1 build/release/tests/codec/rate_regression_test
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "codec/metrics/metrics.h"
#include "models/training/data/moon_renderer.h"
#include "tests/codec/test_pictures.h"

namespace halfmoon {
namespace {

using namespace halfmoon::testing;  // NOLINT: helpers of this folder

constexpr char kFile[] = HALFMOON_GOLDEN_DIR "/rates.json";

// Twelve moons of the half-moon experiment in a sky that is not quite black.
Image Moons() {
  Image image = *Image::Create(256, 192, 1);
  for (std::uint32_t i = 0; i < 12; ++i) {
    training::Moon moon;
    moon.lit = (i + 0.5) / 12;
    moon.tilt = 0.1 * i;
    const std::vector<std::uint8_t> samples = training::RenderMoon(moon);
    for (std::uint32_t y = 0; y < 64; ++y) {
      for (std::uint32_t x = 0; x < 64; ++x) {
        const int v = samples[y * 64 + x] + static_cast<int>(x / 16);
        image.row(i / 4 * 64 + y)[i % 4 * 64 + x] = static_cast<std::uint8_t>(std::min(v, 255));
      }
    }
  }
  return image;
}

TEST(RateRegression, BytesAndPsnrAreThoseOnRecord) {
  if (!std::filesystem::exists(HALFMOON_WEIGHTS_DIR "/manifest.json"))
    GTEST_SKIP() << "no shipped weights";
  std::vector<std::pair<const char*, Image>> pictures;
  pictures.emplace_back("scene", MakePicture(320, 200, 3, Kind::kScene));
  pictures.emplace_back("moons", Moons());
  pictures.emplace_back("noise", MakePicture(100, 75, 3, Kind::kNoise));
  nlohmann::ordered_json found = nlohmann::ordered_json::array();
  for (const char* model : {"ae-photo", "ae-photo-ms-ssim", "vqvae"}) {
    EncodeOptions e;
    e.model = model;
    e.models_dir = HALFMOON_WEIGHTS_DIR;
    auto encoder = Encoder::Create(e);
    ASSERT_TRUE(encoder.ok()) << encoder.status().message();
    DecodeOptions d;
    d.models_dir = HALFMOON_WEIGHTS_DIR;
    auto decoder = Decoder::Create(d);
    ASSERT_TRUE(decoder.ok());
    for (const auto& [name, picture] : pictures) {
      for (const double quality : {10.0, 50.0, 90.0}) {
        const auto file = encoder->Encode(picture.view(), quality);
        ASSERT_TRUE(file.ok()) << file.status().message();
        const auto decoded = decoder->Decode(*file);
        ASSERT_TRUE(decoded.ok()) << decoded.status().message();
        const double psnr = *metrics::Psnr(picture.view(), decoded->view());
        found.push_back({{"model", model},
                         {"picture", name},
                         {"quality", quality},
                         {"bytes", file->size()},
                         {"psnr", std::round(psnr * 1e6) / 1e6}});
      }
    }
  }
  if (std::getenv("HALFMOON_RENEW_RATES") != nullptr) {
    std::ofstream out(kFile);
    out << "[\n";
    for (std::size_t i = 0; i < found.size(); ++i) {
      out << " " << found[i].dump() << (i + 1 < found.size() ? ",\n" : "\n");
    }
    out << "]\n";
    GTEST_SKIP() << "wrote " << kFile;
  }
  const auto expected = nlohmann::ordered_json::parse(std::ifstream(kFile));
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i], expected[i]);
}

}  // namespace
}  // namespace halfmoon
