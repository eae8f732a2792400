#include "cli/commands/pack_command.h"

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "cli/files.h"
#include "cli/networks/requests.h"
#include "cli/options.h"
#include "codec/packing/labelled_pack.h"
#include "models/training/data/moon_renderer.h"

namespace halfmoon::cli {
namespace {

struct Options {
  std::vector<std::string> directories;
  std::string output;
  PackOptions pack;
  CsvPackOptions csv;
  training::MoonSetOptions moons;
  std::string left_out;
  ReportOptions report;
  bool force = false;
};

// Moons are rendered, not read.
Result<PackReport> MakeMoons(const Options& o) {
  training::MoonSetOptions moons = o.moons;
  moons.validation_every = o.pack.validation_every;
  if (!o.left_out.empty()) {
    int from = 0, to = 0;
    char rest = 0;
    if (std::sscanf(o.left_out.c_str(), "%d-%d%c", &from, &to, &rest) != 2) {
      return Status(StatusCode::kInvalidArgument,
                    "'" + o.left_out + "': write FROM-TO in percent lit, for example 35-65");
    }
    moons.hole_from = from / 100.0;
    moons.hole_to = to / 100.0;
  }
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> pack, training::MakeMoonPack(moons));
  HALFMOON_RETURN_IF_ERROR(WriteOutput(o.output, pack, o.force));
  PackReport report;
  report.pictures = moons.count;
  report.validation = moons.validation_every > 0 ? moons.count / moons.validation_every : 0;
  return report;
}

// A labelled data set is one folder: a CSV or IDX files say what its pictures are.
Result<PackReport> Make(const Options& o, ProgressLine* progress) {
  const auto show = [&](std::size_t done, std::size_t total) {
    progress->ShowCount("reading pictures", done, total);
  };
  if (o.moons.count > 0) {
    if (!o.directories.empty()) {
      return Status(StatusCode::kInvalidArgument,
                    "--moons renders its pictures; leave out the folders");
    }
    return MakeMoons(o);
  }
  if (o.directories.empty()) {
    return Status(StatusCode::kInvalidArgument, "give a folder of pictures, or --moons N");
  }
  const bool idx = IsIdxFolder(o.directories[0]);
  if (!idx && o.csv.csv.empty()) {
    if (!o.csv.class_column.empty() || !o.csv.only.empty() || !o.csv.caption_columns.empty()) {
      return Status(StatusCode::kInvalidArgument,
                    "--class-column, --caption-columns and --only need --csv FILE");
    }
    HALFMOON_ASSIGN_OR_RETURN(const NetworkRuns* runs, LoadNetworkRuns());
    return runs->make_pack(o.directories, o.pack, o.output, o.force, show);
  }
  if (o.directories.size() != 1) {
    return Status(StatusCode::kInvalidArgument, "a data set with labels is one folder; " +
                                                    std::to_string(o.directories.size()) +
                                                    " are given");
  }
  if (o.csv.csv.empty()) return MakeIdxPack(o.directories[0], o.output, o.force);
  CsvPackOptions csv = o.csv;
  csv.directory = o.directories[0];
  csv.validation_every = o.pack.validation_every;
  return MakeCsvPack(csv, o.output, o.force, show);
}

Status Run(const Options& o) {
  HALFMOON_RETURN_IF_ERROR(CheckEnding(o.output, ".hmnpack"));
  HALFMOON_RETURN_IF_ERROR(CheckTarget("", o.output, o.force));
  const Timer timer;
  ProgressLine progress(o.report.quiet);
  const auto report = Make(o, &progress);
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
              std::to_string(report->validation) +
              " of them for validation; left out: " + std::to_string(report->duplicates) +
              " near duplicates, " + std::to_string(report->too_small) + " too small, " +
              std::to_string(report->unreadable) + " unreadable; " + Duration(timer.seconds()) +
              "\n");
  }
  return Status::Ok();
}

}  // namespace

void AddPackCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* command = AddSubcommand(
      app, "pack", "Make a pixel pack for training from folders of pictures",
      "  halfmoon pack photos/ -o photos.hmnpack\n"
      "  halfmoon pack a/ b/ -o small.hmnpack --max-short-side 512\n"
      "  halfmoon pack emoji/png64 --csv emoji/names.csv --caption-columns name,tags -o "
      "emoji.hmnpack\n"
      "  halfmoon pack fashion-mnist/ -o fashion.hmnpack   (IDX files, gzipped or not)\n"
      "  halfmoon pack --moons 4000 --left-out 35-65 -o moons.hmnpack");
  command->add_option("directories", o->directories, "Folders; PNG and JPEG files below are taken")
      ->type_name("DIR");
  command->add_option("-o,--output", o->output, "The pack, .hmnpack")
      ->type_name("FILE")
      ->required();
  AddNumber(command, "--min-side", "PX", &o->pack.min_side, {64, 65535},
            "Leave out pictures with a shorter side; at least 64, default 256");
  AddNumber(command, "--max-short-side", "PX", &o->pack.max_short_side,
            {0, 65535, false, false, "0 (keep) to 65535"},
            "Scale larger pictures down to this short side; 0 (default): keep");
  AddNumber(command, "--validation-every", "N", &o->pack.validation_every, {.least = 0},
            "Every N-th picture is for validation; 0: none, default 20");
  command
      ->add_option("--csv", o->csv.csv,
                   "What the pictures of DIR are: columns file, name or caption, class (optional); "
                   "all are taken, whatever their size")
      ->type_name("FILE");
  command->add_option("--class-column", o->csv.class_column, "Column of the class; default class")
      ->type_name("NAME");
  command
      ->add_option("--caption-columns", o->csv.caption_columns,
                   "Columns that make the caption, for example name,tags; default name or caption")
      ->delimiter(',')
      ->type_name("NAMES");
  command->add_option("--only", o->csv.only, "Take only the rows of the CSV with this value")
      ->type_name("COLUMN=VALUE");
  o->moons.count = 0;
  AddNumber(command, "--moons", "N", &o->moons.count, {.least = 1},
            "Render N moons instead of reading pictures");
  command
      ->add_option("--left-out", o->left_out, "With --moons: phases from A to B % lit are left out")
      ->type_name("A-B");
  AddNumber(command, "--seed", "S", &o->moons.seed, {}, "With --moons: which moons; default 1");
  AddForce(command, &o->force);
  AddJson(command, &o->report.json);
  AddQuiet(command, &o->report.quiet);
  command->callback([o, exit_code] {
    if (const Status status = Run(*o); !status.ok()) {
      *exit_code = ReportError(status, o->report.json);
    }
  });
}

}  // namespace halfmoon::cli
