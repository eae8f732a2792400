// One entry per adapter: its options and how it is made. Each is defined in <name>_peer.cc.
// Internal to eval/peers/.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "eval/peers/peer.h"
#include "eval/peers/peer_options.h"

namespace halfmoon::eval {

using PeerOrError = Result<std::unique_ptr<Peer>>;

std::vector<OptionRule> AeRules();
PeerOrError MakeAePeer(const PeerOptions& options, const PeerSettings& settings);

std::vector<OptionRule> OverfittedRules();
PeerOrError MakeOverfittedPeer(const PeerOptions& options, const PeerSettings& settings);

std::vector<OptionRule> JpegRules();
PeerOrError MakeJpegPeer(const PeerOptions& options, const PeerSettings& settings);

std::vector<OptionRule> WebpRules();
PeerOrError MakeWebpPeer(const PeerOptions& options, const PeerSettings& settings);

std::vector<OptionRule> AvifRules();
PeerOrError MakeAvifPeer(const PeerOptions& options, const PeerSettings& settings);

std::vector<OptionRule> JxlRules();
PeerOrError MakeJxlPeer(const PeerOptions& options, const PeerSettings& settings);

// `text`: what stands behind "exec:"; see exec_peer.cc.
PeerOrError MakeExecPeer(const std::string& text);

}  // namespace halfmoon::eval
