// What this build runs on: for --version and bug reports. Internal; std only.
#pragma once

#include <string>

namespace halfmoon {

struct RuntimeInfo {
  std::string torch_version;  // e.g. "1.13.0"
  std::string blas;           // e.g. "OpenBLAS 0.3.21 (Zen)"
  std::string isa;            // of the integer path: "scalar", "sse4", "avx2", "avx512"
  bool slow_blas = false;     // Debian's reference BLAS: install libopenblas0
  int cores = 1;
};

RuntimeInfo GetRuntimeInfo();

}  // namespace halfmoon
