#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "cli/console.h"
#include "cli/files.h"
#include "cli/networks/manifest_edit.h"
#include "cli/networks/runs.h"
#include "models/config/architectures.h"
#include "models/runtime/weights/manifest.h"
#include "models/runtime/weights/safetensors.h"
#include "models/runtime/weights/sha256.h"
#include "models/training/data/crop_sampler.h"
#include "models/training/data/pack.h"
#include "models/training/export/exporter.h"
#include "models/training/export/table_fit.h"
#include "models/training/export/weights_export.h"
#include "models/training/export/weights_update.h"
#include "models/training/families.h"
#include "models/training/loop/checkpoint.h"
#include "models/training/loop/validation.h"

namespace halfmoon::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

int Cores() { return static_cast<int>(std::max(1u, std::thread::hardware_concurrency())); }
std::string Text(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

// What the integer path costs: bits of the same pictures with the entropy path in float and on its
// integer grid. Pixels are the same in both.
struct IntegerCost {
  struct Level {
    double level, float_bpp, integer_bpp;
  };
  std::vector<Level> levels;

  double percent() const {  // mean over the levels
    double sum = 0;
    for (const Level& l : levels) sum += 100 * (l.integer_bpp / l.float_bpp - 1);
    return sum / static_cast<double>(levels.size());
  }
};

// `path`: of the first pack, for messages.
Result<IntegerCost> MeasureIntegerCost(networks::Autoencoder& model,
                                       const std::vector<training::Pack>& packs,
                                       const std::string& path) {
  const torch::Tensor crops = training::CropSampler::ValidationCrops(packs, 256, 24);
  if (crops.size(0) == 0) {
    return Status(StatusCode::kInvalidArgument,
                  path + ": no validation picture of at least 256x256 pixels");
  }
  training::WorkerPool pool(Cores());
  const std::vector<double> levels = {4, 15, 26, 37, 48, 59};
  model->SetQuantised(false);
  const auto in_float = training::Validate(model, crops, levels, pool);
  model->SetQuantised(true);
  const auto in_integers = training::Validate(model, crops, levels, pool);
  IntegerCost cost;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    cost.levels.push_back({levels[i], in_float.points[i].bpp, in_integers.points[i].bpp});
  }
  return cost;
}

std::string Get(const std::map<std::string, std::string>& map, const std::string& key) {
  const auto it = map.find(key);
  return it == map.end() ? "" : it->second;
}

// The new text of the manifest; checked by the loader's own parser before anything is written.
Result<std::string> EditManifest(const ExportRequest& o, const Json& entry) {
  std::string old;
  std::error_code error;
  if (fs::exists(o.manifest, error)) {
    HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> bytes, ReadInput(o.manifest));
    old = Text(bytes);
  }
  HALFMOON_ASSIGN_OR_RETURN(const std::string text, AddToManifest(old, entry, o.force, o.manifest));
  if (const auto parsed = runtime::Manifest::Parse(text, fs::path(o.manifest).parent_path());
      !parsed.ok()) {
    return parsed.status().WithContext(o.manifest);
  }
  return text;
}

Status CheckManifestOptions(const ExportRequest& o) {
  if (o.manifest.empty() != (o.id == 0)) {
    return {StatusCode::kInvalidArgument, "--id and --manifest go together; give both or none"};
  }
  if (o.manifest.empty()) return Status::Ok();
  std::error_code error;
  const fs::path a = fs::absolute(o.output, error).lexically_normal().parent_path();
  const fs::path b = fs::absolute(o.manifest, error).lexically_normal().parent_path();
  if (a == b || fs::equivalent(a, b, error)) return Status::Ok();
  return {StatusCode::kInvalidArgument,
          o.output + ": must lie in the manifest's folder '" + b.string() + "'"};
}

using ExportData = Architecture::ExportData;

ExportData ExportDataOf(const std::string& architecture) {
  const Architecture* a = FindArchitecture(architecture);
  return a == nullptr ? ExportData::kNone : a->export_data;
}

// What comes out, and what the manifest says of it.
struct Exported {
  std::string architecture, data, licence;
  Json training;
  std::vector<std::uint8_t> bytes;
  IntegerCost cost;  // of AE checkpoints, with packs
};

