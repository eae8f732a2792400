// Reading whole files into memory, with a limit. Knows nothing about pictures or containers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon {

// Most bytes of a file unless the caller says otherwise: 1 GiB.
inline constexpr std::uint64_t kDefaultMaxFileBytes = std::uint64_t{1} << 30;

// All bytes of a file. Pipes and devices such as /dev/stdin are read to their end.
// Messages begin with the path.
// Errors: kIo (missing, a directory, no permission, read error), kLimitExceeded, kOutOfMemory.
Result<std::vector<std::uint8_t>> ReadFile(const std::string& path,
                                           std::uint64_t max_bytes = kDefaultMaxFileBytes);

// All bytes from an open descriptor (e.g. 0, standard input) to its end; `name` stands in messages.
// The descriptor stays open. Errors: as ReadFile.
Result<std::vector<std::uint8_t>> ReadDescriptor(int descriptor, std::string_view name,
                                                 std::uint64_t max_bytes = kDefaultMaxFileBytes);

}  // namespace halfmoon
