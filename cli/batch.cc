#include "cli/batch.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>

#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/files.h"
#include "cli/interrupt.h"

namespace halfmoon::cli {
namespace {

namespace fs = std::filesystem;

std::string LowerEnding(const fs::path& path) {
  std::string text = path.extension().string();
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return text;
}

struct Shard {
  std::size_t index = 0, count = 1;
};

Result<Shard> ParseShard(const std::string& text) {
  if (text.empty()) return Shard{};
  std::size_t i = 0, n = 0;
  const char *begin = text.data(), *end = begin + text.size();
  const auto first = std::from_chars(begin, end, i);
  if (first.ec == std::errc() && first.ptr != end && *first.ptr == '/') {
    const auto second = std::from_chars(first.ptr + 1, end, n);
    if (second.ec == std::errc() && second.ptr == end && i >= 1 && i <= n) return Shard{i - 1, n};
  }
  return Status(StatusCode::kInvalidArgument,
                "shard '" + text + "' is illegal; give i/n with 1 <= i <= n, e.g. 2/8");
}

// A found file and its path below the input it came from.
struct Found {
  fs::path file, below;
};

Status FindIn(const fs::path& folder, const BatchOptions& options,
              const std::vector<std::string>& endings, std::vector<Found>* found) {
  std::error_code error;
  const auto take = [&](const fs::directory_entry& entry) {
    std::error_code ignored;
    if (!entry.is_regular_file(ignored)) return;
    const std::string ending = LowerEnding(entry.path());
    if (entry.path().filename().string().starts_with('.')) return;  // of others, or unfinished
    if (std::find(endings.begin(), endings.end(), ending) == endings.end()) return;
    found->push_back({entry.path(), entry.path().lexically_relative(folder)});
  };
  if (options.recursive) {
    const auto how = fs::directory_options::skip_permission_denied;
    for (fs::recursive_directory_iterator it(folder, how, error), end; !error && it != end;
         it.increment(error)) {
      take(*it);
    }
  } else {
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      take(*it);
    }
  }
  if (error) return {StatusCode::kIo, folder.string() + ": cannot list it: " + error.message()};
  return Status::Ok();
}

// What all workers share.
struct Progress {
  std::mutex mutex;
  std::size_t next = 0, done = 0, failed = 0, skipped = 0, partial = 0;
  std::uint64_t input_bytes = 0, output_bytes = 0;
  std::map<std::size_t, int> codes;  // exit codes of items that did not go well, by place
};

}  // namespace

void AddBatch(CLI::App* command, BatchOptions* o) {
  command->option_defaults()->group(kBatchGroup);
  command
      ->add_option("--out-dir", o->out_dir,
                   "Put results there, folders as below the input; made when missing")
      ->type_name("DIR");
  command->add_flag("-r,--recursive", o->recursive, "Go into the subfolders of folders");
  AddNumber(command, "-j,--jobs", "N", &o->jobs, {1, 64},
            "So many files at once, 1 to 64; threads are divided among them; default 1");
  command->add_flag("--resume", o->resume,
                    "Skip files whose result is there and intact; replace results that are not");
  command
      ->add_option("--shard", o->shard,
                   "Only part i of n of the sorted list, for several machines or a Slurm array")
      ->type_name("I/N");
  command->option_defaults()->group("Options");
}

bool IsBatch(const std::vector<std::string>& inputs, const BatchOptions& options) {
  std::error_code ignored;
  return inputs.size() > 1 || !options.out_dir.empty() || !options.shard.empty() ||
         options.resume || (inputs.size() == 1 && options.recursive) ||
         (inputs.size() == 1 && inputs[0] != kStandardStream &&
          fs::is_directory(inputs[0], ignored));
}

Result<std::vector<BatchItem>> ListBatch(const std::vector<std::string>& inputs,
                                         const BatchOptions& options,
                                         const std::vector<std::string>& endings,
                                         const std::string& ending) {
  HALFMOON_ASSIGN_OR_RETURN(const Shard shard, ParseShard(options.shard));
  std::vector<Found> found;
  for (const std::string& input : inputs) {
    std::error_code ignored;
    if (input == kStandardStream) {
      return Status(StatusCode::kInvalidArgument,
                    "-: standard input can't be part of a batch; give it alone");
    }
    if (fs::is_directory(input, ignored)) {
      HALFMOON_RETURN_IF_ERROR(FindIn(input, options, endings, &found));
    } else {
      found.push_back({input, fs::path(input).filename()});
    }
  }
  if (found.empty()) {
    std::string list;
    for (const std::string& e : endings) list += (list.empty() ? "" : ", ") + e;
    return Status(StatusCode::kInvalidArgument,
                  inputs.front() + ": no file with one of the endings " + list +
                      (options.recursive ? "" : "; --recursive looks into subfolders, too"));
  }
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return a.file < b.file; });
  std::vector<BatchItem> all;
  std::map<std::string, std::string> sources;  // of results
  for (const Found& f : found) {
    fs::path output = options.out_dir.empty() ? f.file : fs::path(options.out_dir) / f.below;
    output.replace_extension(ending);
    BatchItem item{f.file.string(), output.string()};
    const auto [at, fresh] = sources.emplace(output.lexically_normal().string(), item.input);
    if (!fresh && at->second != item.input) {
      return Status(StatusCode::kInvalidArgument,
                    at->second + " and " + item.input + " would both become " + item.output +
                        "; rename one, or use two runs with different --out-dir");
    }
    if (fresh) all.push_back(std::move(item));
  }
  std::vector<BatchItem> mine;
  for (std::size_t i = shard.index; i < all.size(); i += shard.count) mine.push_back(all[i]);
  return mine;
}

