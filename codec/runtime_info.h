// What the codecs run on: for --version and bug reports. Internal; std only.
#pragma once

#include <string>

namespace halfmoon {

struct RuntimeInfo {
  std::string isa;  // "scalar", "sse4", "avx2", "avx512"
  int cores = 1;
};

RuntimeInfo GetRuntimeInfo();

}  // namespace halfmoon
