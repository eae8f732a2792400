#include "cli/commands/sample_command.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "cli/files.h"
#include "cli/generative.h"
#include "cli/options.h"
#include "halfmoon/generator.h"
#include "models/config/architectures.h"

namespace halfmoon::cli {
namespace {

struct Options {
  GeneratorOptions generator;
  SampleRequest request;
  std::string grid, size, output, out_dir;
  std::uint32_t enlarge = 1;
  int count = 0;
  ReportOptions report;
  bool force = false;
};

// "512x384". Errors: kInvalidArgument.
Status ParseSize(const std::string& text, SampleRequest* request) {
  unsigned width = 0, height = 0;
  int end = 0;
  if (std::sscanf(text.c_str(), "%5ux%5u%n", &width, &height, &end) != 2 ||
      static_cast<std::size_t>(end) != text.size() || width == 0 || height == 0) {
    return {StatusCode::kInvalidArgument, "size '" + text + "' is not WIDTHxHEIGHT, e.g. 512x384"};
  }
  request->width = width;
  request->height = height;
  return Status::Ok();
}

// What the model does not know of the prompt.
Status WarnOfPrompt(const Generator& generator, const std::string& prompt) {
  if (prompt.empty() || !generator.info().prompts) return Status::Ok();
  HALFMOON_ASSIGN_OR_RETURN(const PromptReport report, generator.ReadPrompt(prompt));
  auto list = [](const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "'" : ", '") + word + "'";
    return text;
  };
  if (!report.unknown.empty()) PrintWarning("words this model never saw: " + list(report.unknown));
  if (!report.left_out.empty())
    PrintWarning("left out, the prompt is too long: " + list(report.left_out));
  return Status::Ok();
}

Status Run(Options o) {
  const Timer timer;
  HALFMOON_RETURN_IF_ERROR(o.generator.Validate());
  if (o.output.empty() == o.out_dir.empty()) {
    return {StatusCode::kInvalidArgument, "give either -o GRID.png or --out-dir DIR"};
  }
  GridSize grid;
  if (!o.grid.empty()) {
    HALFMOON_ASSIGN_OR_RETURN(grid, ParseGrid(o.grid));
    const int cells = static_cast<int>(grid.columns * grid.rows);
    if (o.count > cells) {
      return {StatusCode::kInvalidArgument,
              "count " + std::to_string(o.count) + " does not fit a grid of " + o.grid};
    }
    if (o.count == 0) o.count = cells;
  }
  const bool as_file = o.output.ends_with(".hmn");
  if (as_file && (o.count > 1 || o.enlarge != 1)) {
    return {StatusCode::kInvalidArgument, o.output +
                                              ": a .hmn file holds one picture as it is; leave out "
                                              "--count, --grid and --enlarge"};
  }
  if (!o.size.empty()) HALFMOON_RETURN_IF_ERROR(ParseSize(o.size, &o.request));
  // Of pictures whose size was chosen one is what is meant.
  const bool described = !o.request.prompt.empty() || !o.request.label.empty();
  o.request.count = o.count != 0 ? o.count : as_file || !o.size.empty() ? 1 : described ? 16 : 64;
  HALFMOON_RETURN_IF_ERROR(o.request.Validate());
  if (grid.columns == 0) {
    grid.columns =
        static_cast<std::uint32_t>(std::ceil(std::sqrt(static_cast<double>(o.request.count))));
  }
  if (!o.output.empty()) {
    if (!as_file) HALFMOON_RETURN_IF_ERROR(CheckEnding(o.output, ".png"));
    HALFMOON_RETURN_IF_ERROR(CheckTarget("", o.output, o.force));
  }
  HALFMOON_ASSIGN_OR_RETURN(Generator generator, Generator::Create(o.generator));
  if (FindArchitecture(generator.info().architecture)->on_libtorch) WarnIfSlowBlas(o.report.quiet);
  if (!o.report.quiet) HALFMOON_RETURN_IF_ERROR(WarnOfPrompt(generator, o.request.prompt));
  ProgressLine line(o.report.quiet);
  o.request.progress = [&](double share) { line.ShowShare("drawing", share); };
  if (as_file) {
    HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> file,
                              generator.SampleFile(o.request));
    line.Clear();
    HALFMOON_RETURN_IF_ERROR(WriteOutput(o.output, file, o.force));
  } else {
    HALFMOON_ASSIGN_OR_RETURN(const std::vector<Image> pictures, generator.Sample(o.request));
    line.Clear();
    HALFMOON_RETURN_IF_ERROR(
        o.out_dir.empty()
            ? WriteGrid(o.output, pictures, grid.columns, o.enlarge, o.force)
            : WritePictures(o.out_dir, "seed" + std::to_string(o.request.seed), pictures, o.force));
  }
  const std::string where = o.output.empty() ? o.out_dir : o.output;
  const bool to_stderr = o.output == kStandardStream;
  if (o.report.json) {
    PrintJson({{"output", where},
               {"model", generator.info().name},
               {"count", o.request.count},
               {"seed", o.request.seed},
               {"temperature", o.request.temperature},
               {"prompt", o.request.prompt},
               {"class", o.request.label},
               {"guidance", o.request.guidance},
               {"seconds", timer.seconds()}},
              to_stderr);
  } else if (!o.report.quiet) {
    PrintText(where + ": " + std::to_string(o.request.count) +
                  (o.request.count == 1 ? " picture from " : " pictures from ") +
                  generator.info().name + ", seed " + std::to_string(o.request.seed) + ", " +
                  Duration(timer.seconds()) + "\n",
              to_stderr);
  }
  return Status::Ok();
}

}  // namespace

void AddSampleCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* command = AddSubcommand(
      app, "sample", "Draw new pictures from a generative model",
      "  halfmoon sample --model vae-fashion --grid 8x8 --seed 7 -o grid.png\n"
      "  halfmoon sample --model vae-moons --count 16 --out-dir moons/\n"
      "  halfmoon sample --model vae-emoji --temperature 0.7 -o calm.png --enlarge 2\n"
      "  halfmoon sample --model vqvae-emoji --prompt \"smiling cat with heart eyes\" -o cats.png\n"
      "  halfmoon sample --model vqvae-fashion --class sneaker --guidance 2 -o shoes.png\n"
      "  halfmoon sample --model vqvae --size 512x512 --seed 7 -o texture.hmn\n\n"
      "Picture i of a seed is the same whatever the count, with the same build.");
  AddModel(command, &o->generator.model,
           "Name or id of a model with a generative mode, or a weights file");
  command
      ->add_option(
          "--prompt", o->request.prompt,
          "What the pictures show, for models with prompts (vqvae-emoji); default anything")
      ->type_name("TEXT");
  command
      ->add_option("--class", o->request.label,
                   "Class of the pictures, for models with classes (vqvae-fashion); default any")
      ->type_name("NAME");
  AddNumber(command, "--guidance", "G", &o->request.guidance, {0, 20},
            "How much prompt or class count, 0 to 20; default 1: as learnt");
  AddNumber(command, "--top-k", "K", &o->request.top_k, {.least = 0, .text = "0 (all) and more"},
            "With prompts or classes: take only the K likeliest indices; default 0, all");
  AddNumber(command, "--top-p", "P", &o->request.top_p, {.least = 0, .most = 1, .above = true},
            "With prompts or classes: take only the likeliest indices that together have "
            "probability P; default 1");
  command
      ->add_option("--prior", o->generator.prior,
                   "VQ-VAEs: name or id of the prior that draws the indices; default the one of "
                   "that codec. VAEs: "
                   "normal, N(0, I), or mixture, fitted to the codes of training pictures; default "
                   "the mixture "
                   "where the model has one")
      ->type_name("NAME");
  AddNumber(
      command, "--count", "N", &o->count, {1, kMaxSamples},
      "Pictures, 1 to 65536; default what the grid holds, else 64, or 16 with a prompt or class");
  AddNumber(command, "--seed", "S", &o->request.seed, {}, "Which pictures; default 0");
  AddNumber(command, "--temperature", "T", &o->request.temperature, {0, 4},
            "Below 1: more typical, less varied; 0 to 4, default 1");
  command
      ->add_option(
          "--size", o->size,
          "WIDTHxHEIGHT of each picture, up to 2048x2048, for models that draw any size (vqvae); "
          "default 256x256")
      ->type_name("WxH");
  AddNumber(command, "--stages", "N", &o->request.stages, {.least = 0, .text = "0 (all) and more"},
            "Draw only the first N residual stages (vqvae)");
  command->add_option("--grid", o->grid, "COLUMNSxROWS of the grid; default about a square")
      ->type_name("CxR");
  AddNumber(command, "--enlarge", "N", &o->enlarge, {1, 16},
            "Repeat each pixel N times, 1 to 16, in a grid");
  AddOutput(command, &o->output,
            "All pictures as one PNG, or one picture as .hmn (VQ-VAEs); - writes a PNG to standard "
            "output");
  command->add_option("--out-dir", o->out_dir, "Each picture as a PNG in this folder")
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
