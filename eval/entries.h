// Measurements as JSON text: in the journal, and parts of results.json. Internal to eval/.
#pragma once

#include <nlohmann/json.hpp>

#include "eval/evaluation.h"

namespace halfmoon::eval {

using Json = nlohmann::ordered_json;

// Metrics that don't exist are left out; infinite ones are null.
Json MetricsToJson(const metrics::MetricValues& values);
metrics::MetricValues MetricsFromJson(const Json& json);

Json MeasurementToJson(const Measurement& m);
Measurement MeasurementFromJson(const Json& json);

// {"seconds", "memory_bytes", "stages": {name: seconds}}.
Json SpentToJson(const Spent& spent);
Spent SpentFromJson(const Json& json);

}  // namespace halfmoon::eval
