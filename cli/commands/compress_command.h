// halfmoon compress: a picture file in, a .hmn file out.
#pragma once

#include "cli/command.h"

namespace halfmoon::cli {

void AddCompressCommand(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
