#include "cli/commands/interpolate_command.h"

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "cli/files.h"
#include "cli/generative.h"
#include "cli/options.h"
#include "codec/generate/picture_grid.h"
#include "halfmoon/generator.h"

namespace halfmoon::cli {
namespace {

struct Options {
  GeneratorOptions generator;
  std::string a, b, output, out_dir;
  int steps = 11, delay_ms = 80;
  bool slerp = false, animated = false, resize = false;
  std::uint32_t enlarge = 1;
  ReportOptions report;
  bool force = false;
};

Status Run(const Options& o) {
  const Timer timer;
  HALFMOON_RETURN_IF_ERROR(o.generator.Validate());
  if (o.output.empty() == o.out_dir.empty()) {
    return {StatusCode::kInvalidArgument, "give either -o STRIP.png or --out-dir DIR"};
  }
  if (o.animated && o.output.empty()) {
    return {StatusCode::kInvalidArgument, "--animated makes one file; give -o FILE.png"};
  }
  if (!o.output.empty()) {
    HALFMOON_RETURN_IF_ERROR(CheckEnding(o.output, ".png"));
    HALFMOON_RETURN_IF_ERROR(CheckTarget("", o.output, o.force));
  }
  WarnIfSlowBlas(o.report.quiet);
  HALFMOON_ASSIGN_OR_RETURN(Generator generator, Generator::Create(o.generator));
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<float> a, ReadCode(generator, o.a, o.resize));
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<float> b, ReadCode(generator, o.b, o.resize));
  const auto path = o.slerp ? SphericalPath(a, b, o.steps) : StraightPath(a, b, o.steps);
  HALFMOON_ASSIGN_OR_RETURN(std::vector<Image> pictures, generator.Decode(path));
  if (!o.out_dir.empty()) {
    HALFMOON_RETURN_IF_ERROR(WritePictures(o.out_dir, "step", pictures, o.force));
  } else if (o.animated) {
    for (Image& p : pictures) {
      HALFMOON_ASSIGN_OR_RETURN(p, Enlarge(p, o.enlarge));
    }
    HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> file,
                              AnimatedPng(pictures, o.delay_ms));
    HALFMOON_RETURN_IF_ERROR(WriteOutput(o.output, file, o.force));
  } else {
    HALFMOON_RETURN_IF_ERROR(
        WriteGrid(o.output, pictures, static_cast<std::uint32_t>(o.steps), o.enlarge, o.force));
  }
  const std::string where = o.output.empty() ? o.out_dir : o.output;
  const bool to_stderr = o.output == kStandardStream;
  if (o.report.json) {
    PrintJson({{"output", where},
               {"model", generator.info().name},
               {"steps", o.steps},
               {"path", o.slerp ? "spherical" : "straight"},
               {"seconds", timer.seconds()}},
              to_stderr);
  } else if (!o.report.quiet) {
    PrintText(where + ": " + std::to_string(o.steps) + " steps from " + o.a + " to " + o.b + ", " +
                  Duration(timer.seconds()) + "\n",
              to_stderr);
  }
  return Status::Ok();
}

}  // namespace

void AddInterpolateCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* command = AddSubcommand(
      app, "interpolate", "Draw the pictures between two, with a VAE",
      "  halfmoon interpolate a.png b.png --model vae-fashion -o strip.png\n"
      "  halfmoon interpolate 1 2 --model vae-moons --steps 31 --slerp --animated -o moons.png\n"
      "  halfmoon interpolate a.hmn 7 --model vae-emoji --out-dir frames/\n\n"
      "A and B: a picture of the model's size, a .hmn file of this model, or a number (a seed).");
  command->add_option("a", o->a, "Where to begin")->type_name("A")->required();
  command->add_option("b", o->b, "Where to end")->type_name("B")->required();
  AddModel(command, &o->generator.model, "Name or id of a VAE, or a weights file");
  AddNumber(command, "--steps", "N", &o->steps, {2, 1000},
            "Pictures, A and B included, 2 to 1000; default 11");
  command->add_flag("--slerp", o->slerp, "On an arc around the origin instead of a straight line");
  command->add_flag("--animated", o->animated, "An animated PNG instead of a strip");
  AddNumber(command, "--delay", "MS", &o->delay_ms, {1, 65535},
            "Milliseconds per animated picture; default 80");
  command->add_flag("--resize", o->resize, "Fit pictures of other sizes to the model's");
  AddNumber(command, "--enlarge", "N", &o->enlarge, {1, 16}, "Repeat each pixel N times, 1 to 16");
  AddOutput(command, &o->output, "A strip or animated PNG; - writes standard output");
  command->add_option("--out-dir", o->out_dir, "Each step as a PNG in this folder")
      ->type_name("DIR");
  AddModelsDir(command, &o->generator.models_dir);
  AddThreads(command, &o->generator.threads);
  AddForce(command, &o->force);
  AddJson(command, &o->report.json);
  AddQuiet(command, &o->report.quiet);
  OnCall(
      command, [o] { return Run(*o); }, o->report, exit_code, &o->output);
}

}  // namespace halfmoon::cli
