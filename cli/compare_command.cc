#include "cli/compare_command.h"

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "cli/files.h"
#include "cli/options.h"
#include "codec/imageio/image_io.h"
#include "codec/metrics/metrics.h"
#include "eval/heatmap.h"

namespace halfmoon::cli {
namespace {

struct Options {
  std::string original, distorted, heatmap;
  double scale = 32;
  bool force = false;
  ReportOptions report;
};

Result<Image> Read(const std::string& path) {
  HALFMOON_ASSIGN_OR_RETURN(const auto bytes, ReadInput(path));
  auto image = ReadImage(bytes);
  if (!image.ok()) return image.status().WithContext(path);
  return image;
}

// Grey against RGB is compared as RGB: files of the same picture differ in that.
Result<Image> AsRgb(const Image& image) {
  HALFMOON_ASSIGN_OR_RETURN(Image rgb, Image::Create(image.width(), image.height(), 3));
  for (std::size_t i = 0; i < image.samples().size(); ++i) {
    for (std::size_t c = 0; c < 3; ++c) rgb.samples()[3 * i + c] = image.samples()[i];
  }
  return rgb;
}

void Print(const Options& o, const Image& image, const metrics::MetricValues& values) {
  if (o.report.json) {
    nlohmann::ordered_json metrics = nlohmann::ordered_json::object();
    for (const metrics::MetricName& n : metrics::kMetrics) {
      const auto& value = values[n.metric];
      if (!value) continue;
      metrics[std::string(n.key)] =
          std::isfinite(*value) ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
    }
    PrintJson({{"original", o.original},
               {"distorted", o.distorted},
               {"width", image.width()},
               {"height", image.height()},
               {"metrics", metrics}});
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
}

Status Run(const Options& o) {
  if (!o.heatmap.empty()) {
    HALFMOON_RETURN_IF_ERROR(CheckEnding(o.heatmap, ".png"));
    HALFMOON_RETURN_IF_ERROR(CheckTarget(o.original, o.heatmap, o.force));
    HALFMOON_RETURN_IF_ERROR(CheckTarget(o.distorted, o.heatmap, o.force));
  }
  HALFMOON_ASSIGN_OR_RETURN(Image a, Read(o.original));
  HALFMOON_ASSIGN_OR_RETURN(Image b, Read(o.distorted));
  if (a.channels() != b.channels()) {
    Image& grey = a.channels() == 1 ? a : b;
    HALFMOON_ASSIGN_OR_RETURN(Image rgb, AsRgb(grey));
    grey = std::move(rgb);
  }
  const auto values = metrics::Measure(a.view(), b.view());
  if (!values.ok()) return values.status().WithContext(o.original + ", " + o.distorted);
  if (!o.heatmap.empty()) {
    HALFMOON_ASSIGN_OR_RETURN(const Image map, eval::Heatmap(a.view(), b.view(), o.scale));
    HALFMOON_ASSIGN_OR_RETURN(const auto png, WriteImage(map, ImageFormat::kPng));
    HALFMOON_RETURN_IF_ERROR(WriteOutput(o.heatmap, png, o.force));
  }
  Print(o, a, *values);
  return Status::Ok();
}

}  // namespace

void AddCompareCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* command =
      AddSubcommand(app, "compare", "Measure the difference between two pictures with every metric",
                    "  halfmoon compare original.png decoded.png\n"
                    "  halfmoon compare original.png photo.jpg --heatmap where.png --json");
  command->add_option("original", o->original, "PNG or JPEG file; - reads standard input")
      ->type_name("A")
      ->required();
  command->add_option("distorted", o->distorted, "PNG or JPEG file of the same size")
      ->type_name("B")
      ->required();
  command->add_option("--heatmap", o->heatmap, "Writes where the pictures differ: black is equal")
      ->type_name("OUT.png");
  AddNumber(command, "--heatmap-scale", "LEVELS", &o->scale, {1, 255},
            "Difference in levels that is brightest, 1 to 255; default 32");
  AddForce(command, &o->force);
  AddJson(command, &o->report.json);
  command->callback([o, exit_code] {
    if (const Status status = Run(*o); !status.ok()) {
      *exit_code = ReportError(status, o->report.json);
    }
  });
}

}  // namespace halfmoon::cli
