// halfmoon: the program. The table of its commands, and nothing else that could go elsewhere.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <new>
#include <string_view>

#include "cli/bench_command.h"
#include "cli/compare_command.h"
#include "cli/completion_command.h"
#include "cli/compress_command.h"
#include "cli/console.h"
#include "cli/decompress_command.h"
#include "cli/eval_command.h"
#include "cli/exit_codes.h"
#include "cli/info_command.h"
#include "cli/interpolate_command.h"
#include "cli/latent_command.h"
#include "cli/models_command.h"
#include "cli/network_commands.h"
#include "cli/plot_command.h"
#include "cli/rd_command.h"
#include "cli/reconstruct_command.h"
#include "cli/sample_command.h"
#include "cli/verify_command.h"
#include "cli/version.h"

namespace halfmoon::cli {
namespace {

constexpr AddCommand kCommands[] = {
    AddCompressCommand,    AddDecompressCommand,  AddInfoCommand,   AddVerifyCommand,
    AddModelsCommand,      AddRdCommand,          AddEvalCommand,   AddCompareCommand,
    AddBenchCommand,       AddMeasureCommand,     AddPlotCommand,   AddSampleCommand,
    AddInterpolateCommand, AddReconstructCommand, AddLatentCommand, AddCompletionCommand,
    AddManCommand,
};

// The commands that need LibTorch: themselves when one of them is meant, or all are described.
Status AddTheRest(CLI::App& app, int argc, char** argv, int* exit_code) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (IsNetworkCommand(first)) return AddNetworkCommands(app, exit_code, true);
  const bool described = first == "man" || first == "completion";
  if (described && AddNetworkCommands(app, exit_code, true).ok()) return Status::Ok();
  return AddNetworkCommands(app, exit_code, false);
}

constexpr char kExamples[] =
    "Examples:\n"
    "  halfmoon compress photo.png -q 60     makes photo.hmn\n"
    "  halfmoon decompress photo.hmn         makes photo.png\n"
    "  halfmoon info photo.hmn\n"
    "  halfmoon compress --help              all options of a command\n\n";

// CLI11's own text for this is "The following argument was not expected".
bool IsUnknownCommand(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return false;
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  return std::none_of(commands.begin(), commands.end(),
                      [&](const CLI::App* c) { return c->get_name() == argv[1]; });
}

int UsageError(const std::string& message, const std::string& command) {
  return PrintError(
      {StatusCode::kInvalidArgument,
       message + "; see 'halfmoon " + (command.empty() ? "" : command + " ") + "--help'"});
}

int Parse(CLI::App& app, int argc, char** argv, const int& exit_code) {
  try {
    app.parse(argc, argv);
    return exit_code;
  } catch (const CLI::Success& e) {  // --help, --version
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    const auto chosen = app.get_subcommands();
    return UsageError(e.what(), chosen.empty() ? "" : chosen.front()->get_name());
  }
}

int Main(int argc, char** argv) {
  int exit_code = kExitOk;
  CLI::App app("Halfmoon compresses photographs with trained neural networks.", "halfmoon");
  app.footer(std::string(kExamples) + kExitCodesHelp);
  app.set_version_flag("--version", VersionText, "Print versions, libraries and models, and exit");
  for (const AddCommand add : kCommands) add(app, &exit_code);
  if (const Status s = AddTheRest(app, argc, argv, &exit_code); !s.ok()) {
    return PrintError(s.WithContext(argv[1]));
  }
  app.require_subcommand(1);
  if (argc < 2) {
    PrintText(app.help(), /*to_stderr=*/true);
    return kExitUsage;
  }
  if (IsUnknownCommand(app, argc, argv)) {
    return UsageError("unknown command '" + std::string(argv[1]) + "'", "");
  }
  return Parse(app, argc, argv, exit_code);
}

}  // namespace
}  // namespace halfmoon::cli

int main(int argc, char** argv) {
  using halfmoon::Status;
  using halfmoon::StatusCode;
  int code = 0;
  try {
    code = halfmoon::cli::Main(argc, argv);
  } catch (const std::bad_alloc&) {
    code = halfmoon::cli::PrintError(
        Status(StatusCode::kOutOfMemory, "out of memory; try a smaller picture or fewer threads"));
  } catch (const std::exception& e) {
    code = halfmoon::cli::PrintError(Status(StatusCode::kInternal, e.what()));
  }
  // A full disk behind standard output shows only now.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    const int io = halfmoon::cli::PrintError(
        Status(StatusCode::kIo, "standard output: cannot write all of the result"));
    if (code == 0) code = io;
  }
  return code;
}
