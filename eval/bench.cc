#include "eval/bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "eval/dataset.h"
#include "eval/entries.h"
#include "eval/peers/registry.h"
#include "eval/process.h"

namespace halfmoon::eval {
namespace {

// One run that takes longer is measured once more instead of `repeats` times.
constexpr double kLongSeconds = 5;
constexpr double kStartupTimeout = 120;

double Seconds(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Smooth random values at every `step`-th pixel: one octave of a picture whose power falls with the
// frequency, as that of photographs does.
double ValueNoise(std::uint32_t x, std::uint32_t y, std::uint32_t step, std::uint32_t seed) {
  auto corner = [&](std::uint32_t cx, std::uint32_t cy) {
    std::uint32_t h = cx * 0x9E3779B1u ^ cy * 0x85EBCA77u ^ seed * 0xC2B2AE3Du;
    h = (h ^ (h >> 15)) * 0x2C1B3C6Du;
    h = (h ^ (h >> 12)) * 0x297A2D39u;
    return static_cast<double>(h >> 8) / (1 << 24) - 0.5;
  };
  const std::uint32_t cx = x / step, cy = y / step;
  auto smooth = [](double t) { return t * t * (3 - 2 * t); };
  const double u = smooth(static_cast<double>(x % step) / step);
  const double v = smooth(static_cast<double>(y % step) / step);
  const double top = corner(cx, cy) * (1 - u) + corner(cx + 1, cy) * u;
  const double bottom = corner(cx, cy + 1) * (1 - u) + corner(cx + 1, cy + 1) * u;
  return top * (1 - v) + bottom * v;
}

void FillWithNoise(RgbPicture* image) {
  for (std::uint32_t y = 0; y < image->height(); ++y) {
    std::uint8_t* out = image->row(y);
    for (std::uint32_t x = 0; x < image->width(); ++x) {
      double shared = 120, colour[3] = {};
      for (std::uint32_t step = 2; step <= 256; step *= 2) {
        shared += std::sqrt(step) * 6 * ValueNoise(x, y, step, step);
      }
      for (std::uint32_t c = 0; c < 3; ++c) colour[c] = 60 * ValueNoise(x, y, 128, 1000 + c);
      for (const double d : colour) {
        *out++ = static_cast<std::uint8_t>(std::clamp(shared + d, 0.0, 255.0));
      }
    }
  }
}

// Mirrored at its edges as often as needed.
void FillByMirroring(const RgbPicture& source, RgbPicture* image) {
  auto mirrored = [](std::uint32_t i, std::uint32_t size) {
    const std::uint32_t at = i % (2 * size);
    return at < size ? at : 2 * size - 1 - at;
  };
  for (std::uint32_t y = 0; y < image->height(); ++y) {
    const std::uint8_t* in = source.row(mirrored(y, source.height()));
    std::uint8_t* out = image->row(y);
    for (std::uint32_t x = 0; x < image->width(); ++x) {
      std::copy_n(in + std::size_t{3} * mirrored(x, source.width()), 3, out + std::size_t{3} * x);
    }
  }
}

// Calls `work` once to warm up, then up to `repeats` times; keeps the run with the median time.
Status Repeat(Peer* peer, int repeats, const std::function<Status()>& work, BenchRun* out,
              int* runs) {
  std::vector<BenchRun> all;
  for (int i = 0; i <= repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    HALFMOON_RETURN_IF_ERROR(work());
    const double seconds = Seconds(start);
    if (i > 0) all.push_back({seconds, peer->Stages()});
    if (seconds > kLongSeconds) repeats = 1;
  }
  std::sort(all.begin(), all.end(),
            [](const BenchRun& a, const BenchRun& b) { return a.seconds < b.seconds; });
  *out = all[all.size() / 2];
  double known = 0;
  for (const Stage& s : out->stages) known += s.seconds;
  if (!out->stages.empty()) out->stages.push_back({"other", std::max(0.0, out->seconds - known)});
  *runs = static_cast<int>(all.size());
  return Status::Ok();
}

Status BenchOne(Peer* peer, const RgbPicture& image, int repeats, BenchRow* row) {
  std::vector<std::uint8_t> file;
  HALFMOON_RETURN_IF_ERROR(Repeat(
      peer, repeats,
      [&]() -> Status {
        HALFMOON_ASSIGN_OR_RETURN(file, peer->Encode(image, row->quality));
        return Status::Ok();
      },
      &row->encode, &row->repeats));
  row->bpp = 8 * static_cast<double>(file.size()) / static_cast<double>(image.pixels());
  return Repeat(
      peer, repeats, [&] { return peer->Decode(file).status(); }, &row->decode, &row->repeats);
}

}  // namespace

Result<RgbPicture> BenchPicture(const RgbPicture& source, double megapixels) {
  const double height = std::sqrt(megapixels * 1e6 / 1.5);
  HALFMOON_ASSIGN_OR_RETURN(
      RgbPicture image, RgbPicture::Create(static_cast<std::uint32_t>(std::lround(1.5 * height)),
                                           static_cast<std::uint32_t>(std::lround(height))));
  if (source.empty()) {
    FillWithNoise(&image);
  } else {
    FillByMirroring(source, &image);
  }
  return image;
}

Status BenchOptions::Validate() const {
  auto bad = [](const std::string& what) { return Status(StatusCode::kInvalidArgument, what); };
  if (codecs.empty()) return bad("no codec; give at least one");
  if (megapixels.empty()) return bad("no sizes; give at least one");
  for (const double m : megapixels) {
    if (!(m >= 0.001 && m <= 200)) return bad("sizes: legal are 0.001 to 200 megapixels");
  }
  if (threads < 1 || threads > 256) return bad("threads: legal are 1 to 256");
  if (repeats < 1 || repeats > 1000) return bad("repeats: legal are 1 to 1000");
  return Status::Ok();
}

Result<BenchReport> Bench(const BenchOptions& options,
                          const std::function<void(std::size_t, std::size_t)>& progress) {
  HALFMOON_RETURN_IF_ERROR(options.Validate());
  RgbPicture source;
  if (!options.picture.empty()) {
    HALFMOON_ASSIGN_OR_RETURN(source, ReadRgb(options.picture));
  }
  PeerSettings settings;
  settings.threads = options.threads;
  settings.models_dir = options.models_dir;
  std::vector<Result<std::unique_ptr<Peer>>> peers;
  for (const std::string& codec : options.codecs) {
    peers.push_back(CreatePeer(codec, settings));
    const Status& status = peers.back().status();
    if (status.code() == StatusCode::kInvalidArgument) return status;
  }
  BenchReport report;
  const std::size_t total = options.codecs.size() * options.megapixels.size();
  for (const double megapixels : options.megapixels) {
    HALFMOON_ASSIGN_OR_RETURN(const RgbPicture image, BenchPicture(source, megapixels));
    for (std::size_t c = 0; c < peers.size(); ++c) {
      BenchRow row;
      row.codec = options.codecs[c];
      row.width = image.width();
      row.height = image.height();
      if (!peers[c].ok()) {
        row.error = peers[c].status().message();
      } else {
        row.quality = SpreadQualities((*peers[c])->info(), 1).front();
        if (const Status s = BenchOne(peers[c]->get(), image, options.repeats, &row); !s.ok()) {
          row.error = s.message();
        }
      }
      report.rows.push_back(std::move(row));
      if (progress) progress(report.rows.size(), total);
    }
  }
  if (options.child_command.empty()) return report;
  for (std::size_t c = 0; c < peers.size(); ++c) {
    if (!peers[c].ok()) continue;
    std::vector<std::string> command = options.child_command;
    command.push_back(Json{
        {"codec", options.codecs[c]},
        {"models_dir", options.models_dir},
        {"threads", options.threads},
        {"operation", "start"},
        {"input", ""},
        {"quality", 0},
        {"repeats", 0}}.dump());
    std::vector<double> seconds;
    for (int i = 0; i <= options.repeats; ++i) {
      HALFMOON_ASSIGN_OR_RETURN(const ProcessResult child, RunProcess(command, kStartupTimeout));
      if (child.exit_code != 0) return Status(StatusCode::kInternal, LastLine(child.err));
      if (i > 0) seconds.push_back(child.seconds);
    }
    std::sort(seconds.begin(), seconds.end());
    report.startup.push_back({options.codecs[c], seconds[seconds.size() / 2]});
  }
  return report;
}

}  // namespace halfmoon::eval
