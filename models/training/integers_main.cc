// halfmoon-integers: the pixel transforms of a trained model as integers. No LibTorch.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "models/training/export/integer_conversion.h"

namespace {

using halfmoon::Result;
using halfmoon::Status;

Status Run(const std::string& weights, const std::string& output,
           const std::vector<std::string>& packs) {
  namespace training = halfmoon::training;
  HALFMOON_ASSIGN_OR_RETURN(const auto file, halfmoon::runtime::WeightsFile::FromFile(weights));
  HALFMOON_ASSIGN_OR_RETURN(const auto pictures_of, training::Pack::ReadAll(packs));
  HALFMOON_ASSIGN_OR_RETURN(const auto pictures, training::CalibrationPictures(pictures_of));
  const auto threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  auto converted = training::ConvertTransforms(file, pictures, threads);
  if (!converted.ok()) return converted.status().WithContext(weights);
  HALFMOON_RETURN_IF_ERROR(converted->writer.ToFile(output));
  HALFMOON_ASSIGN_OR_RETURN(const auto made, halfmoon::runtime::WeightsFile::FromFile(output));
  std::printf("%-32s %5s %14s %17s\n", "layer", "shift", "weights, dB", "activations, dB");
  for (const training::LayerCost& c : converted->costs) {
    std::printf("%-32s %5d %14.1f %17.1f\n", c.name.c_str(), c.shift, c.weights_db,
                c.activations_db);
  }
  std::printf("%s: units by %zu pictures, hash %s, sha256 %s\n", output.c_str(), pictures.size(),
              made.identity_hex().c_str(), made.sha256().c_str());
  return Status::Ok();
}

}  // namespace

int main(int argc, char** argv) {
  std::string weights, output;
  std::vector<std::string> packs;
  bool force = false;
  CLI::App app("Turns the pixel transforms of a weights file into integers", "halfmoon-integers");
  app.footer(
      "Prints of each layer what rounding its weights and its outputs adds, as a share of the\n"
      "outputs' size.\n\nExample:\n  halfmoon-integers mine.safetensors -o "
      "mine-integers.safetensors "
      "--data photos.hmnpack");
  app.add_option("weights", weights, "Weights file of architecture ae or vqvae, in float")
      ->required();
  app.add_option("-o,--output", output, "The weights file to write")->required();
  app.add_option("--data", packs, "Packs made by 'halfmoon pack'; units are chosen by them")
      ->required();
  app.add_flag("--force", force, "Replace an existing output");
  CLI11_PARSE(app, argc, argv);
  if (!force && std::filesystem::exists(output)) {
    std::fprintf(stderr, "error: %s: exists already; choose another name or add --force\n",
                 output.c_str());
    return 2;
  }
  const Status status = Run(weights, output, packs);
  if (!status.ok()) {
    std::fprintf(stderr, "error: %s\n", status.message().c_str());
    return 1;
  }
  return 0;
}
