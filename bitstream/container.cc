#include "bitstream/container.h"

#include <algorithm>
#include <new>

#include "bitstream/byte_io.h"
#include "bitstream/checksum.h"

namespace halfmoon {
namespace {

constexpr std::size_t kChecksumBytes = 4;
constexpr std::size_t kHeaderChecksumOffset = kHeaderBytes - kChecksumBytes;
constexpr std::size_t kMaxTileNumberBytes = 5;
constexpr std::size_t kMinChunkBytes = 4 + 1 + kChecksumBytes;
constexpr const char* kDamaged = "the file is damaged, get a fresh copy";

// Fuzzers cannot guess checksums; a build for them takes any.
bool ChecksumsDiffer([[maybe_unused]] std::uint32_t stored,
                     [[maybe_unused]] std::uint32_t computed) {
#ifdef HALFMOON_FUZZING
  return false;
#else
  return stored != computed;
#endif
}

std::string Hex(std::uint64_t value, int digits) {
  std::string text = "0x";
  for (int i = digits - 1; i >= 0; --i) text += "0123456789ABCDEF"[(value >> (4 * i)) & 15u];
  return text;
}

Status FieldError(StatusCode code, const char* field, int offset, std::uint64_t value,
                  const std::string& legal, const std::string& remedy) {
  return {code, std::string("header field ") + field + " at offset " + std::to_string(offset) +
                    " is " + std::to_string(value) + ", legal is " + legal + "; " + remedy};
}

Status Truncated(const std::string& what, std::size_t offset, std::size_t have) {
  return {StatusCode::kTruncated, what + " at offset " + std::to_string(offset) +
                                      " reaches beyond the end of the file at " +
                                      std::to_string(have) +
                                      "; the file is cut off, get a fresh copy"};
}

// The rules for header fields, common to reading and writing. `illegal` is the code for values that
// no format allows: kCorrupt in a file, kInvalidArgument from a caller.
Status CheckHeader(const Header& h, const Limits& limits, StatusCode illegal) {
  const std::string remedy = illegal == StatusCode::kCorrupt ? kDamaged : "pass a legal value";
  if ((h.flags & kUnknownCriticalFlags) != 0) {
    return FieldError(StatusCode::kUnsupportedFeature, "flags", 6, h.flags, "0..31",
                      "the file needs a newer Halfmoon");
  }
  if (h.bit_depth < 8 || h.bit_depth > 16) {
    return FieldError(illegal, "bit depth", 7, h.bit_depth, "8 or 16", remedy);
  }
  if (h.bit_depth != 8 && h.bit_depth != 16) {
    return FieldError(StatusCode::kUnsupportedFeature, "bit depth", 7, h.bit_depth, "8 or 16",
                      "use a newer Halfmoon, or a picture of 8 or 16 bits");
  }
  if (h.channels < 1 || h.channels > 4) {
    return FieldError(illegal, "channels", 8, h.channels, "1..4", remedy);
  }
  if (h.colour != Colour::kSrgb && h.colour != Colour::kIcc) {
    return FieldError(StatusCode::kUnsupportedFeature, "colour", 9,
                      static_cast<std::uint8_t>(h.colour), "0 (sRGB) or 1 (ICC profile)",
                      "use a newer Halfmoon");
  }
  if (h.model_id == 0) {
    return FieldError(illegal, "model id", 10, h.model_id, "1..65535", remedy);
  }
  if (h.width == 0) return FieldError(illegal, "width", 20, 0, "1 or more", remedy);
  if (h.height == 0) return FieldError(illegal, "height", 24, 0, "1 or more", remedy);
  const std::string dimension_legal = "at most " + std::to_string(limits.max_dimension) + " here";
  const std::string raise = "raise the limit if you trust the file";
  if (h.width > limits.max_dimension) {
    return FieldError(StatusCode::kLimitExceeded, "width", 20, h.width, dimension_legal, raise);
  }
  if (h.height > limits.max_dimension) {
    return FieldError(StatusCode::kLimitExceeded, "height", 24, h.height, dimension_legal, raise);
  }
  if (const std::uint64_t pixels = std::uint64_t{h.width} * h.height; pixels > limits.max_pixels) {
    return {StatusCode::kLimitExceeded,
            "header fields width and height at offsets 20 and 24 make " + std::to_string(pixels) +
                " pixels, legal is at most " + std::to_string(limits.max_pixels) + " here; " +
                raise};
  }
  if (h.quality > kMaxQuality) {
    return FieldError(illegal, "Q", 28, h.quality, "0.." + std::to_string(kMaxQuality), remedy);
  }
  if (h.tile_size % kTileUnit != 0) {
    return FieldError(illegal, "tile size", 30, h.tile_size, "0 or a multiple of 64", remedy);
  }
  return Status::Ok();
}

Status CheckChunkType(ChunkType type, StatusCode illegal, const std::string& where) {
  for (int i = 0; i < 4; ++i) {
    const std::uint8_t letter = static_cast<std::uint8_t>(type.code >> (8 * i)) | 0x20u;
    if (letter < 'a' || letter > 'z') {
      return {illegal, "chunk type " + type.Name() + where + " is not four ASCII letters; " +
                           (illegal == StatusCode::kCorrupt ? kDamaged : "pass four letters")};
    }
  }
  const bool known =
      type == kChunkLatents || type == kChunkAlpha || type == kChunkIcc || type == kChunkNetworks;
  if (type.critical() && !known) {
    return {
        StatusCode::kUnsupportedFeature,
        "chunk " + type.Name() + where +
            " is needed to decode the picture and unknown to this version; use a newer Halfmoon"};
  }
  return Status::Ok();
}

// The rules for the chunks together.
Status CheckChunks(const Header& header, std::span<const Chunk> chunks, StatusCode illegal) {
  const std::string remedy = illegal == StatusCode::kCorrupt ? kDamaged : "pass a consistent set";
  std::vector<ChunkType> types;  // sorted: no quadratic time for many chunks
  types.reserve(chunks.size());
  for (const Chunk& chunk : chunks) types.push_back(chunk.type);
  std::sort(types.begin(), types.end());
  for (std::size_t i = 1; i < types.size(); ++i) {
    if (types[i] == types[i - 1] && types[i] != kChunkLatents && types[i] != kChunkAlpha) {
      return {illegal, "chunk " + types[i].Name() + " occurs twice, legal is once; " + remedy};
    }
  }
  const auto check_tiles = [&](ChunkType type, std::uint64_t wanted) -> Status {
    const auto [first, last] = std::equal_range(types.begin(), types.end(), type);
    if (static_cast<std::uint64_t>(last - first) == wanted) return Status::Ok();
    return {illegal, std::to_string(last - first) + " " + type.Name() + " chunk(s) for " +
                         std::to_string(header.tile_count()) + " tile(s), legal is " +
                         (wanted == 0 ? "none: header field channels announces no alpha"
                                      : "one for each tile") +
                         "; " + remedy};
  };
  HALFMOON_RETURN_IF_ERROR(check_tiles(kChunkLatents, header.tile_count()));
  HALFMOON_RETURN_IF_ERROR(check_tiles(kChunkAlpha, header.has_alpha() ? header.tile_count() : 0));
  const auto check = [&](ChunkType type, bool wanted, const char* field) -> Status {
    if (std::binary_search(types.begin(), types.end(), type) == wanted) return Status::Ok();
    return {illegal, "chunk " + type.Name() + (wanted ? " is missing, but" : " is there, but no") +
                         " header field " + field + " announces it; " + remedy};
  };
  HALFMOON_RETURN_IF_ERROR(check(kChunkNetworks, header.overfitted(), "model id"));
  return check(kChunkIcc, header.colour == Colour::kIcc, "colour");
}

Result<Chunk> ReadChunk(ByteReader& reader, std::span<const std::uint8_t> file) {
  const std::size_t start = reader.position();
  const ChunkType type(reader.U32());
  const std::string where = " at offset " + std::to_string(start);
  if (!reader.ok()) return Truncated("a chunk", start, file.size());
  HALFMOON_RETURN_IF_ERROR(CheckChunkType(type, StatusCode::kCorrupt, where));
  const std::string name = "chunk " + type.Name();
  const std::uint32_t size = reader.VarU32();
  if (reader.malformed()) {
    return Status(
        StatusCode::kCorrupt,
        "size of " + name + where + " is no number of 32 bits in its shortest form; " + kDamaged);
  }
  const std::span<const std::uint8_t> payload = reader.Bytes(size);
  const std::size_t covered = reader.position() - start;
  const std::uint32_t stored = reader.U32();
  if (!reader.ok()) {
    return Truncated(name + " of " + std::to_string(size) + " bytes", start, file.size());
  }
  const std::uint32_t computed = Checksum32(file.subspan(start, covered));
  if (ChecksumsDiffer(stored, computed)) {
    return Status(StatusCode::kChecksumMismatch, "checksum of " + name + where + " is " +
                                                     Hex(stored, 8) + ", computed is " +
                                                     Hex(computed, 8) + "; " + kDamaged);
  }
  return Chunk{type, payload};
}

// With several tiles the payload of a tile's chunk begins with the tile's number. Takes it off.
// Errors: kCorrupt unless it is `expected`.
Status TakeTileNumber(std::uint64_t expected, Chunk* chunk) {
  const TileNumber number = ReadTileNumber(chunk->payload);
  if (!number.ok || number.tile != expected) {
    return {StatusCode::kCorrupt,
            "chunk " + chunk->type.Name() + " number " + std::to_string(expected) + " says tile " +
                (number.ok ? std::to_string(number.tile) : std::string("nothing legal")) +
                ", legal are all tiles in ascending order; " + kDamaged};
  }
  chunk->payload = chunk->payload.subspan(number.bytes);
  return Status::Ok();
}

Result<ParsedFile> ParseUnguarded(std::span<const std::uint8_t> file, const Limits& limits) {
  ParsedFile parsed;
  HALFMOON_ASSIGN_OR_RETURN(parsed.header, ParseHeader(file, limits));
  const std::size_t count = parsed.header.chunk_count;
  if (count > limits.max_chunks) {
    return FieldError(StatusCode::kLimitExceeded, "chunk count", 32, count,
                      "at most " + std::to_string(limits.max_chunks) + " here",
                      "raise the limit if you trust the file");
  }
  ByteReader reader(file);
  reader.Bytes(kHeaderBytes);
  if (count * kMinChunkBytes > reader.remaining()) {
    return Truncated("the list of " + std::to_string(count) + " chunks", kHeaderBytes, file.size());
  }
  parsed.chunks.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    HALFMOON_ASSIGN_OR_RETURN(const Chunk chunk, ReadChunk(reader, file));
    parsed.chunks.push_back(chunk);
  }
  if (reader.remaining() != 0) {
    return Status(StatusCode::kCorrupt,
                  std::to_string(reader.remaining()) + " byte(s) follow the last chunk at offset " +
                      std::to_string(reader.position()) + ", legal is none; " + kDamaged);
  }
  HALFMOON_RETURN_IF_ERROR(CheckChunks(parsed.header, parsed.chunks, StatusCode::kCorrupt));
  if (parsed.header.tile_count() > 1) {
    std::uint64_t latents = 0, alphas = 0;
    for (Chunk& chunk : parsed.chunks) {
      if (chunk.type == kChunkLatents) HALFMOON_RETURN_IF_ERROR(TakeTileNumber(latents++, &chunk));
      if (chunk.type == kChunkAlpha) HALFMOON_RETURN_IF_ERROR(TakeTileNumber(alphas++, &chunk));
    }
  }
  return parsed;
}

Result<std::vector<std::uint8_t>> WriteUnguarded(const Header& header,
                                                 std::span<const Chunk> chunks,
                                                 const Limits& limits) {
  HALFMOON_RETURN_IF_ERROR(CheckHeader(header, limits, StatusCode::kInvalidArgument));
  if (chunks.size() > 0xFFFFu || chunks.size() > limits.max_chunks) {
    return Status(StatusCode::kInvalidArgument,
                  std::to_string(chunks.size()) + " chunks, at most " +
                      std::to_string(std::min(limits.max_chunks, 0xFFFFu)) +
                      " fit in a file; use larger tiles");
  }
  std::uint64_t total = kHeaderBytes;
  for (const Chunk& chunk : chunks) {
    HALFMOON_RETURN_IF_ERROR(CheckChunkType(chunk.type, StatusCode::kInvalidArgument, ""));
    if (chunk.payload.size() > 0xFFFFFFFFu - kMaxTileNumberBytes) {
      return Status(StatusCode::kInvalidArgument,
                    "chunk " + chunk.type.Name() + " has " + std::to_string(chunk.payload.size()) +
                        " bytes, at most 2^32 - 6 are legal; use smaller tiles");
    }
    total += chunk.payload.size() + 13 + kMaxTileNumberBytes;
  }
  HALFMOON_RETURN_IF_ERROR(CheckChunks(header, chunks, StatusCode::kInvalidArgument));

  ByteWriter writer;
  writer.Reserve(total);
  writer.Bytes(kMagic);
  writer.U8(kFormatMajor);
  const auto has = [&](ChunkType type) {
    return std::any_of(chunks.begin(), chunks.end(),
                       [&](const Chunk& chunk) { return chunk.type == type; });
  };
  writer.U8(has(kChunkNetworks)  ? kFormatMinor
            : has(kChunkDensity) ? kFormatMinorOfDensity
                                 : kFormatMinorWithoutDensity);
  writer.U8(header.flags);
  writer.U8(header.bit_depth);
  writer.U8(header.channels);
  writer.U8(static_cast<std::uint8_t>(header.colour));
  writer.U16(header.model_id);
  writer.Bytes(header.model_hash);
  writer.U32(header.width);
  writer.U32(header.height);
  writer.U16(header.quality);
  writer.U16(header.tile_size);
  writer.U16(static_cast<std::uint16_t>(chunks.size()));
  writer.U32(Checksum32(writer.view()));
  HALFMOON_ENSURE(writer.size() == kHeaderBytes);
  const bool numbered = header.tile_count() > 1;
  std::uint32_t latents = 0, alphas = 0;
  for (const Chunk& chunk : chunks) {
    const std::size_t start = writer.size();
    ByteWriter number;
    if (numbered && chunk.type == kChunkLatents) number.VarU32(latents++);
    if (numbered && chunk.type == kChunkAlpha) number.VarU32(alphas++);
    writer.U32(chunk.type.code);
    writer.VarU32(static_cast<std::uint32_t>(number.size() + chunk.payload.size()));
    writer.Bytes(number.view());
    writer.Bytes(chunk.payload);
    writer.U32(Checksum32(writer.view().subspan(start)));
  }
  return std::move(writer).Take();
}

}  // namespace

