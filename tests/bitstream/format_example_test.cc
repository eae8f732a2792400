// The worked example of bitstream/FORMAT.md, made by the code, so that the text cannot rot.
// HALFMOON_REGENERATE_GOLDEN=1 writes it into FORMAT.md anew.
#include <gtest/gtest.h>

#include <sstream>

#include "bitstream/byte_io.h"
#include "bitstream/container.h"
#include "bitstream/latent_coder.h"
#include "tests/bitstream/golden_util.h"
#include "tests/bitstream/reference_decoder.h"

namespace halfmoon::testing {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::string HexBytes(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    if (!text.empty()) text += ' ';
    text += "0123456789ABCDEF"[byte >> 4];
    text += "0123456789ABCDEF"[byte & 15];
  }
  return text;
}

class Annotator {
 public:
  explicit Annotator(std::span<const std::uint8_t> file) : reader_(file) {}
  void Line(std::size_t bytes, const std::string& meaning) {
    std::string offset = std::to_string(reader_.position());
    offset.insert(0, 4 - offset.size(), ' ');
    std::string hex = HexBytes(reader_.Bytes(bytes));
    hex.resize(std::max<std::size_t>(hex.size(), 24), ' ');
    text_ += offset + "  " + hex + "  " + meaning + "\n";
  }
  bool complete() const { return reader_.ok() && reader_.remaining() == 0; }
  const std::string& text() const { return text_; }

 private:
  ByteReader reader_;
  std::string text_;
};

std::string Example() {
  const std::vector<std::int32_t> sizes = {4, 2}, offsets = {-1, 0};
  const std::vector<std::int32_t> frequencies = {16384, 32768, 16128, 256, 65024, 512};
  const Bytes indexes = {0, 0, 0, 1, 0, 1, 0, 0};
  const std::vector<std::int32_t> symbols = {0, 1, -1, 0, 5, -2, 0, 0};
  const CdfTables tables = CdfTables::Create(sizes, offsets, frequencies).value();
  LatentEncoder encoder(tables);
  encoder.Append(indexes, symbols);
  const Bytes stream = encoder.Finish().value();
  EXPECT_EQ(ReferenceDecoder::Decode(tables, stream, indexes), symbols);

  Header header;
  header.model_id = 1;
  header.model_hash = {0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF};
  header.width = 768;
  header.height = 512;
  header.quality = 20 * 256 + 128;
  const Bytes note = {'h', 'i'};
  const Chunk chunks[] = {{kChunkLatents, stream}, {ChunkType("nOTE"), note}};
  const Bytes file = Write(header, chunks).value();

  Annotator a(file);
  a.Line(4, "magic");
  a.Line(1, "format major 0");
  a.Line(1, "format minor 3");
  a.Line(1, "flags");
  a.Line(1, "bit depth 8");
  a.Line(1, "channels 3: RGB");
  a.Line(1, "colour 0: sRGB");
  a.Line(2, "model id 1");
  a.Line(8, "model hash");
  a.Line(4, "width 768");
  a.Line(4, "height 512");
  a.Line(2, "Q 5248: quality level 20.5");
  a.Line(2, "tile size 0: one tile");
  a.Line(2, "2 chunks");
  a.Line(4, "checksum of the 34 bytes before it");
  a.Line(4, "chunk LATT");
  a.Line(1, "size " + std::to_string(stream.size()));
  const std::size_t state_bytes = 4 + (stream[0] & 3u);
  a.Line(1, "stream: lengths; lane 0 has " + std::to_string(state_bytes) + " state bytes");
  a.Line(state_bytes, "stream: v of lane 0");
  for (std::size_t at = 1 + state_bytes; at < stream.size(); at += 4) a.Line(4, "stream: word");
  a.Line(4, "checksum of the chunk's bytes before it");
  a.Line(4, "chunk nOTE, unknown and optional: skipped");
  a.Line(1, "size 2");
  a.Line(2, "payload");
  a.Line(4, "checksum");
  EXPECT_TRUE(a.complete());
  return a.text();
}

TEST(Format, WorkedExampleIsWhatTheCodeWrites) {
  const std::string path = HALFMOON_SOURCE_DIR "/bitstream/FORMAT.md";
  const Bytes bytes = ReadFile(path);
  const std::string text(bytes.begin(), bytes.end());
  const std::string begin = "<!-- example: made by format_example_test -->\n```\n";
  const std::string end = "```\n<!-- end of example -->\n";
  const std::size_t from = text.find(begin);
  const std::size_t to = text.find(end);
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  const std::size_t body = from + begin.size();
  const std::string example = Example();
  if (Regenerate()) {
    const std::string renewed = text.substr(0, body) + example + text.substr(to);
    WriteFile(path, Bytes(renewed.begin(), renewed.end()));
    return;
  }
  EXPECT_EQ(text.substr(body, to - body), example)
      << "FORMAT.md shows another file; run with HALFMOON_REGENERATE_GOLDEN=1 and review the diff";
}

std::string PageText(const std::string& name) {
  const Bytes bytes = ReadFile(HALFMOON_SOURCE_DIR "/bitstream/" + name);
  return {bytes.begin(), bytes.end()};
}

// The version that both pages name first, and FORMAT.md last, is the code's.
TEST(Format, VersionIsTheCodes) {
  const std::string version = std::to_string(kFormatMajor) + "." + std::to_string(kFormatMinor);
  EXPECT_NE(PageText("MODELS.md").find("\n\nVersion " + version + ", that of"), std::string::npos)
      << version;
  const std::string text = PageText("FORMAT.md");
  EXPECT_NE(text.find("\n\nVersion " + version + ". "), std::string::npos) << version;
  // The last row of the table at the end.
  const std::size_t row = text.rfind("\n| ");
  ASSERT_NE(row, std::string::npos);
  EXPECT_EQ(text.substr(row, 3 + version.size() + 2), "\n| " + version + " |");
  EXPECT_NE(
      text.find("Format_Minor | any; written: the lowest version that has what the file uses: " +
                std::to_string(kFormatMinor) + " with chunk `NETW`, else " +
                std::to_string(kFormatMinorOfDensity) + " with chunk `dENS`, else " +
                std::to_string(kFormatMinorWithoutDensity)),
      std::string::npos);
}

// The numbers that FORMAT.md quotes.
TEST(Format, QuotedConstants) {
  EXPECT_EQ(kHeaderBytes, 38u);
  EXPECT_EQ(kMaxQuality, 16128);
  EXPECT_EQ(kTileUnit, 64);
  EXPECT_EQ(kMaxSymbolMagnitude, 1048576);
  EXPECT_EQ(kMaxEscapePrefix, 22);
  EXPECT_EQ(kMaxTables, 256u);
  EXPECT_EQ(kMaxTableEntries, 1048576u);
  EXPECT_EQ(rans::kLowerBound, 2147483648u);
  EXPECT_EQ(Limits{}.max_dimension, 65535u);
  EXPECT_EQ(Limits{}.max_pixels, 268435456u);
  EXPECT_EQ(Limits{}.max_metadata_bytes, 67108864u);
  EXPECT_EQ(Limits{}.max_chunks, 65535u);
}

}  // namespace
}  // namespace halfmoon::testing
