#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/files.h"
#include "cli/interrupt.h"
#include "cli/networks/half_moon_page.h"
#include "cli/networks/runs.h"

namespace halfmoon::cli {
namespace {

namespace fs = std::filesystem;

Status WriteText(const std::string& path, const std::string& text) {
  return WriteOutput(path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, true);
}

}  // namespace

Status RunDemo(DemoRequest o, int* exit_code) {
  const Timer timer;
  if (o.experiment != "half-moon") {
    return {StatusCode::kInvalidArgument,
            "there is no demo '" + o.experiment + "'; there is: half-moon"};
  }
  const std::string page = (fs::path(o.out_dir) / "half-moon.html").string();
  std::error_code error;
  fs::create_directories(o.out_dir, error);
  if (error) return {StatusCode::kIo, o.out_dir + ": cannot create: " + error.message()};
  HALFMOON_RETURN_IF_ERROR(CheckTarget("", page, o.force));
  WarnIfSlowBlas(o.report.quiet);
  o.half_moon.workers = o.threads > 0
                            ? o.threads
                            : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  DeferInterrupt interrupt;
  ProgressLine line(o.report.quiet);
  std::vector<SeededRuns> all;
  const std::uint64_t first = o.half_moon.seed;
  for (int s = 0; s < o.seeds; ++s) {
    o.half_moon.seed = first + static_cast<std::uint64_t>(s);
    o.half_moon.work_dir =
        (fs::path(o.out_dir) / ("seed" + std::to_string(o.half_moon.seed))).string();
    auto runs = training::RunHalfMoon(o.half_moon, [&](const std::string& what, double done) {
      line.Show("seed " + std::to_string(o.half_moon.seed) + ": " + what + ", " +
                Fixed(100 * (s + done) / o.seeds, 0) + " %");
      return !interrupt.requested();
    });
    if (interrupt.requested()) {
      interrupt.Acknowledge();
      *exit_code = kExitInterrupted;
      return Status::Ok();
    }
    if (!runs.ok()) return runs.status();
    for (const training::HalfMoonRun& run : *runs) {
      HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> path, PathStrip(run));
      HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> samples, SampleStrip(run));
      const std::string name = (fs::path(o.half_moon.work_dir) / RunName(run)).string();
      HALFMOON_RETURN_IF_ERROR(WriteOutput(name + "-path.png", path, true));
      HALFMOON_RETURN_IF_ERROR(WriteOutput(name + "-samples.png", samples, true));
    }
    all.push_back({o.half_moon.seed, std::move(*runs)});
  }
  line.Clear();
  HALFMOON_ASSIGN_OR_RETURN(const std::string html, HalfMoonPage(all));
  HALFMOON_RETURN_IF_ERROR(
      WriteText((fs::path(o.out_dir) / "half-moon.json").string(), HalfMoonJson(all)));
  HALFMOON_RETURN_IF_ERROR(WriteOutput(
      page, {reinterpret_cast<const std::uint8_t*>(html.data()), html.size()}, o.force));
  if (o.report.json) {
    PrintJson({{"page", page},
               {"seconds", timer.seconds()},
               {"seeds", nlohmann::ordered_json::parse(HalfMoonJson(all))}});
  } else if (!o.report.quiet) {
    Table table({">seed", "phases", "model", ">path", ">worst", ">lit in the middle", ">samples",
                 ">fitted", ">unseen", ">PSNR", ">active"});
    for (const SeededRuns& s : all) {
      for (const training::HalfMoonRun& r : s.runs) {
        table.Add({std::to_string(s.seed), r.hole ? "35-65 % left out" : "all",
                   r.variational ? "VAE" : "AE", Fixed(r.PathDistance(), 1),
                   Fixed(r.WorstDistance(), 1), Fixed(100 * r.MiddleLit(), 0) + " %",
                   Fixed(r.sample_distance, 1), Fixed(r.fitted_distance, 1),
                   Fixed(r.reconstruction_distance, 1), Fixed(r.psnr, 1),
                   std::to_string(r.active) + "/" + std::to_string(r.latent)});
      }
    }
    PrintText(table.ToText() + page + ": " + Duration(timer.seconds()) + "\n");
  }
  return Status::Ok();
}

}  // namespace halfmoon::cli
