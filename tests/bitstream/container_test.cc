#include "bitstream/container.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "bitstream/byte_io.h"
#include "bitstream/checksum.h"

namespace halfmoon::testing {
namespace {

using Bytes = std::vector<std::uint8_t>;

Header TypicalHeader() {
  Header header;
  header.model_id = 7;
  header.model_hash = {1, 2, 3, 4, 5, 6, 7, 8};
  header.width = 768;
  header.height = 512;
  header.quality = 20 * 256 + 128;
  return header;
}

const Bytes kPayload = {10, 20, 30, 40, 50};
const Chunk kLatents{kChunkLatents, kPayload};

Bytes TypicalFile() {
  const Chunk chunks[] = {kLatents, {kChunkExif, kPayload}};
  return Write(TypicalHeader(), chunks).value();
}

// Puts a right checksum behind a header that a test has changed.
void SealHeader(Bytes& file) {
  const std::uint32_t sum = Checksum32(std::span(file).first(kHeaderBytes - 4));
  for (std::size_t i = 0; i < 4; ++i) {
    file[kHeaderBytes - 4 + i] = static_cast<std::uint8_t>(sum >> (8 * i));
  }
}

Status ParseStatus(const Bytes& file, const Limits& limits = {}) {
  const Result<ParsedFile> parsed = Parse(file, limits);
  return parsed.ok() ? Status::Ok() : parsed.status();
}

TEST(Container, RoundTrip) {
  Header header = TypicalHeader();
  header.colour = Colour::kIcc;
  header.channels = 4;
  header.flags = 0x15;
  const Bytes empty;
  const ChunkType unknown("zzZz");
  const Chunk chunks[] = {
      {kChunkIcc, kPayload}, kLatents, {kChunkAlpha, empty}, {unknown, kPayload}};
  const Result<Bytes> file = Write(header, chunks);
  ASSERT_TRUE(file.ok()) << file.status().message();
  const Result<ParsedFile> parsed = Parse(*file);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  const Header& h = parsed->header;
  EXPECT_EQ(h.format_major, kFormatMajor);
  EXPECT_EQ(h.format_minor, kFormatMinorWithoutDensity);
  EXPECT_EQ(h.flags, 0x15);
  EXPECT_TRUE(h.dependent());
  EXPECT_EQ(h.bit_depth, 8);
  EXPECT_EQ(h.channels, 4);
  EXPECT_EQ(h.colour, Colour::kIcc);
  EXPECT_EQ(h.model_id, 7);
  EXPECT_EQ(h.model_hash, header.model_hash);
  EXPECT_EQ(h.width, 768u);
  EXPECT_EQ(h.height, 512u);
  EXPECT_EQ(h.quality, header.quality);
  EXPECT_EQ(h.tile_size, 0);
  EXPECT_EQ(h.chunk_count, 4);
  ASSERT_EQ(parsed->chunks.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(parsed->chunks[i].type, chunks[i].type);
    EXPECT_TRUE(std::ranges::equal(parsed->chunks[i].payload, chunks[i].payload));
  }
  ASSERT_NE(parsed->Find(unknown), nullptr);
  EXPECT_EQ(parsed->Find(kChunkXmp), nullptr);
  ASSERT_EQ(parsed->Latents().size(), 1u);
}

TEST(Container, OverheadIsAtMost48Bytes) {
  EXPECT_LE(Write(TypicalHeader(), std::span(&kLatents, 1)).value().size() - kPayload.size(), 48u);
  const Bytes large(2000000);
  const Chunk chunk{kChunkLatents, large};
  EXPECT_LE(Write(TypicalHeader(), std::span(&chunk, 1)).value().size() - large.size(), 49u);
}

TEST(Container, HeaderNeedsNoChunks) {
  const Bytes file = TypicalFile();
  const Result<Header> header = ParseHeader(std::span(file).first(kHeaderBytes));
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header->width, 768u);
}

// --- Damage
// ---------------------------------------------------------------------------------------

TEST(Container, EveryTruncationIsAnError) {
  const Bytes file = TypicalFile();
  for (std::size_t size = 0; size < file.size(); ++size) {
    const Bytes cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(ParseStatus(cut).code(),
              size == 0 ? StatusCode::kNotHalfmoon : StatusCode::kTruncated)
        << size;
  }
}

TEST(Container, EveryFlippedBitIsAnError) {
  const Bytes file = TypicalFile();
  for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
    Bytes damaged = file;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1u << (bit % 8)));
    const Status status = ParseStatus(damaged);
    EXPECT_FALSE(status.ok()) << bit;
    EXPECT_NE(status.code(), StatusCode::kInternal) << status.message();
  }
}

