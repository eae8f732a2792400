#include "cli/commands/compress_command.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "bitstream/container.h"
#include "cli/arguments.h"
#include "cli/batch.h"
#include "cli/commands/compress_file.h"
#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/files.h"
#include "codec/imageio/image_io.h"
#include "codec/io/read_file.h"
#include "halfmoon/decoder.h"

namespace halfmoon::cli {
namespace {

struct Options {
  std::vector<std::string> inputs;
  std::string output;
  CompressSettings settings;
  BatchOptions batch;
  ReportOptions report;
};

Status RunOne(const Options& o) {
  const std::string& input = o.inputs.front();
  HALFMOON_RETURN_IF_ERROR(o.settings.encode.Validate());
  HALFMOON_ASSIGN_OR_RETURN(const std::string output, OutputPath(input, o.output, ".hmn"));
  HALFMOON_RETURN_IF_ERROR(CheckEnding(output, ".hmn"));
  // A name that can't be read or written is an error before a model is loaded.
  HALFMOON_RETURN_IF_ERROR(CheckInput(input));
  HALFMOON_RETURN_IF_ERROR(CheckTarget(input, output, o.settings.force));
  std::optional<Encoder> encoder;
  CompressSettings settings = o.settings;
  ProgressLine line(o.report.quiet || o.report.json);
  int attempt = 1;
  double before = 0;
  settings.encode.progress = [&](double done) {
    attempt += done < before ? 1 : 0;  // a target takes several encodes
    before = done;
    if (settings.target.kind == Target::Kind::kNone) {
      line.ShowShare("compressing", done);
    } else {
      line.Show("attempt " + std::to_string(attempt) + ", " + Fixed(100 * done, 0) + " %");
    }
  };
  HALFMOON_ASSIGN_OR_RETURN(const CompressReport report,
                            CompressFile(input, output, settings, &encoder));
  line.Clear();
  if (!o.report.quiet) PrintWarnings(input, report.warnings);
  // When the file itself went to standard output, the report must not.
  const bool to_stderr = output == kStandardStream;
  if (o.report.json) {
    nlohmann::ordered_json json = ToJson(report, o.settings);
    json["warnings"] = ToJson(report.warnings);
    PrintJson(json, to_stderr);
  } else if (!o.report.quiet) {
    PrintText(ToText(report, o.settings) + (o.report.verbose ? Details(report, o.settings) : ""),
              to_stderr);
  }
  return Status::Ok();
}

// What a result says of itself that the source or the settings contradict.
std::string Contradiction(const BatchItem& item, const CompressSettings& settings) {
  const auto file = ReadFile(item.output);
  if (!file.ok()) return "";
  DecodeLimits limits;
  limits.max_pixels = settings.encode.max_pixels;
  const auto result = ReadHeader(*file, limits);
  const auto source = ReadImageInfoFile(item.input);
  if (!result.ok() || !source.ok()) return "";
  if (settings.target.kind == Target::Kind::kNone &&
      std::abs(result->quality - settings.encode.quality) > 0.01) {
    return "quality was " + Fixed(result->quality, 0) + ", is " + Fixed(settings.encode.quality, 0);
  }
  const bool same_size = result->width == source->width && result->height == source->height;
  return same_size || settings.encode.resize ? "" : "the source is another picture";
}

int RunMany(const Options& o) {
  CompressSettings settings = o.settings;
  if (const Status s = settings.encode.Validate(); !s.ok()) return PrintError(s);
  if (!o.output.empty()) {
    return PrintError({StatusCode::kInvalidArgument,
                       o.output + ": one output for several inputs; use --out-dir DIR"});
  }
  settings.defers_interrupt = true;
  DivideAmongJobs(o.batch.jobs, &settings.encode.threads, &settings.encode.max_memory);
  std::vector<std::optional<Encoder>> encoders(static_cast<std::size_t>(o.batch.jobs));
  BatchTask task;
  task.endings = {ReadableEndings(), ".hmn"};
  task.options = ResultOptions(o.settings);
  task.is_intact = [&](const std::string& path) {
    const auto bytes = ReadFile(path);
    Limits limits;
    limits.max_pixels = settings.encode.max_pixels;
    return bytes.ok() && Parse(*bytes, limits).ok();
  };
  task.contradiction = [&](const BatchItem& item) { return Contradiction(item, o.settings); };
  task.only_results = true;
  task.work = [&](std::size_t worker, const BatchItem& item, bool replace,
                  const std::function<void(double)>& progress, nlohmann::ordered_json* json) {
    BatchOutcome outcome;
    CompressSettings own = settings;
    own.force = replace;
    own.encode.progress = progress;
    auto report = CompressFile(item.input, item.output, own, &encoders[worker]);
    outcome.status = report.status();
    if (!report.ok()) return outcome;
    outcome.input_bytes = report->input_bytes;
    outcome.output_bytes = report->output_bytes;
    outcome.text = ToText(*report, own) + (o.report.verbose ? Details(*report, own) : "");
    outcome.warnings = std::move(report->warnings);
    *json = ToJson(*report, own);
    return outcome;
  };
  return RunBatch(o.inputs, o.batch, o.report, settings.force, task);
}

// The options that say what the file is to be; each excludes the others and `quality`.
void AddTargets(CLI::App* command, CLI::Option* quality, Target* target) {
  const auto number = [&](const char* name, const char* type, Target::Kind kind,
                          Range<double> range, const char* help) {
    return AddNumber<double>(
        command, name, type,
        [target, kind](double value) {
          *target = {kind, value};
        },
        std::move(range), help);
  };
  std::vector<CLI::Option*> options = {
      quality,
      AddSize(
          command, "--target-size",
          [target](std::uint64_t bytes) {
            *target = {Target::Kind::kBytes, static_cast<double>(bytes)};
          },
          "The best picture in at most that many bytes, e.g. 150k, 2M (k: 1000, KiB: 1024)"),
      number("--target-bpp", "BPP", Target::Kind::kBitsPerPixel,
             {.least = 0, .most = 1000, .above = true}, "The same in bits per pixel"),
      number("--target-psnr", "DB", Target::Kind::kPsnr, {.least = 0, .most = 200, .above = true},
             "The smallest file of at least that PSNR (RGB, 8 bit)"),
      number("--target-msssim", "X", Target::Kind::kMsSsim,
             {.least = 0, .most = 1, .above = true, .below = true},
             "The same of at least that MS-SSIM, e.g. 0.98"),
      number("--target-ssimulacra2", "S", Target::Kind::kSsimulacra2,
             {.least = 0, .most = 100, .above = true},
             "The same of at least that SSIMULACRA 2, e.g. 75; 90: hard to tell apart")};
  for (std::size_t i = 0; i < options.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) options[i]->excludes(options[k]);
  }
}

}  // namespace

void AddCompressCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* command = AddSubcommand(
      app, "compress", "Compress PNG, JPEG, PPM, PGM or PAM pictures to .hmn files",
      "  halfmoon compress photo.png                     makes photo.hmn\n"
      "  halfmoon compress photo.jpg small.hmn -q 20     a smaller file\n"
      "  halfmoon compress photo.png -q 80 --metrics     and how close it came\n"
      "  halfmoon compress photo.png -e 7                takes its time: fewer bits at equal PSNR\n"
      "  halfmoon compress photo.png --tune ms-ssim      keeps structure, not squared error\n"
      "  halfmoon compress photo.png --target-size 150k  the best picture in 150 kB\n"
      "  halfmoon compress photo.png --target-psnr 36    the smallest file of 36 dB\n"
      "  halfmoon compress -r photos --out-dir small -j 4 --resume\n"
      "  halfmoon compress - -o - < photo.png > photo.hmn");
  EncodeOptions& e = o->settings.encode;
  command
      ->add_option(
          "input", o->inputs,
          "PNG, JPEG, PPM, PGM or PAM files, or folders of them; - reads standard input. Of "
          "two arguments the second is the output, unless it is a picture that exists")
      ->type_name("IN ... [OUT]")
      ->required();
  AddOutput(command, &o->output,
            "The .hmn file (default: the input's name with .hmn); - writes standard output");
  AddTargets(command,
             AddNumber(command, "-q,--quality", "Q", &e.quality, {0, 100},
                       "0 (smallest file) to 100 (best picture); default 75"),
             &o->settings.target);
  AddNumber(
      command, "-e,--effort", "N", &e.effort, {1, 9},
      "1 to 9, default 3: more time for fewer bits at equal PSNR; 2: half the time, 6 % more "
      "bits; from 5 on a search, seconds to minutes a megapixel, whose files of a quality may "
      "be larger, and closer to the picture");
  CLI::Option* model =
      AddModel(command, &e.model,
               "Name or id of a model, a weights file (.safetensors), or overfitted, which fits a "
               "decoder of its own to the picture, for minutes a megapixel; default ae-photo");
  AddChoice(
      command, "--tune", {"psnr", "ms-ssim"},
      [&e](const std::string& t) {
        e.model = PhotoModel(t == "psnr" ? Tune::kPsnr : Tune::kMsSsim);
      },
      "Which fidelity the photographic model keeps; default psnr")
      ->excludes(model);
  AddNumber(command, "--tile-size", "N", &e.tile_size,
            {0, 32768, false, false, "0 (one tile) and multiples of 64 up to 32768"},
            "Side of the tiles, a multiple of 64; 0: one tile (default: one up to 4 megapixels, "
            "else 1024)")
      ->group(kExpertGroup);
  AddNumber(command, "--iterations", "N", &e.iterations, {10, 1'000'000},
            "Of --model overfitted: how long to fit (default by effort: 1000 at 3, 30000 at 9)")
      ->group(kExpertGroup);
  command->add_flag("--resize", e.resize, "For models of one picture size: fit the picture to it")
      ->group(kExpertGroup);
  AddStrip(command, &e.strip_metadata);
  command
      ->add_flag("--exact", e.exact_transparent,
                 "Keep the colour of fully transparent pixels (default: smoothed away)")
      ->group(kExpertGroup);
  command
      ->add_flag("--lenient", o->settings.lenient,
                 "Take what can be had from damaged pictures, with warnings")
      ->group(kExpertGroup);
  command->add_flag("--psnr", o->settings.psnr, "Decode again and print the PSNR (RGB, 8 bit)");
  command->add_flag("--metrics", o->settings.metrics,
                    "Decode again and print PSNR, MS-SSIM and SSIMULACRA 2");
  AddMaxPixels(command, &e.max_pixels);
  AddMaxMemory(command, &e.max_memory);
  AddBatch(command, &o->batch);
  AddModelsDir(command, &e.models_dir);
  AddThreads(command, &e.threads);
  AddForce(command, &o->settings.force);
  AddJson(command, &o->report.json);
  AddVerbosity(command, &o->report);
  command->callback([o, exit_code] {
    if (o->batch.list.out_dir.empty()) {
      const auto split = SplitArguments({o->inputs, o->output},
                                        {".hmn", ReadableEndings(), /*reads_halfmoon=*/false});
      if (!split.ok()) {
        *exit_code = ReportError(split.status(), o->report.json);
        return;
      }
      o->inputs = split->inputs;
      o->output = split->output;
    }
    if (IsBatch(o->inputs, o->batch)) {
      *exit_code = RunMany(*o);
    } else if (const Status status = RunOne(*o); !status.ok()) {
      *exit_code = ReportError(status, o->report.json, o->output == kStandardStream);
    }
  });
}

}  // namespace halfmoon::cli
