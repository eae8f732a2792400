// SHA-256 over pieces of bytes. Must not include OpenSSL (only sha256.cc does).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "halfmoon/status.h"

namespace halfmoon::runtime {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(std::span<const std::uint8_t> bytes);
  void UpdateU64(std::uint64_t value);  // 8 bytes, little-endian
  // Call once. Errors: kInternal when OpenSSL refuses (no SHA-256 in this build of it).
  Result<std::array<std::uint8_t, 32>> Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// Lower-case hex digits, two per byte.
std::string ToHex(std::span<const std::uint8_t> bytes);

}  // namespace halfmoon::runtime
