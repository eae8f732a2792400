// Rate-distortion curves of an evaluation as picture files. Must not include printing.
#pragma once

#include <string>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon::eval {

struct CurveFiles {
  std::vector<std::string> paths;  // of the files written, as given: REPORT_DIR/curves/...
  std::string note;                // why there is no PNG; empty when there is
};

// Reads REPORT_DIR/results.json; writes REPORT_DIR/curves/METRIC.svg, and METRIC.png at twice the
// size, for every metric that has a point. Published curves are grey and dashed; the first six that
// have the metric are drawn, more hide the run's own.
// Errors: those of ReadResultsFile, kIo.
Result<CurveFiles> WriteCurveFiles(const std::string& report_dir);

}  // namespace halfmoon::eval
