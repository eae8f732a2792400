// Small POSIX helpers shared by the files of codec/io. Internal.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "halfmoon/status.h"

namespace halfmoon::io {

// A file descriptor that is closed when it goes. -1 holds nothing.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      Close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Descriptor() { Close(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  // False with errno set when the system reports a late write error.
  bool Close() {
    const int fd = std::exchange(fd_, -1);
    // On Linux the descriptor is gone even after EINTR; a second close could hit another file.
    return fd < 0 || ::close(fd) == 0 || errno == EINTR;
  }

 private:
  int fd_ = -1;
};

// "path: cannot do: reason". std::strerror is not safe with threads; this is.
inline Status IoError(std::string_view path, std::string_view what, int error) {
  return {StatusCode::kIo, std::string(path) + ": cannot " + std::string(what) + ": " +
                               std::system_category().message(error)};
}

}  // namespace halfmoon::io
