// The peers of a run: one of each codec per worker, made when first needed. Internal to eval/.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "eval/evaluation.h"
#include "eval/peers/registry.h"

namespace halfmoon::eval {

class PeerPool {
 public:
  explicit PeerPool(const EvaluationOptions& options) : options_(options) {}

  // Thread-safe for different workers. `codec`: index into the options' names. One thread each:
  // then no byte depends on how many workers there are.
  Result<Peer*> Get(int worker, std::size_t codec) {
    auto& slot = Slot(worker, codec);
    if (!slot) {
      PeerSettings settings;
      settings.threads = 1;
      settings.models_dir = options_.models_dir;
      HALFMOON_ASSIGN_OR_RETURN(slot, CreatePeer(options_.codecs[codec], settings));
    }
    return slot.get();
  }

 private:
  std::unique_ptr<Peer>& Slot(int worker, std::size_t codec) {
    const std::lock_guard lock(mutex_);
    return peers_[{worker, codec}];
  }

  const EvaluationOptions& options_;
  std::mutex mutex_;
  std::map<std::pair<int, std::size_t>, std::unique_ptr<Peer>> peers_;
};

}  // namespace halfmoon::eval
