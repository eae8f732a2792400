// Runs LibTorch code and turns its exceptions into Status: the edge of what needs LibTorch.
#pragma once

#include <c10/util/Exception.h>

#include <string>

#include "codec/common/exceptions.h"
#include "halfmoon/status.h"

namespace halfmoon {

// The result of `work()` (a Status or Result), or the exception it threw as a Status.
template <typename Work>
auto GuardTorch(const char* what, Work work) -> decltype(work()) {
  return GuardExceptions(what, [&]() -> decltype(work()) {
    try {
      return work();
    } catch (const c10::Error& e) {
      // LibTorch reports a failed allocation as a plain error.
      const std::string text = e.what_without_backtrace();
      if (text.find("memory") != std::string::npos) {
        return Status(StatusCode::kOutOfMemory, std::string(what) + ": out of memory: " + text);
      }
      return Status(StatusCode::kInternal, std::string(what) + ": " + text);
    }
  });
}

}  // namespace halfmoon
