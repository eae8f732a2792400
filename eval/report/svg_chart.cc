#include "eval/report/svg_chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "eval/report/looks.h"

namespace halfmoon::eval {
namespace {

// Pixels.
struct Layout {
  int width, height;                       // of the chart
  int left, top, plot_width, plot_height;  // of the area between the axes
};
constexpr Layout kCell = {560, 330, 62, 34, 400, 240};  // one of many
constexpr Layout kAlone = {860, 540, 74, 50, 570, 420};
constexpr int kTop = 40;                  // room for the title above many charts
constexpr std::size_t kMaxPoints = 1500;  // per series; more cannot be told apart

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
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += c;
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

struct Axes {
  Range x, y;
  Layout at;

  double X(double value) const {
    return at.left + (value - x.low) / (x.high - x.low) * at.plot_width;
  }
  double Y(double value) const {
    return at.top + (y.high - value) / (y.high - y.low) * at.plot_height;
  }
};

// What is shown: all of the curves, or all that are no references when there are any.
std::optional<Axes> FindAxes(const Chart& chart, const Layout& layout) {
  for (const bool references : {false, true}) {
    std::vector<double> xs, ys;
    for (const ChartSeries& s : chart.series) {
      if (s.reference && !references) continue;
      for (const auto& [x, y] : s.points) {
        if (!std::isfinite(x) || !std::isfinite(y)) continue;
        xs.push_back(x);
        ys.push_back(y);
      }
    }
    if (xs.empty()) continue;
    const bool margin = layout.width == kAlone.width;
    return Axes{MakeRange(std::move(xs), 1, margin),
                MakeRange(std::move(ys), chart.top_quantile, true), layout};
  }
  return std::nullopt;
}

std::string DrawGrid(const Axes& a, const Chart& chart) {
  std::string svg;
  const Layout& at = a.at;
  const double bottom = at.top + at.plot_height, right = at.left + at.plot_width;
  for (const double x : a.x.Ticks()) {
    svg += Line(a.X(x), at.top, a.X(x), bottom);
    svg += TextAt(a.X(x), bottom + 16, "middle", TickLabel(x));
  }
  for (const double y : a.y.Ticks()) {
    svg += Line(at.left, a.Y(y), right, a.Y(y));
    svg += TextAt(at.left - 6, a.Y(y) + 4, "end", TickLabel(y));
  }
  svg += TextAt(at.left + at.plot_width / 2.0, bottom + 34, "middle", chart.x_label);
  if (!chart.y_label.empty()) {
    const std::string x = Number(at.left - 52), y = Number(at.top + at.plot_height / 2.0);
    svg += TextAt(at.left - 52, at.top + at.plot_height / 2.0, "middle", chart.y_label,
                  " transform=\"rotate(-90 " + x + " " + y + ")\"");
  }
  return svg;
}

struct Look {
  std::string colour, dash, symbol;
};

Look LookOf(const ChartSeries& s, std::size_t index) {
  if (s.reference) return {kPublishedColour, kDashes[index % kDashes.size()], ""};
  const std::size_t hues = kCurveColours.size();
  return {kCurveColours[index % hues], "",
          s.markers ? kCurveSymbols[(index + index / hues) % kCurveSymbols.size()] : ""};
}

std::string Symbol(const Look& look, double x, double y) {
  if (look.symbol.empty()) return "";
  return "<path class=\"point\" fill=\"" + look.colour + "\" transform=\"translate(" + Number(x) +
         " " + Number(y) + ")\" d=\"" + look.symbol + "\"/>\n";
}

std::string Stroke(const Look& look) {
  std::string text = " stroke=\"" + look.colour + "\"";
  if (!look.dash.empty()) text += " stroke-dasharray=\"" + look.dash + "\"";
  return text;
}

struct Place {
  double x, y;  // pixels
};

// A line through the points that has no extremes between them (Steffen 1990), as the page draws it.
// REQUIRES: not empty; x rises.
std::string SmoothPath(const std::vector<Place>& p) {
  const std::size_t n = p.size();
  std::vector<double> slope(n, 0);
  const auto rise = [&](std::size_t i) { return (p[i + 1].y - p[i].y) / (p[i + 1].x - p[i].x); };
  for (std::size_t i = 1; i + 1 < n; ++i) {
    const double before = p[i].x - p[i - 1].x, after = p[i + 1].x - p[i].x;
    const double s0 = rise(i - 1), s1 = rise(i);
    const double mean = (s0 * after + s1 * before) / (before + after);
    if (s0 * s1 <= 0) continue;
    slope[i] = std::copysign(2 * std::min({std::abs(s0), std::abs(s1), 0.5 * std::abs(mean)}), s0);
  }
  if (n == 2) slope[0] = slope[1] = rise(0);
  if (n > 2) {
    slope[0] = (3 * rise(0) - slope[1]) / 2;
    slope[n - 1] = (3 * rise(n - 2) - slope[n - 2]) / 2;
  }
  std::string path = "M" + Number(p[0].x) + " " + Number(p[0].y);
  for (std::size_t i = 0; i + 1 < n; ++i) {
    const double third = (p[i + 1].x - p[i].x) / 3;
    path += "C" + Number(p[i].x + third) + " " + Number(p[i].y + third * slope[i]) + " " +
            Number(p[i + 1].x - third) + " " + Number(p[i + 1].y - third * slope[i + 1]) + " " +
            Number(p[i + 1].x) + " " + Number(p[i + 1].y);
  }
  return path;
}

std::string StraightPath(const std::vector<Place>& points) {
  std::string path;
  for (const Place& p : points) {
    path += (path.empty() ? "M" : "L") + Number(p.x) + " " + Number(p.y);
  }
  return path;
}

std::string DrawCurve(const Axes& a, const ChartSeries& s, const Look& look, bool smooth) {
  const std::size_t stride = 1 + s.points.size() / kMaxPoints;
  std::vector<Place> places;
  std::string symbols;
  bool rising = true;
  for (std::size_t k = 0; k < s.points.size(); ++k) {
    if (k % stride != 0 && k + 1 != s.points.size()) continue;
    const auto& [x, y] = s.points[k];
    if (!std::isfinite(x) || !std::isfinite(y)) continue;
    rising = rising && (places.empty() || a.X(x) > places.back().x);
    places.push_back({a.X(x), a.Y(y)});
    symbols += Symbol(look, a.X(x), a.Y(y));
  }
  if (places.empty()) return "";
  // Curves of measured points; a log's line is what it is.
  const std::string path = rising && smooth ? SmoothPath(places) : StraightPath(places);
  return "<path class=\"curve" + std::string(s.reference ? " reference" : "") + "\"" +
         Stroke(look) + " d=\"" + path + "\"/>\n" + symbols;
}

// `id` makes the clip path's name unique in its file.
std::string Draw(const Chart& chart, const Layout& at, const std::string& id) {
  std::string svg = TextAt(at.left, at.top - 12, "start", chart.title, " class=\"head\"");
  const std::optional<Axes> axes = FindAxes(chart, at);
  if (!axes) return svg + TextAt(at.left, at.top + 20, "start", "no data yet");
  svg += DrawGrid(*axes, chart);
  svg += "<clipPath id=\"" + id + "\"><rect x=\"" + std::to_string(at.left) + "\" y=\"" +
         std::to_string(at.top) + "\" width=\"" + std::to_string(at.plot_width) + "\" height=\"" +
         std::to_string(at.plot_height) + "\"/></clipPath>\n<g clip-path=\"url(#" + id + ")\">\n";
  std::string references, curves, names;
  std::size_t counts[2] = {0, 0};  // own, references: each has its own row of looks
  double line = at.top + 12;
  for (const ChartSeries& s : chart.series) {
    const Look look = LookOf(s, counts[s.reference ? 1 : 0]++);
    (s.reference ? references : curves) += DrawCurve(*axes, s, look, chart.smooth);
    if (chart.series.size() == 1 || s.points.empty()) continue;
    double x = at.left + at.plot_width + 8;
    if (s.markers || s.reference) {
      names += "<path class=\"curve\"" + Stroke(look) + " d=\"M" + Number(x + 4) + " " +
               Number(line - 4) + "h26\"/>\n" + Symbol(look, x + 17, line - 4);
      x += 36;
    }
    names += TextAt(x, line, "start", s.name, " fill=\"" + look.colour + "\"");
    line += s.markers || s.reference ? 18 : 16;
  }
  return svg + references + curves + "</g>\n" + names;
}

std::string Begin(int width, int height, int font) {
  const std::string w = std::to_string(width), h = std::to_string(height);
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + w + "\" height=\"" + h +
         "\" viewBox=\"0 0 " + w + " " + h + "\" font-family=\"sans-serif\" font-size=\"" +
         std::to_string(font) +
         "\">\n"
         "<style>.head{font-size:" +
         std::to_string(font + 3) +
         "px;font-weight:bold}"
         ".grid{stroke:#ddd;fill:none}.curve{fill:none;stroke-width:1.75}"
         ".reference{stroke-width:1.25}.point{stroke:#fff;stroke-width:0.75}</style>\n"
         "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
}

}  // namespace

std::string ChartsToSvg(const std::string& title, const std::vector<Chart>& charts) {
  const auto rows = static_cast<int>((charts.size() + 1) / 2);
  std::string svg = Begin(2 * kCell.width, kTop + rows * kCell.height, 11) +
                    TextAt(kCell.left, 26, "start", title, " class=\"head\"");
  for (std::size_t i = 0; i < charts.size(); ++i) {
    const int x = static_cast<int>(i % 2) * kCell.width;
    const int y = kTop + static_cast<int>(i / 2) * kCell.height;
    svg += "<g transform=\"translate(" + std::to_string(x) + " " + std::to_string(y) + ")\">\n" +
           Draw(charts[i], kCell, "plot" + std::to_string(i)) + "</g>\n";
  }
  return svg + "</svg>\n";
}

std::string ChartToSvg(const Chart& chart) {
  return Begin(kAlone.width, kAlone.height, 13) + Draw(chart, kAlone, "plot") + "</svg>\n";
}

}  // namespace halfmoon::eval
