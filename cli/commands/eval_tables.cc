#include "cli/commands/eval_tables.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "cli/console.h"
#include "eval/timing.h"

namespace halfmoon::cli {
namespace {

// Where the rest is that a table or warning leaves out.
std::string Elsewhere(const eval::Evaluation& e) {
  return e.options.out.empty() ? "with --json" : "in results.json and the report";
}

std::string Cell(const std::optional<double>& value, int digits) {
  return value ? Fixed(*value, digits) : "n/a";
}

std::string Counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::size_t MeasuredPictures(const eval::Evaluation& e) {
  return static_cast<std::size_t>(
      std::count_if(e.pictures.begin(), e.pictures.end(),
                    [](const eval::DatasetPicture& p) { return !p.error.failed(); }));
}

void PrintPoints(const eval::Evaluation& e) {
  Table table({"codec", ">quality", ">bpp", ">PSNR/dB", ">MS-SSIM", ">MS-SSIM/dB", ">SSIMULACRA2",
               ">failed"});
  for (const eval::CodecResult& codec : e.codecs) {
    for (const eval::PointMeans& p : eval::MeansOf(e, codec)) {
      table.Add({codec.info.name, Fixed(p.quality, 1), p.pictures ? Fixed(p.bpp, 4) : "-",
                 Cell(p.metrics[metrics::Metric::kPsnrRgb], 3),
                 Cell(p.metrics[metrics::Metric::kMsSsim], 5),
                 Cell(p.metrics[metrics::Metric::kMsSsimDb], 3),
                 Cell(p.metrics[metrics::Metric::kSsimulacra2], 2), std::to_string(p.failed)});
    }
  }
  PrintText(table.ToText());
  PrintText(e.dataset_name + ": means over " + Counted(MeasuredPictures(e), "picture") + "\n");
}

bool AnyDifference(const std::vector<eval::BdEntry>& entries) {
  return std::any_of(entries.begin(), entries.end(),
                     [](const eval::BdEntry& b) { return b.difference.ok(); });
}

// Differences between codecs of the run.
void PrintDifferences(const std::vector<eval::BdEntry>& entries) {
  Table table({"codec", "against", "metric", ">BD-rate", ">BD-metric", ">overlap", ">per picture",
               ">wins", ">losses"});
  bool any = false;
  for (const eval::BdEntry& b : entries) {
    if (b.published || !b.difference.ok()) continue;
    std::string metric;
    for (const metrics::MetricName& n : metrics::kMetrics) {
      if (n.metric == b.metric) metric = n.key;
    }
    const eval::BdDifference& d = *b.difference;
    any = true;
    table.Add({b.test, b.anchor, metric, Fixed(d.bd_rate, 1) + " %", Fixed(d.bd_metric, 2),
               Fixed(d.low, 1) + ".." + Fixed(d.high, 1) + " (" + Fixed(d.share * 100, 0) + " %)",
               b.per_picture.empty() ? "" : Fixed(b.mean, 1) + " +- " + Fixed(b.stddev, 1) + " %",
               std::to_string(b.wins), std::to_string(b.losses)});
  }
  if (any) PrintText("\n" + table.ToText());
}

// BD-rates by PSNR against published curves: a line a curve, a column a codec. There may be dozens
// of curves; a report has all.
void PrintPublished(const eval::Evaluation& e, const std::vector<eval::BdEntry>& entries) {
  const std::size_t most_curves = e.options.out.empty() ? entries.size() : 8;
  std::vector<std::string> head = {"BD-rate by PSNR against"}, codecs, curves;
  std::map<std::string, std::string> cells;  // by curve and codec
  for (const eval::BdEntry& b : entries) {
    if (!b.published || b.metric != metrics::Metric::kPsnrRgb) continue;
    if (std::find(codecs.begin(), codecs.end(), b.test) == codecs.end()) codecs.push_back(b.test);
    if (std::find(curves.begin(), curves.end(), b.anchor) == curves.end()) {
      curves.push_back(b.anchor);
    }
    cells[b.anchor + "\n" + b.test] =
        b.difference.ok() ? Fixed(b.difference->bd_rate, 1) + " %" : "n/a";
  }
  if (curves.empty() || !AnyDifference(entries)) return;
  if (!eval::AnchorsFit(e)) {
    PrintText("\ndifferences against the " + std::to_string(curves.size()) +
              " published curves, which are of other pictures: " + Elsewhere(e) + "\n");
    return;
  }
  for (const std::string& codec : codecs) head.push_back(">" + codec);
  Table table(head);
  for (std::size_t i = 0; i < std::min(curves.size(), most_curves); ++i) {
    std::vector<std::string> row = {curves[i]};
    for (const std::string& codec : codecs) row.push_back(cells[curves[i] + "\n" + codec]);
    table.Add(row);
  }
  PrintText("\n" + table.ToText());
  if (curves.size() > most_curves) {
    PrintText("and " + std::to_string(curves.size() - most_curves) +
              " more published curves: " + Elsewhere(e) + "\n");
  }
}

// Time, memory and, with one thread, what of the time each stage takes.
void PrintTiming(const eval::Evaluation& e) {
  Table table(
      {"codec", ">threads", ">encode/s", ">MP/s", ">memory", ">decode/s", ">MP/s", ">memory"});
  Table stages({"codec", "", "stage", ">s", ">share"});
  bool any = false, any_stage = false;
  for (const eval::CodecResult& codec : e.codecs) {
    for (const eval::TimingMeans& t : eval::TimingOf(e, codec)) {
      std::vector<std::string> cells = {codec.info.name, std::to_string(t.threads)};
      for (const auto& [call, spent] : {std::pair("encode", &t.encode), {"decode", &t.decode}}) {
        cells.insert(cells.end(), {Fixed(spent->seconds, 4), Fixed(spent->megapixels_per_second, 2),
                                   Bytes(static_cast<std::uint64_t>(spent->memory_bytes))});
        if (t.threads > 1) continue;
        for (const eval::Stage& s : spent->stages) {
          stages.Add({codec.info.name, call, s.name, Fixed(s.seconds, 4),
                      Fixed(100 * s.seconds / spent->seconds, 1) + " %"});
          any_stage = true;
        }
      }
      table.Add(cells);
      any = true;
    }
  }
  if (!any) return;
  PrintText("\n" + table.ToText());
  if (any_stage) PrintText("\n" + stages.ToText());
  PrintText(eval::CpuName() + ": medians of " +
            Counted(static_cast<std::size_t>(e.options.repeats), "run") +
            "; times are means over pictures and qualities, memory is the largest" +
            (any_stage ? "; stages with one thread\n" : "\n"));
}

// The most qualities of a codec.
std::size_t Qualities(const eval::Evaluation& e) {
  std::size_t most = 0;
  for (const eval::CodecResult& c : e.codecs) most = std::max(most, c.qualities.size());
  return most;
}

void WarnAboutNumbers(const eval::Evaluation& e, const std::vector<eval::BdEntry>& entries) {
  for (const std::string& note : eval::NotesOf(e)) PrintWarning(note);
  if (const std::size_t most = Qualities(e); !entries.empty() && most < eval::kMinBdPoints) {
    PrintWarning("no BD-rates: they take at least " + std::to_string(eval::kMinBdPoints) +
                 " qualities, " + std::to_string(most) + (most == 1 ? " is" : " are") + " given");
    return;  // once, not for every pair of curves
  }
  std::size_t published = 0;
  for (const eval::BdEntry& b : entries) {
    const bool warns = !b.difference.ok() || !b.difference->warning.empty();
    if (b.published) {
      published += warns ? 1 : 0;
    } else if (!b.difference.ok()) {
      PrintWarning("no BD-rate: " + b.difference.status().message());
    } else if (warns) {
      PrintWarning(b.difference->warning);
    }
  }
  if (published > 0 && eval::AnchorsFit(e)) {
    PrintWarning(Counted(published, "difference") +
                 " against published curves can't be computed or overlap little: which, " +
                 Elsewhere(e));
  }
}

// Each different failure once, with how often it happened.
void WarnAboutFailures(const eval::Evaluation& e) {
  for (const eval::DatasetPicture& p : e.pictures) {
    if (p.error.failed()) PrintWarning(p.error.message + "; left out");
  }
  for (const eval::CodecResult& c : e.codecs) {
    if (c.error.failed()) PrintWarning(c.error.message + "; left out");
    std::map<std::string, int> messages;
    for (const auto& point : c.rows) {
      for (const eval::Measurement& m : point) {
        if (m.error.failed()) ++messages[m.error.message];
      }
    }
    for (const auto& [message, count] : messages) {
      PrintWarning(c.info.name + ": " + std::to_string(count) + " failed: " + message);
    }
  }
}

}  // namespace

void PrintTables(const eval::Evaluation& e, const std::vector<eval::BdEntry>& entries) {
  PrintPoints(e);
  PrintDifferences(entries);
  PrintPublished(e, entries);
  PrintTiming(e);
}

void WarnAbout(const eval::Evaluation& e, const std::vector<eval::BdEntry>& entries) {
  WarnAboutFailures(e);
  WarnAboutNumbers(e, entries);
}

}  // namespace halfmoon::cli
