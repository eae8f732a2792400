#include "cli/batch.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <numeric>
#include <set>
#include <string_view>
#include <system_error>

#include "cli/batch_journal.h"
#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/files.h"
#include "cli/interrupt.h"
#include "codec/common/exceptions.h"
#include "models/runtime/layers/parallel.h"

namespace halfmoon::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// A code of warnings, beside those of picture files.
constexpr std::string_view kNoJournal = "no-journal";

// "1 file", "2 files".
std::string Count(std::size_t n, const std::string& what) {
  return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

class Batch {
 public:
  Batch(const BatchOptions& options, const ReportOptions& report, bool force, const BatchTask& task,
        BatchList list)
      : options_(options),
        report_(report),
        force_(force),
        task_(task),
        list_(std::move(list)),
        journal_(options.list.out_dir, options.resume, task.options),
        line_(report.quiet),
        shares_(static_cast<std::size_t>(options.jobs), 0.0),
        codes_(items().size(), kExitOk),
        settled_(items().size(), false) {}

  int Run() {
    for (const Status& folder : list_.unreadable) PrintError(folder);
    runtime::ParallelFor(options_.jobs, items().size(), [&](std::size_t worker, std::size_t i) {
      // A reader of stdout that has gone ends the batch as Ctrl-C does.
      if (interrupt_.requested() || StdoutIsClosed()) return;
      try {
        Do(worker, i);
      } catch (const std::exception&) {  // not even memory for a message
        const std::lock_guard lock(mutex_);
        PrintOutOfMemory();
        if (!settled_[i]) Note(i, {StatusCode::kOutOfMemory, ""}, false);
      }
    });
    line_.Clear();
    PrintWarningKinds();
    if (report_.json) {
      PrintJsonLine(Summary());
    } else if (!report_.quiet) {
      PrintText(SummaryText());
    }
    return ExitCode();
  }

 private:
  // What --resume makes of a result that is there.
  struct Judgement {
    bool skip = false, replace = false;
    std::string reason;  // for making it again
    Status status;
  };

  struct WarningKind {
    std::string first, text;  // of the first file
    std::size_t files = 0;
  };

  const std::vector<BatchItem>& items() const { return list_.items; }

  Judgement Judge(const BatchItem& item) {
    Judgement j;
    std::error_code error;
    j.replace = force_;
    if (!options_.resume || !fs::exists(item.output, error)) return j;
    const std::optional<std::string> known = journal_.WhyOutdated(item.input, item.output);
    const bool intact = task_.is_intact(item.output);
    if (!intact) {
      j.reason = "it was damaged";
    } else if (known) {
      j.reason = *known;
    } else {
      j.reason = ByItself(item);
    }
    j.skip = j.reason.empty();
    j.replace = force_ || known || task_.only_results;
    if (!j.skip && !j.replace) {
      j.status = {StatusCode::kFileExists,
                  item.output + ": is kept, because nothing says that it was made from " +
                      item.input + " (" + j.reason + "); move it away, or use another --out-dir"};
    }
    return j;
  }

  // Of a result that no journal knows.
  std::string ByItself(const BatchItem& item) const {
    std::error_code error;
    const auto made = fs::last_write_time(item.output, error);
    const auto source = fs::last_write_time(item.input, error);
    if (!error && source > made) return "the source is newer";
    return task_.contradiction(item);
  }

  void Do(std::size_t worker, std::size_t i) {
    const BatchItem& item = items()[i];
    Json json = {{"input", item.input}, {"output", item.output}};
    BatchOutcome outcome;
    Judgement judgement;
    outcome.status = GuardExceptions(item.input.c_str(), [&]() -> Status {
      HALFMOON_RETURN_IF_ERROR(item.refused);
      judgement = Judge(item);
      HALFMOON_RETURN_IF_ERROR(judgement.status);
      if (judgement.skip) return Status::Ok();
      outcome = Make(worker, item, judgement.replace, &json);
      return outcome.status;
    });
    // A model that can't be loaded knows no file.
    const std::string& said = outcome.status.message();
    if (said.find(item.input) == said.npos && said.find(item.output) == said.npos) {
      outcome.status = outcome.status.WithContext(item.input);
    }
    json["ok"] = outcome.status.ok();
    if (judgement.skip) json["skipped"] = true;
    if (!judgement.reason.empty() && judgement.replace) json["remade"] = judgement.reason;
    json["warnings"] = ToJson(outcome.warnings);
    if (!outcome.status.ok()) {
      json["error"] = StatusCodeName(outcome.status.code());
      json["message"] = outcome.status.message();
    }
    Settle(worker, i, judgement, outcome, json);
  }

  BatchOutcome Make(std::size_t worker, const BatchItem& item, bool replace, Json* json) {
    std::error_code ignored;  // a folder that can't be made shows as an error of the file
    const fs::path folder = fs::path(item.output).parent_path();
    if (!options_.list.out_dir.empty() && !folder.empty()) fs::create_directories(folder, ignored);
    // Before the work: a source that changes meanwhile is another than this one.
    const auto source = journal_.Observe(item.input);
    const auto progress = [this, worker](double share) {
      const std::lock_guard lock(mutex_);
      shares_[worker] = share;
      ShowProgress();
    };
    BatchOutcome outcome = task_.work(worker, item, replace, progress, json);
    if (outcome.status.ok() && !outcome.partial && source) {
      if (const Status noted = journal_.Add(*source, item.output); !noted.ok()) {
        Warn(&outcome.warnings, kNoJournal,
             "--resume will have to judge results by themselves: " + noted.message());
      }
    }
    return outcome;
  }

  // Allocates nothing.
  void Note(std::size_t i, const Status& status, bool partial) {
    settled_[i] = true;
    ++done_;
    failed_ += status.ok() ? 0 : 1;
    partial_ += partial ? 1 : 0;
    codes_[i] = partial ? static_cast<int>(kExitPartial) : ExitCodeOf(status.code());
  }

  void ShowProgress() {
    const double in_work = std::accumulate(shares_.begin(), shares_.end(), 0.0);
    line_.ShowCount("files", done_, items().size(), in_work);
  }

  void Settle(std::size_t worker, std::size_t i, const Judgement& judgement,
              const BatchOutcome& outcome, const Json& json) {
    const std::lock_guard lock(mutex_);
    Note(i, outcome.status, outcome.partial);
    shares_[worker] = 0;
    skipped_ += judgement.skip ? 1 : 0;
    input_bytes_ += outcome.input_bytes;
    output_bytes_ += outcome.output_bytes;
    if (outcome.status.ok() && !judgement.reason.empty()) ++remade_[judgement.reason];
    line_.Clear();
    NoteWarnings(items()[i].input, outcome.warnings);
    if (!outcome.status.ok()) PrintError(outcome.status);
    if (report_.json) {
      PrintJsonLine(json);
    } else if (!report_.quiet && StdoutIsTerminal() && !outcome.text.empty()) {
      PrintText(outcome.text);
    }
    ShowProgress();
  }

  // What is lost of a file is for its owner to know; anything else is said once for all files.
  void NoteWarnings(const std::string& input, const Warnings& warnings) {
    std::set<std::string_view> codes;
    for (const Warning& w : warnings) {
      auto [kind, fresh] = kinds_.try_emplace(w.code, WarningKind{input, w.text, 0});
      kind->second.files += codes.insert(w.code).second ? 1 : 0;
      if (!report_.quiet && (report_.verbose || w.code == warning_code::kDamage)) {
        PrintWarning(input + ": " + w.text);
      }
    }
  }

  void PrintWarningKinds() const {
    if (report_.quiet || report_.verbose) return;
    for (const auto& [code, kind] : kinds_) {
      if (code == warning_code::kDamage) continue;
      const std::string others =
          kind.files == 1 ? ""
                          : " and " + Count(kind.files - 1, "other") + " (--verbose names them)";
      PrintWarning(kind.first + others + ": " + kind.text);
    }
  }

  std::size_t made() const { return done_ - failed_ - skipped_; }
  std::size_t not_started() const { return items().size() - done_; }
  std::size_t remade() const {
    std::size_t sum = 0;
    for (const auto& [reason, count] : remade_) sum += count;
    return sum;
  }

  Json Summary() const {
    Json folders = Json::array();
    for (const Status& s : list_.unreadable) folders.push_back(s.message());
    Json warnings = Json::array();
    for (const auto& [code, kind] : kinds_) {
      warnings.push_back(
          {{"code", code}, {"files", kind.files}, {"first", kind.first}, {"text", kind.text}});
    }
    return {{"files", items().size()},
            {"done", made()},
            {"skipped", skipped_},
            {"remade", remade()},
            {"failed", failed_},
            {"partial", partial_},
            {"not_started", not_started()},
            {"unreadable_folders", std::move(folders)},
            {"passed_over", list_.passed_over.ToJson()},
            {"warnings", std::move(warnings)},
            {"input_bytes", input_bytes_},
            {"output_bytes", output_bytes_},
            {"seconds", timer_.seconds()}};
  }

  std::string SummaryText() const {
    std::vector<std::string> heads = {">files", ">done"};
    std::vector<std::string> cells = {std::to_string(items().size()), std::to_string(made())};
    const auto add = [&](const char* head, std::string cell) {
      heads.push_back(head);
      cells.push_back(std::move(cell));
    };
    if (options_.resume) {
      add(">remade", std::to_string(remade()));
      add(">skipped", std::to_string(skipped_));
    }
    add(">failed", std::to_string(failed_));
    if (partial_ > 0) add(">with losses", std::to_string(partial_));
    if (not_started() > 0) add(">not started", std::to_string(not_started()));
    add(">in", Bytes(input_bytes_));
    add(">out", Bytes(output_bytes_));
    add(">time", Duration(timer_.seconds()));
    Table table(heads);
    table.Add(std::move(cells));
    std::string text = table.ToText();
    for (const auto& [reason, count] : remade_) {
      text += "made again: " + Count(count, "file") + ", " + reason + "\n";
    }
    if (const std::string passed = list_.passed_over.ToText(); !passed.empty()) {
      text += "passed over: " + passed + "\n";
    }
    if (!list_.unreadable.empty()) {
      text += "not looked into: " + Count(list_.unreadable.size(), "folder") + "\n";
    }
    return text;
  }

  int ExitCode() {
    if (interrupt_.requested()) {
      interrupt_.Acknowledge();
      return kExitInterrupted;
    }
    if (StdoutIsClosed()) {
      if (not_started() > 0) {
        PrintWarning("nobody reads standard output any more; " + Count(not_started(), "file") +
                     " not started");
      }
      return kExitIo;
    }
    if (!list_.unreadable.empty()) return kExitIo;
    const auto bad = std::find_if(codes_.begin(), codes_.end(), [](int c) { return c != kExitOk; });
    return bad == codes_.end() ? static_cast<int>(kExitOk) : *bad;
  }

  const BatchOptions& options_;
  const ReportOptions& report_;
  bool force_;
  const BatchTask& task_;
  BatchList list_;
  BatchJournal journal_;
  const Timer timer_;
  DeferInterrupt interrupt_;  // files in work are finished

  std::mutex mutex_;  // guards what follows, and the console
  ProgressLine line_;
  std::size_t done_ = 0, failed_ = 0, skipped_ = 0, partial_ = 0;
  std::map<std::string, std::size_t> remade_;      // by reason
  std::map<std::string_view, WarningKind> kinds_;  // by code
  std::uint64_t input_bytes_ = 0, output_bytes_ = 0;
  std::vector<double> shares_;  // done of the files in work, by worker
  std::vector<int> codes_;      // exit codes, by place
  std::vector<char> settled_;   // by place
};

}  // namespace

