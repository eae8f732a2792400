#include "cli/commands/decompress_command.h"

#include <charconv>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/arguments.h"
#include "cli/batch.h"
#include "cli/commands/decompress_file.h"
#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/files.h"
#include "cli/interrupt.h"
#include "codec/io/read_file.h"

namespace halfmoon::cli {
namespace {

constexpr std::string_view kNameTaken = "name-taken";  // code of a warning

struct Options {
  std::vector<std::string> inputs;
  std::string output, region, background;
  std::string format = "png";  // ending of results that are not named
  bool output_is_named = false, format_is_given = false;
  DecompressSettings settings;
  BatchOptions batch;
  ReportOptions report;
};

// Whole numbers with commas between them, each at most `largest`.
Result<std::vector<std::uint32_t>> ParseNumbers(const std::string& option, const std::string& text,
                                                std::size_t count, std::uint32_t largest,
                                                const std::string& form) {
  std::vector<std::uint32_t> numbers;
  const char *at = text.data(), *end = at + text.size();
  while (numbers.size() < count) {
    std::uint32_t n = 0;
    const auto read = std::from_chars(at, end, n);
    const bool last = numbers.size() + 1 == count;
    if (read.ec != std::errc() || n > largest || (read.ptr == end) != last) break;
    if (!last && *read.ptr != ',') break;
    numbers.push_back(n);
    at = last ? read.ptr : read.ptr + 1;
  }
  if (numbers.size() == count) return numbers;
  return Status(StatusCode::kInvalidArgument, option + " '" + text + "' is illegal; give " + form);
}

Result<DecompressSettings> Settings(const Options& o) {
  DecompressSettings settings = o.settings;
  if (!o.region.empty()) {
    HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint32_t> n,
                              ParseNumbers("--region", o.region, 4, 0xFFFFFFFFu,
                                           "x,y,width,height in pixels, e.g. 0,0,640,480"));
    settings.region = Region{n[0], n[1], n[2], n[3]};
  }
  if (!o.background.empty()) {
    HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint32_t> n,
                              ParseNumbers("--background", o.background, 3, 255,
                                           "R,G,B from 0 to 255, e.g. 255,255,255"));
    settings.write.background = {static_cast<std::uint8_t>(n[0]), static_cast<std::uint8_t>(n[1]),
                                 static_cast<std::uint8_t>(n[2])};
  }
  if (o.format_is_given) {
    HALFMOON_ASSIGN_OR_RETURN(settings.format, ImageFormatFromPath("." + o.format));
  }
  HALFMOON_RETURN_IF_ERROR(settings.decode.Validate());
  HALFMOON_RETURN_IF_ERROR(settings.write.Validate());
  return settings;
}

std::string KeptText(const std::string& kept, const std::string& output) {
  return kept + ": exists and is kept; the result is " + output;
}

int RunOne(const Options& o, DecompressSettings settings) {
  DeferInterrupt interrupt;  // takes its effect when the temporary file is gone
  settings.stop = [&interrupt] { return interrupt.requested(); };
  ProgressLine line(o.report.quiet || o.report.json);
  settings.decode.progress = [&line](double done) { line.ShowShare("decompressing", done); };
  const std::string& input = o.inputs.front();
  std::optional<Decoder> decoder;
  std::string kept;  // what has the name that the result would have had
  const auto report = [&]() -> Result<DecompressReport> {
    HALFMOON_ASSIGN_OR_RETURN(const std::string wanted,
                              OutputPath(input, o.output, "." + o.format));
    // A name that was not given must not cost an original.
    const bool free_name = !o.output_is_named && !settings.force && wanted != kStandardStream;
    const std::string output = free_name ? UnusedName(wanted) : wanted;
    HALFMOON_RETURN_IF_ERROR(OutputFormat(output, settings.format).status());
    HALFMOON_RETURN_IF_ERROR(CheckInput(input));
    if (output != wanted) kept = wanted;
    HALFMOON_RETURN_IF_ERROR(CheckTarget(input, output, settings.force));
    return DecompressFile(input, output, settings, &decoder);
  }();
  line.Clear();
  if (!report.ok()) {
    return ReportError(report.status(), o.report.json, o.output == kStandardStream);
  }
  if (!o.report.quiet) {
    if (!kept.empty()) PrintWarning(KeptText(kept, report->output));
    PrintWarnings(report->output, report->warnings);
  }
  const bool damaged = report->stats.damaged();
  if (damaged) PrintWarning(input + ": " + DamageText(report->stats));
  const bool to_stderr = report->output == kStandardStream;
  if (o.report.json) {
    nlohmann::ordered_json json = ToJson(*report);
    json["warnings"] = ToJson(report->warnings);
    PrintJson(json, to_stderr);
  } else if (!o.report.quiet) {
    PrintText(ToText(*report) + (o.report.verbose ? Details(*report) : ""), to_stderr);
  }
  return damaged ? kExitPartial : kExitOk;
}

