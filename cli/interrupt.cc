#include "cli/interrupt.h"

#include <atomic>

namespace halfmoon::cli {
namespace {

// Worker threads may receive the signal, too; a lock-free atomic is safe in a handler.
std::atomic<int> g_signal{0};
static_assert(std::atomic<int>::is_always_lock_free);

void OnSignal(int signal) {
  int none = 0;
  if (g_signal.compare_exchange_strong(none, signal)) return;
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

DeferInterrupt::DeferInterrupt() {
  g_signal = 0;
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < 3; ++i) {
    sigaction(kSignals[i], nullptr, &old_[i]);
    if (old_[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
  }
}

DeferInterrupt::~DeferInterrupt() {
  for (int i = 0; i < 3; ++i) sigaction(kSignals[i], &old_[i], nullptr);
  if (const int signal = g_signal.exchange(0); signal != 0) std::raise(signal);
}

bool DeferInterrupt::requested() const { return g_signal != 0; }
void DeferInterrupt::Acknowledge() { g_signal = 0; }

}  // namespace halfmoon::cli
