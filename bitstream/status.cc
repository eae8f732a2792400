#include "halfmoon/status.h"

namespace halfmoon {

std::string_view StatusCodeName(StatusCode code) {
  switch (code) {
    case StatusCode::kOk: return "ok";
    case StatusCode::kNotHalfmoon: return "not-halfmoon";
    case StatusCode::kUnsupportedVersion: return "unsupported-version";
    case StatusCode::kUnsupportedFeature: return "unsupported-feature";
    case StatusCode::kTruncated: return "truncated";
    case StatusCode::kChecksumMismatch: return "checksum-mismatch";
    case StatusCode::kCorrupt: return "corrupt";
    case StatusCode::kModelMissing: return "model-missing";
    case StatusCode::kModelMismatch: return "model-mismatch";
    case StatusCode::kModelCorrupt: return "model-corrupt";
    case StatusCode::kInvalidArgument: return "invalid-argument";
    case StatusCode::kLimitExceeded: return "limit-exceeded";
    case StatusCode::kOutOfMemory: return "out-of-memory";
    case StatusCode::kIo: return "io";
    case StatusCode::kFileExists: return "file-exists";
    case StatusCode::kInternal: return "internal";
  }
  return "unknown";
}

}  // namespace halfmoon
