#include "eval/report/svg_curves.h"

#include <filesystem>
#include <system_error>

#include "codec/io/atomic_file.h"
#include "eval/report/results_file.h"
#include "eval/report/svg_chart.h"
#include "eval/report/svg_to_png.h"

namespace halfmoon::eval {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxReferences = 6;
constexpr double kPngScale = 2;  // sharp on screens with dense pixels

// The curve's points that have this metric; an infinite or absent value is no point.
ChartSeries SeriesOf(const Json& curve, const std::string& metric, bool reference) {
  ChartSeries series{curve["name"].get<std::string>(), {}, !reference, reference};
  if (!curve.contains("points")) return series;
  for (const Json& point : curve["points"]) {
    const auto bpp = point.find("bpp"), metrics = point.find("metrics");
    if (bpp == point.end() || metrics == point.end() || !metrics->is_object()) continue;
    const auto value = metrics->find(metric);
    if (!bpp->is_number() || value == metrics->end() || !value->is_number()) continue;
    series.points.push_back({bpp->get<double>(), value->get<double>()});
  }
  return series;
}

Chart ChartOf(const Json& results, const Json& metric) {
  const std::string key = metric["key"].get<std::string>();
  const std::string name = metric["name"].get<std::string>();
  const std::string unit = metric["unit"].get<std::string>();
  Chart chart;
  chart.title = name;
  const Json& dataset = results["dataset"];
  if (dataset.contains("name") && dataset["name"].is_string()) {
    chart.title += " on " + dataset["name"].get<std::string>();
  }
  chart.x_label = "bits per pixel of the whole file";
  chart.smooth = true;
  chart.y_label = unit.empty() ? name : name + ", " + unit;
  if (results.contains("codecs")) {
    for (const Json& codec : results["codecs"]) {
      // Kept even when empty, so that a codec has the same colour in every chart.
      chart.series.push_back(SeriesOf(codec, key, false));
    }
  }
  std::size_t references = 0;
  if (results.contains("anchors")) {
    for (const Json& anchor : results["anchors"]) {
      ChartSeries series = SeriesOf(anchor, key, true);
      if (series.points.empty() || references == kMaxReferences) continue;
      ++references;
      chart.series.push_back(std::move(series));
    }
  }
  return chart;
}

bool HasPoints(const Chart& chart) {
  for (const ChartSeries& series : chart.series) {
    if (!series.reference && !series.points.empty()) return true;
  }
  return false;
}

}  // namespace

Result<CurveFiles> WriteCurveFiles(const std::string& report_dir) {
  HALFMOON_ASSIGN_OR_RETURN(const Json results, ReadResultsFile(report_dir));
  const std::string folder = ReportPath(report_dir, "curves");
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return Status(StatusCode::kIo, folder + ": cannot make the folder: " + error.message());
  }
  CurveFiles written;
  if (!CanRenderPng()) {
    written.note =
        "curves as PNG: not built in (Debian: apt-get install librsvg2-dev, build again)";
  }
  if (!results.contains("metrics")) return written;
  for (const Json& metric : results["metrics"]) {
    const Chart chart = ChartOf(results, metric);
    if (!HasPoints(chart)) continue;
    const std::string key = metric["key"].get<std::string>();
    // The key becomes a file's name.
    if (key.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos) {
      return Status(StatusCode::kCorrupt, ReportPath(report_dir, "results.json") +
                                              ": metrics[].key \"" + key +
                                              "\" holds other characters than a-z, 0-9 and _");
    }
    const std::string svg = ChartToSvg(chart);
    const std::string base = ReportPath(folder, key);
    HALFMOON_RETURN_IF_ERROR(WriteFile(
        base + ".svg", {reinterpret_cast<const std::uint8_t*>(svg.data()), svg.size()}, true));
    written.paths.push_back(base + ".svg");
    if (!CanRenderPng()) continue;
    HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> png, SvgToPng(svg, kPngScale));
    HALFMOON_RETURN_IF_ERROR(WriteFile(base + ".png", png, true));
    written.paths.push_back(base + ".png");
  }
  return written;
}

}  // namespace halfmoon::eval
