#include "models/training/export/integer_conversion.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "models/config/integer_path.h"
#include "models/config/vqvae_config.h"
#include "models/runtime/layers/integer_transforms.h"
#include "models/training/export/observed_transforms.h"

namespace halfmoon::training {
namespace {

using runtime::FloatMap;
using runtime::IntLevelGains;
using runtime::LoadFloats;
using runtime::WeightsFile;

// Of what was seen on the pictures: others hold more.
constexpr double kHeadroom = 2;
constexpr double kSample = 1.0 / 32768;  // unit of samples
// Of the 2^31 / 2^15 that a row's weights may sum to, what rounding can add to weights and, through
// the inputs' means, to the bias is kept back.
double RowBudget(std::size_t inputs) { return 65535 - 0.75 * static_cast<double>(inputs) - 4; }

// The channels of a map: what one of their whole numbers stands for, and mean squares in those.
struct Units {
  std::vector<double> unit;
  std::vector<double> mean, mean_square;  // in real numbers

  std::size_t size() const { return unit.size(); }
  double WholeMean(std::size_t c) const { return mean[c] / unit[c]; }
  double WholeVariance(std::size_t c) const {
    return std::max(mean_square[c] - mean[c] * mean[c], 1e-12) / (unit[c] * unit[c]);
  }
};

// The coarsest range a channel can need: nearly dead ones get a share of the map's largest.
Units UnitsOf(const ChannelSizes& seen) {
  Units u;
  const double top = *std::max_element(seen.most.begin(), seen.most.end());
  for (std::size_t c = 0; c < seen.most.size(); ++c) {
    const double most = std::max({seen.most[c], top / 1024, 1e-6});
    u.unit.push_back(most * kHeadroom / 32767);
    u.mean.push_back(seen.Mean(c));
    u.mean_square.push_back(std::max(seen.MeanSquare(c), 1e-12));
  }
  return u;
}

Units Samples(const ChannelSizes& seen) {
  Units u;
  u.unit.assign(seen.most.size(), kSample);
  for (std::size_t c = 0; c < seen.most.size(); ++c) {
    u.mean.push_back(seen.Mean(c));
    u.mean_square.push_back(std::max(seen.MeanSquare(c), 1e-12));
  }
  return u;
}

// Each channel `times` times, one after the other: pixel_shuffle's order; or all, again and again.
Units Each(const Units& units, std::size_t times) {
  Units u;
  for (std::size_t i = 0; i < units.size() * times; ++i) {
    u.unit.push_back(units.unit[i / times]);
    u.mean.push_back(units.mean[i / times]);
    u.mean_square.push_back(units.mean_square[i / times]);
  }
  return u;
}
Units Again(const Units& units, std::size_t times) {
  Units u;
  for (std::size_t i = 0; i < units.size() * times; ++i) {
    u.unit.push_back(units.unit[i % units.size()]);
    u.mean.push_back(units.mean[i % units.size()]);
    u.mean_square.push_back(units.mean_square[i % units.size()]);
  }
  return u;
}

double Decibel(double power) { return 10 * std::log10(std::max(power, 1e-20)); }

class Converter {
 public:
  Converter(const WeightsFile& file, const Observations& seen, ConvertedTransforms* to)
      : file_(file), seen_(seen), to_(to) {}

  Status Analysis(const AeConfig& c);
  // `y`: the units of what goes in.
  Status Synthesis(const AeConfig& c, const Units& y);
  Status InverseGain(const AeConfig& c, const Units& y);
  Status Codes(const VqvaeConfig& c, const Units& y);

 private:
  enum class Rounding { kNearest, kCarried };

  // A layer in float: [out][in] and a bias.
  struct Layer {
    std::string name;
    std::vector<std::int64_t> shape;
    std::vector<float> weight, bias;
    std::size_t out() const { return bias.size(); }
    std::size_t in() const { return weight.size() / bias.size(); }
  };
  Result<Layer> Load(const std::string& name, std::size_t out, std::size_t in, bool bias) const;

