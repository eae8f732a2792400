#include "eval/curve_files.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
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

using Size = std::pair<std::uint32_t, std::uint32_t>;

std::string Text(const Size& size) {
  return std::to_string(size.first) + "x" + std::to_string(size.second);
}

Result<CurveDataset> ParseDataset(const Json& json) {
  CurveDataset dataset;
  const auto found = json.find("dataset");
  if (found == json.end()) return dataset;
  if (found->is_string()) {
    dataset.name = found->get<std::string>();
    return dataset;
  }
  dataset.name = found->at("name").get<std::string>();
  dataset.pictures = found->value("pictures", std::size_t{0});
  for (const Json& text : found->value("sizes", Json::array())) {
    Size size;
    char rest = 0;
    if (std::sscanf(text.get<std::string>().c_str(), "%ux%u%c", &size.first, &size.second, &rest) !=
        2) {
      return Status(StatusCode::kCorrupt, "\"dataset\": size \"" + text.get<std::string>() +
                                              "\" is not of the form 768x512");
    }
    dataset.sizes.push_back(size);
  }
  return dataset;
}

std::string Pictures(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " picture" : " pictures");
}

}  // namespace

std::string OtherDataset(const CurveDataset& dataset, const std::vector<Size>& sizes) {
  std::string expected = dataset.pictures > 0 ? Pictures(dataset.pictures) : "pictures", found;
  for (std::size_t i = 0; i < dataset.sizes.size(); ++i) {
    expected += (i == 0 ? " of " : " or ") + Text(dataset.sizes[i]);
  }
  if (dataset.pictures > 0 && sizes.size() != dataset.pictures) {
    found = Pictures(sizes.size());
  } else if (!dataset.sizes.empty()) {
    for (const Size& size : sizes) {
      const bool known =
          std::any_of(dataset.sizes.begin(), dataset.sizes.end(),
                      [&](const Size& s) { return size == s || size == Size(s.second, s.first); });
      if (!known) found = "one of " + Text(size);
      if (!known) break;
    }
  }
  if (found.empty()) return "";
  return "the published curves belong to " + dataset.name + " (" + expected +
         "), this data set has " + found + "; differences against them mean little";
}

Result<PublishedCurves> ReadCurves(const std::string& path) {
  HALFMOON_ASSIGN_OR_RETURN(const auto bytes, ReadFile(path));
  try {
    const Json json = Json::parse(bytes);
    PublishedCurves published;
    if (json.contains("codecs")) {
      auto dataset = ParseDataset(json);
      if (!dataset.ok()) return dataset.status().WithContext(path);
      published.dataset = *std::move(dataset);
    }
    const Json list = json.contains("codecs") ? json.at("codecs") : Json::array({json});
    for (const Json& entry : list) {
      auto curve = ParseCurve(entry);
      if (!curve.ok()) return curve.status().WithContext(path);
      published.curves.push_back(*std::move(curve));
    }
    return published;
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
