#include "models/runtime/generative/draw_index.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "models/runtime/weights/number_text.h"

namespace halfmoon::runtime {

Status DrawOptions::Validate() const {
  const auto error = [](const char* name, double value, const char* range) {
    return Status(StatusCode::kInvalidArgument, std::string(name) + " " + NumberText(value) +
                                                    " is out of range; legal are " + range);
  };
  if (!(temperature >= 0 && temperature <= 4)) return error("temperature", temperature, "0 to 4");
  if (top_k < 0) return error("top-k", top_k, "0 (all) and above");
  if (!(top_p > 0 && top_p <= 1)) return error("top-p", top_p, "above 0 up to 1");
  return Status::Ok();
}

std::size_t DrawIndex(std::span<const float> logits, const DrawOptions& o, Philox* random) {
  const double uniform = random->Uniform();
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
  if (o.temperature == 0) return order.front();
  if (o.top_k > 0) order.resize(std::min(order.size(), static_cast<std::size_t>(o.top_k)));

  const double top = logits[order.front()];
  std::vector<double> weight;  // falling
  weight.reserve(order.size());
  for (const std::size_t i : order) weight.push_back(std::exp((logits[i] - top) / o.temperature));
  double sum = std::accumulate(weight.begin(), weight.end(), 0.0);
  if (o.top_p < 1) {
    double kept = 0;
    std::size_t count = 0;
    while (count < weight.size() && kept < o.top_p * sum) kept += weight[count++];
    weight.resize(count);
    sum = kept;
  }
  double rest = uniform * sum;
  for (std::size_t i = 0; i < weight.size(); ++i) {
    rest -= weight[i];
    if (rest < 0) return order[i];
  }
  return order[weight.size() - 1];  // rounding
}

}  // namespace halfmoon::runtime
