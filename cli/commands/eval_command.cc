#include "cli/commands/eval_command.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <thread>

#include "cli/commands/eval_tables.h"
#include "cli/console.h"
#include "cli/options.h"
#include "eval/aggregate.h"
#include "eval/evaluation.h"
#include "eval/peers/registry.h"
#include "eval/report/html_report.h"
#include "eval/report/svg_curves.h"
#include "eval/result_files.h"
#include "eval/timing.h"

namespace halfmoon::cli {
namespace {

namespace fs = std::filesystem;

constexpr char kReportGroup[] = "Report", kTimingGroup[] = "Time and memory";

struct Options {
  std::vector<std::string> folders;  // of --dataset
  eval::EvaluationOptions eval;
  ReportOptions report;
};

// Decides about the numbers and so belongs to the result; --jobs, --out and the like don't.
std::vector<std::string> RecordedCommand(const eval::EvaluationOptions& o) {
  std::vector<std::string> c = {"halfmoon", "eval"};
  c.insert(c.end(), o.pictures.begin(), o.pictures.end());
  for (const std::string& codec : o.codecs) c.insert(c.end(), {"--codec", codec});
  if (o.qualities.empty()) {
    c.insert(c.end(), {"--points", std::to_string(o.points)});
  } else {
    std::string list;
    for (const double q : o.qualities) {
      char text[32];
      std::snprintf(text, sizeof(text), "%s%.10g", list.empty() ? "" : ",", q);
      list += text;
    }
    c.insert(c.end(), {"--quality", list});
  }
  if (!o.title.empty()) c.insert(c.end(), {"--title", o.title});
  if (!o.anchors.empty()) c.insert(c.end(), {"--anchors", o.anchors});
  if (o.matched_bpp != eval::EvaluationOptions().matched_bpp) {
    c.insert(c.end(), {"--matched-bpp", Fixed(o.matched_bpp, 3)});
  }
  if (o.timing) c.push_back("--timing");
  return c;
}

// Pictures and page of the results that are in the folder already.
Status WriteReport(const Options& o) {
  HALFMOON_ASSIGN_OR_RETURN(const eval::CurveFiles curves, eval::WriteCurveFiles(o.eval.out));
  if (!o.report.quiet && !curves.note.empty()) PrintWarning(curves.note);
  if (!eval::HasHtmlReport()) {
    if (!o.report.quiet) PrintWarning("no report.html: this halfmoon was built without D3");
    return Status::Ok();
  }
  eval::ReportSummary summary;
  HALFMOON_RETURN_IF_ERROR(eval::WriteHtmlReport(o.eval.out, {}, &summary));
  if (o.report.quiet) return Status::Ok();
  for (const std::string& warning : summary.warnings) PrintWarning(warning);
  if (summary.pictures_left_out > 0) {
    PrintWarning("report.html shows " + std::to_string(summary.pictures) +
                 (summary.pictures == 1 ? " picture; " : " pictures; ") +
                 std::to_string(summary.pictures_left_out) +
                 (summary.pictures_left_out == 1 ? " more has its numbers only"
                                                 : " more have their numbers only"));
  }
  return Status::Ok();
}

Status Run(Options& o) {
  o.eval.pictures.insert(o.eval.pictures.end(), o.folders.begin(), o.folders.end());
  if (o.eval.codecs.empty()) o.eval.codecs = {"ae"};
  o.eval.command = RecordedCommand(o.eval);
  std::error_code error;
  o.eval.child_command = {fs::read_symlink("/proc/self/exe", error).string(), "measure"};
  auto line = std::make_unique<ProgressLine>(o.report.quiet);
  std::string current;
  const auto evaluation =
      eval::Evaluate(o.eval, [&](const std::string& what, std::size_t done, std::size_t total) {
        if (what != current)
          line = std::make_unique<ProgressLine>(o.report.quiet);  // its own clock
        current = what;
        line->ShowCount(what, done, total);
      });
  line->Clear();
  if (!evaluation.ok()) return evaluation.status();
  const bool folder = !o.eval.out.empty();
  if (folder) {
    HALFMOON_RETURN_IF_ERROR(eval::WriteResults(*evaluation));
    HALFMOON_RETURN_IF_ERROR(WriteReport(o));
  }
  const std::vector<eval::BdEntry> entries = eval::CompareAll(*evaluation);
  if (!o.report.quiet) WarnAbout(*evaluation, entries);
  if (o.report.json) {
    PrintText(folder ? eval::ResultsToJson(*evaluation) : eval::SummaryToJson(*evaluation));
  } else if (!o.report.quiet) {
    PrintTables(*evaluation, entries);
    if (folder) {
      PrintText("\nreport: " + (eval::HasHtmlReport() ? o.eval.out + "/report.html" : o.eval.out) +
                "\n");
    }
  }
  return evaluation->FirstFailure();
}

std::string CodecsHelp() {
  std::string text =
      "\nCodecs and options (options are part of the name, e.g. avif:speed=4,yuv=420):\n";
  for (const eval::CodecHelp& c : eval::ListCodecs()) {
    text += "  " + c.name + std::string(6 - std::min<std::size_t>(c.name.size(), 5), ' ') +
            (c.built_in ? c.options : "not built in") + "\n";
  }
  return text;
}

}  // namespace

void AddEvalCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<Options>();
  o->eval.jobs = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  CLI::App* command = AddSubcommand(
      app, "eval", "Measure codecs over pictures, with real files; compare them, write a report",
      "  halfmoon eval photos/\n"
      "  halfmoon eval kodak/ -q 20,40,60,80 --anchors eval/anchors/kodak.json --json\n"
      "  halfmoon eval kodak/ --codec ae --codec jpeg --codec avif --out report/\n"
      "  halfmoon eval photo.png --points 1 --codec ae --codec jpeg --timing\n"
      "  J2K='exec:name=j2k;extension=.jp2;quality=28,32,36,40;encode=opj_compress -i {in} -o "
      "{out} -q "
      "{q}'\n"
      "  halfmoon eval kodak/ --codec jpeg --codec \"$J2K;decode=opj_decompress -i {in} -o "
      "{out}\"\n" +
          CodecsHelp());
  command->add_option("pictures", o->eval.pictures, "PNG and JPEG files, and folders of them")
      ->type_name("PICTURES");
  command->add_option("--dataset", o->folders, "A folder of pictures; the same as an argument")
      ->type_name("DIR")
      ->allow_extra_args(false);
  command
      ->add_option("--codec", o->eval.codecs,
                   "A codec with its options, default ae; give it several times. BD-rates are "
                   "against the first one")
      ->type_name("NAME")
      ->allow_extra_args(false);
  CLI::Option* points = AddNumber(command, "--points", "N", &o->eval.points, {1, 100},
                                  "Qualities per codec, spread by it; default 5");
  AddNumbers(command, "-q,--quality", "LIST", &o->eval.qualities, {},
             "Qualities, separated by commas, on each codec's own scale")
      ->excludes(points);
  command
      ->add_option("--anchors", o->eval.anchors,
                   "Published curves (JSON, CompressAI's layout) to give BD-rates against")
      ->type_name("FILE");
  AddNumber(command, "--jobs", "N", &o->eval.jobs, {1, 256},
            "Pictures at once; default: one per core. No number depends on it");

