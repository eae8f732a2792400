// What the commands that need LibTorch are asked for: parsed by the program (commands/), done by
// halfmoon_networks.so (runs.h). No LibTorch here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/options.h"
#include "codec/packing/make_pack.h"
#include "halfmoon/generator.h"
#include "models/training/generative/generative_figures.h"
#include "models/training/generative/half_moon.h"
#include "models/training/loop/train_options.h"

namespace halfmoon::cli {

struct TrainRequest {
  std::string recipe, codec;
  training::TrainOptions train;
  int threads = 0;  // 0: one per core
  bool force = false;
  bool quiet = false;
};

struct ExportRequest {
  std::string checkpoint, output, name, manifest, measured, data, licence;
  std::vector<std::string> packs;
  int id = 0;
  ReportOptions report;
  bool force = false;
};

struct AssessRequest {
  std::string model, classifier, against, models_dir, nearest_grid;
  std::vector<std::string> packs;
  training::GenerativeFiguresOptions figures;
  SampleRequest request;  // of models with prompts or classes
  std::uint32_t enlarge = 2;
  ReportOptions report;
  bool force = false;
};

struct DemoRequest {
  std::string experiment, out_dir;
  training::HalfMoonOptions half_moon;
  int seeds = 1, threads = 0;
  ReportOptions report;
  bool force = false;
};

// The table that halfmoon_networks.so offers. `exit_code` is set where the run was interrupted.
struct NetworkRuns {
  Status (*train)(TrainRequest request, int* exit_code);
  Status (*export_weights)(const ExportRequest& request);
  Status (*assess)(const AssessRequest& request);
  Status (*demo)(DemoRequest request, int* exit_code);
  decltype(&MakePack) make_pack;  // scales pictures
};

// Loads it. Errors: kModelMissing naming where the file was sought, or what is wrong with it.
Result<const NetworkRuns*> LoadNetworkRuns();

}  // namespace halfmoon::cli
