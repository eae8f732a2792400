// Time and size of writing and reading a Kodak picture (768 x 512). Usage:
//   imageio_benchmark [--benchmark_filter=WritePng]
// Needs the development data (CMake variable HALFMOON_SHARED_DATA).
#include <benchmark/benchmark.h>

#include <string>

#include "codec/imageio/image_io.h"
#include "codec/io/read_file.h"

namespace halfmoon {
namespace {

// A picture of middling detail and one that is hard to pack.
std::string Kodak(std::int64_t number) {
  return std::string(HALFMOON_SHARED_DATA "/kodak/kodim") + (number < 10 ? "0" : "") +
         std::to_string(number) + ".png";
}

void WritePng(benchmark::State& state) {
  const Result<Image> image = ReadImageFile(Kodak(state.range(0)));
  if (!image.ok()) return state.SkipWithError(image.status().message().c_str());
  ImageWriteOptions options;
  options.png_level = static_cast<int>(state.range(1));
  std::size_t size = 0;
  for (auto _ : state) size = WriteImage(*image, ImageFormat::kPng, options).value().size();
  state.counters["bytes"] = static_cast<double>(size);
}
BENCHMARK(WritePng)
    ->ArgsProduct({{5, 8, 23}, {0, 1, 2, 3, 4, 6, 9}})
    ->Unit(benchmark::kMillisecond);

void WriteJpeg(benchmark::State& state) {
  const Result<Image> image = ReadImageFile(Kodak(5));
  if (!image.ok()) return state.SkipWithError(image.status().message().c_str());
  ImageWriteOptions options;
  options.jpeg_quality = static_cast<int>(state.range(0));
  std::size_t size = 0;
  for (auto _ : state) size = WriteImage(*image, ImageFormat::kJpeg, options).value().size();
  state.counters["bytes"] = static_cast<double>(size);
}
BENCHMARK(WriteJpeg)->Arg(75)->Arg(95)->Unit(benchmark::kMillisecond);

void Read(benchmark::State& state) {
  const Result<Image> image = ReadImageFile(Kodak(5));
  if (!image.ok()) return state.SkipWithError(image.status().message().c_str());
  const auto format = static_cast<ImageFormat>(state.range(0));
  const auto file = WriteImage(*image, format).value();
  for (auto _ : state) benchmark::DoNotOptimize(ReadImage(file).ok());
}
BENCHMARK(Read)
    ->Arg(static_cast<int>(ImageFormat::kPng))
    ->Arg(static_cast<int>(ImageFormat::kJpeg))
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace halfmoon
