#include "cli/commands/plot_command.h"

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "cli/console.h"
#include "cli/files.h"
#include "cli/options.h"
#include "eval/report/svg_chart.h"
#include "eval/report/svg_to_png.h"

namespace halfmoon::cli {
namespace {

using Json = nlohmann::json;
using eval::ChartSeries;

struct Options {
  std::string log, output;
  bool force = false;
  bool quiet = false;
};

// What a line says besides the figures: when it was written, and what has a chart of its own.
constexpr std::string_view kNoFigures[] = {"step",    "minutes",          "lr",    "loss",
                                           "skipped", "steps_per_second", "score", "validation"};
constexpr std::string_view kValidation = "validation_";

// How a figure is headed. Others are called as in the log: a new task needs no change here.
std::string TitleOf(const std::string& figure) {
  static const std::map<std::string, std::string> kTitles = {
      {"accuracy", "Accuracy"},
      {"beta", "Beta, the weight of the KL"},
      {"bits_per_index", "Bits per index"},
      {"bpp", "Bits per pixel"},
      {"commitment", "Commitment loss"},
      {"distortion", "Distortion"},
      {"kl_bits", "KL divergence, bits per dimension"},
      {"ms_ssim_db", "MS-SSIM in dB"},
      {"psnr", "PSNR in dB"},
      {"reconstruction_bits", "Reconstruction, bits per dimension"},
      {"usage", "Codebook usage"}};
  const auto found = kTitles.find(figure);
  if (found != kTitles.end()) return found->second;
  std::string title = figure;
  std::replace(title.begin(), title.end(), '_', ' ');
  return title;
}

// Every figure that a training run logs, of whatever family: those of the training steps and those
// of the validation (validation_NAME) share a chart. Models with levels have charts by level, too.
class Curves {
 public:
  void Add(const Json& line) {
    const double step = line.at("step").get<double>();
    CutFrom(step);
    // A validation right after a report has no steps to take means of: it says 0 for the loss and
    // nothing for the figures.
    const auto loss = line.at("loss").get<double>();
    if (loss != 0) loss_.points.push_back({step, loss});
    if (line.contains("score")) score_.points.push_back({step, line["score"].get<double>()});
    for (const auto& [key, value] : line.items()) {
      if (!value.is_number() ||
          std::find(std::begin(kNoFigures), std::end(kNoFigures), key) != std::end(kNoFigures)) {
        continue;
      }
      const bool validation = key.rfind(kValidation, 0) == 0;
      const std::string name = validation ? key.substr(kValidation.size()) : key;
      Figure& figure = figures_[name];
      (validation ? figure.validation : figure.training).points.push_back({step, value});
    }
    if (!line.contains("validation")) return;
    for (const Json& v : line["validation"]) {
      const double level = v.at("level").get<double>();
      for (const auto& [key, value] : v.items()) {
        if (key == "level" || key == "loss" || !value.is_number()) continue;
        ChartSeries& series = levels_[key][level];
        series.name = "level " + Fixed(level, 0);
        series.points.push_back({step, value});
      }
    }
  }

  bool empty() const { return loss_.points.empty() && score_.points.empty(); }
  std::size_t reports() const { return loss_.points.size(); }
  std::size_t validations() const { return score_.points.size(); }

  // The charts that have something to show.
  std::vector<eval::Chart> Charts() const {
    std::vector<eval::Chart> charts;
    // The first steps of a run are far above the rest.
    AddChart("Training loss", {loss_}, 0.98, &charts);
    AddChart("Validation score, lower is better", {score_}, 1, &charts);
    for (const auto& [key, by_level] : levels_) {
      std::vector<ChartSeries> all;
      for (const auto& [level, series] : by_level) all.push_back(series);
      AddChart(TitleOf(key) + " by level, validation", all, 1, &charts);
    }
    for (const auto& [name, figure] : figures_) {
      AddChart(TitleOf(name), {figure.training, figure.validation}, 1, &charts);
    }
    return charts;
  }

