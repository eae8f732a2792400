// Line charts as SVG text. Knows nothing about training or codecs; std only.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace halfmoon::eval {

struct ChartSeries {
  std::string name;
  std::vector<std::pair<double, double>> points;  // x, y; not finite ones are left out
  bool markers = false;                           // a symbol at each point
  // A published curve: grey and dashed, behind the others and not deciding what is shown.
  bool reference = false;
};

struct Chart {
  std::string title, x_label;
  std::vector<ChartSeries> series;
  // Where most of the curve is: the highest y shown is at most this quantile of all y plus a
  // margin, so that the first steps of a run don't flatten the rest. 1: show all.
  double top_quantile = 1;
  std::string y_label = {};  // empty: none
  bool smooth = false;       // curves bend between their points; else straight lines
};

// The charts in two columns. A chart without points says so.
std::string ChartsToSvg(const std::string& title, const std::vector<Chart>& charts);

// One chart, 860 x 540 pixels, names of the curves at the right.
std::string ChartToSvg(const Chart& chart);

}  // namespace halfmoon::eval
