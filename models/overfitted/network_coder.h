// The networks of one picture <-> bytes: what chunk NETW holds (FORMAT.md, section 11).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "halfmoon/status.h"
#include "models/overfitted/integer_networks.h"

namespace halfmoon::overfitted {

// What a tensor's numbers cost with the best scale for them.
struct TensorCost {
  int scale = 0;  // of laplace_coder.h
  double bits = 0;
};
TensorCost CostOf(std::span<const std::int16_t> values);

// May throw std::bad_alloc. Errors: kOutOfMemory.
Result<std::vector<std::uint8_t>> WriteNetworks(const IntegerNetworks& networks);

// Reads untrusted bytes; what comes out may be run. Errors: kTruncated, kCorrupt, kOutOfMemory.
Result<IntegerNetworks> ReadNetworks(std::span<const std::uint8_t> bytes);

}  // namespace halfmoon::overfitted
