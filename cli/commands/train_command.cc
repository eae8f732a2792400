#include "cli/commands/train_command.h"

#include <memory>

#include "cli/console.h"
#include "cli/networks/requests.h"

namespace halfmoon::cli {

void AddTrainCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<TrainRequest>();
  o->train.device = "cpu";
  CLI::App* command = AddSubcommand(
      app, "train", "Train a model on pixel packs",
      "  halfmoon train --recipe models/training/recipes/ae-photo.json --data photos.hmnpack \\\n"
      "                 --out run1 --total-minutes 120\n"
      "  halfmoon train --out run1 --data photos.hmnpack --total-minutes 120 --resume\n\n"
      "Ctrl-C stops within some seconds, after a checkpoint; --resume continues exactly there.\n"
      "DIR receives checkpoint.pt, log.jsonl (see 'halfmoon plot') and recipe.json.");
  command->add_option("--recipe", o->recipe, "JSON file; with --resume by default that of DIR")
      ->type_name("FILE");
  command->add_option("--data", o->train.packs, "Packs made by 'halfmoon pack'")
      ->type_name("PACK")
      ->required();
  command->add_option("-o,--out", o->train.out_dir, "Folder of the run")
      ->type_name("DIR")
      ->required();
  command->add_option("--init", o->train.init, "Start from a checkpoint or a weights file")
      ->type_name("FILE");
  command
      ->add_option("--codec", o->codec,
                   "Weights file of the codec whose indices are learnt (family index-transformer); "
                   "default: the "
                   "recipe's")
      ->type_name("FILE");
  command->add_flag("--resume", o->train.resume, "Continue the checkpoint of DIR exactly");
  AddChoice(command, "--device", {"cpu", "cuda"}, &o->train.device, "Where to train; default cpu");
  AddChoice(command, "--precision", {"auto", "float32", "bfloat16"}, &o->train.precision,
            "Type of matrix products; default auto, the faster one");
  AddNumber(command, "--steps", "N", &o->train.budget.steps, {.least = 1},
            "Length of the run in steps");
  AddNumber(command, "--total-minutes", "M", &o->train.budget.minutes,
            {.least = 0, .most = 1e7, .above = true},
            "Length of the run in minutes, resumed parts included");
  AddNumber(command, "--checkpoint-minutes", "M", &o->train.checkpoint_minutes, {0, 1e7},
            "Minutes between checkpoints; default 3");
  AddNumber(command, "--validate-minutes", "M", &o->train.validate_minutes, {0, 1e7},
            "Minutes between validations; default 5");
  AddThreads(command, &o->threads);
  command->add_flag("-f,--force", o->force, "Start again in a folder that holds another run");
  AddQuiet(command, &o->quiet);
  command->callback([o, exit_code] {
    const auto runs = LoadNetworkRuns();
    const Status status = runs.ok() ? (*runs)->train(*o, exit_code) : runs.status();
    if (!status.ok()) *exit_code = PrintError(status);
  });
}

}  // namespace halfmoon::cli
