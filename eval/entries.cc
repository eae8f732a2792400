#include "eval/entries.h"

#include <cmath>
#include <limits>

namespace halfmoon::eval {

Json MetricsToJson(const metrics::MetricValues& values) {
  Json json = Json::object();
  for (const metrics::MetricName& name : metrics::kMetrics) {
    const auto& value = values[name.metric];
    if (!value) continue;
    json[std::string(name.key)] = std::isinf(*value) ? Json(nullptr) : Json(*value);
  }
  return json;
}

metrics::MetricValues MetricsFromJson(const Json& json) {
  metrics::MetricValues values;
  for (const metrics::MetricName& name : metrics::kMetrics) {
    const auto found = json.find(std::string(name.key));
    if (found == json.end()) continue;
    values[name.metric] =
        found->is_null() ? std::numeric_limits<double>::infinity() : found->get<double>();
  }
  return values;
}

Json MeasurementToJson(const Measurement& m) {
  if (m.error.failed()) return {{"error", m.error.message}};
  Json json = {{"bytes", m.bytes}, {"bpp", m.bpp}};
  if (m.estimated_bpp) json["estimated_bpp"] = *m.estimated_bpp;
  json["metrics"] = MetricsToJson(m.metrics);
  return json;
}

Measurement MeasurementFromJson(const Json& json) {
  Measurement m;
  json.at("bytes").get_to(m.bytes);
  json.at("bpp").get_to(m.bpp);
  if (json.contains("estimated_bpp")) m.estimated_bpp = json.at("estimated_bpp").get<double>();
  m.metrics = MetricsFromJson(json.at("metrics"));
  return m;
}

Json SpentToJson(const Spent& spent) {
  Json stages = Json::object();
  for (const Stage& s : spent.stages) stages[s.name] = s.seconds;
  return {{"seconds", spent.seconds}, {"memory_bytes", spent.memory_bytes}, {"stages", stages}};
}

Spent SpentFromJson(const Json& json) {
  Spent spent{json.at("seconds"), json.at("memory_bytes"), {}};
  for (const auto& [name, seconds] : json.at("stages").items()) {
    spent.stages.push_back({name, seconds});
  }
  return spent;
}

}  // namespace halfmoon::eval
