#include "bitstream/salvage.h"

#include <gtest/gtest.h>

namespace halfmoon {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Twelve tiles, 4 x 3, each with a payload that says its number; alpha too.
struct Sample {
  Header header;
  Bytes file;
  std::vector<std::size_t> at;  // where chunks begin, and the end of the file

  explicit Sample(bool exif = true) {
    header.model_id = 1;
    header.channels = 2;
    header.width = 4 * 64;
    header.height = 3 * 64;
    header.tile_size = 64;
    std::vector<Bytes> payloads;
    for (std::uint8_t k = 0; k < 12; ++k) {
      payloads.push_back(Bytes(20 + k, k));
      payloads.push_back(Bytes(5, static_cast<std::uint8_t>(100 + k)));
    }
    std::vector<Chunk> chunks;
    if (exif) chunks.push_back({kChunkExif, payloads[0]});
    for (std::size_t i = 0; i < payloads.size(); ++i) {
      chunks.push_back({i % 2 == 0 ? kChunkLatents : kChunkAlpha, payloads[i]});
    }
    file = Write(header, chunks).value();
    std::size_t offset = kHeaderBytes;
    for (const Chunk& c : chunks) {
      at.push_back(offset);
      const bool tile = c.type == kChunkLatents || c.type == kChunkAlpha;  // with its number
      offset += 4 + 1 + (tile ? 1 : 0) + c.payload.size() + 4;
    }
    at.push_back(offset);
  }
};

// Numbers of the tiles whose latents are there; checks that none is in a wrong place.
std::vector<int> Found(const SalvagedFile& file) {
  std::vector<int> found;
  for (std::size_t k = 0; k < file.latents.size(); ++k) {
    if (file.latents[k].data() != nullptr) {
      EXPECT_EQ(file.latents[k].size(), 20 + k);
      EXPECT_EQ(file.latents[k][0], k);
      found.push_back(static_cast<int>(k));
    }
    if (file.alphas[k].data() != nullptr) {
      EXPECT_EQ(file.alphas[k][0], 100 + k);
    }
  }
  return found;
}

TEST(Salvage, TakesAllOfAGoodFile) {
  const Sample sample;
  const auto file = Salvage(sample.file);
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(Found(*file).size(), 12u);
  EXPECT_EQ(file->lost_chunks, 0u);
  ASSERT_NE(file->Find(kChunkExif), nullptr);
}

TEST(Salvage, ADamagedPayloadCostsOneTile) {
  const Sample sample;
  Bytes damaged = sample.file;
  damaged[sample.at[1 + 2 * 5] + 8] ^= 1;  // the latents of tile 5
  damaged[sample.at[1 + 2 * 9] + 8] ^= 1;  // and of tile 9
  const auto file = Salvage(damaged);
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(Found(*file), (std::vector<int>{0, 1, 2, 3, 4, 6, 7, 8, 10, 11}));
  EXPECT_EQ(file->lost_chunks, 2u);
  for (const auto& alpha : file->alphas) EXPECT_NE(alpha.data(), nullptr);
}

TEST(Salvage, ADamagedSizeCostsOneTileToo) {
  const Sample sample;
  Bytes damaged = sample.file;
  damaged[sample.at[1 + 2 * 5] + 4] = 0x7F;
  auto file = Salvage(damaged);
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(Found(*file), (std::vector<int>{0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11}));
  // Two such places cost two tiles: chunks say whose they are.
  damaged[sample.at[1 + 2 * 8]] = '?';
  file = Salvage(damaged);
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(Found(*file), (std::vector<int>{0, 1, 2, 3, 4, 6, 7, 9, 10, 11}));
  EXPECT_EQ(file->lost_chunks, 2u);
}

TEST(Salvage, ATruncatedFileKeepsItsBeginning) {
  const Sample sample;
  for (std::size_t size = kHeaderBytes; size < sample.file.size(); ++size) {
    const auto file = Salvage(std::span(sample.file).first(size));
    ASSERT_TRUE(file.ok()) << size << ": " << file.status().message();
    std::size_t whole = 0;
    for (std::size_t k = 0; k < 12; ++k) whole += sample.at[1 + 2 * k + 1] <= size;
    EXPECT_EQ(Found(*file).size(), whole) << size;
    EXPECT_GT(file->lost_chunks, 0u);
  }
  EXPECT_EQ(Salvage(std::span(sample.file).first(kHeaderBytes - 1)).status().code(),
            StatusCode::kTruncated);
}

TEST(Salvage, NothingIsEverInAWrongPlace) {
  const Sample sample;
  std::uint32_t random = 1;
  for (int round = 0; round < 3000; ++round) {
    Bytes damaged = sample.file;
    for (int edit = 0; edit < 1 + round % 6; ++edit) {
      random = random * 1664525u + 1013904223u;
      const std::size_t at = kHeaderBytes + (random >> 8) % (damaged.size() - kHeaderBytes);
      if (random % 5 == 0) {
        damaged.erase(damaged.begin() + static_cast<std::ptrdiff_t>(at));
      } else {
        damaged[at] = static_cast<std::uint8_t>(damaged[at] ^ (1 + random % 255));
      }
    }
    const auto file = Salvage(damaged);
    if (file.ok()) Found(*file);
  }
}

TEST(Salvage, NeedsAHeader) {
  const Sample sample(false);
  Header header = sample.header;
  header.tile_size = 0;
  header.channels = 1;
  const Bytes payload = {1, 2, 3};
  Bytes file =
      Write(header, std::vector<Chunk>{{kChunkLatents, payload}, {ChunkType("nOTE"), payload}})
          .value();
  EXPECT_TRUE(Salvage(file).ok());
  EXPECT_EQ(Salvage(Bytes{1, 2, 3}).status().code(), StatusCode::kNotHalfmoon);
}

}  // namespace
}  // namespace halfmoon
