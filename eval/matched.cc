// Pictures at equal size: the quality of each codec that comes closest to a target rate.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "codec/imageio/image_io.h"
#include "codec/io/atomic_file.h"
#include "eval/dataset.h"
#include "eval/entries.h"
#include "eval/run.h"
#include "models/runtime/layers/parallel.h"

namespace halfmoon::eval {
namespace {

namespace fs = std::filesystem;

// Close enough: eyes don't see two per cent of the rate, and more steps cost minutes.
constexpr double kTolerance = 0.02;
constexpr int kMaxTries = 5;

struct Try {
  double quality, log_rate;
};

double Miss(const Try& t, double target) { return std::abs(t.log_rate - std::log(target)); }

// The next quality to try: between the neighbours of the target, or beyond the last ones; the log
// of the rate is nearly linear in the quality over short ranges. REQUIRES: tries is not empty.
double NextQuality(std::vector<Try> tries, double target, const PeerInfo& info) {
  const double goal = std::log(target);
  std::sort(tries.begin(), tries.end(),
            [](const Try& a, const Try& b) { return a.log_rate < b.log_rate; });
  std::size_t high = 0;
  while (high < tries.size() && tries[high].log_rate < goal) ++high;
  high = std::clamp<std::size_t>(high, 1, std::max<std::size_t>(tries.size() - 1, 1));
  double quality = tries.front().quality;
  if (tries.size() > 1) {
    const Try &a = tries[high - 1], &b = tries[high];
    const double slope =
        b.log_rate > a.log_rate ? (b.quality - a.quality) / (b.log_rate - a.log_rate) : 0;
    quality = a.quality + slope * (goal - a.log_rate);
  }
  quality = std::clamp(quality, info.lowest, info.highest);
  return info.whole ? std::round(quality) : std::round(quality * 10) / 10;
}

std::string SafeName(const std::string& name) {
  std::string safe;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '=';
    safe += plain ? c : '_';
  }
  return safe.substr(0, 100);
}

Json ToJson(const MatchedFile& m) {
  Json json = MeasurementToJson(m.measured);
  json["quality"] = m.quality;
  json["file"] = m.file;
  json["encoded"] = m.encoded;
  return json;
}

MatchedFile FromJson(const Json& json) {
  return {json.at("quality"), MeasurementFromJson(json), json.at("file"), json.at("encoded")};
}

Status Match(Run* run, int worker, std::size_t c, std::size_t p, MatchedFile* out) {
  Evaluation& e = *run->evaluation;
  const CodecResult& codec = e.codecs[c];
  const double target = run->options().matched_bpp;
  const std::string key = EntryKey("matched", codec, target, e.pictures[p]);
  std::error_code error;
  if (const auto* known = run->journal.Find(key)) {
    *out = FromJson(*known);
    if (fs::exists(run->OutPath(out->file), error) &&
        (out->encoded.empty() || fs::exists(run->OutPath(out->encoded), error))) {
      return Status::Ok();
    }
  }
  HALFMOON_ASSIGN_OR_RETURN(const RgbPicture original, ReadRgb(e.pictures[p].path));
  HALFMOON_ASSIGN_OR_RETURN(Peer* const peer, run->peers.Get(worker, c));
  std::vector<Try> tries;
  for (std::size_t q = 0; q < codec.qualities.size(); ++q) {
    const Measurement& m = codec.rows[q][p];
    if (!m.error.failed()) tries.push_back({codec.qualities[q], std::log(m.bpp)});
  }
  if (tries.empty()) return {StatusCode::kUnsupportedFeature, "no quality worked"};
  auto closer = [&](const Try& a, const Try& b) { return Miss(a, target) < Miss(b, target); };
  for (int i = 0; i < kMaxTries; ++i) {
    if (Miss(*std::min_element(tries.begin(), tries.end(), closer), target) < kTolerance) break;
    const double quality = NextQuality(tries, target, codec.info);
    if (std::any_of(tries.begin(), tries.end(),
                    [&](const Try& t) { return t.quality == quality; })) {
      break;
    }
    HALFMOON_ASSIGN_OR_RETURN(const auto file, peer->Encode(original, quality));
    tries.push_back({quality, std::log(8 * static_cast<double>(file.size()) /
                                       static_cast<double>(original.pixels()))});
  }
  out->quality = std::min_element(tries.begin(), tries.end(), closer)->quality;

  std::vector<std::uint8_t> file;
  RgbPicture decoded;
  out->measured = MeasureOnce(peer, original, out->quality, &file, &decoded);
  if (out->measured.error.failed()) return Status::Ok();
  const std::string stem = "matched/" + std::to_string(p) + "-" + SafeName(codec.info.name);
  out->file = stem + ".png";
  HALFMOON_RETURN_IF_ERROR(WriteImageFile(run->OutPath(out->file), decoded.view(), {}, true));
  if (codec.info.browsers_show) {
    out->encoded = stem + codec.info.extension;
    HALFMOON_RETURN_IF_ERROR(WriteFile(run->OutPath(out->encoded), file, /*overwrite=*/true));
  }
  return run->journal.Add(key, ToJson(*out));
}

}  // namespace

void MatchPictures(Run* run) {
  Evaluation& e = *run->evaluation;
  e.matched.assign(e.pictures.size(), std::vector<MatchedFile>(e.codecs.size()));
  run->Restart();
  const std::size_t total = e.pictures.size() * e.codecs.size();
  runtime::ParallelFor(run->options().jobs, total, [&](std::size_t worker, std::size_t i) {
    const std::size_t p = i / e.codecs.size(), c = i % e.codecs.size();
    if (!e.pictures[p].error.failed() && run->fatal().ok()) {
      MatchedFile& out = e.matched[p][c];
      Status status = e.codecs[c].error.failed()
                          ? Status(e.codecs[c].error.code, e.codecs[c].error.message)
                          : Status::Ok();
      try {
        if (status.ok()) status = Match(run, static_cast<int>(worker), c, p, &out);
      } catch (const std::exception& error) {
        status = {StatusCode::kOutOfMemory, error.what()};
      }
      if (!status.ok()) out.measured.error.Set(status);
      if (status.code() == StatusCode::kIo && e.codecs[c].info.adapter != "exec") run->Fail(status);
    }
    run->Step("matching", total);
  });
}

}  // namespace halfmoon::eval
