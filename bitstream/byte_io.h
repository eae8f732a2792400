// Little-endian reading and writing of bytes, bounds-checked. Must not include anything but std.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace halfmoon {

// Reads fields from a span. The error is sticky: after the first read past the end (or the first
// malformed varint) every read returns zero and moves nothing, so a caller may read a whole group
// of fields and ask ok() once.
//
// Lifetime: refers to the bytes, owns nothing.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  std::uint8_t U8() { return static_cast<std::uint8_t>(Fixed(1)); }
  std::uint16_t U16() { return static_cast<std::uint16_t>(Fixed(2)); }
  std::uint32_t U32() { return static_cast<std::uint32_t>(Fixed(4)); }
  std::uint64_t U64() { return Fixed(8); }

  // `count` bytes as a little-endian number. REQUIRES: 0 <= count <= 8.
  std::uint64_t Fixed(std::size_t count) {
    const std::span<const std::uint8_t> field = Bytes(count);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < field.size(); ++i) value |= std::uint64_t{field[i]} << (8 * i);
    return value;
  }

  // Unsigned LEB128 of at most 32 bits in its shortest form; any other form is malformed.
  std::uint32_t VarU32() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 35; shift += 7) {
      const std::uint8_t byte = U8();
      if (!ok()) return 0;
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if ((byte & 0x80u) != 0) continue;
      if (value > 0xFFFFFFFFu || (byte == 0 && shift != 0)) break;
      return static_cast<std::uint32_t>(value);
    }
    malformed_ = true;
    return 0;
  }

  // The next `count` bytes; empty on error.
  std::span<const std::uint8_t> Bytes(std::size_t count) {
    if (!ok()) return {};
    if (count > remaining()) {
      truncated_ = true;
      return {};
    }
    const std::span<const std::uint8_t> result = bytes_.subspan(position_, count);
    position_ += count;
    return result;
  }

  bool ok() const { return !truncated_ && !malformed_; }
  bool truncated() const { return truncated_; }  // a read went past the end
  bool malformed() const { return malformed_; }  // a varint was not in its shortest form
  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t position_ = 0;
  bool truncated_ = false;
  bool malformed_ = false;
};

// Appends fields to a growing buffer. May throw std::bad_alloc; callers catch it at their edge.
class ByteWriter {
 public:
  void U8(std::uint8_t value) { bytes_.push_back(value); }
  void U16(std::uint16_t value) { Fixed(value, 2); }
  void U32(std::uint32_t value) { Fixed(value, 4); }
  void U64(std::uint64_t value) { Fixed(value, 8); }

  // The low `count` bytes of a number, least significant first. REQUIRES: 0 <= count <= 8.
  void Fixed(std::uint64_t value, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      bytes_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    }
  }

  // Unsigned LEB128, shortest form.
  void VarU32(std::uint32_t value) {
    while (value >= 0x80u) {
      U8(static_cast<std::uint8_t>(value | 0x80u));
      value >>= 7;
    }
    U8(static_cast<std::uint8_t>(value));
  }

  void Bytes(std::span<const std::uint8_t> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }

  void Reserve(std::size_t count) { bytes_.reserve(count); }
  std::size_t size() const { return bytes_.size(); }
  std::span<const std::uint8_t> view() const { return bytes_; }
  std::vector<std::uint8_t> Take() && { return std::move(bytes_); }

 private:
  std::vector<std::uint8_t> bytes_;
};

}  // namespace halfmoon