// From a checkpoint.
Result<Exported> ExportTraining(const ExportRequest& o, const std::vector<training::Pack>& packs) {
  HALFMOON_ASSIGN_OR_RETURN(const training::Checkpoint checkpoint,
                            training::Checkpoint::Load(o.checkpoint));
  Exported e;
  HALFMOON_ASSIGN_OR_RETURN(e.architecture, training::ArchitectureOf(checkpoint));
  if (!packs.empty() && ExportDataOf(e.architecture) == ExportData::kNone) {
    return Status(
        StatusCode::kInvalidArgument,
        "--data is for AE codecs and VAEs; this checkpoint is of family '" + e.architecture + "'");
  }
  const Json recipe = Json::parse(Get(checkpoint.metadata, "recipe"), nullptr, false);
  auto from_recipe = [&](const char* key, const std::string& given) {
    if (!given.empty() || !recipe.is_object()) return given;
    return recipe.value(key, std::string());
  };
  e.data = from_recipe("data_note", o.data);
  e.licence = from_recipe("licence", o.licence);
  e.training = {{"steps", std::atoll(Get(checkpoint.metadata, "step").c_str())},
                {"minutes", std::round(std::atof(Get(checkpoint.metadata, "minutes").c_str()))},
                {"halfmoon", HALFMOON_VERSION}};
  if (recipe.is_object()) e.training["recipe"] = recipe;
  // Of the weights file that the run began with.
  const Json before = Json::parse(Get(checkpoint.metadata, "before"), nullptr, false);
  if (before.is_object()) e.training["before"] = before;
  auto bytes = training::ExportCheckpoint(
      checkpoint,
      {{"name", o.name}, {"data", e.data}, {"licence", e.licence}, {"training", e.training.dump()}},
      packs);
  if (!bytes.ok()) return bytes.status().WithContext(o.checkpoint);
  e.bytes = std::move(*bytes);
  if (!packs.empty() && ExportDataOf(e.architecture) == ExportData::kTables) {
    HALFMOON_ASSIGN_OR_RETURN(networks::Autoencoder model, training::LoadAveragedModel(checkpoint));
    HALFMOON_RETURN_IF_ERROR(training::HoldCheckpointsBase(checkpoint, model).status());
    HALFMOON_ASSIGN_OR_RETURN(e.cost, MeasureIntegerCost(model, packs, o.packs[0]));
  }
  return e;
}

// A weights file of the AE codec again, with tables that fit the packs.
Result<Exported> FitWeights(const ExportRequest& o, const std::vector<training::Pack>& packs) {
  HALFMOON_ASSIGN_OR_RETURN(std::vector<std::uint8_t> weights, ReadInput(o.checkpoint));
  const auto file = runtime::WeightsFile::FromBytes(weights);
  if (!file.ok()) return file.status().WithContext(o.checkpoint);
  const auto& metadata = file->metadata();
  Exported e;
  e.architecture = Get(metadata, "architecture");
  if (ExportDataOf(e.architecture) != ExportData::kTables) {
    return Status(StatusCode::kInvalidArgument,
                  o.checkpoint + ": is a weights file of family '" + e.architecture +
                      "'; only those of AE codecs ('ae') have tables to fit");
  }
  if (packs.empty()) {
    return Status(
        StatusCode::kInvalidArgument,
        o.checkpoint +
            ": is a weights file already; with --data PACK its tables are fitted to the pack");
  }
  e.data = o.data.empty() ? Get(metadata, "data") : o.data;
  e.licence = o.licence.empty() ? Get(metadata, "licence") : o.licence;
  e.training = Json::parse(Get(metadata, "training"), nullptr, false);
  if (!e.training.is_object()) e.training = Json::object();
  auto bytes = training::FitTablesOf(weights, packs, Cores(),
                                     {{"name", o.name}, {"data", e.data}, {"licence", e.licence}});
  if (!bytes.ok()) return bytes.status().WithContext(o.checkpoint);
  e.bytes = std::move(*bytes);
  return e;
}

Result<std::string> Sha256Of(const std::vector<std::uint8_t>& bytes) {
  runtime::Sha256 hash;
  hash.Update(bytes);
  HALFMOON_ASSIGN_OR_RETURN(const auto digest, hash.Finish());
  return runtime::ToHex(digest);
}

// The base that the checkpoint's recipe names, of which the output is to be an update; or "".
std::string BaseOf(const Json& training) {
  const auto recipe = training.find("recipe");
  return recipe == training.end() || !recipe->is_object() ? "" : recipe->value("base", "");
}

// The output as an update of its base, which it must lie beside.
Result<std::vector<std::uint8_t>> AsUpdate(const ExportRequest& o, const runtime::WeightsFile& file,
                                           const std::string& base_path) {
  HALFMOON_ASSIGN_OR_RETURN(const runtime::WeightsFile base,
                            runtime::WeightsFile::FromFile(base_path));
  std::error_code error;
  const fs::path name = fs::path(base_path).filename();
  const fs::path beside = fs::absolute(o.output, error).parent_path() / name;
  if (!fs::equivalent(base_path, beside, error) || error) {
    return Status(StatusCode::kInvalidArgument,
                  o.output + ": is an update of '" + base_path +
                      "', the recipe's base, and must lie in the same folder");
  }
  return training::MakeUpdate(file, base, name.string());
}

