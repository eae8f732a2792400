// Progress: parts of a work that several threads do, added up to the share that is done.
// Internal; std only.
#pragma once

#include <algorithm>
#include <functional>
#include <mutex>
#include <utility>

namespace halfmoon {

// Units are whatever parts have in common; here a pixel through one network. Reports rise, come one
// at a time from any thread, and end with 1, which Finish sees to.
class Progress {
 public:
  explicit Progress(std::function<void(double share)> report) : report_(std::move(report)) {}

  // A new work of that many units.
  void Start(double total) {
    const std::lock_guard lock(mutex_);
    total_ = total;
    done_ = 0;
  }
  void Add(double units) {
    const std::lock_guard lock(mutex_);
    const double before = done_;
    // The last report is Finish's.
    done_ = std::min(0.9999 * total_, done_ + std::max(0.0, units));
    if (report_ && done_ > before) report_(done_ / total_);
  }
  void Finish() {
    const std::lock_guard lock(mutex_);
    if (done_ >= total_) return;
    done_ = total_;
    if (report_) report_(1);
  }

 private:
  std::function<void(double)> report_;
  std::mutex mutex_;
  double total_ = 0, done_ = 0;
};

// A share of the time that parts take beside a pixel's analysis, for estimates of what is left.
inline constexpr double kTilePixelUnits = 0.5;  // prior and entropy coding
inline constexpr double kSynthesisUnits = 1.5;

}  // namespace halfmoon
