#include "models/training/loop/run_random.h"

namespace halfmoon::training {

at::Generator MakeGenerator(torch::Device device) {
#ifdef HALFMOON_WITH_CUDA
  if (device.is_cuda()) return torch::globalContext().defaultGenerator(device).clone();
#else
  (void)device;
#endif
  return at::detail::createCPUGenerator();
}

std::uint64_t MixSeed(std::uint64_t run, std::uint64_t step, std::uint64_t worker) {
  std::uint64_t x = run * 0x9E3779B97F4A7C15ull + step * 0xBF58476D1CE4E5B9ull + worker + 1;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

}  // namespace halfmoon::training