  // Whole numbers for a layer's shift. False where a sum could leave 32 bits.
  static bool Round(const Layer& layer, const Units& in, const Units& out, int shift,
                    Rounding rounding, std::vector<std::int16_t>* weights,
                    std::vector<std::int32_t>* bias);
  // Writes the layer; `in`: of its inputs, those of a depth-wise layer's channels.
  Status Write(const Layer& layer, const Units& in, const Units& out,
               Rounding rounding = Rounding::kNearest);
  // Makes `out`'s units coarser where that helps (see the header), then writes. `repeat`: so many
  // outputs in a row share a unit.
  Status WriteFree(const Layer& layer, const Units& in, Units* out, std::size_t repeat = 1);
  Status Pointwise(const std::string& name, const Units& in, const Units& out, bool bias = true,
                   Rounding rounding = Rounding::kNearest);
  Status Stack(const std::string& name, std::int64_t count, const Units& stream);
  // prefix.anchors for channels that go from units `from` to units `to`.
  Status Gain(const std::string& prefix, std::int64_t anchors, const Units& from, const Units& to);
  // The largest gain of every channel.
  Result<std::vector<double>> LargestGains(const std::string& prefix, std::int64_t anchors,
                                           std::size_t channels) const;

  // The magnitude of a row in whole numbers of input, at unit 1 of output and shift 0.
  static double RowSize(const Layer& layer, const Units& in, std::size_t row);
  // What rounding weights to 2^-shift of `unit` adds, mean square.
  static double WeightNoise(const Layer& layer, const Units& in, std::size_t row, double unit,
                            int shift);

