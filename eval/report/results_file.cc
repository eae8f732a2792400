#include "eval/report/results_file.h"

#include <filesystem>

#include "codec/io/read_file.h"

namespace halfmoon::eval {
namespace {

using Json = nlohmann::json;

constexpr char kFormat[] = "halfmoon-eval-1";

// Collects the first problem of a file.
class Checker {
 public:
  explicit Checker(std::string path) : path_(std::move(path)) {}

  const Status& status() const { return status_; }

  void Fail(const std::string& where, const std::string& what) {
    if (!status_.ok()) return;
    status_ = Status(StatusCode::kCorrupt, path_ + ": " + where + " " + what +
                                               "; run halfmoon eval again to write it anew");
  }

  // The list at `key`; an absent one is empty. Its entries are objects.
  const Json& List(const Json& object, const std::string& key, const std::string& where) {
    static const Json kEmpty = Json::array();
    const auto found = object.find(key);
    if (found == object.end()) return kEmpty;
    const std::string name = where + key;
    if (!found->is_array()) {
      Fail(name, "is no list");
      return kEmpty;
    }
    for (const Json& entry : *found) {
      if (!entry.is_object()) {
        Fail(name, "holds something that is no object");
        return kEmpty;
      }
    }
    return *found;
  }

  void Text(const Json& object, const std::string& key, const std::string& where) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_string()) Fail(where + key, "is no text");
  }

  void Index(const Json& object, const std::string& key, std::size_t size,
             const std::string& where) {
    const auto found = object.find(key);
    const bool legal =
        found != object.end() && found->is_number_unsigned() && found->get<std::uint64_t>() < size;
    if (!legal) Fail(where + key, "is no index below " + std::to_string(size));
  }

  void Object(const Json& object, const std::string& key, const std::string& where) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_object()) Fail(where + key, "is no object");
  }

 private:
  std::string path_;
  Status status_;
};

void CheckPictures(Checker& check, const Json& pictures) {
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const std::string where = "dataset.pictures[" + std::to_string(i) + "].";
    check.Text(pictures[i], "name", where);
    if (pictures[i].contains("error")) continue;
    // 2^16 is beyond the longest side of a picture (halfmoon/image.h).
    for (const char* side : {"width", "height"}) {
      check.Index(pictures[i], side, std::size_t{1} << 16, where);
      if (check.status().ok() && pictures[i][side] == 0) check.Fail(where + side, "is zero");
    }
  }
}

void CheckCodecs(Checker& check, const Json& codecs, std::size_t pictures) {
  for (std::size_t i = 0; i < codecs.size(); ++i) {
    const std::string where = "codecs[" + std::to_string(i) + "].";
    check.Text(codecs[i], "name", where);
    const std::size_t points = check.List(codecs[i], "points", where).size();
    for (const char* key : {"pictures", "timing"}) {
      for (const Json& row : check.List(codecs[i], key, where)) {
        check.Index(row, "picture", pictures, where + key + "[].");
        check.Index(row, "point", points, where + key + "[].");
      }
    }
  }
}

void CheckMatched(Checker& check, const Json& matched, std::size_t pictures) {
  for (const Json& entry : matched) {
    check.Index(entry, "picture", pictures, "matched[].");
    for (const Json& file : check.List(entry, "files", "matched[].")) {
      check.Text(file, "codec", "matched[].files[].");
      if (!file.contains("error")) check.Object(file, "metrics", "matched[].files[].");
    }
  }
}

}  // namespace

Result<Json> ReadResultsFile(const std::string& report_dir) {
  const std::string path = ReportPath(report_dir, "results.json");
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> bytes, ReadFile(path));
  Json results = Json::parse(bytes.begin(), bytes.end(), nullptr, /*allow_exceptions=*/false);
  if (!results.is_object()) {
    return Status(StatusCode::kNotHalfmoon, path +
                                                ": is no JSON object; give the folder that "
                                                "halfmoon eval wrote");
  }
  const auto format = results.find("format");
  if (format == results.end() || *format != kFormat) {
    return Status(StatusCode::kNotHalfmoon, path + ": \"format\" is not \"" + kFormat +
                                                "\"; give a folder that this version "
                                                "of halfmoon eval wrote");
  }
  Checker check(path);
  check.Object(results, "dataset", "");
  if (!check.status().ok()) return check.status();
  const Json& pictures = check.List(results["dataset"], "pictures", "dataset.");
  for (const Json& metric : check.List(results, "metrics", "")) {
    for (const char* key : {"key", "name", "unit"}) check.Text(metric, key, "metrics[].");
  }
  CheckPictures(check, pictures);
  CheckCodecs(check, check.List(results, "codecs", ""), pictures.size());
  for (const Json& anchor : check.List(results, "anchors", "")) {
    check.Text(anchor, "name", "anchors[].");
    check.List(anchor, "points", "anchors[].");
  }
  for (const Json& row : check.List(results, "bd", "")) {
    for (const char* key : {"anchor", "test", "metric"}) check.Text(row, key, "bd[].");
  }
  CheckMatched(check, check.List(results, "matched", ""), pictures.size());
  if (!check.status().ok()) return check.status();
  return results;
}

bool IsInsideReport(const std::string& path) {
  const std::filesystem::path parts(path);
  if (path.empty() || parts.is_absolute()) return false;
  for (const std::filesystem::path& part : parts) {
    if (part == "..") return false;
  }
  return true;
}

std::string ReportPath(const std::string& report_dir, const std::string& name) {
  return (std::filesystem::path(report_dir) / name).string();
}

}  // namespace halfmoon::eval
