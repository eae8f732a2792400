// Golden files: what earlier builds wrote must be read, and what is written must not change
// unnoticed.
//
//   bitstream_golden_test --regenerate     (or HALFMOON_REGENERATE_GOLDEN=1)
// writes tests/golden/{container,entropy}/ anew; the diff is then part of the review. See the
// manifests there.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <sstream>

#include "bitstream/alpha_plane.h"
#include "bitstream/byte_io.h"
#include "bitstream/checksum.h"
#include "bitstream/container.h"
#include "bitstream/latent_coder.h"
#include "bitstream/metadata.h"
#include "tests/bitstream/gaussian_tables.h"
#include "tests/bitstream/golden_util.h"

namespace halfmoon::testing {
namespace {

using Bytes = std::vector<std::uint8_t>;

// --- Containers
// ------------------------------------------------------------------------------------

struct ContainerCase {
  const char* name;
  const char* about;
  StatusCode expected;  // of Parse
  bool exact;           // are the bytes free of zstd, whose output changes with its version?
  std::function<Bytes()> make;
};

Header SmallHeader() {
  Header header;
  header.model_id = 1;
  header.model_hash = {0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7};
  header.width = 17;
  header.height = 9;
  header.quality = 32 * 256;
  return header;
}

Bytes MakeFile(Header header, const std::vector<std::pair<ChunkType, Bytes>>& payloads) {
  std::vector<Chunk> chunks;
  for (const auto& [type, payload] : payloads) chunks.push_back({type, payload});
  return Write(header, chunks).value();
}

Bytes Ascii(const std::string& text) { return Bytes(text.begin(), text.end()); }

Bytes Minimal() { return MakeFile(SmallHeader(), {{kChunkLatents, {0, 0, 0, 0, 0x80}}}); }

// Overwrites one byte and repairs the header's checksum.
Bytes Patched(Bytes file, std::size_t offset, std::uint8_t value) {
  file[offset] = value;
  const std::uint32_t sum = Checksum32(std::span(file).first(34));
  for (std::size_t i = 0; i < 4; ++i) file[34 + i] = static_cast<std::uint8_t>(sum >> (8 * i));
  return file;
}

std::vector<ContainerCase> ContainerCases() {
  return {
      {"minimal", "one tile, no metadata", StatusCode::kOk, true, Minimal},
      {"tiles", "2 x 2 tiles of 64", StatusCode::kOk, true,
       [] {
         Header header = SmallHeader();
         header.width = 65;
         header.height = 128;
         header.tile_size = 64;
         return MakeFile(header, {{kChunkLatents, {1}},
                                  {kChunkLatents, {2, 2}},
                                  {kChunkLatents, {3, 3, 3}},
                                  {kChunkLatents, {4, 4, 4, 4}}});
       }},
      {"alpha", "2 x 1 tiles of 64, 16 bit, RGB with alpha", StatusCode::kOk, false,
       [] {
         Header header = SmallHeader();
         header.width = 66;
         header.height = 2;
         header.tile_size = 64;
         header.bit_depth = 16;
         header.channels = 4;
         const Bytes left(64 * 2 * 2, 0xFF), right = {0x12, 0x34, 0x12, 0x35, 0, 0, 0xFF, 0xFF};
         return MakeFile(header, {{kChunkLatents, {1}},
                                  {kChunkAlpha, EncodeAlpha(left, 64, 2, 2).value()},
                                  {kChunkLatents, {2, 2}},
                                  {kChunkAlpha, EncodeAlpha(right, 2, 2, 2).value()}});
       }},
      {"metadata", "ICC, EXIF, XMP, each text saying so", StatusCode::kOk, false,
       [] {
         Header header = SmallHeader();
         header.colour = Colour::kIcc;
         return MakeFile(header, {{kChunkIcc, CompressMetadata(Ascii("this is ICCP")).value()},
                                  {kChunkLatents, {0, 0, 0, 0, 0x80}},
                                  {kChunkExif, CompressMetadata(Ascii("this is eXIF")).value()},
                                  {kChunkXmp, CompressMetadata(Ascii("this is xMPP")).value()}});
       }},
      {"density", "300 x 150 pixels per inch; format 0.4", StatusCode::kOk, true,
       [] {
         return MakeFile(SmallHeader(), {{kChunkDensity, WriteDensity({1, 300, 150}).value()},
                                         {kChunkLatents, {0, 0, 0, 0, 0x80}}});
       }},
      {"unknown_optional", "a chunk of the future that may be skipped", StatusCode::kOk, true,
       [] {
         return MakeFile(SmallHeader(),
                         {{kChunkLatents, {0, 0, 0, 0, 0x80}}, {ChunkType("fUTR"), {1, 2, 3}}});
       }},
      {"newer_minor", "format 0.200", StatusCode::kOk, true,
       [] { return Patched(Minimal(), 5, 200); }},
      {"newer_major", "format 1.1", StatusCode::kUnsupportedVersion, true,
       [] { return Patched(Minimal(), 4, 1); }},
      {"critical_flag", "flag bit 7 set", StatusCode::kUnsupportedFeature, true,
       [] { return Patched(Minimal(), 6, 0x80); }},
      {"width_zero", "width 0", StatusCode::kCorrupt, true,
       [] { return Patched(Minimal(), 20, 0); }},
      {"header_damaged", "one bit of the height flipped", StatusCode::kChecksumMismatch, true,
       [] {
         Bytes file = Minimal();
         file[24] ^= 1;
         return file;
       }},
      {"payload_damaged", "one bit of the latent stream flipped", StatusCode::kChecksumMismatch,
       true,
       [] {
         Bytes file = Minimal();
         file[45] ^= 1;
         return file;
       }},
      {"cut_off", "last byte missing", StatusCode::kTruncated, true,
       [] {
         Bytes file = Minimal();
         file.pop_back();
         return file;
       }},
      {"trailing", "one byte too many", StatusCode::kCorrupt, true,
       [] {
         Bytes file = Minimal();
         file.push_back(0);
         return file;
       }},
      {"not_halfmoon", "a PNG signature", StatusCode::kNotHalfmoon, true,
       [] { return Bytes{0x89, 'P', 'N', 'G', 13, 10, 26, 10}; }},
  };
}

std::string ContainerManifest() {
  std::ostringstream text;
  text << "# name | status of Parse | written byte for byte | what it tests\n"
          "# Made and compared by bitstream_golden_test; --regenerate writes them anew.\n";
  for (const ContainerCase& c : ContainerCases()) {
    text << c.name << ".hmn | " << StatusCodeName(c.expected) << " | " << (c.exact ? "yes" : "no")
         << " | " << c.about << "\n";
  }
  return text.str();
}

TEST(GoldenContainer, FilesAreReadAndWrittenAsEver) {
  const std::string folder = GoldenFolder() + "/container/";
  CompareOrRegenerate(folder + "manifest.txt", Ascii(ContainerManifest()), true);
  for (const ContainerCase& c : ContainerCases()) {
    SCOPED_TRACE(c.name);
    const Bytes file = CompareOrRegenerate(folder + c.name + ".hmn", c.make(), c.exact);
    const Result<ParsedFile> parsed = Parse(file);
    EXPECT_EQ(parsed.ok() ? StatusCode::kOk : parsed.status().code(), c.expected)
        << parsed.status().message();
  }
}

TEST(GoldenContainer, MetadataIsReadAsEver) {
  const Bytes file = ReadFile(GoldenFolder() + "/container/metadata.hmn");
  const Result<ParsedFile> parsed = Parse(file);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  for (const ChunkType type : {kChunkIcc, kChunkExif, kChunkXmp}) {
    ASSERT_NE(parsed->Find(type), nullptr) << type.Name();
    EXPECT_EQ(DecompressMetadata(parsed->Find(type)->payload).value(),
              Ascii("this is " + type.Name()));
  }
}

TEST(GoldenContainer, AlphaIsReadAsEver) {
  const Bytes file = ReadFile(GoldenFolder() + "/container/alpha.hmn");
  const Result<ParsedFile> parsed = Parse(file);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  ASSERT_EQ(parsed->Alphas().size(), 2u);
  EXPECT_EQ(DecodeAlpha(parsed->Alphas()[0], 64, 2, 2).value(), Bytes(64 * 2 * 2, 0xFF));
  EXPECT_EQ(DecodeAlpha(parsed->Alphas()[1], 2, 2, 2).value(),
            (Bytes{0x12, 0x34, 0x12, 0x35, 0, 0, 0xFF, 0xFF}));
}

// --- Entropy vectors
// -------------------------------------------------------------------------------

// A vector carries its tables and symbols, so that no build has to compute them again:
//   u32 size of the tables, CdfTables::Serialize; u32 number of runs; runs of equal symbols (u32
//   length, u8 table, i32 symbol); the stream up to the end.
struct SymbolRun {
  std::uint32_t length;
  std::uint8_t table;
  std::int32_t symbol;
};

struct EntropyCase {
  const char* name;
  const char* about;
  std::function<std::pair<CdfTables, std::vector<SymbolRun>>()> make;
};

std::vector<SymbolRun> RunsOf(const Sequence& sequence) {
  std::vector<SymbolRun> runs;
  for (std::size_t i = 0; i < sequence.symbols.size(); ++i) {
    runs.push_back({1, sequence.indexes[i], sequence.symbols[i]});
  }
  return runs;
}

CdfTables FewTables() {
  RawTables raw;
  for (const double sigma : {0.11, 0.5, 2.0, 8.0}) AddGaussian(sigma, raw);
  return raw.Create().value();
}

// A long stream of nearly free zeros with something to code now and then.
std::vector<SymbolRun> Sparse(const CdfTables& tables, std::uint32_t count) {
  const Sequence some = DrawSequence(tables, 200, 1, 4, 3);
  std::vector<SymbolRun> runs;
  for (const SymbolRun& run : RunsOf(some)) {
    runs.push_back({(count - 200) / 200, 0, 0});
    runs.push_back(run);
  }
  runs.push_back({count - 200 - (count - 200) / 200 * 200, 0, 0});
  return runs;
}

std::vector<EntropyCase> EntropyCases() {
  return {
      {"one_symbol", "the shortest stream",
       [] {
         return std::pair(FewTables(), std::vector<SymbolRun>{{1, 1, 0}});
       }},
      {"mixed", "500 symbols from four tables, one lane",
       [] {
         const CdfTables tables = FewTables();
         return std::pair(tables, RunsOf(DrawSequence(tables, 500, 0, 4, 1)));
       }},
      {"escapes", "escapes on both sides up to their limits",
       [] {
         std::vector<SymbolRun> runs;
         for (std::uint8_t t = 0; t < 4; ++t) {
           for (const std::int32_t s : {0, 3, -3, 50, -50, 1000, -70000, 1 << 20, -(1 << 20)}) {
             runs.push_back({1, t, s});
           }
         }
         return std::pair(FewTables(), runs);
       }},
      {"two_lanes", "2^19 + 1 symbols, two lanes",
       [] {
         const CdfTables tables = FewTables();
         return std::pair(tables, Sparse(tables, (1u << 19) + 1));
       }},
      {"four_lanes", "2^21 + 3 symbols, four lanes",
       [] {
         const CdfTables tables = FewTables();
         return std::pair(tables, Sparse(tables, (1u << 21) + 3));
       }},
  };
}

Sequence Expand(const std::vector<SymbolRun>& runs) {
  Sequence sequence;
  for (const SymbolRun& run : runs) {
    sequence.indexes.insert(sequence.indexes.end(), run.length, run.table);
    sequence.symbols.insert(sequence.symbols.end(), run.length, run.symbol);
  }
  return sequence;
}

Bytes EncodeSequence(const CdfTables& tables, const Sequence& sequence) {
  LatentEncoder encoder(tables);
  encoder.Append(sequence.indexes, sequence.symbols);
  return encoder.Finish().value();
}

Bytes MakeVector(const EntropyCase& c) {
  const auto [tables, runs] = c.make();
  ByteWriter writer;
  const Bytes serialized = tables.Serialize();
  writer.U32(static_cast<std::uint32_t>(serialized.size()));
  writer.Bytes(serialized);
  writer.U32(static_cast<std::uint32_t>(runs.size()));
  for (const SymbolRun& run : runs) {
    writer.U32(run.length);
    writer.U8(run.table);
    writer.U32(static_cast<std::uint32_t>(run.symbol));
  }
  writer.Bytes(EncodeSequence(tables, Expand(runs)));
  return std::move(writer).Take();
}

CdfTables ReadTables(std::span<const std::uint8_t> bytes) {
  ByteReader reader(bytes);
  RawTables raw;
  for (std::uint32_t t = reader.U32(); t > 0; --t) {
    const std::uint32_t size = reader.U32();
    raw.sizes.push_back(static_cast<std::int32_t>(size));
    raw.offsets.push_back(static_cast<std::int32_t>(reader.U32()));
    for (std::uint32_t i = 0; i < size; ++i) raw.frequencies.push_back(reader.U16());
  }
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.remaining(), 0u);
  return raw.Create().value();
}

// The tables come from the file: erfc may differ in its last bit from machine to machine.
TEST(GoldenEntropy, VectorsAreReadAndWrittenAsEver) {
  const std::string folder = GoldenFolder() + "/entropy/";
  std::ostringstream manifest;
  manifest << "# name | what it tests\n"
              "# Layout and making: bitstream_golden_test; --regenerate writes them anew.\n";
  for (const EntropyCase& c : EntropyCases()) manifest << c.name << ".bin | " << c.about << "\n";
  CompareOrRegenerate(folder + "manifest.txt", Ascii(manifest.str()), true);
  for (const EntropyCase& c : EntropyCases()) {
    SCOPED_TRACE(c.name);
    const Bytes file = CompareOrRegenerate(folder + c.name + ".bin", MakeVector(c), false);
    ByteReader reader(file);
    const std::uint32_t table_bytes = reader.U32();
    const CdfTables tables = ReadTables(reader.Bytes(table_bytes));
    std::vector<SymbolRun> runs(reader.U32());
    for (SymbolRun& run : runs) {
      run.length = reader.U32();
      run.table = reader.U8();
      run.symbol = static_cast<std::int32_t>(reader.U32());
    }
    ASSERT_TRUE(reader.ok());
    const std::span<const std::uint8_t> stream = reader.Bytes(reader.remaining());
    const Sequence sequence = Expand(runs);
    const Bytes encoded = EncodeSequence(tables, sequence);
    EXPECT_TRUE(std::ranges::equal(encoded, stream));
    Result<LatentDecoder> decoder = LatentDecoder::Create(tables, stream, sequence.symbols.size());
    ASSERT_TRUE(decoder.ok()) << decoder.status().message();
    std::vector<std::int32_t> symbols(sequence.symbols.size());
    ASSERT_TRUE(decoder->Decode(sequence.indexes, symbols).ok());
    EXPECT_TRUE(decoder->Finish().ok());
    EXPECT_EQ(symbols, sequence.symbols);
  }
}

}  // namespace
}  // namespace halfmoon::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--regenerate") == 0) halfmoon::testing::Regenerate() = true;
  }
  return RUN_ALL_TESTS();
}
