// Unpacks gzip in memory, with a limit. Knows nothing about pictures or containers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon {

// The content of a gzip file (RFC 1952, one or several members). Bytes that do not begin as gzip
// are returned as they are, so that unpacked copies of a data set work as well. Errors: kTruncated,
// kCorrupt (checksum included), kLimitExceeded above `max_bytes`, kOutOfMemory.
Result<std::vector<std::uint8_t>> Gunzip(std::span<const std::uint8_t> bytes,
                                         std::uint64_t max_bytes = std::uint64_t{1} << 30);

}  // namespace halfmoon