int RunBatch(const std::vector<BatchItem>& items, const BatchOptions& options,
             const ReportOptions& report, const BatchWork& work) {
  const Timer timer;
  const bool interactive = !report.quiet && !report.json;
  ProgressLine line(report.quiet);
  Progress p;
  DeferInterrupt interrupt;  // a file in work is finished: no temporary file stays behind

  const auto settle = [&](std::size_t i, const BatchOutcome& outcome,
                          const nlohmann::ordered_json& json) {
    const std::lock_guard lock(p.mutex);
    line.Clear();
    ++p.done;
    p.skipped += outcome.skipped ? 1 : 0;
    p.partial += outcome.partial ? 1 : 0;
    p.input_bytes += outcome.input_bytes;
    p.output_bytes += outcome.output_bytes;
    if (!report.quiet) PrintWarnings(items[i].input, outcome.warnings);
    if (!outcome.status.ok()) {
      ++p.failed;
      p.codes[i] = PrintError(outcome.status);
    } else if (outcome.partial) {
      p.codes[i] = kExitPartial;
    }
    if (report.json) PrintJsonLine(json);
    if (interactive && StdoutIsTerminal() && !outcome.text.empty()) PrintText(outcome.text);
    line.ShowCount("files", p.done, items.size());
  };
  const auto run = [&](std::size_t worker) {
    for (;;) {
      std::size_t i = 0;
      {
        const std::lock_guard lock(p.mutex);
        if (interrupt.requested() || p.next >= items.size()) return;
        i = p.next++;
      }
      nlohmann::ordered_json json = {{"input", items[i].input}, {"output", items[i].output}};
      std::error_code ignored;  // a folder that can't be made shows as an error of the file
      const fs::path folder = fs::path(items[i].output).parent_path();
      if (!options.out_dir.empty() && !folder.empty()) fs::create_directories(folder, ignored);
      const BatchOutcome outcome = work(worker, items[i], &json);
      json["ok"] = outcome.status.ok();
      if (outcome.skipped) json["skipped"] = true;
      if (!outcome.status.ok()) {
        json["error"] = StatusCodeName(outcome.status.code());
        json["message"] = outcome.status.message();
      }
      settle(i, outcome, json);
    }
  };
  std::vector<std::thread> helpers;
  const std::size_t jobs = std::min(items.size(), static_cast<std::size_t>(options.jobs));
  for (std::size_t w = 1; w < jobs; ++w) {
    try {
      helpers.emplace_back(run, w);
    } catch (const std::system_error&) {
      break;  // those there are do the work
    }
  }
  run(0);
  for (std::thread& t : helpers) t.join();
  line.Clear();

  const std::size_t good = p.done - p.failed - p.skipped;
  if (report.json) {
    PrintJsonLine({{"files", items.size()},
                   {"done", good},
                   {"skipped", p.skipped},
                   {"failed", p.failed},
                   {"partial", p.partial},
                   {"not_started", items.size() - p.done},
                   {"input_bytes", p.input_bytes},
                   {"output_bytes", p.output_bytes},
                   {"seconds", timer.seconds()}});
  } else if (!report.quiet) {
    Table table({">files", ">done", ">skipped", ">failed", ">in", ">out", ">time"});
    table.Add({std::to_string(items.size()), std::to_string(good), std::to_string(p.skipped),
               std::to_string(p.failed), Bytes(p.input_bytes), Bytes(p.output_bytes),
               Duration(timer.seconds())});
    PrintText(table.ToText());
  }
  if (interrupt.requested()) {
    interrupt.Acknowledge();
    return kExitInterrupted;
  }
  return p.codes.empty() ? static_cast<int>(kExitOk) : p.codes.begin()->second;
}

}  // namespace halfmoon::cli
