// The state that the steps of an evaluation share. Internal to eval/.
#pragma once

#include <mutex>
#include <string>

#include "eval/evaluation.h"
#include "eval/journal.h"
#include "eval/peer_pool.h"

namespace halfmoon::eval {

class Run {
 public:
  Run(Evaluation* e, const EvaluationProgress& p) : evaluation(e), progress(p), peers(e->options) {}

  const EvaluationOptions& options() const { return evaluation->options; }
  std::string OutPath(const std::string& name) const { return options().out + "/" + name; }

  // Another kind of work begins.
  void Restart() {
    const std::lock_guard lock(mutex_);
    done_ = 0;
  }
  // One more step of `total` is done.
  void Step(const std::string& what, std::size_t total) {
    const std::lock_guard lock(mutex_);
    ++done_;
    if (progress) progress(what, done_, total);
  }
  // Keeps the first failure that ends the run as a whole, such as a full disk.
  void Fail(const Status& status) {
    const std::lock_guard lock(mutex_);
    if (fatal_.ok()) fatal_ = status;
  }
  // That failure, or Ok.
  Status fatal() const {
    const std::lock_guard lock(mutex_);
    return fatal_;
  }

  Evaluation* evaluation;
  const EvaluationProgress& progress;
  PeerPool peers;
  Journal journal;

 private:
  mutable std::mutex mutex_;  // guards what follows
  std::size_t done_ = 0;
  Status fatal_;
};

// What the journal knows a codec's work on a picture by.
std::string EntryKey(const std::string& kind, const CodecResult& codec, double value,
                     const DatasetPicture& picture);

// Encodes, decodes and measures; a failure is in `error`. `file` and `decoded` (may be null)
// receive the bytes and the pixels.
Measurement MeasureOnce(Peer* peer, const RgbPicture& original, double quality,
                        std::vector<std::uint8_t>* file, RgbPicture* decoded);

// Finds every codec's quality for the same size of every picture and writes what comes out.
void MatchPictures(Run* run);

// The separate pass for time and memory.
Status MeasureTiming(Run* run);

}  // namespace halfmoon::eval
