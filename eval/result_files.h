// What an evaluation found, as text, and as files of its report folder; the format is
// docs/eval-format.md.
#pragma once

#include <string>

#include "eval/evaluation.h"

namespace halfmoon::eval {

// results.json, pictures.csv and codecs/*.json. Errors: kIo.
Status WriteResults(const Evaluation& evaluation);

// The texts of the first two.
std::string ResultsToJson(const Evaluation& evaluation);
std::string PicturesToCsv(const Evaluation& evaluation);

// The first without its lists of single pictures and what only the report needs.
std::string SummaryToJson(const Evaluation& evaluation);

}  // namespace halfmoon::eval
