// An evaluation: codecs x qualities x pictures, measured. Serves `halfmoon eval`;
// docs/eval-format.md describes what it leaves in the report folder. No codec's header, no JSON.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "codec/metrics/metrics.h"
#include "eval/curve_files.h"
#include "eval/peers/peer.h"
#include "halfmoon/status.h"

namespace halfmoon::eval {

// --- What to do ----------------------------------------------------------------------------------

struct EvaluationOptions {
  std::vector<std::string> pictures;  // PNG and JPEG files, and folders of them
  std::string title;                  // what to call them; empty: as they are called
  std::vector<std::string> codecs;    // names, see peers/registry.h
  int points = 5;                     // qualities per codec, spread over its ladder
  std::vector<double> qualities;      // instead of `points`, the same for every codec
  int jobs = 1;                       // 1..256 pictures at once; no number depends on it
  std::string anchors;                // file of published curves, or empty
  std::string models_dir;             // as EncodeOptions::models_dir
  std::vector<std::string> command;   // to be recorded; changes nothing

  // The report folder. Empty: nothing is written, and what belongs to it is left out.
  std::string out;
  bool resume = false;       // go on from the journal in it
  bool overwrite = false;    // replace an earlier report in it
  double matched_bpp = 0.5;  // of pictures at equal size; 0: none

  // The separate pass for time and memory.
  bool timing = false;
  int timing_pictures = 3;  // the first ones of the data set
  int repeats = 5;
  // Runs one measurement in a process of its own: this, and one argument for RunTimingChild.
  std::vector<std::string> child_command;

  // Errors: kInvalidArgument naming the option and its range.
  Status Validate() const;
};

// --- What came out -------------------------------------------------------------------------------

// A failure that is part of the result; empty message: none.
struct Failure {
  StatusCode code = StatusCode::kOk;
  std::string message;

  bool failed() const { return code != StatusCode::kOk; }
  void Set(const Status& status) { code = status.code(), message = status.message(); }
};

struct DatasetPicture {
  std::string name;  // of the file; of several with one name, the whole path
  std::string path;
  std::uint32_t width = 0, height = 0;
  std::uint64_t hash = 0;  // of the file's bytes
  std::string file;        // the original in the report folder; empty without one
  std::string note;        // what was changed of it before any codec got it; mostly empty
  Failure error;

  double pixels() const { return static_cast<double>(width) * height; }
};

struct Measurement {
  std::uint64_t bytes = 0;
  double bpp = 0;
  std::optional<double> estimated_bpp;  // Peer::EstimatedBits
  metrics::MetricValues metrics;
  Failure error;
};

// The median of some equal calls.
struct Spent {
  double seconds = 0;
  std::int64_t memory_bytes = 0;  // the peak beyond what the process held before it made the codec
  std::vector<Stage> stages;      // of the calls with the median; of codecs that tell
};

struct TimingRow {
  int picture = 0, point = 0, threads = 1;
  Spent encode, decode;
  Failure error;
};

struct CodecResult {
  PeerInfo info;
  Failure error;                               // the codec as a whole; then the lists are empty
  std::vector<double> qualities;               // ascending
  std::vector<std::vector<Measurement>> rows;  // [point][picture]
  std::vector<TimingRow> timing;
};

struct MatchedFile {
  double quality = 0;
  Measurement measured;
  std::string file, encoded;  // in the report folder; `encoded` may be empty
};

struct Evaluation {
  EvaluationOptions options;
  std::string dataset_name;
  std::vector<DatasetPicture> pictures;
  std::vector<CodecResult> codecs;
  PublishedCurves anchors;
  std::vector<std::vector<MatchedFile>> matched;  // [picture][codec]; empty without
  std::vector<int> timing_threads;                // empty without the pass

  // The first failure among pictures, codecs and rows; Ok when there is none.
  Status FirstFailure() const;
};

// `what` is being done ("measuring"), `done` steps of `total`. Called from one thread at a time.
using EvaluationProgress =
    std::function<void(const std::string& what, std::size_t done, std::size_t total)>;

// Measures everything and writes the originals, the matched pictures and the journal to the report
// folder, if there is one; the result files are written by WriteResults.
// Failing pictures and codecs are part of the result. Errors: kInvalidArgument (options, no
// pictures, unknown codec, the journal of another run), kFileExists (an earlier report), kIo.
Result<Evaluation> Evaluate(const EvaluationOptions& options, const EvaluationProgress& progress);

}  // namespace halfmoon::eval