TEST(Container, TrailingBytesAreRefused) {
  Bytes file = TypicalFile();
  file.push_back(0);
  EXPECT_EQ(ParseStatus(file).code(), StatusCode::kCorrupt);
}

// --- Header fields
// ---------------------------------------------------------------------------------

struct FieldCase {
  const char* name;    // must occur in the message
  std::size_t offset;  // must occur in the message
  std::size_t bytes;
  std::uint64_t value;
  StatusCode code;
};

void PrintTo(const FieldCase& c, std::ostream* out) {
  *out << c.name << " = " << c.value << " is " << StatusCodeName(c.code);
}

class ContainerField : public ::testing::TestWithParam<FieldCase> {};

TEST_P(ContainerField, IllegalValueIsNamed) {
  const FieldCase& c = GetParam();
  Bytes file = TypicalFile();
  for (std::size_t i = 0; i < c.bytes; ++i) {
    file[c.offset + i] = static_cast<std::uint8_t>(c.value >> (8 * i));
  }
  SealHeader(file);
  for (const Status& status : {ParseHeader(file).status(), ParseStatus(file)}) {
    EXPECT_EQ(status.code(), c.code) << status.message();
    EXPECT_NE(status.message().find(c.name), std::string::npos) << status.message();
    EXPECT_NE(status.message().find(std::to_string(c.offset)), std::string::npos)
        << status.message();
    EXPECT_NE(status.message().find("; "), std::string::npos) << "no remedy: " << status.message();
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, ContainerField,
    ::testing::Values(FieldCase{"first bytes", 0, 1, 0x89, StatusCode::kNotHalfmoon},
                      FieldCase{"format major", 4, 1, 1, StatusCode::kUnsupportedVersion},
                      FieldCase{"format major", 4, 1, 255, StatusCode::kUnsupportedVersion},
                      FieldCase{"flags", 6, 1, 0x20, StatusCode::kUnsupportedFeature},
                      FieldCase{"flags", 6, 1, 0x80, StatusCode::kUnsupportedFeature},
                      FieldCase{"bit depth", 7, 1, 0, StatusCode::kCorrupt},
                      FieldCase{"bit depth", 7, 1, 7, StatusCode::kCorrupt},
                      FieldCase{"bit depth", 7, 1, 9, StatusCode::kUnsupportedFeature},
                      FieldCase{"bit depth", 7, 1, 15, StatusCode::kUnsupportedFeature},
                      FieldCase{"bit depth", 7, 1, 17, StatusCode::kCorrupt},
                      FieldCase{"channels", 8, 1, 0, StatusCode::kCorrupt},
                      FieldCase{"channels", 8, 1, 5, StatusCode::kCorrupt},
                      FieldCase{"colour", 9, 1, 2, StatusCode::kUnsupportedFeature},
                      FieldCase{"colour", 9, 1, 255, StatusCode::kUnsupportedFeature},
                      FieldCase{"model id", 10, 2, 0, StatusCode::kCorrupt},
                      FieldCase{"width", 20, 4, 0, StatusCode::kCorrupt},
                      FieldCase{"width", 20, 4, 65536, StatusCode::kLimitExceeded},
                      FieldCase{"width", 20, 4, 0xFFFFFFFF, StatusCode::kLimitExceeded},
                      FieldCase{"height", 24, 4, 0, StatusCode::kCorrupt},
                      FieldCase{"height", 24, 4, 65536, StatusCode::kLimitExceeded},
                      FieldCase{"Q", 28, 2, 16129, StatusCode::kCorrupt},
                      FieldCase{"Q", 28, 2, 65535, StatusCode::kCorrupt},
                      FieldCase{"tile size", 30, 2, 1, StatusCode::kCorrupt},
                      FieldCase{"tile size", 30, 2, 65, StatusCode::kCorrupt},
                      FieldCase{"tile size", 30, 2, 65535, StatusCode::kCorrupt},
                      FieldCase{"chunk count", 32, 2, 0, StatusCode::kCorrupt}));

TEST(Container, TooManyPixelsExceedTheLimit) {
  Header header = TypicalHeader();
  header.width = 65535;
  header.height = 65535;
  EXPECT_EQ(Write(header, std::span(&kLatents, 1)).status().code(), StatusCode::kLimitExceeded);
  Limits limits;
  limits.max_pixels = std::uint64_t{1} << 32;
  const Result<Bytes> file = Write(header, std::span(&kLatents, 1), limits);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(ParseStatus(*file).code(), StatusCode::kLimitExceeded);
  EXPECT_TRUE(ParseStatus(*file, limits).ok());
}

TEST(Container, HeaderChecksumIsNamed) {
  Bytes file = TypicalFile();
  file[34] ^= 1;
  EXPECT_EQ(ParseStatus(file).code(), StatusCode::kChecksumMismatch);
  EXPECT_NE(ParseStatus(file).message().find("offset 34"), std::string::npos);
}

TEST(Container, NewerMinorAndUnknownIgnorableFlagsAreRead) {
  Bytes file = TypicalFile();
  file[5] = 255;
  file[6] = 0x0F;
  SealHeader(file);
  const Result<ParsedFile> parsed = Parse(file);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ(parsed->header.format_minor, 255);
}

TEST(Container, NewerMajorIsReportedEvenForACutOffHeader) {
  EXPECT_EQ(ParseHeader(Bytes{0x8D, 'H', 'M', 'N', 3, 0}).status().code(),
            StatusCode::kUnsupportedVersion);
}

// --- Chunks
// ----------------------------------------------------------------------------------------

// A file of hand-made chunks; `count` in the header may lie.
Bytes Assemble(const Header& header, const std::vector<Bytes>& chunks, std::size_t count) {
  Bytes file = Write(TypicalHeader(), std::span(&kLatents, 1)).value();
  file.resize(kHeaderBytes);
  file[8] = header.channels;
  file[9] = static_cast<std::uint8_t>(header.colour);
  file[30] = static_cast<std::uint8_t>(header.tile_size & 0xFF);
  file[31] = static_cast<std::uint8_t>(header.tile_size >> 8);
  file[32] = static_cast<std::uint8_t>(count & 0xFF);
  file[33] = static_cast<std::uint8_t>(count >> 8);
  SealHeader(file);
  for (const Bytes& chunk : chunks) file.insert(file.end(), chunk.begin(), chunk.end());
  return file;
}

Bytes MakeChunk(std::string_view type, const Bytes& size, const Bytes& payload) {
  ByteWriter writer;
  for (const char c : type) writer.U8(static_cast<std::uint8_t>(c));
  writer.Bytes(size);
  writer.Bytes(payload);
  writer.U32(Checksum32(writer.view()));
  return std::move(writer).Take();
}

Bytes MakeChunk(std::string_view type) { return MakeChunk(type, {5}, kPayload); }

Status AssembledStatus(const std::vector<Bytes>& chunks, const Header& header = TypicalHeader()) {
  return ParseStatus(Assemble(header, chunks, chunks.size()));
}

TEST(ContainerChunks, HandMadeFilesAreRight) {
  EXPECT_TRUE(AssembledStatus({MakeChunk("LATT")}).ok());
  EXPECT_TRUE(AssembledStatus({MakeChunk("eXIF"), MakeChunk("LATT"), MakeChunk("abcd")}).ok());
}

TEST(ContainerChunks, UnknownCriticalChunkIsRefusedByName) {
  const Status status = AssembledStatus({MakeChunk("LATT"), MakeChunk("NEWs")});
  EXPECT_EQ(status.code(), StatusCode::kUnsupportedFeature);
  EXPECT_NE(status.message().find("NEWs"), std::string::npos) << status.message();
}

TEST(ContainerChunks, TypesAreLetters) {
  for (const char* type : {"LAT ", "lat1", "a\x80zz",
                           "\xE1"
                           "bcd",
                           "[abc", "a\0bc"}) {
    const std::string_view four(type, 4);
    EXPECT_EQ(AssembledStatus({MakeChunk("LATT"), MakeChunk(four)}).code(), StatusCode::kCorrupt);
  }
}

TEST(ContainerChunks, DuplicatesAreRefused) {
  EXPECT_EQ(AssembledStatus({MakeChunk("LATT"), MakeChunk("eXIF"), MakeChunk("eXIF")}).code(),
            StatusCode::kCorrupt);
  EXPECT_EQ(AssembledStatus({MakeChunk("abcd"), MakeChunk("LATT"), MakeChunk("abcd")}).code(),
            StatusCode::kCorrupt);
  EXPECT_EQ(AssembledStatus({MakeChunk("LATT"), MakeChunk("LATT")}).code(), StatusCode::kCorrupt);
}

TEST(ContainerChunks, MissingOrUnannouncedChunksAreRefused) {
  EXPECT_EQ(AssembledStatus({MakeChunk("eXIF")}).code(), StatusCode::kCorrupt);
  EXPECT_EQ(AssembledStatus({MakeChunk("LATT"), MakeChunk("ICCP")}).code(), StatusCode::kCorrupt);
  EXPECT_EQ(AssembledStatus({MakeChunk("LATT"), MakeChunk("ALPH")}).code(), StatusCode::kCorrupt);
  Header header = TypicalHeader();
  header.colour = Colour::kIcc;
  EXPECT_EQ(AssembledStatus({MakeChunk("LATT")}, header).code(), StatusCode::kCorrupt);
  EXPECT_TRUE(AssembledStatus({MakeChunk("LATT"), MakeChunk("ICCP")}, header).ok());
  header.colour = Colour::kSrgb;
  for (const std::uint8_t channels : {std::uint8_t{2}, std::uint8_t{4}}) {
    header.channels = channels;
    EXPECT_EQ(AssembledStatus({MakeChunk("LATT")}, header).code(), StatusCode::kCorrupt);
    EXPECT_TRUE(AssembledStatus({MakeChunk("LATT"), MakeChunk("ALPH")}, header).ok());
    EXPECT_EQ(
        AssembledStatus({MakeChunk("LATT"), MakeChunk("ALPH"), MakeChunk("ALPH")}, header).code(),
        StatusCode::kCorrupt);
  }
}

TEST(ContainerChunks, EveryTileHasItsAlpha) {
  Header header = TypicalHeader();
  header.channels = 4;
  header.bit_depth = 16;
  header.tile_size = 64;
  header.width = 128;
  header.height = 64;
  const Bytes a = {1}, b = {2, 2};
  const Chunk chunks[] = {
      {kChunkLatents, b}, {kChunkAlpha, a}, {kChunkLatents, a}, {kChunkAlpha, b}};
  const Result<Bytes> file = Write(header, chunks);
  ASSERT_TRUE(file.ok()) << file.status().message();
  const Result<ParsedFile> parsed = Parse(*file);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ(parsed->header.bit_depth, 16);
  ASSERT_EQ(parsed->Alphas().size(), 2u);
  EXPECT_EQ(parsed->Alphas()[1].size(), 2u);
  EXPECT_EQ(parsed->Latents()[0].size(), 2u);
  EXPECT_FALSE(Write(header, std::span(chunks).first(3)).ok());
}

TEST(ContainerChunks, CountMustBeRight) {
  const std::vector<Bytes> two = {MakeChunk("LATT"), MakeChunk("eXIF")};
  EXPECT_EQ(ParseStatus(Assemble(TypicalHeader(), two, 1)).code(), StatusCode::kCorrupt);
  EXPECT_EQ(ParseStatus(Assemble(TypicalHeader(), two, 3)).code(), StatusCode::kTruncated);
  EXPECT_EQ(ParseStatus(Assemble(TypicalHeader(), two, 65535)).code(), StatusCode::kTruncated);
}

TEST(ContainerChunks, SizesAreShortestVarints) {
  EXPECT_EQ(AssembledStatus({MakeChunk("LATT", {0x85, 0x00}, kPayload)}).code(),
            StatusCode::kCorrupt);
  EXPECT_EQ(AssembledStatus({MakeChunk("LATT", {0xFF, 0xFF, 0xFF, 0xFF, 0x7F}, kPayload)}).code(),
            StatusCode::kCorrupt);
  EXPECT_EQ(AssembledStatus({MakeChunk("LATT", {0xFF, 0xFF, 0xFF, 0xFF, 0x0F}, kPayload)}).code(),
            StatusCode::kTruncated);
}

TEST(ContainerChunks, ChecksumIsNamed) {
  Bytes chunk = MakeChunk("LATT");
  chunk[6] ^= 1;
  const Status status = AssembledStatus({chunk});
  EXPECT_EQ(status.code(), StatusCode::kChecksumMismatch);
  EXPECT_NE(status.message().find("LATT at offset 38"), std::string::npos) << status.message();
}

TEST(ContainerChunks, ChunkLimit) {
  const Bytes file = Assemble(TypicalHeader(), {MakeChunk("LATT"), MakeChunk("eXIF")}, 2);
  Limits limits;
  limits.max_chunks = 1;
  EXPECT_EQ(ParseStatus(file, limits).code(), StatusCode::kLimitExceeded);
}

// --- Tiles
// -----------------------------------------------------------------------------------------

TEST(ContainerTiles, OneStreamPerTileInOrder) {
  Header header = TypicalHeader();  // 768 x 512
  header.tile_size = 320;           // 3 x 2 tiles
  ASSERT_EQ(header.tile_columns(), 3u);
  ASSERT_EQ(header.tile_rows(), 2u);
  std::vector<Bytes> payloads;
  for (std::uint8_t i = 0; i < 6; ++i) payloads.push_back({i});
  std::vector<Chunk> chunks;
  for (const Bytes& payload : payloads) chunks.push_back({kChunkLatents, payload});
  const Result<Bytes> file = Write(header, chunks);
  ASSERT_TRUE(file.ok()) << file.status().message();
  const Result<ParsedFile> parsed = Parse(*file);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  const auto streams = parsed->Latents();
  ASSERT_EQ(streams.size(), 6u);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(streams[i][0], i);

  chunks.pop_back();
  EXPECT_EQ(Write(header, chunks).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(ParseStatus(Assemble(header, std::vector<Bytes>(5, MakeChunk("LATT")), 5)).code(),
            StatusCode::kCorrupt);
}

TEST(ContainerTiles, GridRoundsUp) {
  Header header = TypicalHeader();
  header.tile_size = 64;
  header.width = 65;
  header.height = 64;
  EXPECT_EQ(header.tile_count(), 2u);
  header.tile_size = 0;
  EXPECT_EQ(header.tile_count(), 1u);
}

// --- Writing
// ---------------------------------------------------------------------------------------

TEST(ContainerWrite, RefusesWhatParseWouldRefuse) {
  const auto code = [](auto change, std::vector<Chunk> chunks = {kLatents}) {
    Header header = TypicalHeader();
    change(header);
    const Result<Bytes> file = Write(header, chunks);
    return file.ok() ? StatusCode::kOk : file.status().code();
  };
  constexpr StatusCode kBad = StatusCode::kInvalidArgument;
  const auto nothing = [](Header&) {};
  EXPECT_EQ(code(nothing), StatusCode::kOk);
  EXPECT_EQ(code([](Header& h) { h.model_id = 0; }), kBad);
  EXPECT_EQ(code([](Header& h) { h.width = 0; }), kBad);
  EXPECT_EQ(code([](Header& h) { h.height = 0; }), kBad);
  EXPECT_EQ(code([](Header& h) { h.width = 65536; }), StatusCode::kLimitExceeded);
  EXPECT_EQ(code([](Header& h) { h.quality = kMaxQuality + 1; }), kBad);
  EXPECT_EQ(code([](Header& h) { h.tile_size = 63; }), kBad);
  EXPECT_EQ(code([](Header& h) { h.channels = 0; }), kBad);
  EXPECT_EQ(code([](Header& h) { h.bit_depth = 1; }), kBad);
  EXPECT_EQ(code([](Header& h) { h.bit_depth = 12; }), StatusCode::kUnsupportedFeature);
  EXPECT_EQ(code([](Header& h) { h.flags = 0x20; }), StatusCode::kUnsupportedFeature);
  EXPECT_EQ(code([](Header& h) { h.colour = Colour::kIcc; }), kBad);
  EXPECT_EQ(code(nothing, {}), kBad);
  EXPECT_EQ(code(nothing, {kLatents, kLatents}), kBad);
  EXPECT_EQ(code(nothing, {kLatents, {ChunkType("ab d"), kPayload}}), kBad);
  EXPECT_EQ(code(nothing, {kLatents, {ChunkType("NEWs"), kPayload}}),
            StatusCode::kUnsupportedFeature);
}

TEST(ContainerWrite, ChunkNames) {
  EXPECT_EQ(kChunkLatents.Name(), "LATT");
  EXPECT_TRUE(kChunkLatents.critical());
  EXPECT_TRUE(kChunkIcc.critical());
  EXPECT_TRUE(kChunkAlpha.critical());
  EXPECT_FALSE(kChunkExif.critical());
  EXPECT_FALSE(kChunkXmp.critical());
  EXPECT_EQ(ChunkType(0x00204142u).Name(), "0x00204142");
}

}  // namespace
}  // namespace halfmoon::testing
