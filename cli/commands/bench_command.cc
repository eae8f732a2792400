#include "cli/commands/bench_command.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "cli/options.h"
#include "codec/runtime_info.h"
#include "eval/bench.h"
#include "eval/peers/registry.h"

namespace halfmoon::cli {
namespace {

struct Options {
  eval::BenchOptions bench;
  ReportOptions report;
};

std::string Cpu() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

nlohmann::ordered_json ToJson(const eval::BenchRun& run, double megapixels) {
  nlohmann::ordered_json stages = nlohmann::ordered_json::object();
  for (const eval::Stage& s : run.stages) stages[s.name] = s.seconds;
  return {{"seconds", run.seconds},
          {"megapixels_per_second", megapixels / run.seconds},
          {"stages", stages}};
}

void PrintAsJson(const Options& o, const eval::BenchReport& report) {
  const RuntimeInfo runtime = GetRuntimeInfo();
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  nlohmann::ordered_json startup = nlohmann::ordered_json::object();
  for (const eval::BenchRow& r : report.rows) {
    nlohmann::ordered_json row = {{"codec", r.codec}, {"width", r.width}, {"height", r.height}};
    if (!r.error.empty()) {
      row["error"] = r.error;
    } else {
      row["quality"] = r.quality;
      row["bpp"] = r.bpp;
      row["repeats"] = r.repeats;
      row["encode"] = ToJson(r.encode, r.megapixels());
      row["decode"] = ToJson(r.decode, r.megapixels());
    }
    rows.push_back(row);
  }
  for (const eval::BenchStartup& s : report.startup) startup[s.codec] = s.seconds;
  PrintJson({{"halfmoon", HALFMOON_VERSION},
             {"cpu", Cpu()},
             {"cores", runtime.cores},
             {"isa", runtime.isa},
             {"threads", o.bench.threads},
             {"picture", o.bench.picture.empty() ? "made up" : o.bench.picture},
             {"rows", rows},
             {"startup_seconds", startup}});
}

void PrintTables(const Options& o, const eval::BenchReport& report) {
  const RuntimeInfo runtime = GetRuntimeInfo();
  PrintText(Cpu() + ", " + std::to_string(runtime.cores) + " cores; " +
            std::to_string(o.bench.threads) + (o.bench.threads == 1 ? " thread" : " threads") +
            "; " + runtime.isa + "\n\n");
  Table table({"codec", ">MP", ">size", ">bpp", ">encode/s", ">MP/s", ">decode/s", ">MP/s"});
  Table stages({"codec", ">MP", "", "stage", ">s", ">share", ">MP/s"});
  bool any_stage = false;
  for (const eval::BenchRow& r : report.rows) {
    const std::string size = std::to_string(r.width) + "x" + std::to_string(r.height);
    if (!r.error.empty()) {
      table.Add({r.codec, Fixed(r.megapixels(), 2), size, "-", "-", "-", "-", "-"});
      PrintWarning(r.codec + ", " + size + ": " + r.error);
      continue;
    }
    table.Add({r.codec, Fixed(r.megapixels(), 2), size, Fixed(r.bpp, 3), Fixed(r.encode.seconds, 4),
               Fixed(r.megapixels() / r.encode.seconds, 2), Fixed(r.decode.seconds, 4),
               Fixed(r.megapixels() / r.decode.seconds, 2)});
    for (const auto& [what, run] :
         {std::pair<const char*, const eval::BenchRun&>{"encode", r.encode},
          {"decode", r.decode}}) {
      for (const eval::Stage& s : run.stages) {
        any_stage = true;
        stages.Add({r.codec, Fixed(r.megapixels(), 2), what, s.name, Fixed(s.seconds, 4),
                    Fixed(100 * s.seconds / run.seconds, 1) + " %",
                    s.seconds > 0 ? Fixed(r.megapixels() / s.seconds, 2) : "-"});
      }
    }
  }
  PrintText(table.ToText());
  if (any_stage) PrintText("\n" + stages.ToText());
  if (!report.startup.empty()) {
    Table startup({"codec", ">start-up/s"});
    for (const eval::BenchStartup& s : report.startup) startup.Add({s.codec, Fixed(s.seconds, 3)});
    PrintText("\n" + startup.ToText() + "(this program, until the codec is ready)\n");
  }
}

Status Run(Options& o) {
  if (o.bench.codecs.empty()) {
    for (const eval::CodecHelp& c : eval::ListCodecs()) {
      if (c.built_in && c.name != "exec") o.bench.codecs.push_back(c.name);
    }
  }
  std::error_code error;
  o.bench.child_command = {std::filesystem::read_symlink("/proc/self/exe", error).string(),
                           "measure"};
  ProgressLine progress(o.report.quiet);
  const auto report = eval::Bench(o.bench, [&](std::size_t done, std::size_t total) {
    progress.ShowCount("measuring", done, total);
  });
  progress.Clear();
  if (!report.ok()) return report.status();
  if (o.report.json) {
    PrintAsJson(o, *report);
  } else {
    PrintTables(o, *report);
  }
  return Status::Ok();
}

}  // namespace

void AddBenchCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* command = AddSubcommand(
      app, "bench", "Measure the speed of codecs and of their stages over picture sizes",
      "  halfmoon bench\n"
      "  halfmoon bench --codec ae --codec jpeg --sizes 0.4,6 --picture photo.png --threads 4");
  command
      ->add_option("--codec", o->bench.codecs,
                   "A codec with its options; several times; default: "
                   "all that are built in")
      ->type_name("NAME")
      ->allow_extra_args(false);
  AddNumbers(command, "--sizes", "LIST", &o->bench.megapixels, {0.001, 200},
             "Megapixels, separated by commas; default 0.1,0.4,1.5,6,24");
  command
      ->add_option("--picture", o->bench.picture,
                   "A photograph, continued by mirroring; default: a made-up picture")
      ->type_name("FILE");
  AddNumber(command, "--repeats", "N", &o->bench.repeats, {1, 1000},
            "Runs that the median is of; default 3");
  AddNumber(command, "--threads", "N", &o->bench.threads, {1, 256}, "Threads, 1 to 256; default 1");
  AddModelsDir(command, &o->bench.models_dir);
  AddJson(command, &o->report.json);
  AddQuiet(command, &o->report.quiet);
  command->callback([o, exit_code] {
    if (const Status status = Run(*o); !status.ok()) {
      *exit_code = ReportError(status, o->report.json);
    }
  });
}

}  // namespace halfmoon::cli
