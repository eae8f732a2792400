#include "codec/runtime_info.h"

#include <algorithm>
#include <thread>

#include "models/runtime/layers/int_kernels.h"

namespace halfmoon {

RuntimeInfo GetRuntimeInfo() {
  RuntimeInfo info;
  const auto isa = runtime::IsaFromEnvironment();
  info.isa = isa.ok() ? std::string(runtime::IsaName(*isa)) : isa.status().message();
  info.cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  return info;
}

}  // namespace halfmoon
