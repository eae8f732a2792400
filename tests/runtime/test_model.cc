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

int RandomScales(const AeConfig& c) {
  return c.latent_channels == FullConfig().latent_channels ? 128 : 37;
}

training::SafetensorsWriter RandomPrior(const AeConfig& c, std::uint64_t seed) {
  Random random(seed);
  training::SafetensorsWriter writer;
  writer.SetMetadata("architecture", "ae");
  for (const auto& [key, value] : ToMetadata(c)) writer.SetMetadata(key, value);
  const int tables = RandomScales(c);
  constexpr int kLevels = AeConfig::kLevels;
  AddRandomTables(writer, tables, random);
  const auto z = static_cast<int>(c.hyper_channels), h0 = static_cast<int>(c.prior_h0),
             h1 = static_cast<int>(c.prior_h1), features = static_cast<int>(c.prior_features),
             hidden = static_cast<int>(c.prior_hidden);

  const auto layer = [&](const std::string& name, int out, int in, int kernel, bool depthwise,
                         int target, int levels) {
    AddRandomLayer(writer, "prior." + name, out, in, kernel, depthwise, target, 0, levels, random);
  };
  const auto m = static_cast<int>(c.latent_channels);
  layer("h0", h0, z, 3, false, 2500, kLevels);
  layer("h1", 4 * h1, h0, 1, false, 2500, 0);
  layer("h2", h1, h1, 3, false, 2500, 0);
  layer("h3", 4 * features, h1, 1, false, 2500, 0);
  for (int k = 0; k < kAePasses; ++k) {
    const std::string n = std::to_string(k);
    if (k > 0) layer("d" + n, m, m, 3, true, 2000, 0);
    layer("a" + n, hidden, k == 0 ? features : features + 2 * m, 1, false, 2500, 0);
    layer("b" + n, hidden, hidden, 1, false, 2500, 0);
    // Table indices over all tables and some beyond, so that the clamp is seen; means likewise.
    layer("c" + n, 2 * m, hidden, 1, false, 3000, 0);
    std::vector<std::int32_t> bias(static_cast<std::size_t>(2 * m)), multiplier(bias.size()),
        shift(bias.size());
    for (std::size_t o = 0; o < bias.size(); ++o) {
      const bool is_table = o < static_cast<std::size_t>(m);
      const double target = (is_table ? tables : 1500) * 4;
      const double scale = target / (std::sqrt(double(hidden)) * 73 * 2000);
      const std::int64_t mult = random.In(std::int64_t{1} << 29, (std::int64_t{1} << 31) - 1);
      multiplier[o] = static_cast<std::int32_t>(mult);
      shift[o] = static_cast<int>(std::lround(std::log2(double(mult) / scale)));
      const double real_scale = double(mult) / std::pow(2.0, shift[o]);
      bias[o] = static_cast<std::int32_t>((is_table ? tables / 2.0 : 0.0) / real_scale);
    }
    Must(writer.Add("prior.c" + n + ".bias", {2 * m}, bias));
    Must(writer.Add("prior.c" + n + ".multiplier", {2 * m}, multiplier));
    Must(writer.Add("prior.c" + n + ".shift", {2 * m}, shift));
  }
  std::vector<std::uint8_t> z_table(static_cast<std::size_t>(kLevels * z));
  std::vector<std::int16_t> z_mean(z_table.size());
  for (auto& t : z_table) t = static_cast<std::uint8_t>(random.In(0, tables - 1));
  for (auto& mean : z_mean) mean = static_cast<std::int16_t>(random.In(-400, 400));
  Must(writer.Add("prior.z_table", {kLevels, z}, z_table));
  Must(writer.Add("prior.z_mean", {kLevels, z}, z_mean));
  return writer;
}

