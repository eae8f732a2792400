// Random numbers of a run: generators per device and seeds per step. LibTorch.
#pragma once

#include <torch/torch.h>

#include <cstdint>

namespace halfmoon::training {

// A generator of the device's own kind, independent of LibTorch's global one.
at::Generator MakeGenerator(torch::Device device);

// A seed for every (run, step, worker): nothing has to be saved to resume the random numbers.
std::uint64_t MixSeed(std::uint64_t run, std::uint64_t step, std::uint64_t worker);

}  // namespace halfmoon::training
