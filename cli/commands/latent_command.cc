#include "cli/commands/latent_command.h"

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "cli/files.h"
#include "cli/generative.h"
#include "cli/options.h"
#include "halfmoon/generator.h"

namespace halfmoon::cli {
namespace {

struct Options {
  GeneratorOptions generator;
  std::string start = "0", output;
  std::vector<int> dimensions;
  int steps = 9;
  double range = 3;
  bool resize = false;
  std::uint32_t enlarge = 1;
  ReportOptions report;
  bool force = false;
};

// More rows than this are no picture to look at.
constexpr std::size_t kMostRows = 64;

Status Run(Options o) {
  const Timer timer;
  HALFMOON_RETURN_IF_ERROR(o.generator.Validate());
  HALFMOON_RETURN_IF_ERROR(CheckEnding(o.output, ".png"));
  HALFMOON_RETURN_IF_ERROR(CheckTarget("", o.output, o.force));
  WarnIfSlowBlas(o.report.quiet);
  HALFMOON_ASSIGN_OR_RETURN(Generator generator, Generator::Create(o.generator));
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<float> start, ReadCode(generator, o.start, o.resize));
  if (o.dimensions.empty()) {
    for (std::size_t i = 0; i < std::min(start.size(), kMostRows); ++i) {
      o.dimensions.push_back(static_cast<int>(i));
    }
  }
  std::vector<std::vector<float>> codes;
  for (const int d : o.dimensions) {
    if (static_cast<std::size_t>(d) >= start.size()) {
      return {StatusCode::kInvalidArgument, "dimension " + std::to_string(d) +
                                                " is out of range; this model has 0 to " +
                                                std::to_string(start.size() - 1)};
    }
    for (int s = 0; s < o.steps; ++s) {
      codes.push_back(start);
      codes.back()[static_cast<std::size_t>(d)] =
          static_cast<float>(o.range * (2.0 * s / (o.steps - 1) - 1));
    }
  }
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<Image> pictures, generator.Decode(codes));
  HALFMOON_RETURN_IF_ERROR(
      WriteGrid(o.output, pictures, static_cast<std::uint32_t>(o.steps), o.enlarge, o.force));
  const bool to_stderr = o.output == kStandardStream;
  if (o.report.json) {
    PrintJson({{"output", o.output},
               {"model", generator.info().name},
               {"dimensions", o.dimensions},
               {"steps", o.steps},
               {"range", o.range},
               {"seconds", timer.seconds()}},
              to_stderr);
  } else if (!o.report.quiet) {
    PrintText(o.output + ": " + std::to_string(o.dimensions.size()) + " dimensions from " +
                  Fixed(-o.range, 1) + " to " + Fixed(o.range, 1) + ", " +
                  Duration(timer.seconds()) + "\n",
              to_stderr);
  }
  return Status::Ok();
}

}  // namespace

void AddLatentCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* command = AddSubcommand(
      app, "latent", "Walk through a VAE's code, one dimension per row",
      "  halfmoon latent --model vae-moons -o walk.png --enlarge 2\n"
      "  halfmoon latent shoe.png --model vae-fashion --dimensions 0 3 7 --range 2 -o walk.png");
  command
      ->add_option(
          "start", o->start,
          "Where the other dimensions stay: a picture, a .hmn file or a seed; default seed 0")
      ->type_name("START");
  AddModel(command, &o->generator.model, "Name or id of a VAE, or a weights file");
  AddNumbers(command, "--dimensions", "N ...", &o->dimensions, {.least = 0},
             "Which, counted from 0; default: the first 64 at most")
      ->expected(-1);
  AddNumber(command, "--steps", "N", &o->steps, {2, 256}, "Pictures in a row, 2 to 256; default 9");
  AddNumber(command, "--range", "R", &o->range, {.least = 0, .most = 100, .above = true},
            "From -R to R; default 3");
  command->add_flag("--resize", o->resize, "Fit a picture of another size to the model's");
  AddNumber(command, "--enlarge", "N", &o->enlarge, {1, 16}, "Repeat each pixel N times, 1 to 16");
  command->add_option("-o,--output", o->output, "The grid, a PNG; - writes standard output")
      ->type_name("FILE")
      ->required();
  AddModelsDir(command, &o->generator.models_dir);
  AddThreads(command, &o->generator.threads);
  AddForce(command, &o->force);
  AddJson(command, &o->report.json);
  AddQuiet(command, &o->report.quiet);
  OnCall(
      command, [o] { return Run(*o); }, o->report, exit_code, &o->output);
}

}  // namespace halfmoon::cli