Status RunChecked(const ExportRequest& o) {
  HALFMOON_RETURN_IF_ERROR(CheckManifestOptions(o));
  HALFMOON_RETURN_IF_ERROR(CheckEnding(o.output, ".safetensors"));
  Json measured;
  if (!o.measured.empty()) {
    HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> bytes, ReadInput(o.measured));
    measured = Json::parse(Text(bytes), nullptr, false);
    if (!measured.is_object()) {
      return {StatusCode::kInvalidArgument,
              o.measured + ": is not a JSON object; make it with 'halfmoon eval --json'"};
    }
  }
  HALFMOON_RETURN_IF_ERROR(CheckTarget(o.checkpoint, o.output, o.force));
  ElapsedLine line(o.report.quiet || o.report.json, "exporting");
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<training::Pack> packs,
                            training::Pack::ReadAll(o.packs));
  auto made = CheckEnding(o.checkpoint, ".safetensors").ok() ? FitWeights(o, packs)
                                                             : ExportTraining(o, packs);
  if (!made.ok()) return made.status();
  const Json &training_note = made->training, &data = made->data, &licence = made->licence;
  const std::string& architecture = made->architecture;
  HALFMOON_ASSIGN_OR_RETURN(const runtime::WeightsFile file,
                            runtime::WeightsFile::FromBytes(made->bytes));
  std::vector<std::uint8_t> update;
  if (const std::string base = BaseOf(training_note); !base.empty()) {
    HALFMOON_ASSIGN_OR_RETURN(update, AsUpdate(o, file, base));
  }
  const std::vector<std::uint8_t>& bytes = update.empty() ? made->bytes : update;
  HALFMOON_ASSIGN_OR_RETURN(const std::string sha256, Sha256Of(bytes));
  runtime::ModelEntry shown;
  shown.sha256 = sha256, shown.identity = file.identity_hex();
  const std::string hash = shown.ShortHash();  // as `halfmoon models` shows it
  std::string manifest;
  if (!o.manifest.empty()) {
    HALFMOON_ASSIGN_OR_RETURN(
        std::int64_t version,
        file.MetadataInt("format_version", 1, runtime::kWeightsFormatVersion));
    if (!update.empty()) version = runtime::kUpdateFormatVersion;
    Json entry = {{"id", o.id},
                  {"name", o.name},
                  {"file", fs::path(o.output).filename().string()},
                  {"architecture", architecture},
                  {"sha256", sha256},
                  {"identity", file.identity_hex()},
                  {"format_version", version},
                  {"data", data},
                  {"licence", licence},
                  {"training", training_note}};
    if (const std::string codec = Get(file.metadata(), "codec"); !codec.empty())
      entry["codec"] = codec;
    if (!measured.is_null()) entry["measured"] = measured;
    HALFMOON_ASSIGN_OR_RETURN(manifest, EditManifest(o, entry));
  }
  const IntegerCost& cost = made->cost;
  std::optional<double> gain;
  if (!packs.empty() && ExportDataOf(architecture) == ExportData::kTables) {
    HALFMOON_ASSIGN_OR_RETURN(gain, training::TableGain(made->bytes, packs, Cores()));
  }
  line.Stop();
  // Weights first: a manifest must never name a file that is not there.
  HALFMOON_RETURN_IF_ERROR(WriteOutput(o.output, bytes, o.force));
  if (!o.manifest.empty()) {
    const std::span text(reinterpret_cast<const std::uint8_t*>(manifest.data()), manifest.size());
    HALFMOON_RETURN_IF_ERROR(WriteOutput(o.manifest, text, /*force=*/true));
  }

  if (o.report.json) {
    Json json = {
        {"output", o.output},    {"name", o.name},
        {"bytes", bytes.size()}, {"sha256", sha256},
        {"hash", hash},          {"manifest", o.manifest.empty() ? Json() : Json(o.manifest)}};
    for (const auto& l : cost.levels) {
      json["integer_path"]["levels"].push_back(
          {{"level", l.level}, {"float_bpp", l.float_bpp}, {"integer_bpp", l.integer_bpp}});
    }
    if (!cost.levels.empty()) json["integer_path"]["mean_percent"] = cost.percent();
    if (gain) json["tables_percent"] = *gain;
    PrintJson(json);
  } else if (!o.report.quiet) {
    PrintText(o.output + ": " + Bytes(bytes.size()) + ", hash " + hash + ", sha256 " + sha256 +
              "\n");
    if (!cost.levels.empty()) {
      Table table({">level", ">bpp in float", ">bpp in integers", ">cost"});
      for (const auto& l : cost.levels) {
        table.Add({Fixed(l.level, 0), Fixed(l.float_bpp, 5), Fixed(l.integer_bpp, 5),
                   Fixed(100 * (l.integer_bpp / l.float_bpp - 1), 3) + " %"});
      }
      PrintText(table.ToText() + "integer path: " + Fixed(cost.percent(), 3) +
                " % more bits, mean over the levels\n");
    }
    if (gain) {
      PrintText("fitted tables: " + Fixed(*gain, 2) +
                " % fewer bits than those of normal distributions, validation pictures\n");
    }
  }
  return Status::Ok();
}

}  // namespace

// LibTorch reports by exceptions; they end here.
Status RunExport(const ExportRequest& o) {
  try {
    return RunChecked(o);
  } catch (const c10::Error& e) {
    return {StatusCode::kInternal, o.checkpoint + ": LibTorch: " + e.what_without_backtrace()};
  }
}

}  // namespace halfmoon::cli
