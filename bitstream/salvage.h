// What can still be read of a damaged .hmn file: which tiles are intact. Must not include coders,
// images, or xxHash and zstd headers.
//
// Read me first. Every chunk has a checksum, and with several tiles those of a tile say its number.
// So an intact chunk can be used wherever it is found: where one is damaged so that even its size
// can't be trusted, the next one is searched for.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bitstream/container.h"
#include "bitstream/limits.h"
#include "halfmoon/status.h"

namespace halfmoon {

struct SalvagedFile {
  Header header;
  // One for each tile; data() is null where the chunk is lost. `alphas` is empty without alpha.
  // Lifetime: they point into the file.
  std::vector<std::span<const std::uint8_t>> latents, alphas;
  std::vector<Chunk> others;      // intact chunks of other types
  std::uint32_t lost_chunks = 0;  // of header.chunk_count

  const Chunk* Find(ChunkType type) const;
};

// Reads what is intact. The header must be; an undamaged file gives all of its tiles.
// A critical chunk of unknown type counts as lost.
// Errors: those of ParseHeader; kOutOfMemory.
Result<SalvagedFile> Salvage(std::span<const std::uint8_t> file, const Limits& limits = {});

}  // namespace halfmoon
