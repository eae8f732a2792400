// From measurements to means, curves and Bjontegaard differences. No files, no codecs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "eval/bjontegaard.h"
#include "eval/evaluation.h"

namespace halfmoon::eval {

// Means over the pictures at one quality.
struct PointMeans {
  double quality = 0;
  double bpp = 0;
  std::uint64_t bytes = 0;  // sum
  std::optional<double> estimated_bpp;
  metrics::MetricValues metrics;
  int pictures = 0;  // that the means are over
  int failed = 0;    // pictures that can be read and failed here
};

// One entry per quality of the codec. Means are arithmetic. Where a PSNR is infinite anywhere in
// the evaluation, that PSNR is everywhere the one of the mean squared error: one equal picture must
// not make the mean infinite, and all points of all codecs must be comparable (docs/metrics.md).
std::vector<PointMeans> MeansOf(const Evaluation& e, const CodecResult& codec);

// Over the pictures and qualities that time and memory were measured at.
struct SpentMeans {
  double seconds = 0;
  double megapixels_per_second = 0;  // of all pixels in all the time
  std::int64_t memory_bytes = 0;     // the largest
  std::vector<Stage> stages;         // means, the rest of the time as "other"; may be empty
};

struct TimingMeans {
  int threads = 1;
  SpentMeans encode, decode;
};

// One entry per number of threads at which something was measured.
std::vector<TimingMeans> TimingOf(const Evaluation& e, const CodecResult& codec);

struct PictureBd {
  int picture = 0;
  double bd_rate = 0;
};

struct BdEntry {
  std::string anchor, test;
  bool published = false;  // the anchor
  metrics::Metric metric = metrics::Metric::kPsnrRgb;
  Result<BdDifference> difference = Status(StatusCode::kInternal, "not computed");
  // Between codecs of the run:
  std::vector<PictureBd> per_picture;
  int refused = 0;  // pictures without a number
  double mean = 0, median = 0, stddev = 0, min = 0, max = 0;
  int wins = 0, losses = 0;
};

// What a reader of the numbers must know, one sentence each: pictures whose PSNR is infinite,
// pictures that were converted, published curves of another data set.
std::vector<std::string> NotesOf(const Evaluation& e);

// Whether the published curves may be of the evaluation's pictures: of these sizes, so many.
bool AnchorsFit(const Evaluation& e);

// Every codec against the first one and against every published curve.
std::vector<BdEntry> CompareAll(const Evaluation& e);

}  // namespace halfmoon::eval
