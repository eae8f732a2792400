// The commands that need LibTorch, which the program loads only when one of them is asked for. No
// LibTorch here.
#pragma once

#include <string_view>

#include "cli/command.h"
#include "halfmoon/status.h"

namespace halfmoon::cli {

// What --help shows of a command that is not loaded. The same text as the command's own.
struct NetworkCommand {
  const char* name;
  const char* description;
};

inline constexpr NetworkCommand kNetworkCommands[] = {
    {"pack", "Make a pixel pack for training from folders of pictures"},
    {"train", "Train a model on pixel packs"},
    {"export", "Make a weights file from a training checkpoint"},
    {"assess",
     "Measure a generative model: samples by a classifier, a VAE's ELBO and units in use"},
    {"demo", "Run an experiment and write its page"},
};

// Adds them to `app`: with `load` the commands themselves, from halfmoon_networks.so, otherwise
// their names alone. Errors: those of loading it.
Status AddNetworkCommands(CLI::App& app, int* exit_code, bool load);

bool IsNetworkCommand(std::string_view name);

}  // namespace halfmoon::cli
