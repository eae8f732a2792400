#include "cli/commands/completion_command.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "cli/console.h"
#include "cli/options.h"
#include "cli/self_description.h"
#include "codec/io/atomic_file.h"

namespace halfmoon::cli {
namespace {

Status WriteManPages(const CLI::App& program, const std::string& folder) {
  std::vector<std::string> names = {""};
  for (const CLI::App* c :
       program.get_subcommands([](const CLI::App* a) { return !a->get_group().empty(); })) {
    names.push_back(c->get_name());
  }
  for (const std::string& name : names) {
    const std::string page = ManPage(program, name, HALFMOON_VERSION);
    const std::string path = folder + "/halfmoon" + (name.empty() ? "" : "-" + name) + ".1";
    HALFMOON_RETURN_IF_ERROR(
        WriteFile(path, {reinterpret_cast<const std::uint8_t*>(page.data()), page.size()}, true));
  }
  return Status::Ok();
}

}  // namespace

void AddCompletionCommand(CLI::App& app, int*) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command = AddSubcommand(
      app, "completion", "Print a completion script for bash, zsh or fish",
      "  halfmoon completion bash > ~/.local/share/bash-completion/completions/halfmoon\n"
      "  halfmoon completion fish > ~/.config/fish/completions/halfmoon.fish");
  AddChoice(command, "shell", {"bash", "zsh", "fish"}, shell.get(), "The shell")->required();
  command->callback([shell, &app] {
    const Shell which = *shell == "bash"  ? Shell::kBash
                        : *shell == "zsh" ? Shell::kZsh
                                          : Shell::kFish;
    PrintText(Completion(app, which));
  });
}

void AddManCommand(CLI::App& app, int* exit_code) {
  auto name = std::make_shared<std::string>(), folder = std::make_shared<std::string>();
  CLI::App* command = AddSubcommand(app, "man", "Print the man page of the program or of a command",
                                    "  halfmoon man | man -l -\n"
                                    "  halfmoon man compress | man -l -");
  command->add_option("command", *name, "The command; none: the program")->type_name("COMMAND");
  command->add_option("--out-dir", *folder, "Write all pages into this folder instead")
      ->type_name("DIR");
  command->callback([name, folder, &app, exit_code] {
    if (!folder->empty()) {
      const Status status = WriteManPages(app, *folder);
      if (!status.ok()) *exit_code = PrintError(status);
      return;
    }
    const auto all = app.get_subcommands([](const CLI::App*) { return true; });
    const bool known = name->empty() || std::any_of(all.begin(), all.end(), [&](const CLI::App* c) {
                         return c->get_name() == *name;
                       });
    if (!known) {
      *exit_code = PrintError(
          {StatusCode::kInvalidArgument, "unknown command '" + *name + "'; see 'halfmoon --help'"});
      return;
    }
    PrintText(ManPage(app, *name, HALFMOON_VERSION));
  });
}

}  // namespace halfmoon::cli
