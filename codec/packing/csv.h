// Comma-separated values: rows of a data set's description. Internal; std only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon {

struct CsvTable {
  std::vector<std::string> columns;            // the first line
  std::vector<std::vector<std::string>> rows;  // each with one field per column

  // Index of the first of `names` that is a column; -1: none.
  int Find(const std::vector<std::string>& names) const;
};

// RFC 4180: commas, fields in double quotes where they hold commas, quotes ("" stands for one) or
// line feeds; lines end with LF or CR LF. Empty lines are skipped.
// Errors: kCorrupt naming the line: an open quote, a row with another number of fields; no line.
Result<CsvTable> ParseCsv(std::string_view text);

}  // namespace halfmoon
