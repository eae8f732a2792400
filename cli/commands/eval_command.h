// Subcommand "eval": codecs against each other over a data set, with a report.
#pragma once

#include "cli/command.h"

namespace halfmoon::cli {

void AddEvalCommand(CLI::App& app, int* exit_code);

// One measurement of time and memory in a process of its own; hidden, for `eval --timing`.
void AddMeasureCommand(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
