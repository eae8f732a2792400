#include "cli/commands/eval_command.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

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

struct Options {
  eval::EvaluationOptions eval;
  ReportOptions report;
};

// Decides about the numbers and so belongs to the result; --jobs, --out and the like don't.
std::vector<std::string> RecordedCommand(const Options& o) {
  std::vector<std::string> c = {"halfmoon", "eval", "--dataset", o.eval.dataset};
  for (const std::string& codec : o.eval.codecs) c.insert(c.end(), {"--codec", codec});
  if (o.eval.qualities.empty()) {
    c.insert(c.end(), {"--points", std::to_string(o.eval.points)});
  } else {
    std::string list;
    for (const double q : o.eval.qualities) {
      char text[32];
      std::snprintf(text, sizeof(text), "%s%.10g", list.empty() ? "" : ",", q);
      list += text;
    }
    c.insert(c.end(), {"--quality", list});
  }
  if (!o.eval.title.empty()) c.insert(c.end(), {"--title", o.eval.title});
  if (!o.eval.anchors.empty()) c.insert(c.end(), {"--anchors", o.eval.anchors});
  if (o.eval.matched_bpp != eval::EvaluationOptions().matched_bpp) {
    c.insert(c.end(), {"--matched-bpp", Fixed(o.eval.matched_bpp, 3)});
  }
  if (o.eval.timing) c.push_back("--timing");
  return c;
}

std::string Cell(const std::optional<double>& value, int digits) {
  return value ? Fixed(*value, digits) : "n/a";
}

void PrintPoints(const eval::Evaluation& e) {
  Table table({"codec", ">quality", ">bpp", ">PSNR/dB", ">MS-SSIM", ">MS-SSIM/dB", ">SSIMULACRA2",
               ">failed"});
  for (const eval::CodecResult& codec : e.codecs) {
    for (const eval::PointMeans& p : eval::MeansOf(e, codec)) {
      table.Add({codec.info.name, Fixed(p.quality, 1), p.pictures ? Fixed(p.bpp, 4) : "-",
                 Cell(p.metrics[metrics::Metric::kPsnrRgb], 3),
                 Cell(p.metrics[metrics::Metric::kMsSsim], 5),
                 Cell(p.metrics[metrics::Metric::kMsSsimDb], 3),
                 Cell(p.metrics[metrics::Metric::kSsimulacra2], 2), std::to_string(p.failed)});
    }
  }
  PrintText(table.ToText());
}

// Differences between codecs of the run.
void PrintDifferences(const std::vector<eval::BdEntry>& entries) {
  Table table({"codec", "against", "metric", ">BD-rate", ">BD-metric", ">overlap", ">per picture",
               ">wins", ">losses"});
  bool any = false;
  for (const eval::BdEntry& b : entries) {
    if (b.published || !b.difference.ok()) continue;
    std::string metric;
    for (const metrics::MetricName& n : metrics::kMetrics) {
      if (n.metric == b.metric) metric = n.key;
    }
    const eval::BdDifference& d = *b.difference;
    any = true;
    table.Add({b.test, b.anchor, metric, Fixed(d.bd_rate, 1) + " %", Fixed(d.bd_metric, 2),
               Fixed(d.low, 1) + ".." + Fixed(d.high, 1) + " (" + Fixed(d.share * 100, 0) + " %)",
               b.per_picture.empty() ? "" : Fixed(b.mean, 1) + " +- " + Fixed(b.stddev, 1) + " %",
               std::to_string(b.wins), std::to_string(b.losses)});
  }
  if (any) PrintText("\n" + table.ToText());
}

// BD-rates by PSNR against published curves: a line a curve, a column a codec. There may be dozens
// of curves; the report has all.
void PrintPublished(const eval::Evaluation& e, const std::vector<eval::BdEntry>& entries) {
  constexpr std::size_t kMostCurves = 8;
  std::vector<std::string> head = {"BD-rate by PSNR against"}, codecs, curves;
  std::map<std::string, std::string> cells;  // by curve and codec
  for (const eval::BdEntry& b : entries) {
    if (!b.published || b.metric != metrics::Metric::kPsnrRgb) continue;
    if (std::find(codecs.begin(), codecs.end(), b.test) == codecs.end()) codecs.push_back(b.test);
    if (std::find(curves.begin(), curves.end(), b.anchor) == curves.end()) {
      curves.push_back(b.anchor);
    }
    cells[b.anchor + "\n" + b.test] =
        b.difference.ok() ? Fixed(b.difference->bd_rate, 1) + " %" : "n/a";
  }
  if (curves.empty()) return;
  if (!eval::AnchorsFit(e)) {
    PrintText("\ndifferences against the " + std::to_string(curves.size()) +
              " published curves, which are of other pictures: in results.json and the report\n");
    return;
  }
  for (const std::string& codec : codecs) head.push_back(">" + codec);
  Table table(head);
  for (std::size_t i = 0; i < std::min(curves.size(), kMostCurves); ++i) {
    std::vector<std::string> row = {curves[i]};
    for (const std::string& codec : codecs) row.push_back(cells[curves[i] + "\n" + codec]);
    table.Add(row);
  }
  PrintText("\n" + table.ToText());
  if (curves.size() > kMostCurves) {
    PrintText("and " + std::to_string(curves.size() - kMostCurves) +
              " more published curves: in results.json and the report\n");
  }
}