  const WeightsFile& file_;
  const Observations& seen_;
  ConvertedTransforms* to_;
};

Result<Converter::Layer> Converter::Load(const std::string& name, std::size_t out, std::size_t in,
                                         bool bias) const {
  Layer layer;
  layer.name = name;
  layer.shape = {static_cast<std::int64_t>(out), static_cast<std::int64_t>(in), 1, 1};
  HALFMOON_ASSIGN_OR_RETURN(layer.weight, LoadFloats(file_, name + ".weight",
                                                     {static_cast<std::int64_t>(out),
                                                      static_cast<std::int64_t>(in), 1, 1}));
  layer.bias.assign(out, 0.0f);
  if (bias) {
    HALFMOON_ASSIGN_OR_RETURN(layer.bias,
                              LoadFloats(file_, name + ".bias", {static_cast<std::int64_t>(out)}));
  }
  return layer;
}

double Converter::RowSize(const Layer& layer, const Units& in, std::size_t row) {
  const bool depthwise = layer.shape[1] == 1 && layer.shape[2] == 3;
  double size = std::fabs(double{layer.bias[row]}) / 32768;
  for (std::size_t i = 0; i < layer.in(); ++i)
    size += std::fabs(double{layer.weight[row * layer.in() + i]}) * in.unit[depthwise ? row : i];
  return size;
}

double Converter::WeightNoise(const Layer& layer, const Units& in, std::size_t row, double unit,
                              int shift) {
  const bool depthwise = layer.shape[1] == 1 && layer.shape[2] == 3;
  double noise = 0;
  for (std::size_t i = 0; i < layer.in(); ++i) noise += in.WholeVariance(depthwise ? row : i);
  const double step = std::ldexp(unit, -shift);
  return noise * step * step / 12;
}

bool Converter::Round(const Layer& layer, const Units& in, const Units& out, int shift,
                      Rounding rounding, std::vector<std::int16_t>* weights,
                      std::vector<std::int32_t>* bias) {
  const bool depthwise = layer.shape[1] == 1 && layer.shape[2] == 3;
  const std::size_t inputs = layer.in();
  weights->clear();
  bias->clear();
  for (std::size_t o = 0; o < layer.out(); ++o) {
    const double scale = std::ldexp(1 / out.unit[o], shift);
    double carry = 0, magnitude = 0;
    // What weights are rounded by shifts the output by their inputs' means: the bias takes that.
    double shifted = 0;
    for (std::size_t i = 0; i < inputs; ++i) {
      const std::size_t channel = depthwise ? o : i;
      const double exact = double{layer.weight[o * inputs + i]} * in.unit[channel] * scale;
      const double whole = std::nearbyint(exact + carry);
      if (std::fabs(whole) > 32767) return false;
      if (rounding == Rounding::kCarried) carry += exact - whole;
      shifted += (exact - whole) * in.WholeMean(channel);
      magnitude += std::fabs(whole);
      weights->push_back(static_cast<std::int16_t>(whole));
    }
    const double constant = std::nearbyint(double{layer.bias[o]} * scale + shifted);
    if (magnitude * 32768 + std::fabs(constant) + std::ldexp(1.0, shift - 1) > 2147483647)
      return false;
    bias->push_back(static_cast<std::int32_t>(constant));
  }
  return true;
}

Status Converter::Write(const Layer& layer, const Units& in, const Units& out, Rounding rounding) {
  HALFMOON_ENSURE(out.size() == layer.out());
  const bool depthwise = layer.shape[1] == 1 && layer.shape[2] == 3;
  const std::size_t inputs = layer.in();
  double largest = 0;  // of all rows, relative to what one may be
  for (std::size_t o = 0; o < layer.out(); ++o) {
    largest = std::max(largest, RowSize(layer, in, o) / out.unit[o] / RowBudget(inputs));
    for (std::size_t i = 0; i < inputs; ++i) {
      largest = std::max(largest, std::fabs(double{layer.weight[o * inputs + i]}) *
                                      in.unit[depthwise ? o : i] / out.unit[o] / 32767);
    }
  }
  // What rounding adds may still be too much: then with a smaller shift.
  int shift = std::clamp(static_cast<int>(std::floor(-std::log2(largest))), 0, 30);
  std::vector<std::int16_t> weights;
  std::vector<std::int32_t> bias;
  while (shift >= 1 && !Round(layer, in, out, shift, rounding, &weights, &bias)) --shift;
  if (shift < 1) {
    return {StatusCode::kModelCorrupt,
            "layer \"" + layer.name + "\" has weights too large for 16-bit activations"};
  }
  LayerCost cost{layer.name, shift, 0, 0};
  for (std::size_t o = 0; o < layer.out(); ++o) {
    const double size = out.mean_square[o];
    cost.weights_db += WeightNoise(layer, in, o, out.unit[o], shift) / size;
    cost.activations_db += out.unit[o] * out.unit[o] / 12 / size;
  }
  const auto rows = static_cast<double>(layer.out());
  cost.weights_db = Decibel(cost.weights_db / rows);
  cost.activations_db = Decibel(cost.activations_db / rows);
  to_->costs.push_back(cost);
  SafetensorsWriter& writer = to_->writer;
  HALFMOON_RETURN_IF_ERROR(writer.Add<std::int16_t>(layer.name + ".weight", layer.shape, weights));
  HALFMOON_RETURN_IF_ERROR(writer.Add<std::int32_t>(layer.name + ".bias", {layer.shape[0]}, bias));
  return writer.Add<std::int32_t>(layer.name + ".shift", {1}, std::vector<std::int32_t>{shift});
}

Status Converter::WriteFree(const Layer& layer, const Units& in, Units* out, std::size_t repeat) {
  const std::size_t channels = layer.out() / repeat;
  HALFMOON_ENSURE(out->size() == channels);
  std::vector<double> sizes(channels, 0);
  for (std::size_t o = 0; o < layer.out(); ++o)
    sizes[o / repeat] = std::max(sizes[o / repeat], RowSize(layer, in, o));
  const double budget = RowBudget(layer.in());
  double least = std::numeric_limits<double>::infinity();
  Units best = *out;
  for (int shift = 4; shift <= 24; ++shift) {
    Units tried = *out;
    double noise = 0;
    for (std::size_t c = 0; c < channels; ++c) {
      tried.unit[c] = std::max(out->unit[c], std::ldexp(sizes[c], shift) / budget);
      noise += (WeightNoise(layer, in, c * repeat, tried.unit[c], shift) +
                tried.unit[c] * tried.unit[c] / 12) /
               out->mean_square[c];
    }
    if (noise >= least) continue;
    least = noise;
    best = tried;
  }
  *out = best;
  return Write(layer, in, Each(best, repeat));
}

Status Converter::Pointwise(const std::string& name, const Units& in, const Units& out, bool bias,
                            Rounding rounding) {
  HALFMOON_ASSIGN_OR_RETURN(const Layer layer, Load(name, out.size(), in.size(), bias));
  return Write(layer, in, out, rounding);
}

Status Converter::Stack(const std::string& name, std::int64_t count, const Units& stream) {
  const std::size_t channels = stream.size();
  const auto n = static_cast<std::int64_t>(channels);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string block = name + "." + std::to_string(i);
    Units h = UnitsOf(seen_.of(block + ".h")), d = UnitsOf(seen_.of(block + ".d")),
          e = UnitsOf(seen_.of(block + ".e"));
    HALFMOON_ASSIGN_OR_RETURN(const Layer in, Load(block + ".in", channels, channels, true));
    HALFMOON_RETURN_IF_ERROR(WriteFree(in, stream, &h));
    Layer depthwise;
    depthwise.name = block + ".depthwise";
    depthwise.shape = {n, 1, 3, 3};
    HALFMOON_ASSIGN_OR_RETURN(depthwise.weight,
                              LoadFloats(file_, depthwise.name + ".weight", {n, 1, 3, 3}));
    HALFMOON_ASSIGN_OR_RETURN(depthwise.bias, LoadFloats(file_, depthwise.name + ".bias", {n}));
    HALFMOON_RETURN_IF_ERROR(WriteFree(depthwise, h, &d));
    HALFMOON_RETURN_IF_ERROR(Pointwise(block + ".out", d, stream));
    HALFMOON_ASSIGN_OR_RETURN(const Layer expand,
                              Load(block + ".expand", 2 * channels, channels, true));
    HALFMOON_RETURN_IF_ERROR(WriteFree(expand, stream, &e));
    HALFMOON_RETURN_IF_ERROR(Pointwise(block + ".reduce", e, stream));
  }
  return Status::Ok();
}

Result<std::vector<double>> Converter::LargestGains(const std::string& prefix, std::int64_t anchors,
                                                    std::size_t channels) const {
  HALFMOON_ASSIGN_OR_RETURN(
      const std::vector<float> values,
      LoadFloats(file_, prefix + ".anchors", {anchors, static_cast<std::int64_t>(channels)}));
  std::vector<double> largest(channels, 0);
  for (std::size_t i = 0; i < values.size(); ++i)
    largest[i % channels] = std::max(largest[i % channels], std::exp(double{values[i]}));
  return largest;
}

Status Converter::Gain(const std::string& prefix, std::int64_t anchors, const Units& from,
                       const Units& to) {
  const std::size_t channels = from.size();
  const std::string name = prefix + ".anchors";
  const std::vector<std::int64_t> shape = {anchors, static_cast<std::int64_t>(channels)};
  HALFMOON_ASSIGN_OR_RETURN(
      const std::vector<float> values,
      LoadFloats(file_, name, {anchors, static_cast<std::int64_t>(channels)}));
  std::vector<std::int32_t> whole;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t c = i % channels;
    const double octaves = double{values[i]} / std::log(2.0) + std::log2(from.unit[c] / to.unit[c]);
    whole.push_back(
        static_cast<std::int32_t>(std::clamp(std::nearbyint(octaves * IntLevelGains::kOctave),
                                             static_cast<double>(-IntLevelGains::kLowest), 0.0)));
  }
  return to_->writer.Add<std::int32_t>(name, shape, whole);
}

