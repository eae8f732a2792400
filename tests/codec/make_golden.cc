// Makes tests/golden/model (a tiny trained model, a twin of it, their manifest) and
// tests/golden/picture (files coded with them) anew: make_golden GOLDEN_DIR; with --pictures behind
// it, without training. To be run when the format or the model version changes, in the same commit;
// the diff is reviewed.
//
// "tiny" has the plain quantiser alone, as weights files had before format 0.3; "tiny-dependent" is
// the same with tables for dependent quantisation.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "codec/imageio/image_io.h"
#include "codec/io/atomic_file.h"
#include "models/runtime/weights/safetensors.h"
#include "models/training/export/exporter.h"
#include "models/training/export/frequency_tables.h"
#include "models/training/loop/checkpoint.h"
#include "models/training/loop/trainer.h"
#include "tests/models/tiny_model.h"

#define HALFMOON_GOLDEN_DIR ""  // test_pictures.h's helpers that need it are not used here
#include "tests/codec/test_pictures.h"

namespace {

using namespace halfmoon;  // NOLINT: a small tool

template <typename T>
T Take(Result<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "%s\n", result.status().message().c_str());
    std::exit(1);
  }
  return std::move(*result);
}

void Check(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  std::exit(1);
}

// All of a weights file but the tensors `without`.
training::SafetensorsWriter Copy(const runtime::WeightsFile& file,
                                 const std::vector<std::string>& without) {
  training::SafetensorsWriter writer;
  for (const auto& [key, value] : file.metadata()) writer.SetMetadata(key, value);
  for (const std::string& name : file.names()) {
    if (std::ranges::find(without, name) != without.end()) continue;
    const auto tensor = Take(file.Get(name));
    Check(writer.AddBytes(name, tensor.dtype, tensor.shape, tensor.bytes));
  }
  return writer;
}

void TrainTinyModel(const std::filesystem::path& golden) {
  const std::filesystem::path work =
      std::filesystem::temp_directory_path() / "halfmoon_make_golden";
  std::filesystem::create_directories(work);
  std::filesystem::create_directories(golden / "model");
  Check(WriteFile((work / "data.hmnpack").string(), testing::TestPack(20, 256).bytes, true));

  training::TrainOptions o;
  o.recipe.name = "tiny";
  o.recipe.model = ToJson(testing::TinyConfig());
  o.recipe.batch = 8;
  o.recipe.crop = 64;
  o.recipe.warmup_steps = 10;
  o.recipe.learning_rate = 3e-3;
  o.packs = {(work / "data.hmnpack").string()};
  o.out_dir = (work / "run").string();
  o.budget.steps = 600;
  o.workers = 1;
  o.precision = "float32";
  o.validation_pictures = 2;
  Check(training::Train(o, [](const training::TrainProgress& p) {
    if (p.validation) std::printf("score %.3f\n", p.validation->score);
    return true;
  }));
  auto model = Take(
      training::LoadAveragedModel(Take(training::Checkpoint::Load(o.out_dir + "/checkpoint.pt"))));
  const auto weights =
      Take(training::ExportWeights(model, {{"training", "600 steps on made pictures"}}));
  const auto file = Take(runtime::WeightsFile::FromBytes(weights));
  training::SafetensorsWriter writer = Copy(file, {"tables.dependent"});
  std::vector<double> scales;
  for (int t = 0; t < kScaleTables; ++t) scales.push_back(TableScale(t));
  Check(training::AddTables(training::MakeGaussianTables(scales), &writer));
  Check(WriteFile((golden / "model/tiny.safetensors").string(), Take(writer.ToBytes()), true));
  std::filesystem::remove_all(work);
}

nlohmann::json Entry(int id, const char* name, const std::filesystem::path& path) {
  const auto file = Take(runtime::WeightsFile::FromFile(path));
  return {{"id", id},
          {"name", name},
          {"file", path.filename().string()},
          {"architecture", "ae"},
          {"sha256", file.sha256()},
          {"identity", file.identity_hex()},
          {"format_version", 1},
          {"data", "pictures made by the tests"},
          {"licence", "Apache-2.0"}};
}

void MakeTwin(const std::filesystem::path& folder) {
  const auto tiny = folder / "tiny.safetensors", twin = folder / "tiny-dependent.safetensors";
  const auto file = Take(runtime::WeightsFile::FromFile(tiny));
  training::SafetensorsWriter writer = Copy(file, {});
  Check(training::AddAeTables(training::MakeGaussianTables(), &writer));
  Check(WriteFile(twin.string(), Take(writer.ToBytes()), true));
  std::ofstream(folder / "manifest.json")
      << nlohmann::json::array({Entry(65000, "tiny", tiny), Entry(65001, "tiny-dependent", twin)})
             .dump(2)
      << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  const bool pictures_only = argc == 3 && std::string(argv[2]) == "--pictures";
  if (argc != 2 && !pictures_only) {
    std::fprintf(stderr, "usage: make_golden GOLDEN_DIR [--pictures]\n");
    return 2;
  }
  const std::filesystem::path golden = argv[1];
  if (!pictures_only) TrainTinyModel(golden);
  MakeTwin(golden / "model");
  std::filesystem::create_directories(golden / "picture");

  EncodeOptions eo;
  eo.models_dir = (golden / "model").string();
  eo.threads = 1;
  DecodeOptions d;
  d.models_dir = eo.models_dir;
  d.threads = 1;
  auto decoder = Take(Decoder::Create(d));
  nlohmann::json manifest = nlohmann::json::array();
  struct Case {
    const char* name;
    const char* model;
    PictureShape shape;
    double quality;
    int tile_size;
  };
  for (const Case& c : {Case{"scene_q30", "tiny", {150, 100, 3, 8}, 30, 0},
                        Case{"scene_q90", "tiny", {65, 63, 3, 8}, 90, 0},
                        Case{"grey_q60", "tiny", {80, 64, 1, 8}, 60, 0},
                        Case{"tiles_q50", "tiny", {200, 130, 3, 8}, 50, 64},
                        Case{"rgba16_q70", "tiny", {100, 90, 4, 16}, 70, 64},
                        Case{"grey_alpha_q40", "tiny", {75, 50, 2, 8}, 40, 0},
                        Case{"dependent_q30", "tiny-dependent", {150, 100, 3, 8}, 30, 0},
                        Case{"dependent_tiles_q80", "tiny-dependent", {200, 130, 3, 8}, 80, 64}}) {
    const bool plain = !c.shape.has_alpha() && c.shape.bit_depth == 8;
    const Image image = plain ? testing::MakePicture(c.shape.width, c.shape.height,
                                                     c.shape.channels, testing::Kind::kScene)
                              : testing::MakeKind(c.shape);
    eo.model = c.model;
    eo.tile_size = c.tile_size;
    auto encoder = Take(Encoder::Create(eo));
    const auto bytes = Take(encoder.Encode(image.view(), c.quality));
    DecodeStats stats;
    const Image decoded = Take(decoder.Decode(bytes, &stats));
    const std::string name = c.name;
    Check(WriteFile((golden / "picture" / (name + ".hmn")).string(), bytes, true));
    Check(
        WriteImageFile((golden / "picture" / (name + ".png")).string(), decoded.view(), {}, true));
    char hash[17];
    std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(stats.symbol_hash));
    manifest.push_back({{"file", name + ".hmn"},
                        {"pixels", name + ".png"},
                        {"bytes", bytes.size()},
                        {"symbols", hash},
                        {"quality", c.quality}});
  }
  std::ofstream(golden / "picture/manifest.json") << manifest.dump(2) << "\n";
  return 0;
}