void AddBatch(CLI::App* command, BatchOptions* o) {
  command->option_defaults()->group(kBatchGroup);
  command
      ->add_option("--out-dir", o->list.out_dir,
                   "Put results there, folders as below the input; made when missing")
      ->type_name("DIR");
  command->add_flag("-r,--recursive", o->list.recursive, "Go into the subfolders of folders");
  AddNumber(command, "-j,--jobs", "N", &o->jobs, {1, 64},
            "So many files at once, 1 to 64; threads and --max-memory are divided among them; "
            "default 1");
  command->add_flag("--resume", o->resume,
                    "Skip files whose result is there, whole and up to date; make the others again "
                    "where source or options have changed");
  command
      ->add_option("--shard", o->list.shard,
                   "Only part i of n of the sorted list, for several machines or a Slurm array")
      ->type_name("I/N");
  command->option_defaults()->group("Options");
}

bool IsBatch(const std::vector<std::string>& inputs, const BatchOptions& options) {
  std::error_code ignored;
  return inputs.size() > 1 || !options.list.out_dir.empty() || !options.list.shard.empty() ||
         options.resume || (inputs.size() == 1 && options.list.recursive) ||
         (inputs.size() == 1 && inputs[0] != kStandardStream &&
          fs::is_directory(inputs[0], ignored));
}

int RunBatch(const std::vector<std::string>& inputs, const BatchOptions& options,
             const ReportOptions& report, bool force, const BatchTask& task) {
  auto list = ListBatch(inputs, options.list, task.endings);
  if (!list.ok()) return ReportError(list.status(), report.json);
  return Batch(options, report, force, task, std::move(*list)).Run();
}

}  // namespace halfmoon::cli
