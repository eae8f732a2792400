#include "cli/options.h"

#include <algorithm>
#include <thread>

#include "cli/console.h"
#include "codec/network_models.h"

namespace halfmoon::cli {

CLI::App* AddSubcommand(CLI::App& app, const std::string& name, const std::string& description,
                        const std::string& examples) {
  CLI::App* command = app.add_subcommand(name, description);
  command->footer("Examples:\n" + examples);
  return command;
}

void AddOutput(CLI::App* command, std::string* output, const std::string& help) {
  command->add_option("-o,--output", *output, help)->type_name("FILE");
}

void AddForce(CLI::App* command, bool* force) {
  command->add_flag("-f,--force", *force, "Replace an existing output file");
}

void AddThreads(CLI::App* command, int* threads) {
  command->add_option("--threads", *threads, "Threads, 1 to 256; 0 (default): one per core")
      ->type_name("N");
}

void AddModelsDir(CLI::App* command, std::string* models_dir) {
  command
      ->add_option("--models-dir", *models_dir,
                   "Folder with manifest.json and the weights files (default: "
                   "HALFMOON_MODELS_DIR, then those that came with halfmoon)")
      ->type_name("DIR");
}

void AddJson(CLI::App* command, bool* json) {
  command->add_flag("--json", *json, "Print one JSON object instead of text");
}

void AddQuiet(CLI::App* command, bool* quiet) {
  command->add_flag("--quiet", *quiet, "Print nothing but errors");
}

void AddVerbosity(CLI::App* command, ReportOptions* report) {
  AddQuiet(command, &report->quiet);
  command
      ->add_flag("-v,--verbose", report->verbose,
                 "Also print what the file is made of, where the time went, and the memory")
      ->excludes("--quiet");
}

void AddMaxMemory(CLI::App* command, std::uint64_t* bytes) {
  command
      ->add_option(
          "--max-memory", *bytes,
          "Refuse work that needs more memory, and stay below it; e.g. 2G, 800M (default: no "
          "limit)")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false));
}

void AddMaxPixels(CLI::App* command, std::uint64_t* pixels) {
  command->add_option("--max-pixels", *pixels, "Refuse pictures of more pixels; default 268435456")
      ->type_name("N");
}

void AddStrip(CLI::App* command, bool* strip) {
  command->add_flag("--strip", *strip, "Leave out the ICC profile, EXIF and XMP");
}

int ThreadsOfJob(int threads, int jobs) {
  const int all = threads > 0 ? threads : static_cast<int>(std::thread::hardware_concurrency());
  return std::max(1, all / std::max(1, jobs));
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