training::SafetensorsWriter RandomTransforms(const AeConfig& config, std::uint64_t seed) {
  Random random(seed);
  training::SafetensorsWriter writer;
  for (const auto& [key, value] : ToMetadata(config)) writer.SetMetadata(key, value);
  writer.SetMetadata("architecture", AeConfig::kArchitecture);
  const std::int64_t c = config.block_channels, d = config.trunk_channels,
                     m = config.latent_channels, z = config.hyper_channels, w = config.hyper_width,
                     anchors = config.level_anchors;
  // Uniform values whose sum over `fan` inputs of size one has a size of about one.
  auto add = [&](const std::string& name, const std::vector<std::int64_t>& shape,
                 std::int64_t fan) {
    std::int64_t count = 1;
    for (const std::int64_t s : shape) count *= s;
    std::vector<float> values(static_cast<std::size_t>(count));
    const double scale = std::sqrt(3.0 / double(fan)) / 1000;
    for (float& v : values) v = static_cast<float>(double(random.In(-1000, 1000)) * scale);
    Must(writer.Add(name, shape, values));
  };
  auto pointwise = [&](const std::string& name, std::int64_t out, std::int64_t in,
                       bool bias = true) {
    add(name + ".weight", {out, in, 1, 1}, in);
    if (bias) add(name + ".bias", {out}, 10);
  };
  auto block = [&](const std::string& name, std::int64_t n) {
    pointwise(name + ".in", n, n);
    add(name + ".depthwise.weight", {n, 1, 3, 3}, 9);
    add(name + ".depthwise.bias", {n}, 10);
    pointwise(name + ".out", n, n);
    pointwise(name + ".expand", 2 * n, n);
    pointwise(name + ".reduce", n, 2 * n);
  };
  pointwise("g_a.in", c, 192);
  auto stack = [&](const std::string& name, std::int64_t n, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) block(name + "." + std::to_string(i), n);
  };
  stack("g_a.blocks", c, config.analysis_blocks);
  stack("g_s.blocks", c, config.synthesis_blocks);
  stack("g_a.trunk", d, config.analysis_trunk_blocks);
  stack("g_s.trunk", d, config.synthesis_trunk_blocks);
  pointwise("g_a.down", d, 4 * c);
  pointwise("g_a.out", m, d);
  pointwise("g_a.linear", m, config.lapped ? 3072 : 768, false);
  pointwise("g_s.in", d, m);
  pointwise("g_s.up", 4 * c, d);
  pointwise("g_s.out", 192, c);
  pointwise("g_s.linear", config.lapped ? 3072 : 768, m, false);
  pointwise("h_a.in", w, m);
  pointwise("h_a.down1", w, 4 * w);
  block("h_a.mid1", w);
  pointwise("h_a.down2", w, 4 * w);
  block("h_a.mid2", w);
  pointwise("h_a.out", z, w);
  add("g_a.gain.anchors", {anchors, c}, 10);
  add("g_s.gain.anchors", {anchors, c}, 10);
  add("gain.forward.anchors", {anchors, m}, 10);
  add("gain.inverse.anchors", {anchors, m}, 10);
  const std::int64_t r = config.refine_channels;
  pointwise("g_s.refine.in", r, 48);
  pointwise("g_s.refine.up", 4 * r, c);
  stack("g_s.refine.blocks", r, config.refine_blocks);
  pointwise("g_s.refine.out", 48, r);
  add("g_s.refine.gain.anchors", {anchors, r}, 10);
  return writer;
}

training::SafetensorsWriter RandomPictureTransforms(const AeConfig& config, std::uint64_t seed) {
  training::SafetensorsWriter writer = RandomTransforms(config, seed);
  const auto file = WeightsFile::FromBytes(*writer.ToBytes());
  for (const char* name : {"g_s.out.weight", "g_s.out.bias", "g_s.linear.weight",
                           "g_s.refine.out.weight", "g_s.refine.out.bias"}) {
    const auto view = file->Get(name);
    std::vector<float> values = view->Values<float>();
    for (float& v : values) v *= 0.02f;
    Must(writer.Add(name, view->shape, values));
  }
  return writer;
}

AeConfig SmallConfig() {
  AeConfig c;
  c.block_channels = 24;
  c.trunk_channels = 40;
  c.analysis_blocks = c.synthesis_blocks = 2;
  c.analysis_trunk_blocks = c.synthesis_trunk_blocks = 1;
  c.latent_channels = 20;
  c.hyper_channels = 7;
  c.hyper_width = 12;
  c.prior_h0 = 9;
  c.prior_h1 = 5;
  c.prior_features = 11;
  c.prior_hidden = 19;
  c.level_anchors = 3;
  c.lapped = true;
  c.refine_channels = 10;
  c.refine_blocks = 2;
  return c;
}

AeConfig FullConfig() {
  AeConfig c;
  c.analysis_blocks = 6;
  c.synthesis_blocks = 7;
  c.analysis_trunk_blocks = c.synthesis_trunk_blocks = 4;
  c.lapped = true;
  c.refine_blocks = 3;
  return c;
}

std::vector<std::int32_t> RandomSymbols(std::size_t count, int span, Random& random) {
  std::vector<std::int32_t> symbols(count);
  for (auto& s : symbols) s = static_cast<std::int32_t>(random.In(-span, span));
  return symbols;
}

}  // namespace halfmoon::runtime::testing
