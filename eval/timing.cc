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

// Of an even number of runs the mean of the two in the middle. REQUIRES: at least one run.
Spent Median(std::vector<Spent> runs) {
  std::sort(runs.begin(), runs.end(),
            [](const Spent& a, const Spent& b) { return a.seconds < b.seconds; });
  Spent median = runs[runs.size() / 2];
  const Spent& below = runs[(runs.size() - 1) / 2];  // of an odd number the same
  median.seconds = (below.seconds + median.seconds) / 2;
  for (std::size_t i = 0; i < std::min(below.stages.size(), median.stages.size()); ++i) {
    median.stages[i].seconds = (below.stages[i].seconds + median.stages[i].seconds) / 2;
  }
  return median;
}

Result<Spent> RunChild(Run* run, const Json& request) {
  std::vector<std::string> command = run->options().child_command;
  command.push_back(request.dump());
  HALFMOON_ASSIGN_OR_RETURN(const ProcessResult child, RunProcess(command, kTimeoutSeconds));
  if (child.exit_code != 0) {
    return Status(StatusCode::kUnsupportedFeature,
                  "exit code " + std::to_string(child.exit_code) + ": " + LastLine(child.err));
  }
  const Json json = Json::parse(child.out, nullptr, false);
  if (!json.is_object()) return Status(StatusCode::kInternal, "the measuring process said nothing");
  return SpentFromJson(json);
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
  HALFMOON_ASSIGN_OR_RETURN(row->encode, RunChild(run, request));
  HALFMOON_ASSIGN_OR_RETURN(const RgbPicture image, ReadRgb(picture.path));
  HALFMOON_ASSIGN_OR_RETURN(Peer* const peer, run->peers.Get(0, codec));
  HALFMOON_ASSIGN_OR_RETURN(const auto file, peer->Encode(image, c.qualities[row->point]));
  HALFMOON_RETURN_IF_ERROR(WriteFile(coded_path, file, /*overwrite=*/true));
  request["operation"] = "decode";
  request["input"] = coded_path;
  HALFMOON_ASSIGN_OR_RETURN(row->decode, RunChild(run, request));
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
      row.encode = SpentFromJson(known->at("encode"));
      row.decode = SpentFromJson(known->at("decode"));
    } else if (const Status s = MeasureRow(run, c, coded, &row); !s.ok()) {
      row.error.Set(s);
    } else {
      HALFMOON_RETURN_IF_ERROR(run->journal.Add(
          key, Json{{"encode", SpentToJson(row.encode)}, {"decode", SpentToJson(row.decode)}}));
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
  if (encode) {
    HALFMOON_ASSIGN_OR_RETURN(image, ReadRgb(input));
  } else {
    HALFMOON_ASSIGN_OR_RETURN(file, ReadFile(input));
  }
  const std::int64_t before = StatusBytes("VmRSS:");
  ForgetPeak();
  HALFMOON_ASSIGN_OR_RETURN(const auto peer, CreatePeer(codec, settings));
  std::vector<Spent> runs;
  for (int i = 0; i <= repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (encode) {
      if (const auto r = peer->Encode(image, quality); !r.ok()) return r.status();
    } else {
      if (const auto r = peer->Decode(file); !r.ok()) return r.status();
    }
    if (i > 0) runs.push_back({Seconds(start), 0, peer->Stages()});  // the first one warms up
  }
  Spent spent = Median(std::move(runs));
  spent.memory_bytes = std::max<std::int64_t>(StatusBytes("VmHWM:") - before, 0);
  struct rusage children = {};
  if (::getrusage(RUSAGE_CHILDREN, &children) == 0) {  // exec: its programs
    spent.memory_bytes =
        std::max<std::int64_t>(spent.memory_bytes, std::int64_t{children.ru_maxrss} * 1024);
  }
  return SpentToJson(spent).dump();
}

std::string CpuName() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

}  // namespace halfmoon::eval
