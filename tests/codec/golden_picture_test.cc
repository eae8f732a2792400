// A committed file of the tiny committed model: old files decode to the same symbols for ever, and
// to the same pixels within one level.
#include <gtest/gtest.h>

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
    const int difference = MaxDifference(*expected, *image);
    EXPECT_GE(difference, 0);
    EXPECT_LE(difference, 1);
  }
}

}  // namespace
}  // namespace halfmoon
