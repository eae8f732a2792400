// Files edited at random, with checksums made anew so that the damage reaches the decoders. Tests
// only.
#pragma once

#include <gtest/gtest.h>

#include "bitstream/container.h"
#include "halfmoon/decoder.h"

namespace halfmoon::testing {

struct RandomEdits {
  int rounds = 10000;
  // One edited file in so many is decoded to pixels, strictly and in part; of the others the
  // symbols are.
  int decode_every = 50;
  // Widths that the header may claim instead of its own: [first, first + 64).
  std::uint32_t first_width = 65;
};

// Decodes `rounds` edited copies of a file: one to four edits each of payload bytes, payload
// lengths, quality and width. None may crash, hang or end as our own bug (kInternal). Returns how
// many were refused.
inline std::size_t DecodeEdited(std::span<const std::uint8_t> file, DecodeOptions options,
                                const RandomEdits& edits) {
  using Bytes = std::vector<std::uint8_t>;
  const auto parsed = Parse(file);
  EXPECT_TRUE(parsed.ok());
  if (!parsed.ok()) return 0;
  options.limits.max_pixels = 1 << 16;
  options.max_memory = std::uint64_t{1} << 30;
  Decoder strict = *Decoder::Create(options);
  options.allow_partial = true;
  Decoder partial = *Decoder::Create(options);
  std::uint32_t random = 2024;
  const auto next = [&random] { return (random = random * 1664525u + 1013904223u) >> 8; };
  std::size_t refused = 0;
  for (int round = 0; round < edits.rounds; ++round) {
    std::vector<Bytes> payloads;
    std::vector<Chunk> chunks;
    for (const Chunk& c : parsed->chunks) payloads.emplace_back(c.payload.begin(), c.payload.end());
    Header header = parsed->header;
    const std::uint32_t count = 1 + next() % 4;
    for (std::uint32_t edit = 0; edit < count; ++edit) {
      Bytes& payload = payloads[next() % payloads.size()];
      switch (next() % 5) {
        case 0: payload.resize(next() % (payload.size() + 8)); break;
        case 1: header.quality = static_cast<std::uint16_t>(next() % (kMaxQuality + 1)); break;
        case 2: header.width = edits.first_width + next() % 64; break;
        default:
          if (!payload.empty())
            payload[next() % payload.size()] = static_cast<std::uint8_t>(next());
      }
    }
    for (std::size_t i = 0; i < payloads.size(); ++i)
      chunks.push_back({parsed->chunks[i].type, payloads[i]});
    const auto edited = Write(header, chunks);
    EXPECT_TRUE(edited.ok()) << edited.status().message();
    if (!edited.ok()) return refused;
    const bool decode = round % edits.decode_every == 0;
    const Status status = decode ? strict.Decode(*edited).status() : strict.Verify(*edited);
    refused += status.ok() ? 0 : 1;
    EXPECT_NE(status.code(), StatusCode::kInternal) << round << ": " << status.message();
    if (round % edits.decode_every == 1) {
      const auto image = partial.Decode(*edited);
      EXPECT_NE(image.status().code(), StatusCode::kInternal)
          << round << ": " << image.status().message();
    }
  }
  return refused;
}

}  // namespace halfmoon::testing
