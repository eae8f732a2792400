// What libpng and libjpeg callbacks may touch: plain buffers, no exceptions. Internal to
// codec/imageio; must not include the C libraries' headers.
//
// Read me first. Both libraries report errors by calling us; we leave by longjmp. A longjmp over a
// frame that holds an object with a destructor is undefined, and so is a C++ exception through a C
// frame. Hence the pattern of png_*.cc and jpeg_*.cc:
//   - every call into the C library sits in a small function that calls setjmp first and has only
//     trivial locals, none of them changed between setjmp and a longjmp;
//   - all state lives in a struct owned by the caller of that function;
//   - callbacks store their text in fixed arrays and let no exception out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <string>

#include "codec/imageio/rows.h"
#include "codec/imageio/warning.h"

namespace halfmoon::imageio {

// Longest message kept; libjpeg's JMSG_LENGTH_MAX is 200.
inline constexpr std::size_t kMessageBytes = 200;

inline void CopyMessage(char (&to)[kMessageBytes], const char* from) noexcept {
  std::size_t size = 0;
  while (size < kMessageBytes - 1 && from[size] != '\0') ++size;
  std::memcpy(to, from, size);
  to[size] = '\0';
}

// The first few distinct warnings of a C library; later ones are only counted, because a damaged
// file can raise one per block.
struct WarningLog {
  static constexpr std::size_t kKept = 4;
  char text[kKept][kMessageBytes] = {};
  std::size_t kept = 0;
  std::size_t total = 0;

  void Add(const char* message) noexcept {
    ++total;
    for (std::size_t i = 0; i < kept; ++i) {
      if (std::strncmp(text[i], message, kMessageBytes - 1) == 0) return;
    }
    if (kept < kKept) CopyMessage(text[kept++], message);
  }
};

// Where written bytes go. Put lets no exception out and keeps the first failure, so that a callback
// can leave by longjmp without a Status on its own stack.
struct SinkState {
  ByteSink sink;
  Status status;

  bool Put(const std::uint8_t* data, std::size_t size) noexcept {
    try {
      if (status.ok()) status = sink({data, size});
    } catch (const std::exception&) {  // bad_alloc, length_error
      status = OutOfMemory();
    }
    return status.ok();
  }

 private:
  static Status OutOfMemory() noexcept {
    // Short enough to need no memory of its own.
    return {StatusCode::kOutOfMemory, "no memory"};
  }
};

// What a library said, as warnings.
inline void WarnOf(Warnings* warnings, const char* prefix, const WarningLog& log) {
  for (std::size_t i = 0; i < log.kept; ++i) {
    Warn(warnings, warning_code::kLibrary, std::string(prefix) + log.text[i]);
  }
}

}  // namespace halfmoon::imageio
