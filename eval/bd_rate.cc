#include "eval/bd_rate.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

namespace halfmoon::eval {
namespace {

// ln(bpp) as a function of PSNR: a monotone piecewise cubic (Fritsch and Carlson 1980).
struct Pchip {
  std::vector<double> x, y, slope;

  // Integral of the interpolant from the first knot to `to`, which lies within the knots.
  double IntegralTo(double to) const {
    double sum = 0;
    for (std::size_t i = 0; i + 1 < x.size() && x[i] < to; ++i) {
      const double h = x[i + 1] - x[i];
      const double t = (std::min(to, x[i + 1]) - x[i]) / h;
      const double t2 = t * t, t3 = t2 * t, t4 = t3 * t;
      // Integrals from 0 to t of the four Hermite basis polynomials.
      sum += h * (y[i] * (t4 / 2 - t3 + t) + slope[i] * h * (t4 / 4 - 2 * t3 / 3 + t2 / 2) +
                  y[i + 1] * (-t4 / 2 + t3) + slope[i + 1] * h * (t4 / 4 - t3 / 3));
    }
    return sum;
  }
};

// The one-sided three-point slope at an end, limited so that the curve stays monotone.
double EndSlope(double h0, double h1, double d0, double d1) {
  double s = ((2 * h0 + h1) * d0 - h0 * d1) / (h0 + h1);
  if (s * d0 <= 0) return 0;
  if (d0 * d1 <= 0 && std::abs(s) > 3 * std::abs(d0)) s = 3 * d0;
  return s;
}

Result<Pchip> Interpolate(const RdCurve& curve) {
  auto bad = [&](const std::string& what) {
    return Status(StatusCode::kInvalidArgument, "curve '" + curve.name + "': " + what);
  };
  if (curve.bpp.size() != curve.psnr.size()) return bad("as many rates as qualities are needed");
  if (curve.bpp.size() < 4) {
    return bad("BD-rate needs at least four points, it has " + std::to_string(curve.bpp.size()));
  }
  std::vector<std::size_t> order(curve.bpp.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return curve.psnr[a] < curve.psnr[b]; });
  Pchip p;
  for (const std::size_t i : order) {
    if (!(curve.bpp[i] > 0) || !std::isfinite(curve.psnr[i])) {
      return bad("rates must be positive and PSNR finite");
    }
    p.x.push_back(curve.psnr[i]);
    p.y.push_back(std::log(curve.bpp[i]));
  }
  for (std::size_t i = 0; i + 1 < p.x.size(); ++i) {
    if (p.x[i + 1] <= p.x[i] || p.y[i + 1] <= p.y[i]) {
      return bad("PSNR does not rise with the rate near " + std::to_string(p.x[i]) + " dB");
    }
  }
  const std::size_t n = p.x.size();
  std::vector<double> h(n - 1), d(n - 1);
  for (std::size_t i = 0; i + 1 < n; ++i) {
    h[i] = p.x[i + 1] - p.x[i];
    d[i] = (p.y[i + 1] - p.y[i]) / h[i];
  }
  p.slope.resize(n);
  p.slope[0] = EndSlope(h[0], h[1], d[0], d[1]);
  p.slope[n - 1] = EndSlope(h[n - 2], h[n - 3], d[n - 2], d[n - 3]);
  for (std::size_t i = 1; i + 1 < n; ++i) {
    const double w0 = 2 * h[i] + h[i - 1], w1 = h[i] + 2 * h[i - 1];
    p.slope[i] = (w0 + w1) / (w0 / d[i - 1] + w1 / d[i]);  // harmonic mean; both d are positive
  }
  return p;
}

}  // namespace

Result<double> BdRate(const RdCurve& anchor, const RdCurve& test) {
  HALFMOON_ASSIGN_OR_RETURN(const Pchip a, Interpolate(anchor));
  HALFMOON_ASSIGN_OR_RETURN(const Pchip t, Interpolate(test));
  const double low = std::max(a.x.front(), t.x.front());
  const double high = std::min(a.x.back(), t.x.back());
  if (!(low < high)) {
    return Status(StatusCode::kInvalidArgument, "curves '" + anchor.name + "' and '" + test.name +
                                                    "' have no PSNR in common");
  }
  const double difference = (t.IntegralTo(high) - t.IntegralTo(low)) -
                            (a.IntegralTo(high) - a.IntegralTo(low));
  return (std::exp(difference / (high - low)) - 1) * 100;
}

Result<std::vector<RdCurve>> ReadAnchors(const std::string& path) {
  std::ifstream in(path);
  if (!in) return Status(StatusCode::kIo, path + ": cannot open the file of published curves");
  try {
    const nlohmann::json j = nlohmann::json::parse(in);
    std::vector<RdCurve> curves;
    for (const auto& codec : j.at("codecs")) {
      RdCurve c;
      codec.at("name").get_to(c.name);
      codec.at("results").at("bpp").get_to(c.bpp);
      codec.at("results").at("psnr-rgb").get_to(c.psnr);
      curves.push_back(std::move(c));
    }
    return curves;
  } catch (const nlohmann::json::exception& e) {
    return Status(StatusCode::kCorrupt, path + ": " + e.what());
  }
}

}  // namespace halfmoon::eval
