#include "eval/curve_files.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "codec/io/read_file.h"

namespace halfmoon::eval {
namespace {

using Json = nlohmann::ordered_json;

struct Field {
  const char* name;
  const char* other_name;
  std::vector<double> CurveFile::*list;
};

constexpr Field kFields[] = {
    {"bpp", "bpp", &CurveFile::bpp},
    {"psnr-rgb", "psnr", &CurveFile::psnr_rgb},
    {"ms-ssim-rgb", "ms-ssim", &CurveFile::ms_ssim_rgb},
    {"encoding_time", "encoding_time", &CurveFile::encoding_time},
    {"decoding_time", "decoding_time", &CurveFile::decoding_time},
};

Result<CurveFile> ParseCurve(const Json& json) {
  CurveFile curve;
  curve.name = json.at("name").get<std::string>();
  curve.description = json.value("description", "");
  auto bad = [&](const std::string& what) {
    return Status(StatusCode::kCorrupt, "curve '" + curve.name + "': " + what);
  };
  const Json& results = json.at("results");
  for (const Field& field : kFields) {
    const char* name = results.contains(field.name) ? field.name : field.other_name;
    if (results.contains(name)) results.at(name).get_to(curve.*field.list);
  }
  if (curve.bpp.empty()) return bad("no \"bpp\" in \"results\"");
  for (const Field& field : kFields) {
    const auto& list = curve.*field.list;
    if (!list.empty() && list.size() != curve.bpp.size()) {
      return bad(std::string("\"") + field.name + "\" has " + std::to_string(list.size()) +
                 " entries, \"bpp\" has " + std::to_string(curve.bpp.size()));
    }
  }
  std::vector<std::size_t> order(curve.bpp.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::vector<double> rates = curve.bpp;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rates[a] < rates[b]; });
  for (const Field& field : kFields) {
    auto& list = curve.*field.list;
    if (list.empty()) continue;
    const std::vector<double> unsorted = list;
    for (std::size_t i = 0; i < order.size(); ++i) list[i] = unsorted[order[i]];
  }
  return curve;
}

}  // namespace

Result<std::vector<CurveFile>> ReadCurves(const std::string& path) {
  HALFMOON_ASSIGN_OR_RETURN(const auto bytes, ReadFile(path));
  try {
    const Json json = Json::parse(bytes);
    std::vector<CurveFile> curves;
    const Json list = json.contains("codecs") ? json.at("codecs") : Json::array({json});
    for (const Json& entry : list) {
      auto curve = ParseCurve(entry);
      if (!curve.ok()) return curve.status().WithContext(path);
      curves.push_back(*std::move(curve));
    }
    return curves;
  } catch (const nlohmann::json::exception& e) {
    return Status(
        StatusCode::kCorrupt,
        path + ": no curves in CompressAI's layout (name, results with bpp): " + e.what());
  }
}

std::string CurveToJson(const CurveFile& curve) {
  Json results = Json::object();
  for (const Field& field : kFields) {
    const auto& list = curve.*field.list;
    if (!list.empty()) results[field.name] = list;
  }
  const Json json = {
      {"name", curve.name}, {"description", curve.description}, {"results", results}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace halfmoon::eval
