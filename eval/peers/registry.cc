#include "eval/peers/registry.h"

#include <algorithm>
#include <cmath>

#include "eval/peers/adapters.h"

// Set to 1 by CMake for each library it finds.
#ifndef HALFMOON_HAVE_WEBP
#define HALFMOON_HAVE_WEBP 0
#endif
#ifndef HALFMOON_HAVE_AVIF
#define HALFMOON_HAVE_AVIF 0
#endif
#ifndef HALFMOON_HAVE_JXL
#define HALFMOON_HAVE_JXL 0
#endif

namespace halfmoon::eval {
namespace {

using Rules = std::vector<OptionRule> (*)();
using Make = PeerOrError (*)(const PeerOptions&, const PeerSettings&);

struct Entry {
  const char* name;
  const char* package;  // that brings its library
  Rules rules;          // null: not built in
  Make make;
};

std::vector<Entry> Entries() {
  return {
    {"ae", "", AeRules, MakeAePeer}, {"overfitted", "", OverfittedRules, MakeOverfittedPeer},
        {"jpeg", "libjpeg-dev", JpegRules, MakeJpegPeer},
#if HALFMOON_HAVE_WEBP
        {"webp", "libwebp-dev", WebpRules, MakeWebpPeer},
#else
        {"webp", "libwebp-dev", nullptr, nullptr},
#endif
#if HALFMOON_HAVE_AVIF
        {"avif", "libavif-dev", AvifRules, MakeAvifPeer},
#else
        {"avif", "libavif-dev", nullptr, nullptr},
#endif
#if HALFMOON_HAVE_JXL
        {"jxl", "libjxl-dev", JxlRules, MakeJxlPeer},
#else
        {"jxl", "libjxl-dev", nullptr, nullptr},
#endif
  };
}

}  // namespace

Result<std::unique_ptr<Peer>> CreatePeer(const std::string& name, const PeerSettings& settings) {
  const auto colon = name.find(':');
  const std::string adapter = name.substr(0, colon);
  const std::string text = colon == std::string::npos ? "" : name.substr(colon + 1);
  if (adapter == "exec") return MakeExecPeer(text);
  std::string known;
  for (const Entry& entry : Entries()) {
    known += std::string(entry.name) + (entry.rules ? ", " : " (not built in), ");
    if (adapter != entry.name) continue;
    if (!entry.rules) {
      return Status(StatusCode::kUnsupportedFeature, adapter + ": not built in; install " +
                                                         entry.package +
                                                         ", then configure and build again");
    }
    HALFMOON_ASSIGN_OR_RETURN(const PeerOptions options,
                              PeerOptions::Parse(adapter, text, entry.rules()));
    HALFMOON_ASSIGN_OR_RETURN(std::unique_ptr<Peer> peer, entry.make(options, settings));
    peer->set_name(name);
    return peer;
  }
  return Status(StatusCode::kInvalidArgument,
                "unknown codec '" + adapter + "'; known are " + known + "exec");
}

std::vector<CodecHelp> ListCodecs() {
  std::vector<CodecHelp> list;
  for (const Entry& entry : Entries()) {
    list.push_back(
        {entry.name, entry.rules ? DescribeRules(entry.rules()) : "", entry.rules != nullptr});
  }
  list.push_back({"exec", "FILE.json, or name=..;encode=..;decode=..;quality=..", true});
  return list;
}

std::vector<double> SpreadQualities(const PeerInfo& info, int count) {
  std::vector<double> qualities;
  const double last = static_cast<double>(info.ladder.size() - 1);
  for (int i = 0; i < count; ++i) {
    const double position = count == 1 ? last / 2 : last * i / (count - 1);
    const auto low = static_cast<std::size_t>(position);
    const std::size_t high = std::min(low + 1, info.ladder.size() - 1);
    const double part = position - static_cast<double>(low);
    double quality = info.ladder[low] * (1 - part) + info.ladder[high] * part;
    quality = info.whole ? std::round(quality) : std::round(quality * 10) / 10;
    if (qualities.empty() || quality > qualities.back()) qualities.push_back(quality);
  }
  return qualities;
}

}  // namespace halfmoon::eval