Status Converter::Analysis(const AeConfig& c) {
  const Units x = Samples(seen_.of("g_a.x")), windows = Samples(seen_.of("g_a.windows"));
  const Units stream = UnitsOf(seen_.of("g_a.blocks")), trunk = UnitsOf(seen_.of("g_a.trunk")),
              y = UnitsOf(seen_.of("g_a.y"));
  Units gained = UnitsOf(seen_.of("g_a.gained"));
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<double> gains,
                            LargestGains("g_a.gain", c.level_anchors, gained.size()));
  // A gain is at most one whole number for one.
  for (std::size_t i = 0; i < gained.size(); ++i)
    gained.unit[i] = std::max(gained.unit[i], stream.unit[i] * gains[i]);
  // Neighbouring pixels are much alike: what one weight is rounded by, the next one makes good.
  HALFMOON_RETURN_IF_ERROR(Pointwise("g_a.in", x, stream, true, Rounding::kCarried));
  HALFMOON_RETURN_IF_ERROR(Stack("g_a.blocks", c.analysis_blocks, stream));
  HALFMOON_RETURN_IF_ERROR(Gain("g_a.gain", c.level_anchors, stream, gained));
  HALFMOON_RETURN_IF_ERROR(Pointwise("g_a.down", Each(gained, 4), trunk));
  HALFMOON_RETURN_IF_ERROR(Stack("g_a.trunk", c.analysis_trunk_blocks, trunk));
  HALFMOON_RETURN_IF_ERROR(Pointwise("g_a.out", trunk, y));
  // One sum over a window would have coarse weights: each part of 256 inputs is a layer.
  HALFMOON_ASSIGN_OR_RETURN(const Layer linear,
                            Load("g_a.linear", y.size(), windows.size(), false));
  for (std::size_t part = 0; part < windows.size() / 256; ++part) {
    Layer layer = linear;
    layer.name += "." + std::to_string(part);
    layer.shape[1] = 256;
    layer.weight.clear();
    Units in;
    for (std::size_t i = 256 * part; i < 256 * (part + 1); ++i) {
      in.unit.push_back(windows.unit[i]);
      in.mean.push_back(windows.mean[i]);
      in.mean_square.push_back(windows.mean_square[i]);
    }
    for (std::size_t o = 0; o < y.size(); ++o) {
      const float* row = linear.weight.data() + o * windows.size() + 256 * part;
      layer.weight.insert(layer.weight.end(), row, row + 256);
    }
    HALFMOON_RETURN_IF_ERROR(Write(layer, in, y, Rounding::kCarried));
  }
  std::vector<float> units(y.unit.begin(), y.unit.end());
  return to_->writer.Add<float>("g_a.unit", {static_cast<std::int64_t>(units.size())}, units);
}