std::string ChunkType::Name() const {
  std::string name;
  for (int i = 0; i < 4; ++i) {
    const char letter = static_cast<char>((code >> (8 * i)) & 0x7Fu);
    const bool is_letter = (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z');
    if (!is_letter || ((code >> (8 * i)) & 0x80u) != 0) return Hex(code, 8);
    name += letter;
  }
  return name;
}

const Chunk* ParsedFile::Find(ChunkType type) const {
  const auto found = std::find_if(chunks.begin(), chunks.end(),
                                  [&](const Chunk& chunk) { return chunk.type == type; });
  return found == chunks.end() ? nullptr : &*found;
}

std::vector<std::span<const std::uint8_t>> ParsedFile::All(ChunkType type) const {
  std::vector<std::span<const std::uint8_t>> streams;
  for (const Chunk& chunk : chunks) {
    if (chunk.type == type) streams.push_back(chunk.payload);
  }
  return streams;
}

Result<Header> ParseHeader(std::span<const std::uint8_t> file, const Limits& limits) {
  const std::size_t magic_bytes = std::min(file.size(), kMagic.size());
  if (file.empty() ||
      !std::equal(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(magic_bytes),
                  kMagic.begin())) {
    return Status(
        StatusCode::kNotHalfmoon,
        "no .hmn file: the first bytes at offset 0 are not 8D 48 4D 4E; check the file name");
  }
  ByteReader reader(file);
  reader.Bytes(kMagic.size());
  Header header;
  header.format_major = reader.U8();
  header.format_minor = reader.U8();
  // Before anything else: a newer major format may have another header altogether.
  if (reader.ok() && header.format_major > kFormatMajor) {
    return FieldError(StatusCode::kUnsupportedVersion, "format major", 4, header.format_major,
                      "at most " + std::to_string(kFormatMajor), "use a newer Halfmoon");
  }
  header.flags = reader.U8();
  header.bit_depth = reader.U8();
  header.channels = reader.U8();
  header.colour = static_cast<Colour>(reader.U8());
  header.model_id = reader.U16();
  const std::span<const std::uint8_t> hash = reader.Bytes(header.model_hash.size());
  std::copy(hash.begin(), hash.end(), header.model_hash.begin());
  header.width = reader.U32();
  header.height = reader.U32();
  header.quality = reader.U16();
  header.tile_size = reader.U16();
  header.chunk_count = reader.U16();
  const std::uint32_t stored = reader.U32();
  if (!reader.ok()) return Truncated("the header of 38 bytes", 0, file.size());
  const std::uint32_t computed = Checksum32(file.first(kHeaderChecksumOffset));
  if (ChecksumsDiffer(stored, computed)) {
    return Status(StatusCode::kChecksumMismatch, "header checksum at offset 34 is " +
                                                     Hex(stored, 8) + ", computed is " +
                                                     Hex(computed, 8) + "; " + kDamaged);
  }
  HALFMOON_RETURN_IF_ERROR(CheckHeader(header, limits, StatusCode::kCorrupt));
  const std::uint64_t least = header.tile_count() * (header.has_alpha() ? 2 : 1);
  if (header.chunk_count < least) {
    return FieldError(StatusCode::kCorrupt, "chunk count", 32, header.chunk_count,
                      std::to_string(least) + " (one for each tile" +
                          (header.has_alpha() ? ", and one for its alpha" : "") + ") or more",
                      kDamaged);
  }
  return header;
}

TileNumber ReadTileNumber(std::span<const std::uint8_t> payload) {
  ByteReader reader(payload);
  TileNumber number;
  number.tile = reader.VarU32();
  number.ok = reader.ok();
  number.bytes = reader.position();
  return number;
}

Result<ChunkAt> ParseChunk(std::span<const std::uint8_t> file, std::size_t offset) {
  ByteReader reader(file);
  reader.Bytes(offset);
  if (!reader.ok()) return Truncated("a chunk", offset, file.size());
  HALFMOON_ASSIGN_OR_RETURN(const Chunk chunk, ReadChunk(reader, file));
  return ChunkAt{chunk, reader.position()};
}

Result<ParsedFile> Parse(std::span<const std::uint8_t> file, const Limits& limits) {
  try {
    return ParseUnguarded(file, limits);
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "no memory for the list of chunks; free some memory");
  }
}

Result<std::vector<std::uint8_t>> Write(const Header& header, std::span<const Chunk> chunks,
                                        const Limits& limits) {
  try {
    return WriteUnguarded(header, chunks, limits);
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "no memory to assemble the file; free some memory");
  }
}

}  // namespace halfmoon
