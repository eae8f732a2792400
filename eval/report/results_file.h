// results.json as the report reads it (docs/eval-format.md). Internal to eval/report.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "halfmoon/status.h"

namespace halfmoon::eval {

// The file REPORT_DIR/results.json, checked as far as the report relies on it: the format, lists
// that are lists, indices within their lists. Numbers that are missing or null are legal.
// Errors: those of ReadFile; kNotHalfmoon (no JSON, or another format); kCorrupt naming the key.
Result<nlohmann::json> ReadResultsFile(const std::string& report_dir);

// Whether `path` stays inside the report folder: relative and without "..".
bool IsInsideReport(const std::string& path);

// `report_dir`/`name`, whether or not the folder ends in a slash.
std::string ReportPath(const std::string& report_dir, const std::string& name);

}  // namespace halfmoon::eval
