#include "cli/pack_command.h"

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "cli/files.h"
#include "cli/options.h"
#include "codec/make_pack.h"

namespace halfmoon::cli {
namespace {

struct Options {
  std::vector<std::string> directories;
  std::string output;
  PackOptions pack;
  ReportOptions report;
  bool force = false;
};

Status Run(const Options& o) {
  HALFMOON_RETURN_IF_ERROR(CheckEnding(o.output, ".hmnpack"));
  HALFMOON_RETURN_IF_ERROR(CheckTarget("", o.output, o.force));
  const Timer timer;
  ProgressLine progress(o.report.quiet);
  const auto report =
      MakePack(o.directories, o.pack, o.output, o.force, [&](std::size_t done, std::size_t total) {
        progress.ShowCount("reading pictures", done, total);
      });
  progress.Clear();
  if (!report.ok()) return report.status();
  if (!o.report.quiet) {
    for (const std::string& problem : report->problems) PrintWarning(problem);
  }
  if (o.report.json) {
    PrintJson({{"output", o.output},
               {"pictures", report->pictures},
               {"validation", report->validation},
               {"duplicates", report->duplicates},
               {"too_small", report->too_small},
               {"unreadable", report->unreadable},
               {"seconds", timer.seconds()}});
  } else if (!o.report.quiet) {
    PrintText(o.output + ": " + std::to_string(report->pictures) + " pictures, " +
              std::to_string(report->validation) + " of them for validation; left out: " +
              std::to_string(report->duplicates) + " near duplicates, " +
              std::to_string(report->too_small) + " too small, " +
              std::to_string(report->unreadable) + " unreadable; " + Duration(timer.seconds()) +
              "\n");
  }
  return Status::Ok();
}

}  // namespace

void AddPackCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* command =
      AddSubcommand(app, "pack", "Make a pixel pack for training from folders of pictures",
                    "  halfmoon pack photos/ -o photos.hmnpack\n"
                    "  halfmoon pack a/ b/ -o small.hmnpack --max-short-side 512");
  command->add_option("directories", o->directories, "Folders; PNG and JPEG files below are taken")
      ->type_name("DIR")
      ->required();
  command->add_option("-o,--output", o->output, "The pack, .hmnpack")
      ->type_name("FILE")
      ->required();
  command
      ->add_option("--min-side", o->pack.min_side,
                   "Leave out pictures with a shorter side; at least 64, default 256")
      ->type_name("PX");
  command
      ->add_option("--max-short-side", o->pack.max_short_side,
                   "Scale larger pictures down to this short side; 0 (default): keep")
      ->type_name("PX");
  command
      ->add_option("--validation-every", o->pack.validation_every,
                   "Every N-th picture is for validation; 0: none, default 20")
      ->type_name("N");
  AddForce(command, &o->force);
  AddJson(command, &o->report.json);
  AddQuiet(command, &o->report.quiet);
  command->callback([o, exit_code] {
    if (const Status status = Run(*o); !status.ok()) *exit_code = PrintError(status);
  });
}

}  // namespace halfmoon::cli
