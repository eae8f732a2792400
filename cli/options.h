// Option groups that several commands share, and what goes with them.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "cli/command.h"
#include "cli/help_text.h"
#include "cli/option_values.h"
#include "halfmoon/status.h"

namespace halfmoon::cli {

struct ReportOptions {
  bool json = false;
  bool quiet = false;
  bool verbose = false;
};

// A subcommand whose --help ends with examples, one per line.
CLI::App* AddSubcommand(CLI::App& app, const std::string& name, const std::string& description,
                        const std::string& examples);

void AddOutput(CLI::App* command, std::string* output, const std::string& help);
void AddForce(CLI::App* command, bool* force);
void AddThreads(CLI::App* command, int* threads);
// --model: a name, an id, or a weights file, which the help should say.
CLI::Option* AddModel(CLI::App* command, std::string* model, const std::string& help);
void AddModelsDir(CLI::App* command, std::string* models_dir);
void AddJson(CLI::App* command, bool* json);
void AddQuiet(CLI::App* command, bool* quiet);
// --quiet and its opposite.
void AddVerbosity(CLI::App* command, ReportOptions* report);

// Sizes as of ParseSize (option_values.h): bytes, and pixels.
void AddMaxMemory(CLI::App* command, std::uint64_t* bytes);
void AddMaxPixels(CLI::App* command, std::uint64_t* pixels);
void AddStrip(CLI::App* command, bool* strip);

// "halfmoon: error: MESSAGE" on stderr and, with `json`, an object with "error", the stable name of
// the code, and "message" where the report would be. Returns the exit code.
int ReportError(const Status& status, bool json, bool to_stderr = false);

// When the command is called: `run`, whose failure is reported and becomes the exit code. `report`,
// `output` are read then (so `run` should keep what they are of); with `output` being "-" the
// report goes to stderr.
void OnCall(CLI::App* command, std::function<Status()> run, const ReportOptions& report,
            int* exit_code, const std::string* output = nullptr);

// The share of each of `jobs` files in work at once. `threads` as given, 0 for one per core; a
// memory of 0 has no limit.
void DivideAmongJobs(int jobs, int* threads, std::uint64_t* max_memory);

// Says on stderr when LibTorch's matrix products run on Debian's slow default library.
void WarnIfSlowBlas(bool quiet);

}  // namespace halfmoon::cli
