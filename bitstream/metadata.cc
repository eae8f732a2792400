#include "bitstream/metadata.h"

#include <zstd.h>

#include <algorithm>
#include <new>
#include <string>

#include "bitstream/byte_io.h"

namespace halfmoon {
namespace {

// Of a zstd frame (RFC 8878). Asked for explicitly: a zstd library may also accept the formats of
// its own past and skippable frames, which this format does not.
constexpr std::uint8_t kZstdMagic[4] = {0x28, 0xB5, 0x2F, 0xFD};

Status Corrupt(const std::string& what) {
  return {StatusCode::kCorrupt,
          "compressed block: " + what + "; the file is damaged, get a fresh copy"};
}

Status OutOfMemory(std::uint64_t bytes) {
  return {StatusCode::kOutOfMemory,
          "compressed block: no memory for " + std::to_string(bytes) + " bytes; free some memory"};
}

Result<std::vector<std::uint8_t>> Compress(std::span<const std::uint8_t> raw, int level) {
  ByteWriter writer;
  writer.VarU32(static_cast<std::uint32_t>(raw.size()));
  std::vector<std::uint8_t> frame(ZSTD_compressBound(raw.size()));
  const std::size_t size = ZSTD_compress(frame.data(), frame.size(), raw.data(), raw.size(), level);
  if (ZSTD_isError(size) != 0) {
    return Status(StatusCode::kInternal, std::string("compressed block: zstd failed: ") +
                                             ZSTD_getErrorName(size) + "; please report it");
  }
  writer.Bytes(std::span(frame).first(size));
  return std::move(writer).Take();
}

Result<std::vector<std::uint8_t>> Decompress(std::span<const std::uint8_t> frame,
                                             std::uint32_t raw_size) {
  std::vector<std::uint8_t> raw(raw_size);
  // One byte of room even for nothing: zstd wants a valid pointer.
  std::uint8_t none = 0;
  const std::size_t size =
      ZSTD_decompress(raw.empty() ? &none : raw.data(), raw.size(), frame.data(), frame.size());
  if (ZSTD_isError(size) != 0)
    return Corrupt(std::string("zstd reports ") + ZSTD_getErrorName(size));
  if (size != raw_size) {
    return Corrupt("holds " + std::to_string(size) + " bytes, declared are " +
                   std::to_string(raw_size));
  }
  return raw;
}

bool IsLegal(const Density& d) {
  constexpr std::uint8_t kUnits = 4;
  constexpr std::uint32_t kMost = 0x7FFFFFFF;  // PNG's
  return d.unit < kUnits && d.x >= 1 && d.x <= kMost && d.y >= 1 && d.y <= kMost;
}

}  // namespace

Result<std::vector<std::uint8_t>> WriteDensity(const Density& density) {
  if (!IsLegal(density)) {
    return Status(StatusCode::kInvalidArgument,
                  "density of " + std::to_string(density.x) + " x " + std::to_string(density.y) +
                      " pixels per unit " + std::to_string(density.unit) +
                      ", legal are 1..2147483647 and units 0..3; leave it out");
  }
  ByteWriter writer;
  writer.U8(density.unit);
  writer.U32(density.x);
  writer.U32(density.y);
  return std::move(writer).Take();
}

std::optional<Density> ReadDensity(std::span<const std::uint8_t> payload) {
  ByteReader reader(payload);
  Density density;
  density.unit = reader.U8();
  density.x = reader.U32();
  density.y = reader.U32();
  if (!reader.ok() || reader.remaining() != 0 || !IsLegal(density)) return std::nullopt;
  return density;
}

Result<std::vector<std::uint8_t>> CompressBlock(std::span<const std::uint8_t> raw, int level) {
  if (level < 1 || level > kMetadataLevel) {
    return Status(StatusCode::kInvalidArgument, "compressed block: level is " +
                                                    std::to_string(level) +
                                                    ", legal are 1..19; pass one of these");
  }
  if (raw.size() > 0xFFFFFFFFu) {
    return Status(StatusCode::kInvalidArgument,
                  "compressed block: " + std::to_string(raw.size()) +
                      " bytes, at most 2^32 - 1 are legal; shorten or leave them out");
  }
  try {
    return Compress(raw, level);
  } catch (const std::bad_alloc&) {
    return OutOfMemory(raw.size());
  }
}

Result<std::vector<std::uint8_t>> DecompressBlock(std::span<const std::uint8_t> block,
                                                  std::uint64_t max_bytes) {
  ByteReader reader(block);
  const std::uint32_t raw_size = reader.VarU32();
  if (reader.truncated()) {
    return Status(StatusCode::kTruncated,
                  "compressed block: ends within its size; the file is damaged, get a fresh copy");
  }
  if (reader.malformed()) return Corrupt("size is no number of 32 bits in its shortest form");
  if (raw_size > max_bytes) {
    return Status(StatusCode::kLimitExceeded,
                  "compressed block: declares " + std::to_string(raw_size) + " bytes, at most " +
                      std::to_string(max_bytes) +
                      " are accepted; raise the limit if you trust the file");
  }
  const std::span<const std::uint8_t> frame = reader.Bytes(reader.remaining());
  if (frame.size() < 4 || !std::equal(frame.begin(), frame.begin() + 4, kZstdMagic)) {
    return Corrupt("holds no zstd frame");
  }
  // Cheap checks before the memory: the frame must say the same size and fill the block alone.
  const unsigned long long content = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (content != raw_size) return Corrupt("the zstd frame does not declare the block's size");
  const std::size_t frame_size = ZSTD_findFrameCompressedSize(frame.data(), frame.size());
  if (ZSTD_isError(frame_size) != 0 || frame_size != frame.size()) {
    return Corrupt("holds something else than one zstd frame");
  }
  try {
    return Decompress(frame, raw_size);
  } catch (const std::bad_alloc&) {
    return OutOfMemory(raw_size);
  }
}

Result<std::vector<std::uint8_t>> CompressMetadata(std::span<const std::uint8_t> raw,
                                                   const Limits& limits) {
  if (raw.size() > limits.max_metadata_bytes) {
    return Status(StatusCode::kLimitExceeded, "metadata: " + std::to_string(raw.size()) +
                                                  " bytes, at most " +
                                                  std::to_string(limits.max_metadata_bytes) +
                                                  " are accepted; shorten or leave them out");
  }
  return CompressBlock(raw);
}

Result<std::vector<std::uint8_t>> DecompressMetadata(std::span<const std::uint8_t> block,
                                                     const Limits& limits) {
  return DecompressBlock(block, limits.max_metadata_bytes);
}

}  // namespace halfmoon
