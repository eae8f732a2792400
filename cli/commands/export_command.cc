#include "cli/commands/export_command.h"

#include <memory>

#include "cli/console.h"
#include "cli/networks/requests.h"

namespace halfmoon::cli {

void AddExportCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<ExportRequest>();
  CLI::App* command = AddSubcommand(
      app, "export", "Make a weights file from a training checkpoint",
      "  halfmoon export run1/checkpoint.pt -o mine.safetensors --name mine --data photos.hmnpack\n"
      "  halfmoon export run1/checkpoint.pt -o models/weights/mine-1.safetensors --name mine-1 \\\n"
      "                  --id 100 --manifest models/weights/manifest.json\n"
      "  halfmoon export mine.safetensors -o fitted.safetensors --name mine --data photos.hmnpack");
  command
      ->add_option("checkpoint", o->checkpoint,
                   "checkpoint.pt of a training run, or an AE codec's weights file whose tables to "
                   "fit again")
      ->type_name("CHECKPOINT")
      ->required();
  command->add_option("-o,--output", o->output, "The weights file, .safetensors")
      ->type_name("FILE")
      ->required();
  command->add_option("--name", o->name, "The model's name")->type_name("NAME")->required();
  AddNumber(command, "--id", "N", &o->id, {1, 65535},
            "Number stored in .hmn files, 1 to 65535; never used for another model");
  command
      ->add_option("--manifest", o->manifest,
                   "manifest.json to add the model to (made when absent); its folder must be the "
                   "output's")
      ->type_name("FILE");
  command
      ->add_option(
          "--data", o->packs,
          "Packs. AE: fit the frequency tables to their training pictures, and measure on their "
          "validation pictures what that saves and what the integer path costs. VAE: fit a mixture "
          "to the codes of their training pictures, for 'halfmoon sample'")
      ->type_name("PACK");
  command
      ->add_option("--measured", o->measured, "Output of 'halfmoon eval --json', for the manifest")
      ->type_name("FILE");
  command->add_option("--data-note", o->data, "What it was trained on; default: the recipe's note")
      ->type_name("TEXT");
  command->add_option("--licence", o->licence, "Licence of the weights; default: the recipe's")
      ->type_name("TEXT");
  AddForce(command, &o->force);
  AddJson(command, &o->report.json);
  AddQuiet(command, &o->report.quiet);
  command->callback([o, exit_code] {
    const auto runs = LoadNetworkRuns();
    const Status status = runs.ok() ? (*runs)->export_weights(*o) : runs.status();
    if (!status.ok()) *exit_code = ReportError(status, o->report.json);
  });
}

}  // namespace halfmoon::cli
