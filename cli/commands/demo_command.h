// halfmoon demo: experiments that show what the models are about.
#pragma once

#include "cli/command.h"

namespace halfmoon::cli {

void AddDemoCommand(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
