// Any bytes as a file: an error is fine, kInternal is not, and what parses must survive being
// written again.
#include <algorithm>
#include <span>

#include "bitstream/container.h"
#include "bitstream/metadata.h"

namespace {

using namespace halfmoon;  // NOLINT: a test

void Require(bool condition) {
  if (!condition) __builtin_trap();
}

void RequireSame(const ParsedFile& a, const ParsedFile& b) {
  Require(a.header.width == b.header.width && a.header.height == b.header.height);
  Require(a.header.quality == b.header.quality && a.header.model_id == b.header.model_id);
  Require(a.chunks.size() == b.chunks.size());
  for (std::size_t i = 0; i < a.chunks.size(); ++i) {
    Require(a.chunks[i].type == b.chunks[i].type);
    Require(std::ranges::equal(a.chunks[i].payload, b.chunks[i].payload));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> file(data, size);
  const Result<Header> header = ParseHeader(file);
  Require(header.ok() || header.status().code() != StatusCode::kInternal);
  const Result<ParsedFile> parsed = Parse(file);
  if (!parsed.ok()) {
    Require(parsed.status().code() != StatusCode::kInternal);
    return 0;
  }
  Require(header.ok());
  Require(parsed->Latents().size() == parsed->header.tile_count());

  const Result<std::vector<std::uint8_t>> written = Write(parsed->header, parsed->chunks);
  Require(written.ok());
  const Result<ParsedFile> again = Parse(*written);
  Require(again.ok());
  RequireSame(*parsed, *again);

  Limits limits;
  limits.max_metadata_bytes = 1 << 20;
  for (const Chunk& chunk : parsed->chunks) {
    const Result<std::vector<std::uint8_t>> raw = DecompressMetadata(chunk.payload, limits);
    Require(raw.ok() ? raw->size() <= limits.max_metadata_bytes
                     : raw.status().code() != StatusCode::kInternal);
    if (const auto density = ReadDensity(chunk.payload)) {
      const auto payload = WriteDensity(*density);
      Require(payload.ok() && std::ranges::equal(*payload, chunk.payload));
    }
  }
  return 0;
}
