#include "cli/batch_list.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "cli/files.h"

namespace halfmoon::cli {
namespace {

namespace fs = std::filesystem;

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

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// A found file and its path below the input it came from.
struct Found {
  fs::path file, below;
};

// The name that all ways to a file have in common, whatever links and dots its folder is reached
// by. (Links to the file itself are files of their own: their results have other names.)
class Names {
 public:
  std::string operator()(const fs::path& file) {
    const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
    auto [at, fresh] = folders_.emplace(folder.string(), fs::path());
    if (fresh) {
      std::error_code error;
      at->second = fs::weakly_canonical(folder, error);
      if (error) at->second = folder.lexically_normal();
    }
    return (at->second / file.filename()).string();
  }

 private:
  std::map<std::string, fs::path> folders_;
};

class Finder {
 public:
  Finder(bool recursive, const BatchEndings& endings, BatchList* list)
      : recursive_(recursive), endings_(endings), list_(*list) {}

  void AddFile(const fs::path& file, const fs::path& below) {
    if (seen_.insert(names_(file)).second) found_.push_back({file, below});
  }

  void AddFolder(const fs::path& top) {
    std::vector<fs::path> folders = {top};
    while (!folders.empty()) {
      const fs::path folder = std::move(folders.back());
      folders.pop_back();
      std::error_code error;
      fs::directory_iterator it(folder, error);
      for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
        if (IsFolderToEnter(*it, top)) folders.push_back(it->path());
      }
      if (!error) continue;
      list_.unreadable.push_back({StatusCode::kIo, folder.string() +
                                                       ": cannot list the folder, what is in it "
                                                       "is left out: " +
                                                       error.message()});
    }
  }

  std::vector<Found> Take() {
    std::sort(found_.begin(), found_.end(),
              [](const Found& a, const Found& b) { return a.file < b.file; });
    return std::move(found_);
  }

 private:
  // Takes or counts anything else.
  bool IsFolderToEnter(const fs::directory_entry& entry, const fs::path& top) {
    PassedOver& passed = list_.passed_over;
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.')) {
      if (!name.starts_with(".halfmoon-")) ++passed.hidden;  // those are our own
      return false;
    }
    std::error_code ignored;
    const bool link = entry.is_symlink(ignored);
    if (!link && entry.is_directory(ignored)) {
      if (!recursive_) ++passed.folders;
      return recursive_;
    }
    if (!entry.is_regular_file(ignored)) {
      ++(link ? passed.links : passed.special);
      return false;
    }
    const std::string ending = LowerEnding(name);
    const auto& wanted = endings_.inputs;
    if (std::find(wanted.begin(), wanted.end(), ending) != wanted.end()) {
      AddFile(entry.path(), entry.path().lexically_relative(top));
    } else if (ending != endings_.result) {
      ++passed.endings[ending];
    }
    return false;
  }

  bool recursive_;
  const BatchEndings& endings_;
  BatchList& list_;
  Names names_;
  std::set<std::string> seen_;
  std::vector<Found> found_;
};

// Results of `found`, and refusals where two have one.
std::vector<BatchItem> ToItems(const std::vector<Found>& found, const std::string& out_dir,
                               const std::string& ending) {
  std::vector<BatchItem> items;
  std::map<std::string, std::size_t> first;  // of each result
  Names names;
  for (const Found& f : found) {
    fs::path output = out_dir.empty() ? f.file : fs::path(out_dir) / f.below;
    output.replace_extension(ending);
    items.push_back({f.file.string(), output.string(), Status::Ok()});
    BatchItem& item = items.back();
    const auto [at, fresh] = first.emplace(names(output), items.size() - 1);
    if (fresh) continue;
    BatchItem& other = items[at->second];
    const auto refusal = [&](const std::string& own, const std::string& others) {
      return Status(StatusCode::kInvalidArgument,
                    own + ": is left out, because its result and that of " + others +
                        " would both be " + item.output +
                        "; rename one, or do them one by one with -o");
    };
    item.refused = refusal(item.input, other.input);
    if (other.refused.ok()) other.refused = refusal(other.input, item.input);
  }
  return items;
}

}  // namespace

std::string PassedOver::ToText() const {
  constexpr std::size_t kNamed = 8;
  std::string kinds;
  std::size_t named = 0, unnamed = 0;
  for (const auto& [ending, count] : endings) {
    if (named++ >= kNamed) {
      unnamed += count;
    } else {
      kinds += (kinds.empty() ? "" : ", ") + (ending.empty() ? "without ending" : ending) + " " +
               std::to_string(count);
    }
  }
  if (unnamed > 0) kinds += ", others " + std::to_string(unnamed);
  std::vector<std::string> parts;
  if (!kinds.empty()) parts.push_back(kinds + ": not a kind this command reads");
  if (hidden > 0) parts.push_back("hidden " + std::to_string(hidden));
  if (links > 0) parts.push_back("links to folders or to nothing " + std::to_string(links));
  if (special > 0) parts.push_back("pipes and devices " + std::to_string(special));
  if (folders > 0) {
    parts.push_back("folders " + std::to_string(folders) + " (--recursive goes into them)");
  }
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : "; ") + part;
  return text;
}

nlohmann::ordered_json PassedOver::ToJson() const {
  nlohmann::ordered_json by_ending = nlohmann::ordered_json::object();
  for (const auto& [ending, count] : endings) by_ending[ending] = count;
  return {{"endings", std::move(by_ending)},
          {"hidden", hidden},
          {"links", links},
          {"special", special},
          {"folders", folders}};
}

Result<BatchList> ListBatch(const std::vector<std::string>& inputs, const BatchListOptions& options,
                            const BatchEndings& endings) {
  HALFMOON_ASSIGN_OR_RETURN(const Shard shard, ParseShard(options.shard));
  BatchList list;
  Finder finder(options.recursive, endings, &list);
  for (const std::string& input : inputs) {
    std::error_code ignored;
    if (input == kStandardStream) {
      return Status(StatusCode::kInvalidArgument,
                    "-: standard input can't be part of a batch; give it alone");
    }
    if (fs::is_directory(input, ignored)) {
      finder.AddFolder(input);
    } else {
      finder.AddFile(input, fs::path(input).filename());
    }
  }
  const std::vector<Found> found = finder.Take();
  if (found.empty() && list.unreadable.empty()) {
    const std::string passed = list.passed_over.ToText();
    return Status(StatusCode::kInvalidArgument,
                  Joined(inputs) + ": no file with one of the endings " + Joined(endings.inputs) +
                      (passed.empty() ? "" : "; passed over: " + passed));
  }
  std::vector<BatchItem> all = ToItems(found, options.out_dir, endings.result);
  for (std::size_t i = shard.index; i < all.size(); i += shard.count) {
    list.items.push_back(std::move(all[i]));
  }
  return list;
}

}  // namespace halfmoon::cli