// What readers of the numbers must know, on the error stream.
void WarnAboutNumbers(const eval::Evaluation& e, const std::vector<eval::BdEntry>& entries) {
  for (const std::string& note : eval::NotesOf(e)) PrintWarning(note);
  int published = 0;
  for (const eval::BdEntry& b : entries) {
    const bool warns = !b.difference.ok() || !b.difference->warning.empty();
    if (b.published) {
      published += warns ? 1 : 0;
    } else if (!b.difference.ok()) {
      PrintWarning("no BD-rate: " + b.difference.status().message());
    } else if (warns) {
      PrintWarning(b.difference->warning);
    }
  }
  if (published > 0 && eval::AnchorsFit(e)) {
    PrintWarning(std::to_string(published) + (published == 1 ? " difference" : " differences") +
                 " against published curves can't be computed or overlap little; the report says "
                 "which");
  }
}

// Each different failure once, with how often it happened.
void WarnAboutFailures(const eval::Evaluation& e) {
  for (const eval::DatasetPicture& p : e.pictures) {
    if (p.error.failed()) PrintWarning(p.error.message + "; left out");
  }
  for (const eval::CodecResult& c : e.codecs) {
    if (c.error.failed()) PrintWarning(c.error.message + "; left out");
    std::map<std::string, int> messages;
    for (const auto& point : c.rows) {
      for (const eval::Measurement& m : point) {
        if (m.error.failed()) ++messages[m.error.message];
      }
    }
    for (const auto& [message, count] : messages) {
      PrintWarning(c.info.name + ": " + std::to_string(count) + " failed: " + message);
    }
  }
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
  o.eval.command = RecordedCommand(o);
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
  HALFMOON_RETURN_IF_ERROR(eval::WriteResults(*evaluation));
  HALFMOON_RETURN_IF_ERROR(WriteReport(o));
  const std::vector<eval::BdEntry> entries = eval::CompareAll(*evaluation);
  if (!o.report.quiet) {
    WarnAboutFailures(*evaluation);
    WarnAboutNumbers(*evaluation, entries);
  }
  if (o.report.json) {
    PrintText(eval::ResultsToJson(*evaluation));
  } else if (!o.report.quiet) {
    PrintPoints(*evaluation);
    PrintDifferences(entries);
    PrintPublished(*evaluation, entries);
    PrintText("\nreport: " + (eval::HasHtmlReport() ? o.eval.out + "/report.html" : o.eval.out) +
              "\n");
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
      app, "eval", "Compare codecs over a folder of pictures, with real files and a report",
      "  halfmoon eval --dataset kodak/ --codec ae --codec jpeg --codec avif --out report/\n"
      "  halfmoon eval --dataset kodak/ --codec jpeg:progressive --codec ae --points 8 \\\n"
      "      --anchors eval/anchors/kodak.json --timing --out report/\n"
      "  J2K='exec:name=j2k;extension=.jp2;quality=28,32,36,40;encode=opj_compress -i {in} -o "
      "{out} -q "
      "{q}'\n"
      "  halfmoon eval --dataset kodak/ --codec jpeg --out report/ \\\n"
      "      --codec \"$J2K;decode=opj_decompress -i {in} -o {out}\"\n" +
          CodecsHelp());
  command->add_option("--dataset", o->eval.dataset, "Folder of PNG and JPEG files")
      ->type_name("DIR")
      ->required();
  command
      ->add_option("--codec", o->eval.codecs,
                   "A codec with its options; give it several times. "
                   "BD-rates are against the first one")
      ->type_name("NAME")
      ->required()
      ->allow_extra_args(false);
  command
      ->add_option("--title", o->eval.title,
                   "What the report calls the data set; default: the folder's name")
      ->type_name("TEXT");
  command->add_option("-o,--out", o->eval.out, "Report folder")->type_name("DIR")->required();
  CLI::Option* points = AddNumber(command, "--points", "N", &o->eval.points, {1, 100},
                                  "Qualities per codec, spread by it; default 5");
  AddNumbers(command, "--quality", "LIST", &o->eval.qualities, {},
             "Qualities, separated by commas, on each codec's own scale")
      ->excludes(points);
  AddNumber(command, "--jobs", "N", &o->eval.jobs, {1, 256},
            "Pictures at once; default: one per core. No number depends on it");
  command->add_flag("--resume", o->eval.resume, "Go on with the run in the report folder");
  command->add_flag("-f,--force", o->eval.overwrite, "Replace the run in the report folder");
  command->add_option("--anchors", o->eval.anchors, "Published curves (JSON, CompressAI's layout)")
      ->type_name("FILE");
  AddNumber(command, "--matched-bpp", "BPP", &o->eval.matched_bpp, {0, 24},
            "Rate of the pictures shown side by side; default 0.5, 0: none");
  command->add_flag("--timing", o->eval.timing, "Measure time and memory in a pass of its own");
  AddNumber(command, "--timing-pictures", "N", &o->eval.timing_pictures, {.least = 1},
            "The first N pictures serve for it; default 3");
  AddNumber(command, "--repeats", "N", &o->eval.repeats, {1, 1000},
            "Runs that the median is of; default 5");
  AddModelsDir(command, &o->eval.models_dir);
  AddJson(command, &o->report.json);
  AddQuiet(command, &o->report.quiet);
  command->callback([o, exit_code] {
    if (const Status status = Run(*o); !status.ok()) {
      *exit_code = ReportError(status, o->report.json);
    }
  });
}

void AddMeasureCommand(CLI::App& app, int* exit_code) {
  auto request = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("measure", "One measurement for eval and bench");
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
