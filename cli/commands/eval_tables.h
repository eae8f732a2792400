// What `eval` says of its numbers: tables on stdout, warnings on stderr.
#pragma once

#include <vector>

#include "eval/aggregate.h"
#include "eval/evaluation.h"

namespace halfmoon::cli {

// Means of every codec and quality; differences between the codecs, and against published curves;
// time and memory.
void PrintTables(const eval::Evaluation& e, const std::vector<eval::BdEntry>& entries);

// What failed, and what readers of the numbers must know.
void WarnAbout(const eval::Evaluation& e, const std::vector<eval::BdEntry>& entries);

}  // namespace halfmoon::cli
