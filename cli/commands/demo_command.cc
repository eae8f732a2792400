#include "cli/commands/demo_command.h"

#include <memory>

#include "cli/console.h"
#include "cli/networks/requests.h"

namespace halfmoon::cli {

void AddDemoCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<DemoRequest>();
  CLI::App* command = AddSubcommand(
      app, "demo", "Run an experiment and write its page",
      "  halfmoon demo half-moon -o half-moon/\n"
      "  halfmoon demo half-moon -o half-moon/ --seeds 5\n\n"
      "half-moon trains an autoencoder and a variational autoencoder on rendered moons, with all "
      "phases\n"
      "and without those around half, and looks at what lies between a crescent and a full moon.\n"
      "Distances are root mean squared differences of pixels to the nearest rendered moon.");
  command->add_option("experiment", o->experiment, "half-moon")->type_name("NAME")->required();
  command
      ->add_option("-o,--out", o->out_dir, "Folder of the page, its strips and the training runs")
      ->type_name("DIR")
      ->required();
  AddNumber(command, "--seed", "S", &o->half_moon.seed, {}, "Of the training; default 1");
  AddNumber(command, "--seeds", "N", &o->seeds, {1, 100},
            "That many trainings of each, from --seed on; default 1");
  AddNumber(command, "--steps", "N", &o->half_moon.steps, {.least = 1},
            "Steps of each training; default 1500");
  AddNumber(command, "--beta", "B", &o->half_moon.beta, {.least = 0, .most = 1000, .above = true},
            "Weight of the VAE's KL, above 0 to 1000; default 300");
  AddNumber(command, "--latent", "N", &o->half_moon.latent, {1, 64},
            "Numbers of a code, 1 to 64; default 8");
  AddThreads(command, &o->threads);
  AddForce(command, &o->force);
  AddJson(command, &o->report.json);
  AddQuiet(command, &o->report.quiet);
  command->callback([o, exit_code] {
    const auto runs = LoadNetworkRuns();
    const Status status = runs.ok() ? (*runs)->demo(*o, exit_code) : runs.status();
    if (!status.ok()) *exit_code = ReportError(status, o->report.json);
  });
}

}  // namespace halfmoon::cli