// What decides about the picture beside the file, as a batch's journal keeps it (cli/batch.h).
nlohmann::ordered_json ResultOptions(const Options& o) {
  const DecompressSettings& s = o.settings;
  nlohmann::ordered_json json = {{"jpeg_quality", s.write.jpeg_quality},
                                 {"png_level", s.write.png_level}};
  if (!o.region.empty()) json["region"] = o.region;
  if (!o.background.empty()) json["background"] = o.background;
  if (s.decode.stages != 0) json["stages"] = s.decode.stages;
  if (s.decode.strip_metadata) json["strip"] = true;
  return json;
}

// What a picture says of itself that the file contradicts.
std::string Contradiction(const BatchItem& item, const DecompressSettings& settings) {
  const auto file = ReadFile(item.input);
  if (!file.ok()) return "";
  const auto source = ReadHeader(*file, settings.decode.limits);
  const auto result = ReadImageInfoFile(item.output);
  if (!source.ok() || !result.ok()) return "";
  const std::uint32_t width = settings.region ? settings.region->width : source->width;
  const std::uint32_t height = settings.region ? settings.region->height : source->height;
  return result->width == width && result->height == height ? "" : "it is another picture";
}

int RunMany(const Options& o, DecompressSettings settings) {
  if (!o.output.empty()) {
    return PrintError(
        {StatusCode::kInvalidArgument,
         o.output + ": one output for several inputs; use --out-dir DIR and --format"});
  }
  DivideAmongJobs(o.batch.jobs, &settings.decode.threads, &settings.decode.max_memory);
  std::vector<std::optional<Decoder>> decoders(static_cast<std::size_t>(o.batch.jobs));
  BatchTask task;
  task.endings = {{".hmn"}, "." + o.format};
  task.options = ResultOptions(o);
  task.is_intact = [&](const std::string& path) {
    ImageReadOptions read;
    read.max_pixels = settings.decode.limits.max_pixels;
    const auto bytes = ReadFile(path);
    return bytes.ok() && ReadImage(*bytes, read).ok();
  };
  task.contradiction = [&](const BatchItem& item) { return Contradiction(item, settings); };
  task.work = [&](std::size_t worker, const BatchItem& item, bool replace,
                  const std::function<void(double)>& progress, nlohmann::ordered_json* json) {
    BatchOutcome outcome;
    DecompressSettings own = settings;
    own.force = replace;
    own.decode.progress = progress;
    // A name that was not given must not cost an original.
    const bool free_name = o.batch.list.out_dir.empty() && !o.batch.resume && !own.force;
    const std::string output = free_name ? UnusedName(item.output) : item.output;
    auto report = DecompressFile(item.input, output, own, &decoders[worker]);
    outcome.status = report.status();
    if (!report.ok()) return outcome;
    outcome.input_bytes = report->input_bytes;
    outcome.output_bytes = report->output_bytes;
    outcome.text = ToText(*report) + (o.report.verbose ? Details(*report) : "");
    outcome.warnings = std::move(report->warnings);
    if (output != item.output) {
      Warn(&outcome.warnings, kNameTaken, KeptText(item.output, output));
    }
    outcome.partial = report->stats.damaged();
    if (outcome.partial) {
      Warn(&outcome.warnings, warning_code::kDamage, DamageText(report->stats));
    }
    *json = ToJson(*report);
    return outcome;
  };
  return RunBatch(o.inputs, o.batch, o.report, settings.force, task);
}

}  // namespace

void AddDecompressCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* command = AddSubcommand(
      app, "decompress", "Restore the pictures of .hmn files as PNG, JPEG, PPM, PGM or PAM",
      "  halfmoon decompress photo.hmn                  makes photo.png, or\n"
      "                                                 photo.decoded.png where that exists\n"
      "  halfmoon decompress photo.hmn back.jpg --jpeg-quality 90\n"
      "  halfmoon decompress scan.hmn -o part.png --region 4096,2048,1024,1024\n"
      "  halfmoon decompress damaged.hmn --allow-partial\n"
      "  halfmoon decompress -r small --out-dir photos --format jpg -j 4\n"
      "  halfmoon decompress - -o - < photo.hmn > photo.png");
  DecompressSettings& s = o->settings;
  command
      ->add_option(
          "input", o->inputs,
          "The .hmn files, or folders of them; - reads standard input. Of two arguments the second "
          "is the output, unless it is a .hmn file")
      ->type_name("IN ... [OUT]")
      ->required();
  AddOutput(
      command, &o->output,
      "Picture file, .png, .jpg, .jpeg, .ppm, .pgm, .pnm or .pam, or of any name with --format "
      "(default: the input's name with .png; where that is taken, with .decoded.png); - writes "
      "standard output");
  AddChoice(
      command, "--format", {"png", "jpg", "jpeg", "ppm", "pgm", "pnm", "pam"},
      [p = o.get()](const std::string& format) {
        p->format = format;
        p->format_is_given = true;
      },
      "Of results without a name, of standard output, and of names without such an ending; "
      "default png")
      ->group(kOutputGroup);
  command
      ->add_option("--region", o->region,
                   "Only this part, in pixels; reads only the tiles it needs")
      ->type_name("X,Y,W,H");
  command
      ->add_option("--background", o->background,
                   "Colour to lay pictures with alpha over where JPEG is written, 0 to 255 each")
      ->type_name("R,G,B");
  command->add_flag("--allow-partial", s.decode.allow_partial,
                    "Decode what is left of a damaged file; lost tiles are grey; exit code 8");
  AddNumber(command, "--stages", "N", &s.decode.stages, {.least = 0, .text = "0 (all) and more"},
            "Decode only the first N residual stages, a coarser picture (model vqvae)");
  AddStrip(command, &s.decode.strip_metadata);
  AddNumber(command, "--jpeg-quality", "Q", &s.write.jpeg_quality, {1, 100},
            "Quality of a JPEG output, 1 to 100; default 95");
  AddNumber(command, "--png-level", "L", &s.write.png_level, {0, 9},
            "Compression of a PNG output, 0 (fast) to 9 (small); default 1");
  AddMaxPixels(command, &s.decode.limits.max_pixels);
  AddMaxMemory(command, &s.decode.max_memory);
  AddBatch(command, &o->batch);
  AddModel(command, &s.decode.model,
           "Weights file (.safetensors) that the input was made with, if it is not installed")
      ->group(kExpertGroup);
  AddModelsDir(command, &s.decode.models_dir);
  AddThreads(command, &s.decode.threads);
  AddForce(command, &s.force);
  AddJson(command, &o->report.json);
  AddVerbosity(command, &o->report);
  command->callback([o, exit_code] {
    o->output_is_named = !o->output.empty();
    if (o->batch.list.out_dir.empty()) {
      std::error_code ignored;
      const bool into_folder =
          o->inputs.size() == 2 && std::filesystem::is_directory(o->inputs[1], ignored);
      const auto split = SplitArguments({o->inputs, o->output},
                                        {"." + o->format, {".hmn"}, /*reads_halfmoon=*/true});
      if (!split.ok()) {
        *exit_code = ReportError(split.status(), o->report.json);
        return;
      }
      o->inputs = split->inputs;
      o->output = split->output;
      o->output_is_named = !o->output.empty() && !into_folder;
    }
    const auto settings = Settings(*o);
    if (!settings.ok()) {
      *exit_code = ReportError(settings.status(), o->report.json, o->output == kStandardStream);
    } else {
      *exit_code = IsBatch(o->inputs, o->batch) ? RunMany(*o, *settings) : RunOne(*o, *settings);
    }
  });
}

}  // namespace halfmoon::cli
