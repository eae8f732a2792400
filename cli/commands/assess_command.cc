#include "cli/commands/assess_command.h"

#include <memory>

#include "cli/console.h"
#include "cli/networks/requests.h"

namespace halfmoon::cli {

void AddAssessCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<AssessRequest>();
  CLI::App* command = AddSubcommand(
      app, "assess",
      "Measure a generative model: samples by a classifier, a VAE's ELBO and units in use",
      "  halfmoon assess vae-fashion --data fashion.hmnpack --classifier classifier-fashion\n"
      "  halfmoon assess vae-fashion --data fashion.hmnpack --classifier classifier-fashion \\\n"
      "                  --against ae.safetensors --nearest-grid near.png\n"
      "  halfmoon assess vqvae-fashion --data fashion.hmnpack --classifier classifier-fashion "
      "--samples 500\n"
      "  halfmoon assess vqvae-emoji --data emoji.hmnpack --prompt \"red heart\" --nearest-grid "
      "near.png\n\n"
      "The Frechet distance is taken in the features of that classifier: it is not the Inception "
      "FID.");
  command
      ->add_option("model", o->model,
                   "Name or id of a VAE or a VQ-VAE of small pictures; a VAE's .safetensors file")
      ->type_name("MODEL")
      ->required();
  command->add_option("--data", o->packs, "Packs; their validation pictures are the test")
      ->type_name("PACK")
      ->required();
  command
      ->add_option("--classifier", o->classifier,
                   "Name or id of a classifier, or a .safetensors file; VQ-VAEs may do without")
      ->type_name("MODEL");
  command->add_option("--against", o->against, "Another model whose random codes are measured, too")
      ->type_name("MODEL");
  AddNumber(command, "--samples", "N", &o->figures.samples, {2, 100000},
            "Pictures to draw; default 2000");
  AddNumber(command, "--seed", "S", &o->figures.seed, {}, "As of 'halfmoon sample'; default 7");
  AddNumber(command, "--temperature", "T", &o->figures.temperature, {0, 4},
            "As of 'halfmoon sample'; default 1");
  command->add_option("--prior", o->figures.prior, "As of 'halfmoon sample'")->type_name("NAME");
  command->add_option("--prompt", o->request.prompt, "As of 'halfmoon sample'")->type_name("TEXT");
  command
      ->add_option("--class", o->request.label,
                   "As of 'halfmoon sample'; default all classes in turn")
      ->type_name("NAME");
  AddNumber(command, "--guidance", "G", &o->request.guidance, {0, 20},
            "As of 'halfmoon sample'; default 1");
  AddNumber(command, "--top-k", "K", &o->request.top_k, {.least = 0, .text = "0 (all) and more"},
            "As of 'halfmoon sample'; default 0, all");
  AddNumber(command, "--top-p", "P", &o->request.top_p, {.least = 0, .most = 1, .above = true},
            "As of 'halfmoon sample'; default 1");
  command
      ->add_option("--nearest-grid", o->nearest_grid,
                   "PNG of 32 samples, below each the training picture nearest to it")
      ->type_name("FILE");
  AddNumber(command, "--enlarge", "N", &o->enlarge, {1, 16},
            "Repeat each pixel of that grid N times; default 2");
  AddModelsDir(command, &o->models_dir);
  AddForce(command, &o->force);
  AddJson(command, &o->report.json);
  AddQuiet(command, &o->report.quiet);
  command->callback([o, exit_code] {
    const auto runs = LoadNetworkRuns();
    const Status status = runs.ok() ? (*runs)->assess(*o) : runs.status();
    if (!status.ok()) *exit_code = ReportError(status, o->report.json);
  });
}

}  // namespace halfmoon::cli
