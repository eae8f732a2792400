#include "eval/aggregate.h"

#include <algorithm>
#include <cmath>

namespace halfmoon::eval {
namespace {

constexpr metrics::Metric kBdMetrics[] = {metrics::Metric::kPsnrRgb, metrics::Metric::kMsSsimDb,
                                          metrics::Metric::kSsimulacra2};

std::string NameOf(metrics::Metric metric) {
  for (const metrics::MetricName& n : metrics::kMetrics) {
    if (n.metric == metric) {
      return std::string(n.title) + (metric == metrics::Metric::kMsSsimDb ? " (dB)" : "");
    }
  }
  return "";
}

// Points at which every picture worked.
BdCurve CurveOf(const std::string& name, const std::vector<PointMeans>& means,
                metrics::Metric metric) {
  BdCurve curve{name, {}, {}};
  for (const PointMeans& p : means) {
    if (p.failed > 0 || p.pictures == 0 || !p.metrics[metric]) continue;
    curve.rate.push_back(p.bpp);
    curve.metric.push_back(*p.metrics[metric]);
  }
  return curve;
}

BdCurve CurveOf(const CurveFile& file, metrics::Metric metric) {
  BdCurve curve{file.name, {}, {}};
  if (metric == metrics::Metric::kPsnrRgb && !file.psnr_rgb.empty()) {
    curve.rate = file.bpp;
    curve.metric = file.psnr_rgb;
  } else if (metric == metrics::Metric::kMsSsimDb && !file.ms_ssim_rgb.empty()) {
    curve.rate = file.bpp;
    for (const double v : file.ms_ssim_rgb) curve.metric.push_back(metrics::MsSsimToDb(v));
  }
  return curve;
}

BdCurve PictureCurve(const CodecResult& codec, std::size_t picture, metrics::Metric metric) {
  BdCurve curve{codec.info.name, {}, {}};
  for (const auto& point : codec.rows) {
    const Measurement& m = point[picture];
    if (m.error.failed() || !m.metrics[metric]) continue;
    curve.rate.push_back(m.bpp);
    curve.metric.push_back(*m.metrics[metric]);
  }
  return curve;
}

void ComparePictures(const Evaluation& e, const CodecResult& anchor, const CodecResult& test,
                     BdEntry* entry) {
  std::vector<double> rates;
  for (std::size_t p = 0; p < e.pictures.size(); ++p) {
    if (e.pictures[p].error.failed()) continue;
    const auto d =
        CompareCurves(PictureCurve(anchor, p, entry->metric), PictureCurve(test, p, entry->metric),
                      NameOf(entry->metric), e.options.bd_method);
    if (!d.ok()) {
      ++entry->refused;
      continue;
    }
    entry->per_picture.push_back({static_cast<int>(p), d->bd_rate});
    rates.push_back(d->bd_rate);
    (d->bd_rate < 0 ? entry->wins : entry->losses) += d->bd_rate != 0 ? 1 : 0;
  }
  if (rates.empty()) return;
  const double n = static_cast<double>(rates.size());
  for (const double r : rates) entry->mean += r / n;
  for (const double r : rates) entry->stddev += (r - entry->mean) * (r - entry->mean);
  entry->stddev = rates.size() > 1 ? std::sqrt(entry->stddev / (n - 1)) : 0;
  std::sort(rates.begin(), rates.end());
  entry->min = rates.front();
  entry->max = rates.back();
  const std::size_t half = rates.size() / 2;
  entry->median = rates.size() % 2 ? rates[half] : (rates[half - 1] + rates[half]) / 2;
}

}  // namespace

std::vector<PointMeans> MeansOf(const Evaluation& e, const CodecResult& codec) {
  std::vector<PointMeans> points;
  for (std::size_t q = 0; q < codec.qualities.size(); ++q) {
    PointMeans point;
    point.quality = codec.qualities[q];
    std::array<int, metrics::kMetricCount> counts{};
    for (std::size_t p = 0; p < e.pictures.size(); ++p) {
      if (e.pictures[p].error.failed()) continue;
      const Measurement& m = codec.rows[q][p];
      if (m.error.failed()) {
        ++point.failed;
        continue;
      }
      ++point.pictures;
      point.bytes += m.bytes;
      point.bpp += m.bpp;
      for (const metrics::MetricName& n : metrics::kMetrics) {
        if (!m.metrics[n.metric]) continue;
        ++counts[static_cast<std::size_t>(n.metric)];
        point.metrics[n.metric] = point.metrics[n.metric].value_or(0) + *m.metrics[n.metric];
      }
    }
    if (point.pictures > 0) point.bpp /= point.pictures;
    for (const metrics::MetricName& n : metrics::kMetrics) {
      auto& value = point.metrics[n.metric];
      // A mean over some of the pictures can't be compared with a mean over all.
      if (counts[static_cast<std::size_t>(n.metric)] < point.pictures) value.reset();
      if (value) *value /= point.pictures;
    }
    if (point.metrics[metrics::Metric::kMsSsim]) {
      point.metrics[metrics::Metric::kMsSsimDb] =
          metrics::MsSsimToDb(*point.metrics[metrics::Metric::kMsSsim]);
    }
    points.push_back(point);
  }
  return points;
}

std::vector<BdEntry> CompareAll(const Evaluation& e) {
  std::vector<BdEntry> entries;
  for (std::size_t c = 0; c < e.codecs.size(); ++c) {
    const CodecResult& test = e.codecs[c];
    if (test.error.failed()) continue;
    const std::vector<PointMeans> means = MeansOf(e, test);
    for (const metrics::Metric metric : kBdMetrics) {
      BdEntry entry;
      entry.test = test.info.name;
      entry.metric = metric;
      const CodecResult& first = e.codecs.front();
      if (c > 0 && !first.error.failed()) {
        entry.anchor = first.info.name;
        entry.difference = CompareCurves(CurveOf(first.info.name, MeansOf(e, first), metric),
                                         CurveOf(test.info.name, means, metric), NameOf(metric),
                                         e.options.bd_method);
        ComparePictures(e, first, test, &entry);
        entries.push_back(entry);
      }
    }
    for (const CurveFile& anchor : e.anchors) {
      for (const metrics::Metric metric : {metrics::Metric::kPsnrRgb, metrics::Metric::kMsSsimDb}) {
        const BdCurve published = CurveOf(anchor, metric);
        if (published.rate.empty()) continue;
        BdEntry entry;
        entry.anchor = anchor.name;
        entry.test = test.info.name;
        entry.published = true;
        entry.metric = metric;
        entry.difference = CompareCurves(published, CurveOf(test.info.name, means, metric),
                                         NameOf(metric), e.options.bd_method);
        entries.push_back(entry);
      }
    }
  }
  return entries;
}

}  // namespace halfmoon::eval
