#include "bitstream/salvage.h"

#include <algorithm>
#include <array>
#include <new>

namespace halfmoon {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::array kKnown = {kChunkLatents, kChunkAlpha,   kChunkIcc,     kChunkExif,
                               kChunkXmp,     kChunkDensity, kChunkNetworks};
constexpr std::size_t kSmallestChunk = 9;

// A crafted file could hold the start of a chunk at every fourth byte, each with a checksum over
// all that follows. Searching ends after so many bytes of checksums for each byte of the file.
constexpr std::uint64_t kSearchFactor = 64;

ChunkType TypeAt(Bytes file, std::size_t at) {  // REQUIRES: four bytes there
  std::uint32_t code = 0;
  for (std::size_t i = 0; i < 4; ++i) code |= std::uint32_t{file[at + i]} << (8 * i);
  return ChunkType(code);
}

// The next place where an intact chunk of known type begins, or the end of the file.
std::size_t Search(Bytes file, std::size_t from, std::uint64_t* budget) {
  for (std::size_t at = from; at + kSmallestChunk <= file.size(); ++at) {
    if (std::find(kKnown.begin(), kKnown.end(), TypeAt(file, at)) == kKnown.end()) continue;
    if (*budget < file.size() - at) break;  // the checksum covers no more than that
    *budget -= file.size() - at;
    if (ParseChunk(file, at).ok()) return at;
  }
  return file.size();
}

// Puts a tile's payload in its place; one that belongs nowhere, or comes twice, is dropped.
bool Place(Bytes payload, std::vector<Bytes>* order) {
  std::size_t tile = 0;
  if (order->size() > 1) {
    const TileNumber number = ReadTileNumber(payload);
    if (!number.ok) return false;
    tile = number.tile;
    payload = payload.subspan(number.bytes);
  }
  if (tile >= order->size() || (*order)[tile].data() != nullptr) return false;
  (*order)[tile] = payload;
  return true;
}

Result<SalvagedFile> SalvageUnguarded(Bytes file, const Limits& limits) {
  SalvagedFile found;
  HALFMOON_ASSIGN_OR_RETURN(found.header, ParseHeader(file, limits));
  found.latents.resize(found.header.tile_count());
  if (found.header.has_alpha()) found.alphas.resize(found.header.tile_count());
  std::uint64_t budget = kSearchFactor * file.size();
  std::uint32_t intact = 0;
  for (std::size_t at = kHeaderBytes; at < file.size();) {
    const auto chunk = ParseChunk(file, at);
    if (!chunk.ok()) {
      at = Search(file, at + 1, &budget);
      continue;
    }
    at = chunk->end;
    const ChunkType type = chunk->chunk.type;
    bool used = true;
    if (type == kChunkLatents) {
      used = Place(chunk->chunk.payload, &found.latents);
    } else if (type == kChunkAlpha) {
      used = Place(chunk->chunk.payload, &found.alphas);
    } else if (found.Find(type) == nullptr) {
      found.others.push_back(chunk->chunk);
    }
    intact += used ? 1 : 0;
  }
  found.lost_chunks =
      found.header.chunk_count - std::min<std::uint32_t>(intact, found.header.chunk_count);
  return found;
}

}  // namespace

const Chunk* SalvagedFile::Find(ChunkType type) const {
  const auto found = std::find_if(others.begin(), others.end(),
                                  [&](const Chunk& chunk) { return chunk.type == type; });
  return found == others.end() ? nullptr : &*found;
}

Result<SalvagedFile> Salvage(Bytes file, const Limits& limits) {
  try {
    return SalvageUnguarded(file, limits);
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "no memory for the list of chunks; free some memory");
  }
}

}  // namespace halfmoon
