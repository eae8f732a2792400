#include "codec/packing/csv.h"

#include <algorithm>

namespace halfmoon {

int CsvTable::Find(const std::vector<std::string>& names) const {
  for (const std::string& name : names) {
    const auto it = std::find(columns.begin(), columns.end(), name);
    if (it != columns.end()) return static_cast<int>(it - columns.begin());
  }
  return -1;
}

Result<CsvTable> ParseCsv(std::string_view text) {
  CsvTable table;
  std::vector<std::string> row;
  std::string field;
  std::size_t line = 1, row_line = 1;
  bool quoted = false;

  auto end_row = [&]() -> Status {
    row.push_back(std::move(field));
    field.clear();
    if (row.size() == 1 && row[0].empty()) {  // an empty line
    } else if (table.columns.empty()) {
      table.columns = row;
    } else if (row.size() != table.columns.size()) {
      return {StatusCode::kCorrupt, "line " + std::to_string(row_line) + " has " +
                                        std::to_string(row.size()) + " fields, the first line " +
                                        std::to_string(table.columns.size())};
    } else {
      table.rows.push_back(row);
    }
    row.clear();
    row_line = line;
    return Status::Ok();
  };

  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (quoted) {
      if (c != '"') {
        field += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        field += '"';
        ++i;
      } else {
        quoted = false;
      }
    } else if (c == '"' && field.empty()) {
      quoted = true;
    } else if (c == ',') {
      row.push_back(std::move(field));
      field.clear();
    } else if (c == '\n') {
      HALFMOON_RETURN_IF_ERROR(end_row());
    } else if (c != '\r') {
      field += c;
    }
  }
  if (quoted) {
    return Status(StatusCode::kCorrupt,
                  "line " + std::to_string(row_line) + " opens a quote that nothing closes");
  }
  if (!field.empty() || !row.empty()) HALFMOON_RETURN_IF_ERROR(end_row());
  if (table.columns.empty()) return Status(StatusCode::kCorrupt, "there is no line in it");
  return table;
}

}  // namespace halfmoon
