// The table of codecs that can be measured, and their names. No codec's own header here.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "eval/peers/peer.h"

namespace halfmoon::eval {

// A codec from its name, options included: "ae", "jpeg:progressive", "avif:speed=6,yuv=444",
// "exec:bpg.json". Each thread makes its own.
// Errors: kInvalidArgument for an unknown codec or option, listing the valid ones;
// kUnsupportedFeature for one that is not built in; those of loading a model.
Result<std::unique_ptr<Peer>> CreatePeer(const std::string& name, const PeerSettings& settings);

struct CodecHelp {
  std::string name;
  std::string options;  // for people; see DescribeRules
  bool built_in = true;
};

// All codecs, ours first.
std::vector<CodecHelp> ListCodecs();

}  // namespace halfmoon::eval
