// DeferInterrupt: Ctrl-C waits until a piece of work is in order. POSIX; no codec headers.
#pragma once

#include <csignal>

namespace halfmoon::cli {

// While one lives, the first SIGINT, SIGTERM or SIGHUP is only noted; a second one ends the program
// as usual. When it goes, a noted signal takes its effect, unless it was acknowledged.
// Signals that were ignored before (nohup) stay ignored. Thread-safety: one at a time, main thread.
class DeferInterrupt {
 public:
  DeferInterrupt();
  ~DeferInterrupt();
  DeferInterrupt(const DeferInterrupt&) = delete;
  DeferInterrupt& operator=(const DeferInterrupt&) = delete;

  bool requested() const;
  void Acknowledge();  // the caller ends in its own way

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction old_[3] = {};
};

}  // namespace halfmoon::cli
