#include "cli/version.h"

#include "bitstream/container.h"
#include "codec/runtime_info.h"
#include "codec/store/network_models.h"
#include "models/runtime/weights/manifest.h"

namespace halfmoon::cli {
namespace {

// From the manifest alone: names and ids, no weights are read.
std::string ModelsText() {
  const auto directory = runtime::FindModelsDirectory();
  if (!directory.ok()) return "models: none (" + directory.status().message() + ")\n";
  const auto manifest = runtime::Manifest::Load(*directory);
  if (!manifest.ok()) return "models: none (" + manifest.status().message() + ")\n";
  std::string text = "models in " + directory->string() + ":\n";
  for (const runtime::ModelEntry& e : manifest->entries()) {
    text += "  " + std::to_string(e.id) + " " + e.name + ", hash " + e.ShortHash() + "\n";
  }
  return text;
}

std::string NetworksText(const NetworkInfo& info) {
  return "LibTorch " + info.torch_version + ", BLAS " + info.blas +
         (info.slow_blas ? " (slow; run: apt-get install libopenblas0)" : "") + "\n";
}

}  // namespace

std::string VersionText() {
  const RuntimeInfo info = GetRuntimeInfo();
  const auto networks = GetNetworkModels();
  std::string text = "halfmoon " HALFMOON_VERSION " (file format " + std::to_string(kFormatMajor) +
                     "." + std::to_string(kFormatMinor) + ")\n" + "codecs on " + info.isa + ", " +
                     std::to_string(info.cores) + " cores\n" +
                     (networks.ok() ? NetworksText((*networks)->info())
                                    : "LibTorch: none; " + networks.status().message() + "\n") +
                     ModelsText();
  if (!text.empty() && text.back() == '\n') text.pop_back();  // CLI11 adds one
  return text;
}

}  // namespace halfmoon::cli
