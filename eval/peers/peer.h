// Peer: the small interface behind which every codec is measured. No codec's own header here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "codec/metrics/rgb_picture.h"
#include "halfmoon/status.h"

namespace halfmoon::eval {

using metrics::RgbPicture;

// What a peer is told beside the options in its name; none of it changes the bytes it makes.
struct PeerSettings {
  int threads = 1;         // 1..256
  std::string models_dir;  // of `ae`, as EncodeOptions::models_dir
};

struct PeerInfo {
  std::string name;         // with its options: "avif:speed=6,yuv=444"
  std::string adapter;      // "avif"
  std::string description;  // one line: format, library, how it is used
  std::string version;      // of the library
  std::string extension;    // of its files: ".avif"
  bool browsers_show = false;
  // Legal qualities; larger is better (of `exec`, as its program has it). They need not be whole
  // numbers unless `whole`.
  double lowest = 0, highest = 100;
  bool whole = false;
  // Qualities of about 0.12, 0.25, 0.5, 1 and 2 bits per pixel on photographs, ascending.
  std::vector<double> ladder;
};

// A part of a call, and how long it took.
struct Stage {
  std::string name;
  double seconds = 0;
};

// Thread-safety: one call at a time per object; different objects are independent.
class Peer {
 public:
  virtual ~Peer() = default;

  const PeerInfo& info() const { return info_; }
  void set_name(const std::string& name) { info_.name = name; }

  // The whole file of a picture. Equal arguments give equal bytes.
  // REQUIRES: lowest <= quality <= highest. Errors: any, with a message that says what failed.
  virtual Result<std::vector<std::uint8_t>> Encode(const RgbPicture& picture, double quality) = 0;
  virtual Result<RgbPicture> Decode(std::span<const std::uint8_t> file) = 0;
  // What the codec's model expected the last Encode to cost, without headers, where it tells.
  virtual std::optional<double> EstimatedBits() const { return std::nullopt; }
  // Of the last call; empty for codecs that don't tell.
  virtual std::vector<Stage> Stages() const { return {}; }

 protected:
  PeerInfo info_;
};

// `count` qualities, evenly spaced over the ladder; rounded, ascending, without repetitions.
// REQUIRES: count >= 1.
std::vector<double> SpreadQualities(const PeerInfo& info, int count);

}  // namespace halfmoon::eval
