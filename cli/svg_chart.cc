#include "cli/svg_chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace halfmoon::cli {
namespace {

// Pixels.
constexpr int kCellWidth = 560, kCellHeight = 330, kTop = 40;
constexpr int kPlotLeft = 62, kPlotTop = 34, kPlotWidth = 400, kPlotHeight = 240;
constexpr std::size_t kMaxPoints = 1500;  // per series; more cannot be told apart

// Distinct for colour-blind readers, too (Okabe and Ito).
constexpr std::array<const char*, 7> kColours = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                 "#E69F00", "#56B4E9", "#000000"};

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f", value);
  return text;
}

std::string TickLabel(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

std::string Escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else out += c;
  }
  return out;
}

struct Range {
  double low = 0, high = 1;

  // Multiples of 1, 2 or 5 times a power of ten: about five of them.
  std::vector<double> Ticks() const {
    const double raw = (high - low) / 5;
    const double power = std::pow(10, std::floor(std::log10(raw)));
    const double share = raw / power;
    const double step = power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
    const double first = std::ceil(low / step);
    std::vector<double> ticks;
    for (int i = 0; i < 12 && (first + i) * step <= high; ++i) ticks.push_back((first + i) * step);
    return ticks;
  }
};

Range MakeRange(std::vector<double> values, double quantile, bool margin) {
  std::sort(values.begin(), values.end());
  const auto last = static_cast<double>(values.size() - 1);
  Range range{values.front(), values[static_cast<std::size_t>(std::lround(last * quantile))]};
  double spread = range.high - range.low;
  if (!(spread > 0)) spread = std::max(1e-6, std::abs(range.low) * 0.1);
  if (margin || range.high == range.low) {
    range.low -= 0.05 * spread;
    range.high += 0.05 * spread;
  }
  return range;
}

std::string TextAt(double x, double y, const std::string& anchor, const std::string& text,
                   const std::string& extra = "") {
  return "<text x=\"" + Number(x) + "\" y=\"" + Number(y) + "\" text-anchor=\"" + anchor + "\"" +
         extra + ">" + Escape(text) + "</text>\n";
}

std::string Line(double x0, double y0, double x1, double y1) {
  return "<path class=\"grid\" d=\"M" + Number(x0) + " " + Number(y0) + "L" + Number(x1) + " " +
         Number(y1) + "\"/>\n";
}

std::string Draw(const Chart& chart) {
  std::string svg = TextAt(kPlotLeft, kPlotTop - 12, "start", chart.title, " class=\"head\"");
  std::vector<double> xs, ys;
  for (const ChartSeries& s : chart.series) {
    for (const auto& [x, y] : s.points) {
      if (!std::isfinite(x) || !std::isfinite(y)) continue;
      xs.push_back(x);
      ys.push_back(y);
    }
  }
  if (xs.empty()) return svg + TextAt(kPlotLeft, kPlotTop + 20, "start", "no data yet");

  const Range rx = MakeRange(std::move(xs), 1, false);
  const Range ry = MakeRange(std::move(ys), chart.top_quantile, true);
  auto px = [&](double x) { return kPlotLeft + (x - rx.low) / (rx.high - rx.low) * kPlotWidth; };
  auto py = [&](double y) {
    const double clamped = std::clamp(y, ry.low, ry.high);
    return kPlotTop + (ry.high - clamped) / (ry.high - ry.low) * kPlotHeight;
  };
  for (const double x : rx.Ticks()) {
    svg += Line(px(x), kPlotTop, px(x), kPlotTop + kPlotHeight);
    svg += TextAt(px(x), kPlotTop + kPlotHeight + 16, "middle", TickLabel(x));
  }
  for (const double y : ry.Ticks()) {
    svg += Line(kPlotLeft, py(y), kPlotLeft + kPlotWidth, py(y));
    svg += TextAt(kPlotLeft - 6, py(y) + 4, "end", TickLabel(y));
  }
  svg += TextAt(kPlotLeft + kPlotWidth / 2.0, kPlotTop + kPlotHeight + 34, "middle", chart.x_label);

  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const ChartSeries& s = chart.series[i];
    const std::string colour = kColours[i % kColours.size()];
    const std::size_t stride = 1 + s.points.size() / kMaxPoints;
    std::string path;
    for (std::size_t k = 0; k < s.points.size(); ++k) {
      if (k % stride != 0 && k + 1 != s.points.size()) continue;
      const auto& [x, y] = s.points[k];
      if (!std::isfinite(x) || !std::isfinite(y)) continue;
      path += path.empty() ? 'M' : 'L';
      path += Number(px(x)) + " " + Number(py(y));
    }
    svg += "<path class=\"curve\" stroke=\"" + colour + "\" d=\"" + path + "\"/>\n";
    if (chart.series.size() > 1) {
      svg += TextAt(kPlotLeft + kPlotWidth + 8, kPlotTop + 12 + 16 * static_cast<double>(i),
                    "start", s.name, " fill=\"" + colour + "\"");
    }
  }
  return svg;
}

}  // namespace

std::string ChartsToSvg(const std::string& title, const std::vector<Chart>& charts) {
  const auto rows = static_cast<int>((charts.size() + 1) / 2);
  const std::string width = std::to_string(2 * kCellWidth);
  const std::string height = std::to_string(kTop + rows * kCellHeight);
  std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + width + "\" height=\"" + height +
      "\" viewBox=\"0 0 " + width + " " + height + "\" font-family=\"sans-serif\" "
      "font-size=\"11\">\n"
      "<style>.head{font-size:14px;font-weight:bold}.grid{stroke:#ddd;fill:none}"
      ".curve{fill:none;stroke-width:1.5}</style>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n" +
      TextAt(kPlotLeft, 26, "start", title, " class=\"head\"");
  for (std::size_t i = 0; i < charts.size(); ++i) {
    const int x = static_cast<int>(i % 2) * kCellWidth;
    const int y = kTop + static_cast<int>(i / 2) * kCellHeight;
    svg += "<g transform=\"translate(" + std::to_string(x) + " " + std::to_string(y) + ")\">\n" +
           Draw(charts[i]) + "</g>\n";
  }
  return svg + "</svg>\n";
}

}  // namespace halfmoon::cli