Status Converter::Synthesis(const AeConfig& c, const Units& y) {
  const auto m = static_cast<std::size_t>(c.latent_channels);
  const auto sample = [](std::size_t channels, double mean_square) {
    Units u;
    u.unit.assign(channels, kSample);
    u.mean.assign(channels, 0);
    u.mean_square.assign(channels, mean_square);
    return u;
  };
  // A picture's own size, roughly; of costs alone.
  constexpr double kPicture = 0.06, kDetails = 0.001;
  const Units trunk = UnitsOf(seen_.of("g_s.trunk"));
  Units up = UnitsOf(seen_.of("g_s.up")), stream = UnitsOf(seen_.of("g_s.blocks"));
  HALFMOON_RETURN_IF_ERROR(Pointwise("g_s.in", y, trunk));
  HALFMOON_RETURN_IF_ERROR(Stack("g_s.trunk", c.synthesis_trunk_blocks, trunk));
  HALFMOON_ASSIGN_OR_RETURN(const Layer raise,
                            Load("g_s.up", 4 * stream.size(), trunk.size(), true));
  HALFMOON_RETURN_IF_ERROR(WriteFree(raise, trunk, &up, 4));
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<double> gains,
                            LargestGains("g_s.gain", c.level_anchors, stream.size()));
  for (std::size_t i = 0; i < stream.size(); ++i)
    stream.unit[i] = std::max(stream.unit[i], up.unit[i] * gains[i]);
  HALFMOON_RETURN_IF_ERROR(Gain("g_s.gain", c.level_anchors, up, stream));
  HALFMOON_RETURN_IF_ERROR(Stack("g_s.blocks", c.synthesis_blocks, stream));
  HALFMOON_RETURN_IF_ERROR(Pointwise("g_s.out", stream, sample(192, kDetails)));

  HALFMOON_ASSIGN_OR_RETURN(Layer linear, Load("g_s.linear", c.lapped ? 3072 : 768, m, false));
  if (c.lapped) {
    // [quarter * 768 + n][channel] becomes [n][quarter * m + channel]: a sum over four latents.
    std::vector<float> weight(linear.weight.size());
    for (std::size_t n = 0; n < 768; ++n) {
      for (std::size_t k = 0; k < 4 * m; ++k)
        weight[n * 4 * m + k] = linear.weight[(k / m * 768 + n) * m + k % m];
    }
    linear.weight = weight;
    linear.bias.resize(768);
    linear.shape = {768, static_cast<std::int64_t>(4 * m), 1, 1};
  }
  HALFMOON_RETURN_IF_ERROR(Write(linear, Again(y, c.lapped ? 4 : 1), sample(768, kPicture)));
  if (c.refine_blocks == 0) return Status::Ok();

  const Units x = Samples(seen_.of("g_s.refine.x"));
  Units colour = UnitsOf(seen_.of("g_s.refine.colour")),
        fine = UnitsOf(seen_.of("g_s.refine.blocks"));
  HALFMOON_ASSIGN_OR_RETURN(const Layer in, Load("g_s.refine.in", colour.size(), 48, true));
  HALFMOON_RETURN_IF_ERROR(WriteFree(in, x, &colour));
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<double> fine_gains,
                            LargestGains("g_s.refine.gain", c.level_anchors, fine.size()));
  for (std::size_t i = 0; i < fine.size(); ++i)
    fine.unit[i] = std::max(fine.unit[i], colour.unit[i] * fine_gains[i]);
  HALFMOON_RETURN_IF_ERROR(Gain("g_s.refine.gain", c.level_anchors, colour, fine));
  HALFMOON_RETURN_IF_ERROR(Pointwise("g_s.refine.up", stream, Each(fine, 4)));
  HALFMOON_RETURN_IF_ERROR(Stack("g_s.refine.blocks", c.refine_blocks, fine));
  return Pointwise("g_s.refine.out", fine, sample(48, kDetails));
}

