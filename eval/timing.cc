#include "eval/timing.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include "codec/io/atomic_file.h"
#include "codec/io/read_file.h"
#include "eval/dataset.h"
#include "eval/entries.h"
#include "eval/process.h"
#include "eval/run.h"
#include "eval/work_folder.h"

namespace halfmoon::eval {
namespace {

// A measurement that takes longer has hung.
constexpr double kTimeoutSeconds = 3600;

double Seconds(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// A field of /proc/self/status in bytes, e.g. "VmHWM:"; 0 where there is no such file.
std::int64_t StatusBytes(const std::string& field) {
  std::ifstream in("/proc/self/status");
  for (std::string word; in >> word;) {
    std::int64_t kib = 0;
    if (word == field && in >> kib) return kib * 1024;
  }
  return 0;
}

// From here on VmHWM counts anew (Linux 4.0 and later).
void ForgetPeak() { std::ofstream("/proc/self/clear_refs") << "5"; }

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

struct Spent {
  double seconds = 0;
  std::int64_t memory_bytes = 0;
};

Result<Spent> RunChild(Run* run, const Json& request) {
  std::vector<std::string> command = run->options().child_command;
  command.push_back(request.dump());
  HALFMOON_ASSIGN_OR_RETURN(const ProcessResult child, RunProcess(command, kTimeoutSeconds));
  if (child.exit_code != 0) {
    return Status(StatusCode::kUnsupportedFeature,
                  "exit code " + std::to_string(child.exit_code) + ": " + LastLine(child.err));
  }
  const auto json = Json::parse(child.out, nullptr, false);
  if (!json.is_object()) return Status(StatusCode::kInternal, "the measuring process said nothing");
  return Spent{json.at("seconds"), json.at("memory_bytes")};
}

Status MeasureRow(Run* run, std::size_t codec, const std::string& coded_path, TimingRow* row) {
  Evaluation& e = *run->evaluation;
  const CodecResult& c = e.codecs[codec];
  const DatasetPicture& picture = e.pictures[row->picture];
  Json request = {{"codec", e.options.codecs[codec]},
                  {"models_dir", e.options.models_dir},
                  {"threads", row->threads},
                  {"repeats", e.options.repeats},
                  {"quality", c.qualities[row->point]},
                  {"operation", "encode"},
                  {"input", picture.path}};
  HALFMOON_ASSIGN_OR_RETURN(const Spent encode, RunChild(run, request));
  HALFMOON_ASSIGN_OR_RETURN(const RgbPicture image, ReadRgb(picture.path));
  HALFMOON_ASSIGN_OR_RETURN(Peer* const peer, run->peers.Get(0, codec));
  HALFMOON_ASSIGN_OR_RETURN(const auto file, peer->Encode(image, c.qualities[row->point]));
  HALFMOON_RETURN_IF_ERROR(WriteFile(coded_path, file, /*overwrite=*/true));
  request["operation"] = "decode";
  request["input"] = coded_path;
  HALFMOON_ASSIGN_OR_RETURN(const Spent decode, RunChild(run, request));
  row->encode_seconds = encode.seconds;
  row->encode_memory_bytes = encode.memory_bytes;
  row->decode_seconds = decode.seconds;
  row->decode_memory_bytes = decode.memory_bytes;
  return Status::Ok();
}

}  // namespace

Status MeasureTiming(Run* run) {
  Evaluation& e = *run->evaluation;
  e.timing_threads = {1};
  if (const auto cores = static_cast<int>(std::thread::hardware_concurrency()); cores > 1) {
    e.timing_threads.push_back(cores);
  }
  std::vector<std::pair<std::size_t, TimingRow>> rows;  // codec, row
  int pictures = 0;
  for (std::size_t p = 0; p < e.pictures.size() && pictures < e.options.timing_pictures; ++p) {
    if (e.pictures[p].error.failed()) continue;
    ++pictures;
    for (std::size_t c = 0; c < e.codecs.size(); ++c) {
      for (std::size_t q = 0; q < e.codecs[c].qualities.size(); ++q) {
        for (const int threads : e.timing_threads) {
          TimingRow row;
          row.picture = static_cast<int>(p);
          row.point = static_cast<int>(q);
          row.threads = threads;
          rows.push_back({c, row});
        }
      }
    }
  }
  HALFMOON_ASSIGN_OR_RETURN(const auto folder, WorkFolder::Create());
  const std::string coded = *folder / "coded";
  run->Restart();
  for (auto& [c, row] : rows) {
    const std::string key =
        EntryKey("timing-" + std::to_string(row.threads) + "-" + std::to_string(e.options.repeats),
                 e.codecs[c], e.codecs[c].qualities[row.point], e.pictures[row.picture]);
    if (const auto* known = run->journal.Find(key)) {
      const Json json = *known;
      json.at("e").get_to(row.encode_seconds);
      json.at("d").get_to(row.decode_seconds);
      json.at("em").get_to(row.encode_memory_bytes);
      json.at("dm").get_to(row.decode_memory_bytes);
    } else if (const Status s = MeasureRow(run, c, coded, &row); !s.ok()) {
      row.error.Set(s);
    } else {
      const Json json = {{"e", row.encode_seconds},
                         {"d", row.decode_seconds},
                         {"em", row.encode_memory_bytes},
                         {"dm", row.decode_memory_bytes}};
      HALFMOON_RETURN_IF_ERROR(run->journal.Add(key, json));
    }
    e.codecs[c].timing.push_back(row);
    run->Step("timing", rows.size());
  }
  return Status::Ok();
}

Result<std::string> RunTimingChild(const std::string& request) {
  const Json json = Json::parse(request, nullptr, false);
  std::string codec, operation, input;
  PeerSettings settings;
  double quality = 0;
  int repeats = 1;
  try {
    json.at("codec").get_to(codec);
    json.at("operation").get_to(operation);
    json.at("input").get_to(input);
    json.at("threads").get_to(settings.threads);
    json.at("models_dir").get_to(settings.models_dir);
    json.at("quality").get_to(quality);
    json.at("repeats").get_to(repeats);
  } catch (const nlohmann::json::exception& error) {
    return Status(StatusCode::kInvalidArgument,
                  std::string("not a timing request: ") + error.what());
  }
  const bool encode = operation == "encode";
  RgbPicture image;
  std::vector<std::uint8_t> file;
  if (operation == "start") {  // nothing but making the codec
    HALFMOON_RETURN_IF_ERROR(CreatePeer(codec, settings).status());
    return std::string("{}");
  }
  if (encode) {
    HALFMOON_ASSIGN_OR_RETURN(image, ReadRgb(input));
  } else {
    HALFMOON_ASSIGN_OR_RETURN(file, ReadFile(input));
  }
  const std::int64_t before = StatusBytes("VmRSS:");
  ForgetPeak();
  HALFMOON_ASSIGN_OR_RETURN(const auto peer, CreatePeer(codec, settings));
  std::vector<double> seconds;
  for (int i = 0; i <= repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (encode) {
      if (const auto r = peer->Encode(image, quality); !r.ok()) return r.status();
    } else {
      if (const auto r = peer->Decode(file); !r.ok()) return r.status();
    }
    if (i > 0) seconds.push_back(Seconds(start));  // the first one warms up
  }
  std::int64_t memory = std::max<std::int64_t>(StatusBytes("VmHWM:") - before, 0);
  struct rusage children = {};
  if (::getrusage(RUSAGE_CHILDREN, &children) == 0) {  // exec: its programs
    memory = std::max<std::int64_t>(memory, std::int64_t{children.ru_maxrss} * 1024);
  }
  return Json{{"seconds", Median(seconds)}, {"memory_bytes", memory}}.dump();
}

}  // namespace halfmoon::eval
