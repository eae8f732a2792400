#include "eval/aggregate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

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
    const auto d = CompareCurves(PictureCurve(anchor, p, entry->metric),
                                 PictureCurve(test, p, entry->metric), NameOf(entry->metric));
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

using MetricFlags = std::array<bool, metrics::kMetricCount>;

constexpr metrics::Metric kPsnrs[] = {metrics::Metric::kPsnrRgb, metrics::Metric::kPsnrY,
                                      metrics::Metric::kPsnrCb, metrics::Metric::kPsnrCr};

// Calls visit(picture, measurement) for all that worked.
template <typename Visit>
void ForEachMeasurement(const Evaluation& e, const Visit& visit) {
  for (const CodecResult& codec : e.codecs) {
    for (const auto& point : codec.rows) {
      for (std::size_t p = 0; p < point.size(); ++p) {
        if (!e.pictures[p].error.failed() && !point[p].error.failed()) visit(p, point[p]);
      }
    }
  }
}

// Of each metric, whether it is infinite somewhere.
MetricFlags InfiniteMetrics(const Evaluation& e) {
  MetricFlags infinite{};
  ForEachMeasurement(e, [&](std::size_t, const Measurement& m) {
    for (const metrics::Metric metric : kPsnrs) {
      if (m.metrics[metric] && std::isinf(*m.metrics[metric])) {
        infinite[static_cast<std::size_t>(metric)] = true;
      }
    }
  });
  return infinite;
}

// Sums of `metrics` over `pictures` become means; sums of squared errors become PSNRs.
void ToMeans(const MetricFlags& by_error, int pictures, metrics::MetricValues* metrics) {
  for (const metrics::MetricName& n : metrics::kMetrics) {
    if (auto& value = (*metrics)[n.metric]) *value /= pictures;
  }
  bool any = false;
  for (const metrics::Metric metric : kPsnrs) {
    auto& value = (*metrics)[metric];
    if (!value || !by_error[static_cast<std::size_t>(metric)]) continue;
    value = metrics::PsnrOfMse(*value);
    any = true;
  }
  const auto &y = (*metrics)[metrics::Metric::kPsnrY], &cb = (*metrics)[metrics::Metric::kPsnrCb],
             &cr = (*metrics)[metrics::Metric::kPsnrCr];
  if (any && y && cb && cr) (*metrics)[metrics::Metric::kPsnr611] = (6 * *y + *cb + *cr) / 8;
  if (const auto& ms_ssim = (*metrics)[metrics::Metric::kMsSsim]) {
    (*metrics)[metrics::Metric::kMsSsimDb] = metrics::MsSsimToDb(*ms_ssim);
  }
}

// "a.png, b.png and 3 more".
std::string NamesOf(const Evaluation& e, const std::vector<std::size_t>& pictures) {
  constexpr std::size_t kMost = 5;
  std::string names;
  for (std::size_t i = 0; i < std::min(pictures.size(), kMost); ++i) {
    names += (i == 0 ? "" : ", ") + e.pictures[pictures[i]].name;
  }
  if (pictures.size() > kMost) names += " and " + std::to_string(pictures.size() - kMost) + " more";
  return names;
}

std::vector<std::string> NotesOnInfinity(const Evaluation& e) {
  std::map<std::size_t, MetricFlags> infinite;  // by picture
  ForEachMeasurement(e, [&](std::size_t p, const Measurement& m) {
    for (const metrics::Metric metric : kPsnrs) {
      if (!m.metrics[metric] || !std::isinf(*m.metrics[metric])) continue;
      infinite[p][static_cast<std::size_t>(metric)] = true;
    }
  });
  std::map<MetricFlags, std::vector<std::size_t>> groups;
  for (const auto& [picture, flags] : infinite) groups[flags].push_back(picture);
  std::vector<std::string> notes;
  for (const auto& [flags, pictures] : groups) {
    std::string names;
    for (const metrics::Metric metric : kPsnrs) {
      if (!flags[static_cast<std::size_t>(metric)]) continue;
      names += (names.empty() ? "" : ", ") + NameOf(metric);
    }
    notes.push_back(NamesOf(e, pictures) + ": decoded without error at some quality; " + names +
                    ": infinite, over the data set that of the mean squared error");
  }
  return notes;
}

std::string AnchorMismatch(const Evaluation& e) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> sizes;
  for (const DatasetPicture& p : e.pictures) {
    if (!p.error.failed()) sizes.emplace_back(p.width, p.height);
  }
  return OtherDataset(e.anchors.dataset, sizes);
}

