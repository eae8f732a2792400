#include "cli/plot_command.h"

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/console.h"
#include "cli/files.h"
#include "cli/options.h"
#include "eval/report/svg_chart.h"

namespace halfmoon::cli {
namespace {

using Json = nlohmann::json;
using eval::ChartSeries;

struct Options {
  std::string log, output;
  bool force = false;
  bool quiet = false;
};

struct Curves {
  ChartSeries loss{"loss", {}}, score{"score", {}};
  std::map<double, ChartSeries> bpp, psnr;  // by level

  // A run that was killed and resumed repeats some steps; the later ones count.
  void CutFrom(double step) {
    auto cut = [step](ChartSeries& s) {
      while (!s.points.empty() && s.points.back().first >= step) s.points.pop_back();
    };
    cut(loss);
    cut(score);
    for (auto& [level, s] : bpp) cut(s);
    for (auto& [level, s] : psnr) cut(s);
  }

  void Add(const Json& line) {
    const double step = line.at("step").get<double>();
    CutFrom(step);
    // A validation right after a report has no steps to take a mean of and says 0.
    if (const auto value = line.at("loss").get<double>(); value != 0) {
      loss.points.push_back({step, value});
    }
    if (line.contains("score")) score.points.push_back({step, line["score"].get<double>()});
    if (!line.contains("validation")) return;
    for (const Json& v : line["validation"]) {
      const double level = v.at("level").get<double>();
      const std::string name = "level " + Fixed(level, 0);
      bpp[level].name = psnr[level].name = name;
      bpp[level].points.push_back({step, v.at("bpp").get<double>()});
      psnr[level].points.push_back({step, v.at("psnr").get<double>()});
    }
  }
};

Result<Curves> ReadLog(const std::string& path) {
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> bytes, ReadInput(path));
  std::istringstream lines(std::string(bytes.begin(), bytes.end()));
  Curves curves;
  int number = 0;
  bool broken = false;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.empty()) continue;
    // Only a last line may be broken: a kill while it was written.
    if (broken) {
      return Status(StatusCode::kCorrupt,
                    path + ": line " + std::to_string(number - 1) +
                        " is no line of a training log; give the log.jsonl of a run");
    }
    try {
      curves.Add(Json::parse(line));
    } catch (const Json::exception&) {
      broken = true;
    }
  }
  if (curves.loss.points.empty()) {
    return Status(StatusCode::kCorrupt,
                  path + ": holds no line of a training log; give the log.jsonl of a run");
  }
  return curves;
}

std::vector<ChartSeries> Values(const std::map<double, ChartSeries>& series) {
  std::vector<ChartSeries> values;
  for (const auto& [level, s] : series) values.push_back(s);
  return values;
}

Status Run(const Options& o) {
  HALFMOON_ASSIGN_OR_RETURN(const std::string output, OutputPath(o.log, o.output, ".svg"));
  HALFMOON_RETURN_IF_ERROR(CheckEnding(output, ".svg"));
  HALFMOON_ASSIGN_OR_RETURN(const Curves curves, ReadLog(o.log));
  HALFMOON_RETURN_IF_ERROR(CheckTarget(o.log, output, o.force));
  const std::string svg =
      eval::ChartsToSvg(o.log, {{"Training loss", "step", {curves.loss}, 0.98},
                                {"Validation score (mean ln loss)", "step", {curves.score}, 1},
                                {"Validation, bits per pixel", "step", Values(curves.bpp), 1},
                                {"Validation, PSNR in dB", "step", Values(curves.psnr), 1}});
  HALFMOON_RETURN_IF_ERROR(WriteOutput(
      output, {reinterpret_cast<const std::uint8_t*>(svg.data()), svg.size()}, o.force));
  if (!o.quiet) {
    PrintText(o.log + " -> " + output + ": " + std::to_string(curves.loss.points.size()) +
                  " reports, " + std::to_string(curves.score.points.size()) + " validations\n",
              output == kStandardStream);
  }
  return Status::Ok();
}

}  // namespace

void AddPlotCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* command = AddSubcommand(app, "plot", "Draw the curves of a training run as SVG",
                                    "  halfmoon plot run1/log.jsonl -o run1/curves.svg");
  command->add_option("log", o->log, "log.jsonl of a training run")->type_name("LOG")->required();
  AddOutput(command, &o->output, "The picture, .svg (default: the log's name with .svg)");
  AddForce(command, &o->force);
  AddQuiet(command, &o->quiet);
  command->callback([o, exit_code] {
    if (const Status status = Run(*o); !status.ok()) *exit_code = PrintError(status);
  });
}

}  // namespace halfmoon::cli
