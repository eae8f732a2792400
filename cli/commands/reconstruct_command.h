// halfmoon reconstruct: a picture through a generative model and back.
#pragma once

#include "cli/command.h"

namespace halfmoon::cli {

void AddReconstructCommand(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
