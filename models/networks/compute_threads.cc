#include "models/networks/compute_threads.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>

namespace halfmoon::networks {
namespace {

// OpenBLAS is found by its own symbols: which BLAS serves LibTorch is decided at load time
// (Debian's alternatives), so it can't be linked to.
template <typename F>
F FindSymbol(const char* name) {
  return reinterpret_cast<F>(dlsym(RTLD_DEFAULT, name));
}

// OpenBLAS picks its kernels by the processor's model number and falls back to SSE3 ("Prescott")
// for models younger than itself: a fifth of the speed on an Emerald Rapids. Where the processor
// has more, OpenBLAS is asked to choose again, by the environment variable made for that; one that
// the user has set is left alone.
void ChooseAgain() {
#if defined(__x86_64__)
  auto core = FindSymbol<char* (*)()>("openblas_get_corename");
  auto quit = FindSymbol<void (*)()>("gotoblas_dynamic_quit");
  auto init = FindSymbol<void (*)()>("gotoblas_dynamic_init");
  constexpr const char* kVariable = "OPENBLAS_CORETYPE";
  if (!core || !quit || !init || std::getenv(kVariable) || std::string(core()) != "Prescott")
    return;
  const char* better = nullptr;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    better = "SkylakeX";
  } else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    better = "Haswell";
  }
  if (!better) return;
  setenv(kVariable, better, 1);
  quit();
  init();
#endif
}

}  // namespace

void ChooseBlasKernels() {
  static std::once_flag chosen;
  std::call_once(chosen, ChooseAgain);
}

void SetComputeThreads(int threads) {
  ChooseBlasKernels();
  const int n = std::max(1, threads);
  if (auto set = FindSymbol<void (*)(int)>("openblas_set_num_threads")) set(n);
  // OpenBLAS with threads of its own and LibTorch's OpenMP threads wait for each other by spinning
  // on the same cores: with two of each, synthesis took four times as long as with one. So the
  // matrix products, most of the work, get the threads; element-wise operations run on one.
  const auto parallel = FindSymbol<int (*)()>("openblas_get_parallel");
  const bool own_threads = parallel && parallel() == 1;
  at::set_num_threads(own_threads ? 1 : n);
}

std::string BlasName() {
  if (auto config = FindSymbol<char* (*)()>("openblas_get_config")) {
    std::string name = config();
    if (auto core = FindSymbol<char* (*)()>("openblas_get_corename")) {
      name = name.substr(0, name.find(' ', name.find(' ') + 1)) + " (" + core() + ")";
    }
    return name;
  }
  if (dlsym(RTLD_DEFAULT, "MKL_Get_Version_String")) return "MKL";
  if (dlsym(RTLD_DEFAULT, "bli_info_get_version_str")) return "BLIS";
  if (dlsym(RTLD_DEFAULT, "ATL_buildinfo")) return "ATLAS";
  return dlsym(RTLD_DEFAULT, "sgemm_") ? "reference BLAS" : "built into LibTorch";
}

bool BlasIsSlow() { return BlasName() == "reference BLAS"; }

}  // namespace halfmoon::networks
