// Writes what an evaluation found into its report folder; the format is docs/eval-format.md.
#pragma once

#include <string>

#include "eval/evaluation.h"

namespace halfmoon::eval {

// results.json, pictures.csv and codecs/*.json. Errors: kIo.
Status WriteResults(const Evaluation& evaluation);

// The texts of the first two, for tests.
std::string ResultsToJson(const Evaluation& evaluation);
std::string PicturesToCsv(const Evaluation& evaluation);

}  // namespace halfmoon::eval
