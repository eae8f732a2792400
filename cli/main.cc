// halfmoon: the program. The table of its commands, and nothing else that could go elsewhere.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands/assess_command.h"
#include "cli/commands/compare_command.h"
#include "cli/commands/completion_command.h"
#include "cli/commands/compress_command.h"
#include "cli/commands/decompress_command.h"
#include "cli/commands/demo_command.h"
#include "cli/commands/export_command.h"
#include "cli/commands/info_command.h"
#include "cli/commands/interpolate_command.h"
#include "cli/commands/latent_command.h"
#include "cli/commands/models_command.h"
#include "cli/commands/pack_command.h"
#include "cli/commands/reconstruct_command.h"
#include "cli/commands/sample_command.h"
#include "cli/commands/train_command.h"
#include "cli/commands/verify_command.h"
#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/help_text.h"
#include "cli/measuring_commands.h"
#include "cli/option_values.h"
#include "cli/options.h"
#include "cli/start_up.h"
#include "cli/usage_errors.h"
#include "cli/version.h"
#include "codec/common/exceptions.h"

namespace halfmoon::cli {
namespace {

constexpr AddCommand kCommands[] = {
    AddCompressCommand,    AddDecompressCommand, AddInfoCommand,       AddVerifyCommand,
    AddModelsCommand,      AddCompareCommand,    AddSampleCommand,     AddInterpolateCommand,
    AddReconstructCommand, AddLatentCommand,     AddCompletionCommand, AddManCommand,
    AddPackCommand,        AddTrainCommand,      AddExportCommand,     AddAssessCommand,
    AddDemoCommand,
};

// The commands of the plug-in: themselves when one of them is meant, or all are described.
Status AddLoaded(const std::string& first, CLI::App& app, int* exit_code) {
  if (IsMeasuringCommand(first))
    return AddMeasuringCommands(app, exit_code, true).WithContext(first);
  const bool described = first == "man" || first == "completion" || first == "--help-all";
  if (described && AddMeasuringCommands(app, exit_code, true).ok()) return Status::Ok();
  return AddMeasuringCommands(app, exit_code, false);
}

// For the lists of commands: Arguments() takes it apart before it is parsed.
void AddHelpCommand(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  AddSubcommand(app, "help", "Print the help of the program or of a command",
                "  halfmoon help compress")
      ->add_option("command", *name, "The command; none: the program")
      ->type_name("COMMAND");
}

constexpr char kExamples[] =
    "Examples:\n"
    "  halfmoon compress photo.png photo.hmn\n"
    "  halfmoon decompress photo.hmn back.png\n"
    "  halfmoon info photo.hmn\n"
    "  halfmoon help compress                the options of a command\n\n";

bool IsKnownCommand(const CLI::App& app, const std::string& word) {
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  return std::any_of(commands.begin(), commands.end(),
                     [&](const CLI::App* c) { return c->get_name() == word; });
}

// "help COMMAND" is "COMMAND --help", "help" alone is "--help".
std::vector<std::string> Arguments(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty() && arguments[0] == "help") {
    if (arguments.size() == 1) return {"--help"};
    if (!arguments[1].starts_with('-')) {
      arguments.erase(arguments.begin());
      arguments.insert(arguments.begin() + 1, "--help");
    }
  }
  return arguments;
}

int Parse(CLI::App& app, const std::vector<std::string>& arguments, const int& exit_code) {
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    return exit_code;
  } catch (const CLI::Success& e) {  // --help, --version
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    const bool json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
    return ReportError({StatusCode::kInvalidArgument, ParseErrorText(app, e)}, json);
  }
}

int Main(int argc, char** argv) {
  const std::vector<std::string> arguments = Arguments(argc, argv);
  const std::string first = arguments.empty() ? "" : arguments[0];
  int exit_code = kExitOk;
  CLI::App app("Halfmoon compresses photographs with trained neural networks.", "halfmoon");
  app.formatter(std::make_shared<HelpFormatter>());
  app.footer(std::string(kExamples) + kExitCodesHelp);
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.set_help_all_flag("--help-all", "Print help with every option and exit");
  app.set_version_flag("-V,--version", VersionText,
                       "Print versions, libraries and models, and exit");
  for (const AddCommand add : kCommands) add(app, &exit_code);
  if (const Status s = AddLoaded(first, app, &exit_code); !s.ok()) return PrintError(s);
  AddHelpCommand(app);
  RefuseEmptyValues(&app);
  app.require_subcommand(1);
  if (arguments.empty()) {
    PrintText(app.help(), /*to_stderr=*/true);
    return kExitUsage;
  }
  if (!first.starts_with('-') && !IsKnownCommand(app, first)) {
    return PrintError({StatusCode::kInvalidArgument, UnknownCommandText(app, first)});
  }
  return Parse(app, arguments, exit_code);
}

}  // namespace
}  // namespace halfmoon::cli

int main(int argc, char** argv) {
  halfmoon::cli::PrepareProcess();
  const auto run = [&]() -> halfmoon::Result<int> { return halfmoon::cli::Main(argc, argv); };
  const auto result = halfmoon::GuardExceptions("cannot go on", run);
  int code = result.ok() ? *result : halfmoon::cli::PrintError(result.status());
  // A full disk behind standard output may show only now. Who closed a pipe has read enough and
  // needs no message.
  if (const auto flushed = halfmoon::cli::FlushStdout(); !flushed.ok() && code == 0) {
    code = halfmoon::cli::StdoutIsClosed() ? static_cast<int>(halfmoon::cli::kExitIo)
                                           : halfmoon::cli::PrintError(flushed);
  }
  return code;
}
