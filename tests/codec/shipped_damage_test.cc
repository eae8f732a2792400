// Damaged files of every shipped model that codes pictures: a clean error each time.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <ostream>

#ifdef HALFMOON_HAS_NETWORKS
#include "codec/store/network_table.h"
#endif
#include "models/runtime/weights/manifest.h"
#include "tests/codec/random_edits.h"
#include "tests/codec/test_pictures.h"

namespace halfmoon {
namespace {

using namespace halfmoon::testing;  // NOLINT: helpers of this folder
using Bytes = std::vector<std::uint8_t>;

struct Subject {
  const char* model;
  std::uint32_t side, channels;  // of the picture
  bool networks = false;         // needs LibTorch
};
void PrintTo(const Subject& s, std::ostream* out) { *out << s.model; }  // in the names of tests

class ShippedDamage : public ::testing::TestWithParam<Subject> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(HALFMOON_WEIGHTS_DIR "/manifest.json"))
      GTEST_SKIP() << "no shipped weights";
    const Subject& s = GetParam();
#ifdef HALFMOON_HAS_NETWORKS
    UseNetworkModels(&LinkedNetworkModels());
#else
    if (s.networks) GTEST_SKIP() << s.model << " needs LibTorch, which this build has not";
#endif
    EncodeOptions e;
    e.model = s.model;
    e.models_dir = HALFMOON_WEIGHTS_DIR;
    e.quality = 30;
    auto encoder = Encoder::Create(e);
    ASSERT_TRUE(encoder.ok()) << encoder.status().message();
    auto file = encoder->Encode(MakePicture(s.side, s.side, s.channels, Kind::kScene).view());
    ASSERT_TRUE(file.ok()) << file.status().message();
    file_ = std::move(*file);
    options_.models_dir = HALFMOON_WEIGHTS_DIR;
    options_.threads = 1;
    auto decoder = Decoder::Create(options_);
    ASSERT_TRUE(decoder.ok());
    decoder_ = std::make_unique<Decoder>(std::move(*decoder));
    ASSERT_TRUE(decoder_->Decode(file_).ok());
  }
  void ExpectRefused(std::span<const std::uint8_t> file, const std::string& what) {
    const Status status = decoder_->Decode(file).status();
    EXPECT_FALSE(status.ok()) << what;
    EXPECT_NE(status.code(), StatusCode::kInternal) << what << ": " << status.message();
  }

  Bytes file_;
  DecodeOptions options_;
  std::unique_ptr<Decoder> decoder_;
};

TEST_P(ShippedDamage, EveryTruncationAndEveryFlipIsRefused) {
  for (std::size_t n = 0; n < file_.size(); ++n) {
    ExpectRefused(std::span(file_).first(n), "first " + std::to_string(n));
  }
  for (std::size_t i = 0; i < file_.size(); ++i) {
    for (const int flip : {0x01, 0x80, 0xFF}) {
      Bytes damaged = file_;
      damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ flip);
      ExpectRefused(damaged, "byte " + std::to_string(i) + " ^ " + std::to_string(flip));
    }
  }
}

TEST_P(ShippedDamage, RandomEditsNeverCrashHangOrBlameUs) {
  RandomEdits edits;
  edits.first_width = GetParam().side + 1;  // models of one size refuse it, the others decode it
  EXPECT_GT(DecodeEdited(file_, options_, edits), 3000u);
}

constexpr Subject kSubjects[] = {
    {"ae-photo", 64, 3},         {"ae-photo-ms-ssim", 64, 3},  {"vqvae", 64, 3},
    {"vae-moons", 64, 1, true},  {"vae-fashion", 28, 1, true}, {"vae-emoji", 64, 3, true},
    {"ae-fashion", 28, 1, true}, {"vqvae-emoji", 64, 3, true}, {"vqvae-fashion", 28, 1, true}};

INSTANTIATE_TEST_SUITE_P(Models, ShippedDamage, ::testing::ValuesIn(kSubjects),
                         [](const auto& subject) {
                           std::string name = subject.param.model;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// A model that codes pictures and isn't here would go untested.
TEST(ShippedModels, AreAllAmongTheDamaged) {
  const auto manifest = runtime::Manifest::Load(HALFMOON_WEIGHTS_DIR);
  if (!manifest.ok()) GTEST_SKIP() << "no shipped weights";
  for (const runtime::ModelEntry& m : manifest->entries()) {
    const bool codes = m.architecture != "classifier" && m.architecture != "index-transformer";
    const bool tested = std::any_of(std::begin(kSubjects), std::end(kSubjects),
                                    [&](const Subject& s) { return m.name == s.model; });
    EXPECT_EQ(codes, tested) << m.name;
  }
}

}  // namespace
}  // namespace halfmoon