 private:
  struct Figure {
    ChartSeries training{"training", {}}, validation{"validation", {}};
  };

  // A run that was killed and resumed repeats some steps; the later ones count.
  void CutFrom(double step) {
    auto cut = [step](ChartSeries& s) {
      while (!s.points.empty() && s.points.back().first >= step) s.points.pop_back();
    };
    cut(loss_);
    cut(score_);
    for (auto& [name, figure] : figures_) {
      cut(figure.training);
      cut(figure.validation);
    }
    for (auto& [key, by_level] : levels_) {
      for (auto& [level, series] : by_level) cut(series);
    }
  }

  static void AddChart(const std::string& title, std::vector<ChartSeries> all, double quantile,
                       std::vector<eval::Chart>* charts) {
    bool any = false;
    for (ChartSeries& s : all) {
      any = any || !s.points.empty();
      // So few that a line alone would hide where they are; one alone would not be seen at all.
      s.markers = s.points.size() <= kFewPoints;
    }
    if (any) charts->push_back({title, "step", std::move(all), quantile});
  }

  static constexpr std::size_t kFewPoints = 40;

  ChartSeries loss_{"loss", {}}, score_{"score", {}};
  std::map<std::string, Figure> figures_;
  std::map<std::string, std::map<double, ChartSeries>> levels_;  // by figure and level
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
  if (curves.empty()) {
    return Status(StatusCode::kCorrupt,
                  path + ": holds no line of a training log; give the log.jsonl of a run");
  }
  return curves;
}

// SVG, or PNG when the name ends so.
Result<std::vector<std::uint8_t>> Draw(const std::string& title, const Curves& curves, bool png) {
  const std::string svg = eval::ChartsToSvg(title, curves.Charts());
  constexpr double kPngScale = 2;  // sharp on screens with dense pixels
  if (png) return eval::SvgToPng(svg, kPngScale);
  return std::vector<std::uint8_t>(svg.begin(), svg.end());
}

std::string Count(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

Status Run(const Options& o) {
  HALFMOON_ASSIGN_OR_RETURN(const std::string output, OutputPath(o.log, o.output, ".svg"));
  const bool png = CheckEnding(output, ".png").ok() && output != kStandardStream;
  if (!png) {
    if (const Status ending = CheckEnding(output, ".svg"); !ending.ok()) {
      return {ending.code(), ending.message() + " or .png"};
    }
  }
  if (png && !eval::CanRenderPng()) {
    return {StatusCode::kUnsupportedFeature,
            output + ": PNG is not built in (Debian: librsvg2-dev, build again); give .svg"};
  }
  HALFMOON_ASSIGN_OR_RETURN(const Curves curves, ReadLog(o.log));
  HALFMOON_RETURN_IF_ERROR(CheckTarget(o.log, output, o.force));
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> picture, Draw(o.log, curves, png));
  HALFMOON_RETURN_IF_ERROR(WriteOutput(output, picture, o.force));
  if (!o.quiet) {
    PrintText(o.log + " -> " + output + ": " + Count(curves.reports(), "report") + ", " +
                  Count(curves.validations(), "validation") + "\n",
              output == kStandardStream);
  }
  return Status::Ok();
}

}  // namespace

void AddPlotCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* command = AddSubcommand(app, "plot", "Draw the curves of a training run as SVG or PNG",
                                    "  halfmoon plot run1/log.jsonl\n"
                                    "  halfmoon plot run1/log.jsonl -o run1/curves.png");
  command->add_option("log", o->log, "log.jsonl of a training run")->type_name("LOG")->required();
  AddOutput(command, &o->output, "The picture, .svg or .png (default: the log's name with .svg)");
  AddForce(command, &o->force);
  AddQuiet(command, &o->quiet);
  command->callback([o, exit_code] {
    if (const Status status = Run(*o); !status.ok()) *exit_code = PrintError(status);
  });
}

}  // namespace halfmoon::cli
