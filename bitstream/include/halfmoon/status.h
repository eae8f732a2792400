// Status and Result<T>: how every Halfmoon function reports failure. Public; depends on std only.
//
// Errors are values. A Status carries a stable code and one message that says what went wrong,
// where, and what to do. Nothing in the libraries throws out of a public function, prints or exits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace halfmoon {

// Pinned numbers, grouped by tens; they never change meaning. Exit codes of the command line are
// derived from the group (see cli/README.md).
enum class StatusCode : std::int32_t {
  kOk = 0,
  // 10s: this is not a file we can read, or it is newer than we are.
  kNotHalfmoon = 10,         // wrong magic, or an unknown picture format
  kUnsupportedVersion = 11,  // format major is newer than this library
  kUnsupportedFeature = 12,  // a legal file or picture of a kind not supported (yet); named
  // 20s: damaged data.
  kTruncated = 20,
  kChecksumMismatch = 21,
  kCorrupt = 22,  // a field or a stream has an illegal value
  // 30s: models.
  kModelMissing = 30,   // no such model id among the installed ones
  kModelMismatch = 31,  // the id exists, its weights are others than the file was written with
  kModelCorrupt = 32,   // a weights file or the manifest is damaged or violates a proven bound
  // 40s: the caller.
  kInvalidArgument = 40,
  // 50s: limits.
  kLimitExceeded = 50,
  // 60s: resources.
  kOutOfMemory = 60,
  // 70s: input and output.
  kIo = 70,
  kFileExists = 71,
  // 90s: our bug.
  kInternal = 90,
};

// Stable lower-case name of a code, e.g. "checksum-mismatch".
std::string_view StatusCodeName(StatusCode code);

class [[nodiscard]] Status {
 public:
  Status() = default;  // Ok
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status Ok() { return {}; }

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

  // The same failure with "context: " before its message; Ok stays Ok.
  Status WithContext(std::string_view context) const {
    if (ok()) return *this;
    return {code_, std::string(context) + ": " + message_};
  }

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

// A value or the reason why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {  // NOLINT(google-explicit-constructor)
    if (status_.ok()) status_ = {StatusCode::kInternal, "Result made from an Ok status"};
  }

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }

  // REQUIRES: ok().
  T& value() & { return *value_; }
  const T& value() const& { return *value_; }
  T&& value() && { return *std::move(value_); }
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return *std::move(value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace halfmoon

#define HALFMOON_CONCAT_INNER(a, b) a##b
#define HALFMOON_CONCAT(a, b) HALFMOON_CONCAT_INNER(a, b)

// Returns from the enclosing function when `expr` (a Status) is a failure.
#define HALFMOON_RETURN_IF_ERROR(expr)                   \
  do {                                                   \
    ::halfmoon::Status halfmoon_status_ = (expr);        \
    if (!halfmoon_status_.ok()) return halfmoon_status_; \
  } while (false)

// `lhs = value of expr` (a Result), or returns its Status.
#define HALFMOON_ASSIGN_OR_RETURN(lhs, expr) \
  HALFMOON_ASSIGN_OR_RETURN_IMPL(HALFMOON_CONCAT(halfmoon_result_, __LINE__), lhs, expr)
#define HALFMOON_ASSIGN_OR_RETURN_IMPL(result, lhs, expr) \
  auto result = (expr);                                   \
  if (!result.ok()) return result.status();               \
  lhs = std::move(result).value()

// An invariant of our own: a violation is a bug and returns kInternal, in release builds too.
#define HALFMOON_ENSURE(condition)                                                     \
  do {                                                                                 \
    if (!(condition)) {                                                                \
      return ::halfmoon::Status(::halfmoon::StatusCode::kInternal,                     \
                                std::string(__FILE__ ":") + std::to_string(__LINE__) + \
                                    ": violated invariant " #condition                 \
                                    "; this is a bug in Halfmoon, please report it");  \
    }                                                                                  \
  } while (false)
