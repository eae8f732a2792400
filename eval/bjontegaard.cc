#include "eval/bjontegaard.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace halfmoon::eval {
namespace {

// Below this share of the smaller range the number says more about the ranges than the codecs.
constexpr double kShortOverlap = 0.5;

std::string Short(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.4g", value);
  return text;
}

// y(x) through points with ascending x and y: monotone piecewise cubic (Fritsch and Carlson 1980).
class Pchip {
 public:
  Pchip(std::vector<double> x, std::vector<double> y) : x_(std::move(x)), y_(std::move(y)) {
    const std::size_t n = x_.size();
    std::vector<double> h(n - 1), d(n - 1);
    for (std::size_t i = 0; i + 1 < n; ++i) {
      h[i] = x_[i + 1] - x_[i];
      d[i] = (y_[i + 1] - y_[i]) / h[i];
    }
    slope_.resize(n);
    slope_[0] = EndSlope(h[0], h[1], d[0], d[1]);
    slope_[n - 1] = EndSlope(h[n - 2], h[n - 3], d[n - 2], d[n - 3]);
    for (std::size_t i = 1; i + 1 < n; ++i) {
      const double w0 = 2 * h[i] + h[i - 1], w1 = h[i] + 2 * h[i - 1];
      slope_[i] = (w0 + w1) / (w0 / d[i - 1] + w1 / d[i]);  // harmonic mean; both d are positive
    }
  }

  double Integral(double from, double to) const { return IntegralTo(to) - IntegralTo(from); }

 private:
  // From the first knot to `to`, which lies within the knots.
  double IntegralTo(double to) const {
    double sum = 0;
    for (std::size_t i = 0; i + 1 < x_.size() && x_[i] < to; ++i) {
      const double h = x_[i + 1] - x_[i];
      const double t = (std::min(to, x_[i + 1]) - x_[i]) / h;
      const double t2 = t * t, t3 = t2 * t, t4 = t3 * t;
      // Integrals from 0 to t of the four Hermite basis polynomials.
      sum += h * (y_[i] * (t4 / 2 - t3 + t) + slope_[i] * h * (t4 / 4 - 2 * t3 / 3 + t2 / 2) +
                  y_[i + 1] * (-t4 / 2 + t3) + slope_[i + 1] * h * (t4 / 4 - t3 / 3));
    }
    return sum;
  }

  // The one-sided three-point slope at an end, limited so that the curve stays monotone.
  static double EndSlope(double h0, double h1, double d0, double d1) {
    double s = ((2 * h0 + h1) * d0 - h0 * d1) / (h0 + h1);
    if (s * d0 <= 0) return 0;
    if (d0 * d1 <= 0 && std::abs(s) > 3 * std::abs(d0)) s = 3 * d0;
    return s;
  }

  std::vector<double> x_, y_, slope_;
};

struct Ordered {
  std::vector<double> log_rate, metric;  // both ascending
};

Result<Ordered> Order(const BdCurve& curve, const std::string& metric) {
  auto bad = [&](const std::string& what) {
    return Status(StatusCode::kInvalidArgument, "curve '" + curve.name + "': " + what);
  };
  if (curve.rate.size() != curve.metric.size()) return bad("as many rates as qualities are needed");
  if (curve.rate.size() < kMinBdPoints) {
    return bad("BD-rate needs at least four points, it has " + std::to_string(curve.rate.size()));
  }
  std::vector<std::size_t> order(curve.rate.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return curve.rate[a] < curve.rate[b]; });
  Ordered out;
  for (const std::size_t i : order) {
    if (!(curve.rate[i] > 0) || !std::isfinite(curve.rate[i]) || !std::isfinite(curve.metric[i])) {
      return bad("rates must be positive and " + metric + " finite");
    }
    out.log_rate.push_back(std::log(curve.rate[i]));
    out.metric.push_back(curve.metric[i]);
  }
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    if (out.log_rate[i + 1] <= out.log_rate[i] || out.metric[i + 1] <= out.metric[i]) {
      return bad(metric + " does not rise with the rate near " + Short(out.metric[i]) +
                 "; a curve that is not monotone has no BD-rate");
    }
  }
  return out;
}

BdDifference Compare(const Ordered& a, const Ordered& t) {
  BdDifference d;
  d.low = std::max(a.metric.front(), t.metric.front());
  d.high = std::min(a.metric.back(), t.metric.back());
  d.share = (d.high - d.low) /
            std::min(a.metric.back() - a.metric.front(), t.metric.back() - t.metric.front());
  const double log_ratio = (Pchip(t.metric, t.log_rate).Integral(d.low, d.high) -
                            Pchip(a.metric, a.log_rate).Integral(d.low, d.high)) /
                           (d.high - d.low);
  d.bd_rate = (std::exp(log_ratio) - 1) * 100;
  const double from = std::max(a.log_rate.front(), t.log_rate.front());
  const double to = std::min(a.log_rate.back(), t.log_rate.back());
  // Curves may share a range of the metric and none of the rate.
  d.bd_metric = from < to ? (Pchip(t.log_rate, t.metric).Integral(from, to) -
                             Pchip(a.log_rate, a.metric).Integral(from, to)) /
                                (to - from)
                          : std::nan("");
  return d;
}

}  // namespace

Result<BdDifference> CompareCurves(const BdCurve& anchor, const BdCurve& test,
                                   const std::string& metric) {
  HALFMOON_ASSIGN_OR_RETURN(const Ordered a, Order(anchor, metric));
  HALFMOON_ASSIGN_OR_RETURN(const Ordered t, Order(test, metric));
  if (std::max(a.metric.front(), t.metric.front()) >= std::min(a.metric.back(), t.metric.back())) {
    return Status(StatusCode::kInvalidArgument, "curves '" + anchor.name + "' and '" + test.name +
                                                    "' have no " + metric + " in common");
  }
  BdDifference d = Compare(a, t);
  if (d.share < kShortOverlap) {
    d.warning = "only " + std::to_string(std::lround(d.share * 100)) +
                " % of the smaller range of " + metric + " are common to '" + anchor.name +
                "' and '" + test.name + "'; the number says little";
  }
  return d;
}

}  // namespace halfmoon::eval
