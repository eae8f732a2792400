// Exceptions become Status at the edge of the codec. Internal; std only.
#pragma once

#include <exception>
#include <new>
#include <string>
#include <system_error>

#include "halfmoon/status.h"

namespace halfmoon {

// The result of `work()` (a Status or Result), or the exception it threw as a Status.
template <typename Work>
auto GuardExceptions(const char* what, Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return Status(
        StatusCode::kOutOfMemory,
        std::string(what) + ": out of memory; try fewer jobs or threads, or a smaller picture");
  } catch (const std::system_error& e) {
    const bool no_thread = e.code() == std::errc::resource_unavailable_try_again;
    return Status(no_thread ? StatusCode::kOutOfMemory : StatusCode::kInternal,
                  std::string(what) + ": " + (no_thread ? "cannot start a thread" : e.what()));
  } catch (const std::exception& e) {
    return Status(StatusCode::kInternal, std::string(what) + ": " + e.what());
  }
}

}  // namespace halfmoon