Status Converter::InverseGain(const AeConfig& c, const Units& y) {
  const std::size_t m = y.size();
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<double> largest,
                            LargestGains("gain.inverse", c.level_anchors, m));
  // A whole number of the latent, 1/16 of a step, becomes gain / 16 / unit: a power of two, which
  // is the channel's shift, times what is at most 1.
  Units from = y, to = y;
  std::vector<std::int32_t> shifts;
  for (std::size_t i = 0; i < m; ++i) {
    const int octaves =
        static_cast<int>(std::ceil(std::log2(largest[i] * kLatentUnit / y.unit[i])));
    if (octaves > 14 || octaves < -15) {
      return {StatusCode::kModelCorrupt,
              "\"gain.inverse.anchors\": channel " + std::to_string(i) + " is out of range"};
    }
    from.unit[i] = kLatentUnit;
    to.unit[i] = std::ldexp(y.unit[i], octaves);
    shifts.push_back(15 - octaves);
  }
  HALFMOON_RETURN_IF_ERROR(Gain("gain.inverse", c.level_anchors, from, to));
  return to_->writer.Add<std::int32_t>("gain.inverse.shift", {static_cast<std::int64_t>(m)},
                                       shifts);
}

Status Converter::Codes(const VqvaeConfig& c, const Units& y) {
  // Powers of two, so that an encoder's floats hold sums of codes exactly.
  Units z = UnitsOf(seen_.of("g_s.z"));
  std::vector<std::int32_t> shifts;
  for (double& unit : z.unit) {
    shifts.push_back(static_cast<std::int32_t>(-std::ceil(std::log2(unit))));
    unit = std::ldexp(1.0, -shifts.back());
  }
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<float> codes,
                            LoadFloats(file_, "g_s.codes", {c.stages, c.codes, c.code_dim}));
  HALFMOON_ASSIGN_OR_RETURN(const runtime::TensorView support,
                            file_.Get("g_s.support", runtime::DType::kI32, {c.stages, c.code_dim}));
  const std::vector<std::int32_t> directions = support.Values<std::int32_t>();
  const auto per_stage = static_cast<std::size_t>(c.codes * c.code_dim),
             g = static_cast<std::size_t>(c.code_dim);
  std::vector<std::int16_t> whole;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const auto direction = static_cast<std::size_t>(directions[i / per_stage * g + i % g]);
    if (direction >= z.size())
      return {StatusCode::kModelCorrupt, "tensor \"g_s.support\" has a direction out of range"};
    whole.push_back(static_cast<std::int16_t>(
        std::clamp(std::nearbyint(double{codes[i]} / z.unit[direction]), -32767.0, 32767.0)));
  }
  HALFMOON_RETURN_IF_ERROR(
      to_->writer.Add<std::int16_t>("g_s.codes", {c.stages, c.codes, c.code_dim}, whole));
  HALFMOON_RETURN_IF_ERROR(to_->writer.Add<std::int32_t>("g_a.code_shift", {c.dim}, shifts));
  Layer unproject;
  unproject.name = "g_s.unproject";
  unproject.shape = {c.transforms.latent_channels, c.dim, 1, 1};
  HALFMOON_ASSIGN_OR_RETURN(
      unproject.weight, LoadFloats(file_, "g_s.unproject", {c.transforms.latent_channels, c.dim}));
  unproject.bias.assign(y.size(), 0.0f);
  return Write(unproject, z, y);
}

