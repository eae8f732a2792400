#include "models/runtime/weights/sha256.h"

#include <openssl/evp.h>

namespace halfmoon::runtime {

struct Sha256::Context {
  EVP_MD_CTX* md = nullptr;
  bool ok = false;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  context_->md = EVP_MD_CTX_new();
  context_->ok =
      context_->md != nullptr && EVP_DigestInit_ex(context_->md, EVP_sha256(), nullptr) == 1;
}

Sha256::~Sha256() { EVP_MD_CTX_free(context_->md); }

void Sha256::Update(std::span<const std::uint8_t> bytes) {
  if (!context_->ok || bytes.empty()) return;
  context_->ok = EVP_DigestUpdate(context_->md, bytes.data(), bytes.size()) == 1;
}

void Sha256::UpdateU64(std::uint64_t value) {
  std::array<std::uint8_t, 8> bytes;
  for (int i = 0; i < 8; ++i) bytes[static_cast<std::size_t>(i)] = std::uint8_t(value >> (8 * i));
  Update(bytes);
}

Result<std::array<std::uint8_t, 32>> Sha256::Finish() {
  std::array<std::uint8_t, 32> digest{};
  unsigned int size = 0;
  if (!context_->ok || EVP_DigestFinal_ex(context_->md, digest.data(), &size) != 1 ||
      size != digest.size()) {
    // Nothing else makes it fail.
    return Status(StatusCode::kOutOfMemory, "no memory to compute a SHA-256");
  }
  context_->ok = false;
  return digest;
}

std::string ToHex(std::span<const std::uint8_t> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    hex.push_back(kDigits[byte >> 4]);
    hex.push_back(kDigits[byte & 15]);
  }
  return hex;
}

}  // namespace halfmoon::runtime
