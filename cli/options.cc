#include "cli/options.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "cli/console.h"
#include "cli/files.h"
#include "codec/store/network_models.h"

namespace halfmoon::cli {

CLI::App* AddSubcommand(CLI::App& app, const std::string& name, const std::string& description,
                        const std::string& examples) {
  CLI::App* command = app.add_subcommand(name, description);
  command->footer("Examples:\n" + examples);
  return command;
}

void AddOutput(CLI::App* command, std::string* output, const std::string& help) {
  command->add_option("-o,--output", *output, help)->type_name("FILE")->group(kOutputGroup);
}

void AddForce(CLI::App* command, bool* force) {
  command->add_flag("-f,--force", *force, "Replace an existing output file")->group(kOutputGroup);
}

void AddThreads(CLI::App* command, int* threads) {
  AddNumber(command, "--threads", "N", threads, {0, 256, false, false, "0 (one per core) to 256"},
            "Threads, 1 to 256; 0 (default): one per core")
      ->group(kExpertGroup);
}

CLI::Option* AddModel(CLI::App* command, std::string* model, const std::string& help) {
  return command->add_option("--model", *model, help)->type_name("MODEL");
}

void AddModelsDir(CLI::App* command, std::string* models_dir) {
  command
      ->add_option("--models-dir", *models_dir,
                   "Folder with manifest.json and the weights files (default: "
                   "HALFMOON_MODELS_DIR, then those that came with halfmoon)")
      ->type_name("DIR")
      ->group(kExpertGroup);
}

void AddJson(CLI::App* command, bool* json) {
  command->add_flag("--json", *json, "Print one JSON object instead of text")->group(kOutputGroup);
}

void AddQuiet(CLI::App* command, bool* quiet) {
  command->add_flag("--quiet", *quiet, "Print nothing but errors")->group(kOutputGroup);
}

void AddVerbosity(CLI::App* command, ReportOptions* report) {
  AddQuiet(command, &report->quiet);
  command
      ->add_flag("-v,--verbose", report->verbose,
                 "Also print what the file is made of, where the time went, and the memory")
      ->excludes("--quiet")
      ->group(kOutputGroup);
}

void AddMaxMemory(CLI::App* command, std::uint64_t* bytes) {
  AddSize(command, "--max-memory", bytes,
          "Refuse work that needs more memory, and stay below it; e.g. 2G, 800MiB (default: no "
          "limit)")
      ->group(kLimitsGroup);
}

void AddMaxPixels(CLI::App* command, std::uint64_t* pixels) {
  AddSize(command, "--max-pixels", pixels,
          "Refuse pictures of more pixels; e.g. 100M; default 256Mi (268435456)")
      ->group(kLimitsGroup);
}

void AddStrip(CLI::App* command, bool* strip) {
  command->add_flag("--strip", *strip, "Leave out the ICC profile, EXIF, XMP and pixel density")
      ->group(kMetadataGroup);
}

int ReportError(const Status& status, bool json, bool to_stderr) {
  if (json) {
    PrintJson(
        {{"ok", false}, {"error", StatusCodeName(status.code())}, {"message", status.message()}},
        to_stderr);
  }
  return PrintError(status);
}

void OnCall(CLI::App* command, std::function<Status()> run, const ReportOptions& report,
            int* exit_code, const std::string* output) {
  command->callback([run = std::move(run), &report, exit_code, output] {
    if (const Status status = run(); !status.ok()) {
      const bool to_stderr = output != nullptr && *output == kStandardStream;
      *exit_code = ReportError(status, report.json, to_stderr);
    }
  });
}

void DivideAmongJobs(int jobs, int* threads, std::uint64_t* max_memory) {
  const int all = *threads > 0 ? *threads : static_cast<int>(std::thread::hardware_concurrency());
  *threads = std::max(1, all / std::max(1, jobs));
  if (*max_memory != 0) {
    *max_memory =
        std::max<std::uint64_t>(1, *max_memory / static_cast<unsigned>(std::max(1, jobs)));
  }
}

void WarnIfSlowBlas(bool quiet) {
  if (quiet) return;
  const auto networks = GetNetworkModels();
  if (!networks.ok()) return;
  const NetworkInfo info = (*networks)->info();
  if (!info.slow_blas) return;
  PrintWarning("LibTorch runs on a slow matrix library (" + info.blas +
               "), up to 17 times slower than OpenBLAS; run: apt-get install libopenblas0");
}

}  // namespace halfmoon::cli
