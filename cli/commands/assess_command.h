// halfmoon assess: how good a generative model's pictures are.
#pragma once

#include "cli/command.h"

namespace halfmoon::cli {

void AddAssessCommand(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
