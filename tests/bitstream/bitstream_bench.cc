// Speed and overhead of the latent coder on the typical tables: 64 scales 0.11..64.
//   build/<preset>/tests/bitstream/bitstream_bench
#include <benchmark/benchmark.h>

#include "bitstream/latent_coder.h"
#include "tests/bitstream/gaussian_tables.h"

namespace halfmoon::testing {
namespace {

// Which tables a run draws from. A photograph at a low rate lives in the narrow ones.
struct Mix {
  const char* name;
  std::uint32_t first, end;
};
constexpr Mix kMixes[] = {{"all", 0, 64}, {"narrow", 0, 20}, {"sigma>=0.5", 16, 64}};

struct Setup {
  Setup(const Mix& mix, std::size_t count)
      : tables(GaussianTables().Create().value()),
        sequence(DrawSequence(tables, count, mix.first, mix.end, 1)) {}
  CdfTables tables;
  Sequence sequence;
};

void Report(benchmark::State& state, const Setup& setup, std::size_t bytes) {
  const double count = static_cast<double>(setup.sequence.symbols.size());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(count));
  state.counters["bits/symbol"] = setup.sequence.bits / count;
  state.counters["overhead_bytes"] = static_cast<double>(bytes) - setup.sequence.bits / 8;
}

void BM_Encode(benchmark::State& state) {
  const Setup setup(kMixes[state.range(1)], static_cast<std::size_t>(state.range(0)));
  std::size_t bytes = 0;
  for (auto _ : state) {
    LatentEncoder encoder(setup.tables);
    encoder.Append(setup.sequence.indexes, setup.sequence.symbols);
    Result<std::vector<std::uint8_t>> stream = encoder.Finish();
    if (!stream.ok()) return state.SkipWithError(stream.status().message().c_str());
    bytes = stream->size();
    benchmark::DoNotOptimize(stream->data());
  }
  state.SetLabel(kMixes[state.range(1)].name);
  Report(state, setup, bytes);
}

void BM_Decode(benchmark::State& state) {
  const Setup setup(kMixes[state.range(1)], static_cast<std::size_t>(state.range(0)));
  LatentEncoder encoder(setup.tables);
  encoder.Append(setup.sequence.indexes, setup.sequence.symbols);
  const std::vector<std::uint8_t> stream = encoder.Finish().value();
  std::vector<std::int32_t> symbols(setup.sequence.symbols.size());
  for (auto _ : state) {
    Result<LatentDecoder> decoder = LatentDecoder::Create(setup.tables, stream, symbols.size());
    if (!decoder.ok() || !decoder->Decode(setup.sequence.indexes, symbols).ok() ||
        !decoder->Finish().ok()) {
      return state.SkipWithError("decoding failed");
    }
    benchmark::DoNotOptimize(symbols.data());
  }
  if (symbols != setup.sequence.symbols) return state.SkipWithError("wrong symbols");
  state.SetLabel(kMixes[state.range(1)].name);
  Report(state, setup, stream.size());
}

void BM_CreateTables(benchmark::State& state) {
  const RawTables raw = GaussianTables();
  for (auto _ : state) {
    Result<CdfTables> tables = raw.Create();
    if (!tables.ok()) return state.SkipWithError(tables.status().message().c_str());
    benchmark::DoNotOptimize(tables->count());
  }
  state.counters["entries"] = static_cast<double>(raw.frequencies.size());
}

// 100 and 300000 symbols: one lane; 1000000: two; 2500000: four.
void Arguments(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgsProduct({{100, 300000, 1000000, 2500000}, {0, 1, 2}})
      ->Unit(benchmark::kMicrosecond);
}
BENCHMARK(BM_Encode)->Apply(Arguments);
BENCHMARK(BM_Decode)->Apply(Arguments);
BENCHMARK(BM_CreateTables)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace halfmoon::testing

BENCHMARK_MAIN();
