// Line charts as SVG text. Knows nothing about training; std only.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace halfmoon::cli {

struct ChartSeries {
  std::string name;
  std::vector<std::pair<double, double>> points;  // x, y; not finite ones are left out
};

struct Chart {
  std::string title, x_label;
  std::vector<ChartSeries> series;
  // Where most of the curve is: the highest y shown is at most this quantile of all y plus a
  // margin, so that the first steps of a run don't flatten the rest. 1: show all.
  double top_quantile = 1;
};

// The charts in two columns. A chart without points says so.
std::string ChartsToSvg(const std::string& title, const std::vector<Chart>& charts);

}  // namespace halfmoon::cli