// Everything but the pixel transforms.
Status CopyOthers(const WeightsFile& file, SafetensorsWriter* writer) {
  for (const auto& [key, value] : file.metadata()) {
    if (key != runtime::kBaseKey && key != runtime::kBaseHashKey) writer->SetMetadata(key, value);
  }
  writer->SetMetadata("format_version", "4");
  for (const std::string& name : file.names()) {
    const bool transform = name.starts_with("g_s.") || name.starts_with("gain.inverse.") ||
                           (name.starts_with("g_a.") && !name.starts_with("g_a.project") &&
                            !name.starts_with("g_a.slopes"));
    if (transform && !name.starts_with("g_s.support")) continue;
    HALFMOON_ASSIGN_OR_RETURN(const runtime::TensorView view, file.Get(name));
    HALFMOON_RETURN_IF_ERROR(writer->AddBytes(name, view.dtype, view.shape, view.bytes));
  }
  return Status::Ok();
}

// Latents times gains, position by position.
void Scale(const std::vector<float>& gains, FloatMap* y) {
  for (std::size_t i = 0; i < y->height * y->width; ++i) {
    for (std::size_t c = 0; c < y->stride; ++c) y->values[i * y->stride + c] *= gains[c];
  }
}

// Levels at which a model is looked at: its ends and some between.
constexpr int kLooks[] = {0, 13, 25, 38, 50, 60, 63};

}  // namespace

Result<std::vector<CalibrationPicture>> CalibrationPictures(const std::vector<Pack>& packs) {
  struct Source {
    const Pack* pack;
    const PackEntry* entry;
  };
  std::vector<Source> sources;
  for (const Pack& pack : packs) {
    for (const PackEntry& e : pack.entries) {
      if (!e.validation && !e.grey && e.width >= 64 && e.height >= 64)
        sources.push_back({&pack, &e});
    }
  }
  if (sources.empty()) {
    return Status(StatusCode::kInvalidArgument,
                  "the packs have no training picture in colour of at least 64x64 pixels");
  }
  std::vector<CalibrationPicture> pictures;
  const std::size_t count = std::min(sources.size(), kCalibrationPictures);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& [pack, e] = sources[i * sources.size() / count];
    CalibrationPicture p;
    p.width = std::min<std::size_t>(e->width, kCalibrationWidth) / 64 * 64;
    p.height = std::min<std::size_t>(e->height, kCalibrationHeight) / 64 * 64;
    const std::size_t left = (e->width - p.width) / 2, top = (e->height - p.height) / 2;
    for (std::size_t y = 0; y < p.height; ++y) {
      const std::uint8_t* row = pack->bytes.data() + e->offset + ((top + y) * e->width + left) * 3;
      for (std::size_t x = 0; x < p.width * 3; ++x)
        p.pixels.push_back(static_cast<float>(row[x]) / 255.0f);
    }
    pictures.push_back(std::move(p));
  }
  return pictures;
}

