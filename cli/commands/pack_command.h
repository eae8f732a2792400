// halfmoon pack: picture files in, a pixel pack for training out.
#pragma once

#include "cli/command.h"

namespace halfmoon::cli {

void AddPackCommand(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
