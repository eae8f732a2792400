// Speed of the integer prior and the pixel transforms with the default model's sizes and random
// weights.
//   runtime_bench --benchmark_filter=Prior
// "pixels/s" counts picture pixels; "GMAC/s" executed multiplications.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>

#include "models/runtime/layers/float_kernels.h"
#include "models/runtime/layers/transform_kernels.h"
#include "models/training/export/integer_conversion.h"
#include "test_model.h"

namespace halfmoon::runtime::testing {
namespace {

template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) std::abort();
  return std::move(result).value();
}

const WeightsFile& FullWeights() {
  static const WeightsFile file =
      Must(WeightsFile::FromBytes(Must(RandomPrior(FullConfig(), 1).ToBytes())));
  return file;
}

// The whole prior of one 768x512 picture: hyper decoder and four passes.
void BM_Prior(benchmark::State& state, Isa isa, int threads) {
  const AePrior prior = Must(AePrior::Load(FullWeights(), FullConfig(), isa));
  AePriorTile tile = Must(AePriorTile::Create(prior, 32, 8, 12, threads));
  Random random(2);
  const auto z = RandomSymbols(tile.HyperSymbols(), 40, random);
  const auto r = RandomSymbols(tile.SymbolsPerPass(), 40, random);
  std::vector<std::uint8_t> tables(tile.SymbolsPerPass());
  std::vector<std::int16_t> means(tile.SymbolsPerPass());
  for (auto _ : state) {
    if (!tile.SetHyperLatent(z).ok()) std::abort();
    for (int k = 0; k < kAePasses; ++k) {
      if (!tile.PredictPass(k, tables, means).ok()) std::abort();
      if (!tile.CommitPass(k, r).ok()) std::abort();
    }
    benchmark::DoNotOptimize(tile.latent().data());
  }
  const double pixels = 768.0 * 512.0;
  state.counters["pixels/s"] =
      benchmark::Counter(pixels, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["GMAC/s"] = benchmark::Counter(pixels * FullConfig().PriorKmac() / 1e6,
                                                benchmark::Counter::kIsIterationInvariantRate);
}

void BM_Hyper(benchmark::State& state, Isa isa) {
  const AePrior prior = Must(AePrior::Load(FullWeights(), FullConfig(), isa));
  AePriorTile tile = Must(AePriorTile::Create(prior, 32, 8, 12, 1));
  Random random(2);
  const auto z = RandomSymbols(tile.HyperSymbols(), 40, random);
  for (auto _ : state) {
    if (!tile.SetHyperLatent(z).ok()) std::abort();
  }
}

// Pixels of a 768x512 picture from its latent, and the way there.
void BM_Synthesis(benchmark::State& state, Isa isa, int threads) {
  const WeightsFile file =
      Must(WeightsFile::FromBytes(Must(RandomTransforms(FullConfig(), 1).ToBytes())));
  const AeSynthesis synthesis = Must(AeSynthesis::Load(file, FullConfig()));
  Random random(2);
  const auto latent = RandomSymbols(32 * 48 * 256, 100, random);
  std::vector<float> pixels(512 * 768 * 3);
  for (auto _ : state) {
    synthesis.Run(isa, latent, 32, 48, 5000, threads, pixels.data());
    benchmark::DoNotOptimize(pixels.data());
  }
  state.counters["pixels/s"] =
      benchmark::Counter(768.0 * 512, benchmark::Counter::kIsIterationInvariantRate);
}

void BM_Analysis(benchmark::State& state, Isa isa, int threads) {
  const WeightsFile file =
      Must(WeightsFile::FromBytes(Must(RandomTransforms(FullConfig(), 1).ToBytes())));
  const AeAnalysis analysis = Must(AeAnalysis::Load(file, FullConfig()));
  const std::vector<float> pixels(512 * 768 * 3, 0.25f);
  std::vector<float> y(32 * 48 * 256), z(8 * 12 * 96);
  for (auto _ : state) {
    analysis.Run(isa, pixels.data(), 32, 48, 5000, threads, y.data());
    analysis.RunHyper(isa, y.data(), 32, 48, threads, z.data());
    benchmark::DoNotOptimize(z.data());
  }
  state.counters["pixels/s"] =
      benchmark::Counter(768.0 * 512, benchmark::Counter::kIsIterationInvariantRate);
}

const WeightsFile& IntegerWeights() {
  static const WeightsFile file = [] {
    const WeightsFile floats =
        Must(WeightsFile::FromBytes(Must(RandomPictureTransforms(FullConfig(), 1).ToBytes())));
    training::CalibrationPicture picture{64, 64, std::vector<float>(64 * 64 * 3)};
    Random random(4);
    for (float& v : picture.pixels) v = static_cast<float>(random.In(0, 255)) / 255;
    const auto converted = Must(training::ConvertTransforms(floats, {picture}, 1));
    return Must(WeightsFile::FromBytes(Must(converted.writer.ToBytes())));
  }();
  return file;
}

// The same in integers.
void BM_IntegerSynthesis(benchmark::State& state, Isa isa, int threads) {
  const AeSynthesis synthesis = Must(AeSynthesis::Load(IntegerWeights(), FullConfig()));
  Random random(2);
  const auto latent = RandomSymbols(32 * 48 * 256, 100, random);
  std::vector<float> pixels(512 * 768 * 3);
  for (auto _ : state) {
    synthesis.Run(isa, latent, 32, 48, 5000, threads, pixels.data());
    benchmark::DoNotOptimize(pixels.data());
  }
  state.counters["pixels/s"] =
      benchmark::Counter(768.0 * 512, benchmark::Counter::kIsIterationInvariantRate);
}

void BM_IntegerAnalysis(benchmark::State& state, Isa isa, int threads) {
  const AeAnalysis analysis = Must(AeAnalysis::Load(IntegerWeights(), FullConfig()));
  const std::vector<float> pixels(512 * 768 * 3, 0.25f);
  std::vector<float> y(32 * 48 * 256), z(8 * 12 * 96);
  for (auto _ : state) {
    analysis.Run(isa, pixels.data(), 32, 48, 5000, threads, y.data());
    analysis.RunHyper(isa, y.data(), 32, 48, threads, z.data());
    benchmark::DoNotOptimize(z.data());
  }
  state.counters["pixels/s"] =
      benchmark::Counter(768.0 * 512, benchmark::Counter::kIsIterationInvariantRate);
}

// A 1x1 layer of the integer transforms at 4032 positions, 48 at a time as their blocks do.
void BM_IntegerLayer(benchmark::State& state, Isa isa) {
  const auto in = static_cast<std::size_t>(state.range(0)),
             out = static_cast<std::size_t>(state.range(1));
  constexpr std::size_t kPositions = 4032, kRow = 48;
  const std::vector<std::int16_t> rows(kPositions * in, 100), weights(in * out, 3);
  const std::vector<std::int32_t> bias(out, 1);
  std::vector<std::int16_t> result(kPositions * out);
  for (auto _ : state) {
    for (std::size_t row = 0; row < kPositions; row += kRow) {
      TransformKernelsFor(isa).gemm({.rows = rows.data() + row * in,
                                     .row_stride = in,
                                     .row_count = kRow,
                                     .pairs = in / 2,
                                     .weights = weights.data(),
                                     .bias = bias.data(),
                                     .shift = 8,
                                     .channels = out,
                                     .leaky = true,
                                     .gain = nullptr,
                                     .residual = nullptr,
                                     .residual_stride = 0,
                                     .out = result.data() + row * out,
                                     .out_stride = out});
    }
    benchmark::DoNotOptimize(result.data());
  }
  state.counters["GMAC/s"] = benchmark::Counter(double(in * out * kPositions) / 1e9,
                                                benchmark::Counter::kIsIterationInvariantRate);
}

// A 1x1 layer of the pixel transforms at 4096 positions: K inputs, N outputs.
void BM_FloatLayer(benchmark::State& state, Isa isa) {
  const auto in = static_cast<std::size_t>(state.range(0)),
             out = static_cast<std::size_t>(state.range(1));
  constexpr std::size_t kPositions = 4096;
  const std::vector<float> rows(kPositions * in, 0.5f), weights(in * out, 0.25f);
  std::vector<float> result(kPositions * out);
  for (auto _ : state) {
    FloatKernelsFor(isa).gemm({.rows = rows.data(),
                               .row_stride = in,
                               .row_count = kPositions,
                               .depth = in,
                               .weights = weights.data(),
                               .channels = out,
                               .bias = nullptr,
                               .slope = 0.1f,
                               .residual = nullptr,
                               .residual_stride = 0,
                               .out = result.data(),
                               .out_stride = out});
    benchmark::DoNotOptimize(result.data());
  }
  state.counters["GMAC/s"] = benchmark::Counter(double(in * out * kPositions) / 1e9,
                                                benchmark::Counter::kIsIterationInvariantRate);
}

// One 1x1 layer at 384 positions: K inputs, N outputs.
void BM_Layer(benchmark::State& state, Isa isa) {
  const int in = static_cast<int>(state.range(0));
  const int out = static_cast<int>(state.range(1));
  Random random(3);
  training::SafetensorsWriter writer;
  AddRandomLayer(writer, "layer", out, in, 1, false, 2000, 0, 0, random);
  const WeightsFile file = Must(WeightsFile::FromBytes(Must(writer.ToBytes())));
  const IntLayer layer = IntLayer::Pack(Must(LoadLayerTensors(
      file, {.name = "layer", .inputs = {{in, 4095}}, .outputs = {{out, -4095, 4095}}})));
  constexpr std::size_t kPositions = 384;
  std::vector<std::int16_t> input(kPositions * static_cast<std::size_t>(in));
  for (auto& v : input) v = static_cast<std::int16_t>(random.In(-4095, 4095));
  std::vector<std::int16_t> output(kPositions * static_cast<std::size_t>(out));
  for (auto _ : state) {
    if (!RunLayer(layer, KernelsFor(isa), 0, input, 1, kPositions, OutputLayout::kPlain, 1, output)
             .ok()) {
      std::abort();
    }
    benchmark::DoNotOptimize(output.data());
  }
  state.counters["GMAC/s"] = benchmark::Counter(double(in) * out * kPositions / 1e9,
                                                benchmark::Counter::kIsIterationInvariantRate);
}

void BM_Load(benchmark::State& state) {
  for (auto _ : state)
    benchmark::DoNotOptimize(Must(AePrior::Load(FullWeights(), FullConfig())).isa());
}

void Register() {
  for (const Isa isa : SupportedIsas()) {
    const std::string name(IsaName(isa));
    benchmark::RegisterBenchmark(("Prior/768x512/" + name + "/threads:1").c_str(), BM_Prior, isa, 1)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
    benchmark::RegisterBenchmark(("Prior/768x512/" + name + "/threads:2").c_str(), BM_Prior, isa, 2)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
    benchmark::RegisterBenchmark(("Hyper/768x512/" + name).c_str(), BM_Hyper, isa)
        ->Unit(benchmark::kMillisecond);
    for (const int threads : {1, 2}) {
      const std::string of = "/768x512/" + name + "/threads:" + std::to_string(threads);
      benchmark::RegisterBenchmark(("Synthesis" + of).c_str(), BM_Synthesis, isa, threads)
          ->Unit(benchmark::kMillisecond)
          ->UseRealTime();
      benchmark::RegisterBenchmark(("Analysis" + of).c_str(), BM_Analysis, isa, threads)
          ->Unit(benchmark::kMillisecond)
          ->UseRealTime();
    }
    for (const int threads : {1, 2}) {
      const std::string of = "/768x512/" + name + "/threads:" + std::to_string(threads);
      benchmark::RegisterBenchmark(("IntegerSynthesis" + of).c_str(), BM_IntegerSynthesis, isa,
                                   threads)
          ->Unit(benchmark::kMillisecond)
          ->UseRealTime();
      benchmark::RegisterBenchmark(("IntegerAnalysis" + of).c_str(), BM_IntegerAnalysis, isa,
                                   threads)
          ->Unit(benchmark::kMillisecond)
          ->UseRealTime();
    }
    benchmark::RegisterBenchmark(("IntegerLayer1x1/" + name).c_str(), BM_IntegerLayer, isa)
        ->Args({128, 256})
        ->Args({256, 128})
        ->Args({192, 192});
    benchmark::RegisterBenchmark(("FloatLayer1x1/" + name).c_str(), BM_FloatLayer, isa)
        ->Args({128, 256})
        ->Args({256, 128})
        ->Args({192, 192});
    benchmark::RegisterBenchmark(("Layer1x1/" + name).c_str(), BM_Layer, isa)
        ->Args({704, 224})
        ->Args({224, 224})
        ->Args({224, 128})
        ->Unit(benchmark::kMicrosecond);
  }
  benchmark::RegisterBenchmark("Load", BM_Load)->Unit(benchmark::kMillisecond);
}

}  // namespace
}  // namespace halfmoon::runtime::testing

int main(int argc, char** argv) {
  halfmoon::runtime::testing::Register();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
