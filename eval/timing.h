// The pass for time and memory: the child's side, one measurement in a process of its own.
#pragma once

#include <string>

#include "halfmoon/status.h"

namespace halfmoon::eval {

// Does what `request` (JSON made by MeasureTiming) says: reads a picture or file, encodes or
// decodes it once to warm up and then `repeats` times. Returns the Spent as JSON.
// Errors: kInvalidArgument for a request it doesn't understand; those of the codec.
Result<std::string> RunTimingChild(const std::string& request);

// The processor, which a time says nothing without; "unknown" where the system does not tell.
std::string CpuName();

}  // namespace halfmoon::eval
