#include "test_model.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace halfmoon::runtime::testing {
namespace {

// Runs at the start of every test: a failure is a bug of the test.
void Must(const Status& status) {
  if (!status.ok()) std::abort();
}

}  // namespace

void AddRandomLayer(training::SafetensorsWriter& writer, const std::string& name, int out, int in,
                    int kernel, bool depthwise, int target, int centre, int levels,
                    Random& random) {
  const int per_output = (depthwise ? 1 : in) * kernel * kernel;
  std::vector<std::int16_t> weight(static_cast<std::size_t>(out * per_output));
  for (auto& w : weight) w = static_cast<std::int16_t>(random.In(-127, 127));
  // Sums of about sqrt(n) * 73 * 2000.
  const double spread = std::sqrt(double(per_output)) * 73 * 2000;
  std::vector<std::int32_t> bias, multiplier, shift;
  for (int o = 0; o < out; ++o) {
    const double scale = target / spread;
    const std::int64_t m = random.In(std::int64_t{1} << 29, (std::int64_t{1} << 31) - 1);
    const int s = std::clamp(static_cast<int>(std::lround(std::log2(double(m) / scale))), 1, 62);
    multiplier.push_back(static_cast<std::int32_t>(m));
    shift.push_back(s);
    const double real_scale = double(m) / std::pow(2.0, s);
    bias.push_back(static_cast<std::int32_t>(centre / real_scale + double(random.In(-1000, 1000))));
  }
  const auto n = std::int64_t{out};
  Must(writer.Add(name + ".weight", {n, depthwise ? 1 : in, kernel, kernel}, weight));
  Must(writer.Add(name + ".bias", {n}, bias));
  Must(writer.Add(name + ".multiplier", {n}, multiplier));
  Must(writer.Add(name + ".shift", {n}, shift));
  if (levels > 0) {
    std::vector<std::int32_t> level_bias(static_cast<std::size_t>(levels * out));
    for (auto& b : level_bias) {
      b = static_cast<std::int32_t>(random.In(-std::int64_t(spread / 4), std::int64_t(spread / 4)));
    }
    Must(writer.Add(name + ".level_bias", {levels, n}, level_bias));
  }
}

void AddRandomTables(training::SafetensorsWriter& writer, int count, Random& random) {
  std::vector<std::int32_t> sizes, offsets, frequencies;
  for (int t = 0; t < count; ++t) {
    const int size = 3 + 2 * (t % 20);
    std::vector<std::int32_t> table(static_cast<std::size_t>(size), 1);
    std::int32_t left = 65536 - size;
    for (auto& f : table) {
      const auto part = static_cast<std::int32_t>(random.In(0, left / 2));
      f += part;
      left -= part;
    }
    table[static_cast<std::size_t>(size / 2)] += left;
    sizes.push_back(size);
    offsets.push_back(-(size - 2) / 2);
    frequencies.insert(frequencies.end(), table.begin(), table.end());
  }
  const auto n = static_cast<std::int64_t>(frequencies.size());
  Must(writer.Add("tables.sizes", {count}, sizes));
  Must(writer.Add("tables.offsets", {count}, offsets));
  Must(writer.Add("tables.frequencies", {n}, frequencies));
}

training::SafetensorsWriter RandomPrior(const AeDims& d, std::uint64_t seed) {
  Random random(seed);
  training::SafetensorsWriter writer;
  writer.SetMetadata("architecture", "ae");
  writer.SetMetadata("latent_channels", std::to_string(d.latent_channels));
  writer.SetMetadata("hyper_channels", std::to_string(d.hyper_channels));
  writer.SetMetadata("levels", std::to_string(d.levels));
  AddRandomTables(writer, d.table_count, random);

  const auto layer = [&](const std::string& name, int out, int in, int kernel, bool depthwise,
                         int target, int levels) {
    AddRandomLayer(writer, "prior." + name, out, in, kernel, depthwise, target, 0, levels, random);
  };
  const int m = d.latent_channels;
  layer("h0", d.hyper_hidden0, d.hyper_channels, 3, false, 2500, d.levels);
  layer("h1", 4 * d.hyper_hidden1, d.hyper_hidden0, 1, false, 2500, 0);
  layer("h2", d.hyper_hidden1, d.hyper_hidden1, 3, false, 2500, 0);
  layer("h3", 4 * d.features, d.hyper_hidden1, 1, false, 2500, 0);
  for (int k = 0; k < kAePasses; ++k) {
    const std::string n = std::to_string(k);
    if (k > 0) layer("d" + n, m, m, 3, true, 2000, 0);
    layer("a" + n, d.hidden, k == 0 ? d.features : d.features + 2 * m, 1, false, 2500, 0);
    layer("b" + n, d.hidden, d.hidden, 1, false, 2500, 0);
    // Table indices over all tables and some beyond, so that the clamp is seen; means likewise.
    layer("c" + n, 2 * m, d.hidden, 1, false, 3000, 0);
    std::vector<std::int32_t> bias(static_cast<std::size_t>(2 * m)), multiplier(bias.size()),
        shift(bias.size());
    for (std::size_t o = 0; o < bias.size(); ++o) {
      const bool is_table = o < static_cast<std::size_t>(m);
      const double target = (is_table ? d.table_count : 1500) * 4;
      const double scale = target / (std::sqrt(double(d.hidden)) * 73 * 2000);
      const std::int64_t mult = random.In(std::int64_t{1} << 29, (std::int64_t{1} << 31) - 1);
      multiplier[o] = static_cast<std::int32_t>(mult);
      shift[o] = static_cast<int>(std::lround(std::log2(double(mult) / scale)));
      const double real_scale = double(mult) / std::pow(2.0, shift[o]);
      bias[o] = static_cast<std::int32_t>((is_table ? d.table_count / 2.0 : 0.0) / real_scale);
    }
    Must(writer.Add("prior.c" + n + ".bias", {2 * m}, bias));
    Must(writer.Add("prior.c" + n + ".multiplier", {2 * m}, multiplier));
    Must(writer.Add("prior.c" + n + ".shift", {2 * m}, shift));
  }
  std::vector<std::uint8_t> z_table(static_cast<std::size_t>(d.levels * d.hyper_channels));
  std::vector<std::int16_t> z_mean(z_table.size());
  for (auto& t : z_table) t = static_cast<std::uint8_t>(random.In(0, d.table_count - 1));
  for (auto& z : z_mean) z = static_cast<std::int16_t>(random.In(-400, 400));
  Must(writer.Add("prior.z_table", {d.levels, d.hyper_channels}, z_table));
  Must(writer.Add("prior.z_mean", {d.levels, d.hyper_channels}, z_mean));
  return writer;
}

AeDims SmallDims() {
  return {.latent_channels = 20,
          .hyper_channels = 7,
          .levels = 64,
          .hyper_hidden0 = 9,
          .hyper_hidden1 = 5,
          .features = 11,
          .hidden = 19,
          .table_count = 37};
}

AeDims FullDims() {
  return {.latent_channels = 256,
          .hyper_channels = 96,
          .levels = 64,
          .hyper_hidden0 = 192,
          .hyper_hidden1 = 128,
          .features = 192,
          .hidden = 224,
          .table_count = 128};
}

std::vector<std::int32_t> RandomSymbols(std::size_t count, int span, Random& random) {
  std::vector<std::int32_t> symbols(count);
  for (auto& s : symbols) s = static_cast<std::int32_t>(random.In(-span, span));
  return symbols;
}

}  // namespace halfmoon::runtime::testing
