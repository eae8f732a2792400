// halfmoon decompress: a .hmn file in, a picture file out.
#pragma once

#include "cli/command.h"

namespace halfmoon::cli {

void AddDecompressCommand(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