  CLI::Option* out = command->add_option("-o,--out", o->eval.out, "Write a report into this folder")
                         ->type_name("DIR")
                         ->group(kReportGroup);
  command
      ->add_option("--title", o->eval.title,
                   "What to call the data set; default: the folder's name")
      ->type_name("TEXT")
      ->group(kReportGroup);
  AddNumber(command, "--matched-bpp", "BPP", &o->eval.matched_bpp, {0, 24},
            "Rate of the pictures shown side by side; default 0.5, 0: none")
      ->group(kReportGroup);
  command->add_flag("--resume", o->eval.resume, "Go on with the run in the report folder")
      ->needs(out)
      ->group(kReportGroup);
  command->add_flag("-f,--force", o->eval.overwrite, "Replace the run in the report folder")
      ->needs(out)
      ->group(kReportGroup);

  command
      ->add_flag("--timing", o->eval.timing,
                 "Measure time and memory, too, each in a process of its own")
      ->group(kTimingGroup);
  AddNumber(command, "--timing-pictures", "N", &o->eval.timing_pictures, {.least = 1},
            "The first N pictures serve for it; default 3")
      ->group(kTimingGroup);
  AddNumber(command, "--repeats", "N", &o->eval.repeats, {1, 1000},
            "Runs that the median is of; default 5")
      ->group(kTimingGroup);
  AddModelsDir(command, &o->eval.models_dir);
  AddJson(command, &o->report.json);
  AddQuiet(command, &o->report.quiet);
  OnCall(
      command, [o] { return Run(*o); }, o->report, exit_code);
}

void AddMeasureCommand(CLI::App& app, int* exit_code) {
  auto request = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("measure", "One measurement for eval --timing");
  command->group("");  // hidden
  command->add_option("request", *request)->required();
  command->callback([request, exit_code] {
    const auto result = eval::RunTimingChild(*request);
    if (result.ok()) {
      PrintText(*result + "\n");
    } else {
      *exit_code = PrintError(result.status());
    }
  });
}

}  // namespace halfmoon::cli
