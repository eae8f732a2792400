#include "eval/report/embedded_pictures.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "codec/io/read_file.h"
#include "eval/report/lossless_webp.h"
#include "eval/report/results_file.h"

namespace halfmoon::eval {
namespace {

using Json = nlohmann::json;

std::optional<std::string> BrowserType(const std::string& path) {
  const std::string ending = std::filesystem::path(path).extension().string();
  if (ending == ".jpg" || ending == ".jpeg") return "image/jpeg";
  if (ending == ".webp") return "image/webp";
  if (ending == ".avif") return "image/avif";
  if (ending == ".png") return "image/png";
  return std::nullopt;
}

std::string TextAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The first of `paths` that a browser shows and that can be read.
Result<EmbeddedPicture> Take(const std::string& report_dir, const std::vector<std::string>& paths) {
  Status problem(StatusCode::kInvalidArgument, "no picture file is named");
  for (const std::string& path : paths) {
    if (path.empty()) continue;
    const std::optional<std::string> type = BrowserType(path);
    if (!type || !IsInsideReport(path)) {
      problem = Status(StatusCode::kInvalidArgument,
                       path + ": is no PNG, JPEG, WebP or AVIF inside the report folder");
      continue;
    }
    Result<std::vector<std::uint8_t>> bytes = ReadFile(ReportPath(report_dir, path));
    if (!bytes.ok()) {
      problem = bytes.status();
      continue;
    }
    EmbeddedPicture picture{"", *type, ""};
    if (*type == "image/png") {
      const std::vector<std::uint8_t> webp = PngToLosslessWebp(*bytes);
      if (!webp.empty() && webp.size() < bytes->size()) {
        picture.type = "image/webp";
        picture.base64 = Base64(webp);
        return picture;
      }
    }
    picture.base64 = Base64(*bytes);
    return picture;
  }
  return problem;
}

}  // namespace

std::string Base64(std::span<const std::uint8_t> bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < left ? bytes[i + k] : 0u);
    for (std::size_t k = 0; k < 4; ++k) {
      text += k <= left ? kDigits[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return text;
}

PictureSet CollectPictures(const std::string& report_dir, const Json& results,
                           std::size_t picture) {
  PictureSet set;
  const Json& info = results["dataset"]["pictures"][picture];
  const std::string name = TextAt(info, "name");
  auto add = [&](const std::string& what, const std::vector<std::string>& paths) -> Json {
    Result<EmbeddedPicture> taken = Take(report_dir, paths);
    if (!taken.ok()) {
      set.problems.push_back(name + ", " + what + ": " + taken.status().message());
      return nullptr;
    }
    taken->id = "picture-" + std::to_string(picture) + "-" + std::to_string(set.pictures.size());
    set.pictures.push_back(std::move(*taken));
    return set.pictures.back().id;
  };
  set.ids["original"] = add("original", {TextAt(info, "file")});
  set.ids["files"] = Json::array();
  const auto matched = results.find("matched");
  if (matched == results.end()) return set;
  for (const Json& entry : *matched) {
    if (entry["picture"] != picture || !entry.contains("files")) continue;
    for (const Json& file : entry["files"]) {
      if (file.contains("error")) {
        set.ids["files"].push_back(nullptr);  // the page shows the error in its place
        continue;
      }
      set.ids["files"].push_back(
          add(TextAt(file, "codec"), {TextAt(file, "encoded"), TextAt(file, "file")}));
    }
    break;  // one entry per picture
  }
  return set;
}

}  // namespace halfmoon::eval