// REQUIRES: rows is not empty.
SpentMeans MeansOf(const Evaluation& e, const std::vector<const TimingRow*>& rows,
                   Spent TimingRow::*call) {
  SpentMeans means;
  double seconds = 0, pixels = 0;
  std::vector<Stage> stages;
  for (const TimingRow* row : rows) {
    const Spent& spent = row->*call;
    seconds += spent.seconds;
    pixels += e.pictures[static_cast<std::size_t>(row->picture)].pixels();
    means.memory_bytes = std::max(means.memory_bytes, spent.memory_bytes);
    stages.resize(std::max(stages.size(), spent.stages.size()));
    for (std::size_t i = 0; i < spent.stages.size(); ++i) {
      stages[i].name = spent.stages[i].name;
      stages[i].seconds += spent.stages[i].seconds;
    }
  }
  double other = seconds;
  for (const Stage& s : stages) other -= s.seconds;
  if (!stages.empty()) stages.push_back({"other", std::max(0.0, other)});
  const double count = static_cast<double>(rows.size());
  for (Stage& s : stages) s.seconds /= count;
  means.seconds = seconds / count;
  means.megapixels_per_second = 1e-6 * pixels / seconds;
  means.stages = std::move(stages);
  return means;
}

}  // namespace

std::vector<std::string> NotesOf(const Evaluation& e) {
  std::vector<std::string> notes = NotesOnInfinity(e);
  std::map<std::string, std::vector<std::size_t>> converted;
  for (std::size_t p = 0; p < e.pictures.size(); ++p) {
    if (!e.pictures[p].error.failed() && !e.pictures[p].note.empty()) {
      converted[e.pictures[p].note].push_back(p);
    }
  }
  for (const auto& [note, pictures] : converted) {
    notes.push_back(NamesOf(e, pictures) + ": " + note + ", for every codec");
  }
  if (const std::string mismatch = AnchorMismatch(e); !mismatch.empty()) notes.push_back(mismatch);
  return notes;
}

bool AnchorsFit(const Evaluation& e) { return AnchorMismatch(e).empty(); }

std::vector<PointMeans> MeansOf(const Evaluation& e, const CodecResult& codec) {
  std::vector<PointMeans> points;
  const MetricFlags by_error = InfiniteMetrics(e);
  for (std::size_t q = 0; q < codec.qualities.size(); ++q) {
    PointMeans point;
    point.quality = codec.qualities[q];
    std::array<int, metrics::kMetricCount> counts{};
    int estimates = 0;
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
      if (m.estimated_bpp) {
        ++estimates;
        point.estimated_bpp = point.estimated_bpp.value_or(0) + *m.estimated_bpp;
      }
      for (const metrics::MetricName& n : metrics::kMetrics) {
        if (!m.metrics[n.metric]) continue;
        ++counts[static_cast<std::size_t>(n.metric)];
        const double value = *m.metrics[n.metric];
        point.metrics[n.metric] =
            point.metrics[n.metric].value_or(0) +
            (by_error[static_cast<std::size_t>(n.metric)] ? metrics::MseOfPsnr(value) : value);
      }
    }
    if (point.pictures > 0) point.bpp /= point.pictures;
    if (estimates < point.pictures) point.estimated_bpp.reset();
    if (point.estimated_bpp) *point.estimated_bpp /= point.pictures;
    for (const metrics::MetricName& n : metrics::kMetrics) {
      auto& value = point.metrics[n.metric];
      // A mean over some of the pictures can't be compared with a mean over all.
      if (counts[static_cast<std::size_t>(n.metric)] < point.pictures) value.reset();
    }
    ToMeans(by_error, point.pictures, &point.metrics);
    points.push_back(point);
  }
  return points;
}

std::vector<TimingMeans> TimingOf(const Evaluation& e, const CodecResult& codec) {
  std::vector<TimingMeans> means;
  for (const int threads : e.timing_threads) {
    std::vector<const TimingRow*> rows;
    for (const TimingRow& row : codec.timing) {
      if (row.threads == threads && !row.error.failed()) rows.push_back(&row);
    }
    if (rows.empty()) continue;
    means.push_back(
        {threads, MeansOf(e, rows, &TimingRow::encode), MeansOf(e, rows, &TimingRow::decode)});
  }
  return means;
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
                                         CurveOf(test.info.name, means, metric), NameOf(metric));
        ComparePictures(e, first, test, &entry);
        entries.push_back(entry);
      }
    }
    for (const CurveFile& anchor : e.anchors.curves) {
      for (const metrics::Metric metric : {metrics::Metric::kPsnrRgb, metrics::Metric::kMsSsimDb}) {
        const BdCurve published = CurveOf(anchor, metric);
        if (published.rate.empty()) continue;
        BdEntry entry;
        entry.anchor = anchor.name;
        entry.test = test.info.name;
        entry.published = true;
        entry.metric = metric;
        entry.difference =
            CompareCurves(published, CurveOf(test.info.name, means, metric), NameOf(metric));
        entries.push_back(entry);
      }
    }
  }
  return entries;
}

}  // namespace halfmoon::eval
