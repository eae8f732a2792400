#include "cli/commands/compare_command.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "bitstream/container.h"
#include "cli/console.h"
#include "cli/files.h"
#include "cli/options.h"
#include "codec/imageio/image_io.h"
#include "codec/metrics/heatmap.h"
#include "codec/metrics/metrics.h"
#include "halfmoon/decoder.h"

namespace halfmoon::cli {
namespace {

struct Options {
  std::string original, distorted, heatmap, models_dir;
  double scale = 32;
  bool force = false;
  ReportOptions report;
};

struct Side {
  metrics::RgbPicture picture;
  std::string note;  // what is not compared of the file; mostly empty
};

// A picture of any kind, or a .hmn file as it is decoded.
Result<Image> Read(const std::string& path, const std::string& models_dir) {
  HALFMOON_ASSIGN_OR_RETURN(const auto bytes, ReadInput(path));
  if (bytes.size() < kMagic.size() || !std::equal(kMagic.begin(), kMagic.end(), bytes.begin())) {
    return ReadImage(bytes);
  }
  DecodeOptions options;
  options.models_dir = models_dir;
  HALFMOON_ASSIGN_OR_RETURN(Decoder decoder, Decoder::Create(options));
  return decoder.Decode(bytes);
}

Result<Side> ReadSide(const std::string& path, const std::string& models_dir) {
  auto image = Read(path, models_dir);
  if (!image.ok()) {
    // Messages of the file system name their path already.
    return image.status().code() == StatusCode::kIo ? image.status()
                                                    : image.status().WithContext(path);
  }
  Side side;
  side.note = metrics::ConversionNote(image->shape());
  HALFMOON_ASSIGN_OR_RETURN(side.picture, metrics::RgbPicture::From(*std::move(image)));
  return side;
}

void Print(const Options& o, const Side& a, const Side& b, const metrics::MetricValues& values) {
  if (o.report.json) {
    nlohmann::ordered_json metrics = nlohmann::ordered_json::object();
    for (const metrics::MetricName& n : metrics::kMetrics) {
      const auto& value = values[n.metric];
      if (!value) continue;
      metrics[std::string(n.key)] =
          std::isfinite(*value) ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
    }
    nlohmann::ordered_json json = {{"original", o.original},
                                   {"distorted", o.distorted},
                                   {"width", a.picture.width()},
                                   {"height", a.picture.height()}};
    if (!a.note.empty()) json["original_note"] = a.note;
    if (!b.note.empty()) json["distorted_note"] = b.note;
    json["metrics"] = metrics;
    PrintJson(json);
    return;
  }
  Table table({"metric", ">value", "unit"});
  for (const metrics::MetricName& n : metrics::kMetrics) {
    const auto& value = values[n.metric];
    const bool fine = n.metric == metrics::Metric::kSsim || n.metric == metrics::Metric::kMsSsim;
    table.Add({std::string(n.title),
               !value               ? "n/a"
               : std::isinf(*value) ? "equal"
                                    : Fixed(*value, fine ? 6 : 4),
               std::string(n.unit)});
  }
  PrintText(table.ToText());
  for (const auto& [path, note] : {std::pair(o.original, a.note), {o.distorted, b.note}}) {
    if (!note.empty()) PrintText(path + ": " + note + "\n");
  }
}

Status Run(const Options& o) {
  if (!o.heatmap.empty()) {
    HALFMOON_RETURN_IF_ERROR(CheckEnding(o.heatmap, ".png"));
    HALFMOON_RETURN_IF_ERROR(CheckTarget(o.original, o.heatmap, o.force));
    HALFMOON_RETURN_IF_ERROR(CheckTarget(o.distorted, o.heatmap, o.force));
  }
  HALFMOON_ASSIGN_OR_RETURN(const Side a, ReadSide(o.original, o.models_dir));
  HALFMOON_ASSIGN_OR_RETURN(const Side b, ReadSide(o.distorted, o.models_dir));
  const auto values = metrics::Measure(a.picture, b.picture);
  if (!values.ok()) return values.status().WithContext(o.original + ", " + o.distorted);
  if (!o.heatmap.empty()) {
    HALFMOON_ASSIGN_OR_RETURN(const Image map, metrics::Heatmap(a.picture, b.picture, o.scale));
    HALFMOON_ASSIGN_OR_RETURN(const auto png, WriteImage(map, ImageFormat::kPng));
    HALFMOON_RETURN_IF_ERROR(WriteOutput(o.heatmap, png, o.force));
  }
  Print(o, a, b, *values);
  return Status::Ok();
}

}  // namespace

void AddCompareCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* command =
      AddSubcommand(app, "compare", "Measure the difference between two pictures with every metric",
                    "  halfmoon compare original.png decoded.png\n"
                    "  halfmoon compare original.png photo.hmn\n"
                    "  halfmoon compare original.png photo.jpg --heatmap where.png --json");
  command->add_option("original", o->original, "Picture file or .hmn; - reads standard input")
      ->type_name("A")
      ->required();
  command->add_option("distorted", o->distorted, "Picture file or .hmn of the same size")
      ->type_name("B")
      ->required();
  command->add_option("--heatmap", o->heatmap, "Writes where the pictures differ: black is equal")
      ->type_name("OUT.png");
  AddNumber(command, "--heatmap-scale", "LEVELS", &o->scale, {1, 255},
            "Difference in levels that is brightest, 1 to 255; default 32");
  AddForce(command, &o->force);
  AddModelsDir(command, &o->models_dir);
  AddJson(command, &o->report.json);
  OnCall(
      command, [o] { return Run(*o); }, o->report, exit_code);
}

}  // namespace halfmoon::cli
