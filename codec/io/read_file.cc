#include "codec/io/read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>

#include "bitstream/saturating.h"
#include "codec/io/posix.h"

namespace halfmoon {
namespace {

Status TooLarge(std::string_view name, std::uint64_t max_bytes) {
  return {StatusCode::kLimitExceeded,
          std::string(name) + ": larger than the limit of " + std::to_string(max_bytes) + " bytes"};
}

}  // namespace

Result<std::vector<std::uint8_t>> ReadDescriptor(int descriptor, std::string_view name,
                                                 std::uint64_t max_bytes) {
  // The size is only a hint: pipes have none, /proc says 0, and a file may grow while we read.
  struct stat info = {};
  if (::fstat(descriptor, &info) != 0) return io::IoError(name, "read", errno);
  if (S_ISDIR(info.st_mode)) {
    return Status(StatusCode::kIo, std::string(name) + ": is a directory, not a file");
  }
  std::uint64_t hint = 0;
  if (S_ISREG(info.st_mode) && info.st_size > 0) hint = static_cast<std::uint64_t>(info.st_size);
  if (hint > max_bytes) return TooLarge(name, max_bytes);

  constexpr std::uint64_t kFirstBlock = 1 << 16;
  std::vector<std::uint8_t> bytes;
  std::uint64_t used = 0;
  try {
    // One byte more than the limit or the hint tells "just fits" from "goes on".
    const std::uint64_t most = SaturatingSum(max_bytes, 1);
    bytes.resize(std::min(most, SaturatingSum(std::max(hint, kFirstBlock - 1), 1)));
    while (true) {
      if (used == bytes.size()) {
        if (used > max_bytes) return TooLarge(name, max_bytes);
        bytes.resize(std::min(most, SaturatingProduct(used, 2)));
      }
      const ssize_t got = ::read(descriptor, bytes.data() + used, bytes.size() - used);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return io::IoError(name, "read", errno);
      if (got == 0) break;
      used += static_cast<std::uint64_t>(got);
    }
    if (used > max_bytes) return TooLarge(name, max_bytes);
    bytes.resize(used);
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, std::string(name) + ": no memory to hold the file");
  }
  return bytes;
}

Result<std::vector<std::uint8_t>> ReadFile(const std::string& path, std::uint64_t max_bytes) {
  const io::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    const int error = errno;
    if (error == ENOENT) return Status(StatusCode::kIo, path + ": no such file");
    if (error == EACCES) {
      return Status(StatusCode::kIo, path + ": no permission to read it");
    }
    return io::IoError(path, "open", error);
  }
  return ReadDescriptor(file.get(), path, max_bytes);
}

}  // namespace halfmoon
