#include "cli/commands/reconstruct_command.h"

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "cli/files.h"
#include "cli/generative.h"
#include "cli/options.h"
#include "codec/metrics/metrics.h"
#include "halfmoon/generator.h"

namespace halfmoon::cli {
namespace {

struct Options {
  GeneratorOptions generator;
  std::string input, output;
  bool resize = false;
  std::uint32_t enlarge = 1;
  ReportOptions report;
  bool force = false;
};

Status Run(const Options& o) {
  const Timer timer;
  HALFMOON_RETURN_IF_ERROR(o.generator.Validate());
  if (!o.output.empty()) {
    HALFMOON_RETURN_IF_ERROR(CheckEnding(o.output, ".png"));
    HALFMOON_RETURN_IF_ERROR(CheckTarget(o.input, o.output, o.force));
  }
  WarnIfSlowBlas(o.report.quiet);
  HALFMOON_ASSIGN_OR_RETURN(Generator generator, Generator::Create(o.generator));
  HALFMOON_ASSIGN_OR_RETURN(Image picture, ReadFitting(generator, o.input, o.resize));
  HALFMOON_ASSIGN_OR_RETURN(const LatentPosterior posterior, generator.Encode(picture.view()));
  HALFMOON_ASSIGN_OR_RETURN(std::vector<Image> decoded, generator.Decode({posterior.mean}));
  HALFMOON_ASSIGN_OR_RETURN(const double psnr, metrics::Psnr(picture.view(), decoded[0].view()));
  if (!o.output.empty()) {
    std::vector<Image> both;
    both.push_back(std::move(picture));
    both.push_back(std::move(decoded[0]));
    HALFMOON_RETURN_IF_ERROR(WriteGrid(o.output, both, 2, o.enlarge, o.force));
  }
  const bool to_stderr = o.output == kStandardStream;
  if (o.report.json) {
    PrintJson({{"input", o.input},
               {"model", generator.info().name},
               {"psnr", psnr},
               {"kl_bits", posterior.kl_bits},
               {"latent_size", posterior.mean.size()},
               {"mean", posterior.mean},
               {"sigma", posterior.sigma},
               {"seconds", timer.seconds()}},
              to_stderr);
  } else if (!o.report.quiet) {
    PrintText(o.input + ": PSNR " + Fixed(psnr, 2) + " dB, KL " + Fixed(posterior.kl_bits, 1) +
                  " bits over " + std::to_string(posterior.mean.size()) + " numbers" +
                  (o.output.empty() ? "" : " -> " + o.output) + "\n",
              to_stderr);
  }
  return Status::Ok();
}

}  // namespace

void AddReconstructCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* command = AddSubcommand(
      app, "reconstruct", "Send a picture through a VAE and back: PSNR, and KL in bits",
      "  halfmoon reconstruct shoe.png --model vae-fashion\n"
      "  halfmoon reconstruct photo.jpg --model vae-emoji --resize -o both.png --enlarge 4");
  command->add_option("input", o->input, "A picture; - reads standard input")
      ->type_name("IN")
      ->required();
  AddModel(command, &o->generator.model, "Name or id of a VAE, or a weights file");
  command->add_flag("--resize", o->resize, "Fit a picture of another size to the model's");
  AddNumber(command, "--enlarge", "N", &o->enlarge, {1, 16}, "Repeat each pixel N times, 1 to 16");
  AddOutput(command, &o->output, "Picture and reconstruction side by side, a PNG");
  AddModelsDir(command, &o->generator.models_dir);
  AddThreads(command, &o->generator.threads);
  AddForce(command, &o->force);
  AddJson(command, &o->report.json);
  AddQuiet(command, &o->report.quiet);
  OnCall(
      command, [o] { return Run(*o); }, o->report, exit_code, &o->output);
}

}  // namespace halfmoon::cli
