// The child's side of the pass for time and memory: one measurement in a process of its own.
#pragma once

#include <string>

#include "halfmoon/status.h"

namespace halfmoon::eval {

// Does what `request` (JSON made by MeasureTiming) says: reads a picture or file, encodes or
// decodes it once to warm up and then `repeats` times. Returns JSON with the median of the seconds
// and the peak of memory beyond what the process used before it made the codec. The operation
// "start" only makes the codec. Errors: kInvalidArgument for a request it doesn't understand; those
// of the codec.
Result<std::string> RunTimingChild(const std::string& request);

}  // namespace halfmoon::eval
