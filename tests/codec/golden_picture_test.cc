// Committed files of the tiny committed model: they decode to the same symbols and pixels for ever,
// on every machine.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "codec/imageio/image_io.h"
#include "codec/io/read_file.h"
#include "tests/codec/test_pictures.h"

namespace halfmoon {
namespace {

using namespace halfmoon::testing;  // NOLINT: helpers of this folder

TEST(GoldenPictureTest, DecodesAsWhenItWasMade) {
  const std::string dir = HALFMOON_GOLDEN_DIR "/picture/";
  const nlohmann::json manifest = nlohmann::json::parse(std::ifstream(dir + "manifest.json"));
  auto decoder = Decoder::Create(TinyDecode());
  ASSERT_TRUE(decoder.ok()) << decoder.status().message();
  ASSERT_GE(manifest.size(), 2u);
  for (const auto& entry : manifest) {
    const std::string name = entry.at("file");
    SCOPED_TRACE(name);
    const auto file = ReadFile(dir + name);
    ASSERT_TRUE(file.ok());
    EXPECT_EQ(file->size(), entry.at("bytes").get<std::size_t>());
    DecodeStats stats;
    const auto image = decoder->Decode(*file, &stats);
    ASSERT_TRUE(image.ok()) << image.status().message();
    char hash[17];
    std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(stats.symbol_hash));
    EXPECT_EQ(entry.at("symbols").get<std::string>(), hash);
    const auto expected = ReadImageFile(dir + entry.at("pixels").get<std::string>());
    ASSERT_TRUE(expected.ok()) << expected.status().message();
    ASSERT_EQ(expected->shape(), image->shape());
    EXPECT_TRUE(std::ranges::equal(expected->samples(), image->samples()));
  }
}

// A file that format 0.1 wrote, of the same picture as scene_q30.
TEST(GoldenPictureTest, FilesOfFormat01AreStillRead) {
  const std::string dir = HALFMOON_GOLDEN_DIR "/picture/";
  const auto old_file = ReadFile(dir + "format_0_1.hmn");
  const auto new_file = ReadFile(dir + "scene_q30.hmn");
  ASSERT_TRUE(old_file.ok() && new_file.ok());
  EXPECT_EQ(ReadInfo(*old_file)->format_minor, 1);
  EXPECT_EQ(ReadInfo(*new_file)->format_minor, 3);
  auto decoder = Decoder::Create(TinyDecode());
  ASSERT_TRUE(decoder.ok());
  const auto a = decoder->Decode(*old_file), b = decoder->Decode(*new_file);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(MaxDifference(*a, *b), 0);
}

}  // namespace
}  // namespace halfmoon