Result<ConvertedTransforms> ConvertTransforms(const WeightsFile& file,
                                              const std::vector<CalibrationPicture>& pictures,
                                              int threads) {
  if (runtime::HasIntegerTransforms(file)) {
    return Status(StatusCode::kInvalidArgument,
                  "the model's pixel transforms are integers already");
  }
  if (pictures.empty()) {
    return Status(StatusCode::kInvalidArgument, "no picture to choose the integers' units by");
  }
  HALFMOON_ASSIGN_OR_RETURN(const std::string architecture, file.Metadata("architecture"));
  const bool indices = architecture == VqvaeConfig::kArchitecture;
  if (!indices && architecture != AeConfig::kArchitecture) {
    return Status(StatusCode::kInvalidArgument,
                  "architecture \"" + architecture + "\" has no pixel transforms in integers");
  }
  ConvertedTransforms result;
  HALFMOON_RETURN_IF_ERROR(CopyOthers(file, &result.writer));
  Observations seen;
  Converter converter(file, seen, &result);
  if (indices) {
    HALFMOON_ASSIGN_OR_RETURN(const VqvaeConfig c, FromMetadata<VqvaeConfig>(file.metadata()));
    HALFMOON_ASSIGN_OR_RETURN(const ObservedTransforms t,
                              ObservedTransforms::Load(file, c.transforms));
    const auto m = static_cast<std::size_t>(c.transforms.latent_channels),
               d = static_cast<std::size_t>(c.dim);
    HALFMOON_ASSIGN_OR_RETURN(
        const std::vector<float> down,
        LoadFloats(file, "g_a.project", {c.dim, c.transforms.latent_channels}));
    HALFMOON_ASSIGN_OR_RETURN(
        const std::vector<float> up,
        LoadFloats(file, "g_s.unproject", {c.transforms.latent_channels, c.dim}));
    const auto project = runtime::FloatPointwise::Pack(
        m, d, [&](std::size_t n, std::size_t k) { return down[n * m + k]; });
    const auto unproject = runtime::FloatPointwise::Pack(
        d, m, [&](std::size_t n, std::size_t k) { return up[n * d + k]; });
    const runtime::FloatKernels& kernels = runtime::FloatKernelsFor(runtime::BestIsa());
    for (const CalibrationPicture& p : pictures) {
      const FloatMap y = t.Analyse(p.pixels, p.height / 16, p.width / 16,
                                   static_cast<int>(256 * c.analysis_level), threads, &seen);
      FloatMap z, back;
      RunMap(kernels, project, y, &z, threads);
      seen.Add("g_s.z", z, d);
      RunMap(kernels, unproject, z, &back, threads);
      for (const std::int64_t level :
           {c.first_level, (c.first_level + c.last_level) / 2, c.last_level}) {
        t.Synthesise(back, static_cast<int>(256 * level), threads, &seen);
      }
    }
    const Units y = UnitsOf(seen.of("g_s.y"));
    HALFMOON_RETURN_IF_ERROR(converter.Codes(c, y));
    HALFMOON_RETURN_IF_ERROR(converter.Synthesis(c.transforms, y));
    HALFMOON_RETURN_IF_ERROR(converter.Analysis(c.transforms));
    return result;
  }
  HALFMOON_ASSIGN_OR_RETURN(const AeConfig c, FromMetadata<AeConfig>(file.metadata()));
  HALFMOON_ASSIGN_OR_RETURN(const ObservedTransforms t, ObservedTransforms::Load(file, c));
  const auto m = static_cast<std::size_t>(c.latent_channels);
  HALFMOON_ASSIGN_OR_RETURN(const auto forward, runtime::FloatLevelVector::Load(
                                                    file, "gain.forward", c.level_anchors, m));
  HALFMOON_ASSIGN_OR_RETURN(const auto inverse, runtime::FloatLevelVector::Load(
                                                    file, "gain.inverse", c.level_anchors, m));
  for (const CalibrationPicture& p : pictures) {
    for (const int level : kLooks) {
      const int q = 256 * level;
      FloatMap y = t.Analyse(p.pixels, p.height / 16, p.width / 16, q, threads, &seen);
      std::vector<float> gains = forward.Gains(q);
      gains.resize(y.stride, 0.0f);
      Scale(gains, &y);
      for (float& v : y.values) v = std::round(v);
      gains = inverse.Gains(q);
      gains.resize(y.stride, 0.0f);
      Scale(gains, &y);
      t.Synthesise(y, q, threads, &seen);
    }
  }
  const Units y = UnitsOf(seen.of("g_s.y"));
  HALFMOON_RETURN_IF_ERROR(converter.InverseGain(c, y));
  HALFMOON_RETURN_IF_ERROR(converter.Synthesis(c, y));
  HALFMOON_RETURN_IF_ERROR(converter.Analysis(c));
  return result;
}

}  // namespace halfmoon::training
