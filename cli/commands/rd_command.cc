#include "cli/commands/rd_command.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "cli/options.h"
#include "codec/imageio/image_io.h"
#include "codec/runtime_info.h"
#include "eval/bd_rate.h"
#include "eval/bjontegaard.h"
#include "eval/curve_files.h"
#include "eval/rate_distortion.h"

namespace halfmoon::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> paths;
  std::string anchors;
  eval::RdOptions rd;
  ReportOptions report;
};

struct Comparison {
  std::string anchor;
  Result<double> bd_rate;  // per cent
};

// Pictures of the folders (not of folders inside them), sorted, and the files named themselves.
Result<std::vector<std::string>> ListPictures(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    std::vector<std::string> found;
    fs::directory_iterator it(path, error), end;
    for (; !error && it != end; it.increment(error)) {
      if (ImageFormatFromPath(it->path().string()).ok()) found.push_back(it->path().string());
    }
    if (error) return Status(StatusCode::kIo, path + ": cannot list: " + error.message());
    if (found.empty()) {
      return Status(StatusCode::kInvalidArgument,
                    path + ": no PNG or JPEG file in this folder; name another one");
    }
    std::sort(found.begin(), found.end());
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

nlohmann::ordered_json ToJson(const Options& o, const eval::RdReport& report,
                              const std::vector<Comparison>& comparisons) {
  nlohmann::ordered_json points = nlohmann::ordered_json::array();
  for (const eval::RdPoint& p : report.points) {
    points.push_back({{"quality", p.quality},
                      {"bpp", p.bpp},
                      {"psnr", p.psnr},
                      {"estimated_bpp", p.estimated_bpp},
                      {"latent_bpp", p.latent_bpp}});
  }
  const RuntimeInfo runtime = GetRuntimeInfo();
  nlohmann::ordered_json json = {
      {"model", o.rd.model},
      {"pictures", report.pictures},
      {"points", points},
      {"encode_seconds", report.encode_seconds},
      {"decode_seconds", report.decode_seconds},
      {"halfmoon", HALFMOON_VERSION},
      {"isa", runtime.isa},
      {"cores", runtime.cores},
  };
  for (const Comparison& c : comparisons) {
    json["bd_rate_percent"][c.anchor] =
        c.bd_rate.ok() ? nlohmann::ordered_json(*c.bd_rate) : nlohmann::ordered_json(nullptr);
  }
  return json;
}

void PrintReport(const eval::RdReport& report, const std::vector<Comparison>& comparisons) {
  Table table({">quality", ">bpp", ">PSNR/dB", ">estimate/bpp", ">latents/bpp"});
  for (const eval::RdPoint& p : report.points) {
    table.Add({Fixed(p.quality, 1), Fixed(p.bpp, 4), Fixed(p.psnr, 3), Fixed(p.estimated_bpp, 4),
               Fixed(p.latent_bpp, 4)});
  }
  PrintText(table.ToText());
  PrintText(std::to_string(report.pictures) + (report.pictures == 1 ? " picture" : " pictures") +
            "; mean per picture and quality: encode " + Duration(report.encode_seconds) +
            ", decode " + Duration(report.decode_seconds) + "\n");
  Table rates({"against", ">BD-rate"});
  bool any = false;
  for (const Comparison& c : comparisons) {
    if (!c.bd_rate.ok()) continue;
    rates.Add({c.anchor, Fixed(*c.bd_rate, 1) + " %"});
    any = true;
  }
  if (any) PrintText("\n" + rates.ToText());
}

void PrintWarnings(const eval::PublishedCurves& anchors, const eval::RdReport& report,
                   const std::vector<Comparison>& comparisons) {
  for (const std::string& path : report.exact) {
    PrintWarning(path +
                 ": decoded without error at some quality, its PSNR is infinite; over the pictures "
                 "it is that of the mean squared error");
  }
  if (comparisons.empty()) return;
  // Said once, not for each curve.
  if (report.points.size() < eval::kMinBdPoints) {
    PrintWarning("no BD-rates: they take at least " + std::to_string(eval::kMinBdPoints) +
                 " qualities, " + std::to_string(report.points.size()) +
                 (report.points.size() == 1 ? " is given" : " are given"));
    return;
  }
  if (const std::string other = eval::OtherDataset(anchors.dataset, report.sizes); !other.empty()) {
    PrintWarning(other);
  }
  for (const Comparison& c : comparisons) {
    if (c.bd_rate.ok()) continue;
    PrintWarning("no BD-rate against " + c.anchor + ": " + c.bd_rate.status().message());
  }
}

Status Run(const Options& o) {
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::string> files, ListPictures(o.paths));
  eval::PublishedCurves anchors;
  if (!o.anchors.empty()) {  // read first: a typo should not cost minutes
    HALFMOON_ASSIGN_OR_RETURN(anchors, eval::ReadCurves(o.anchors));
  }
  ProgressLine progress(o.report.quiet);
  auto report = eval::MeasureRd(files, o.rd, [&](std::size_t done, std::size_t total) {
    progress.ShowCount("measuring", done, total);
  });
  progress.Clear();
  if (!report.ok()) return report.status();

  eval::RdCurve curve{.name = "halfmoon", .bpp = {}, .psnr = {}};
  for (const eval::RdPoint& p : report->points) {
    curve.bpp.push_back(p.bpp);
    curve.psnr.push_back(p.psnr);
  }
  std::vector<Comparison> comparisons;
  for (const eval::RdCurve& anchor : eval::PsnrCurves(anchors.curves)) {
    comparisons.push_back({anchor.name, eval::BdRate(anchor, curve)});
  }
  if (!o.report.quiet) PrintWarnings(anchors, *report, comparisons);
  if (o.report.json) {
    PrintJson(ToJson(o, *report, comparisons));
  } else {
    PrintReport(*report, comparisons);
  }
  return Status::Ok();
}

}  // namespace

void AddRdCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* command = AddSubcommand(
      app, "rd", "Measure bits per pixel and PSNR over pictures, with real files",
      "  halfmoon rd kodak/\n"
      "  halfmoon rd kodak/ --quality 20,40,60,80 --anchors kodak.json --json > rd.json");
  command->add_option("paths", o->paths, "Folders of PNG and JPEG files, or such files")
      ->type_name("DIR")
      ->required();
  AddNumbers(command, "-q,--quality", "LIST", &o->rd.qualities, {0, 100},
             "Qualities, separated by commas");
  command->add_option("--anchors", o->anchors, "Published curves (JSON) to print BD-rates against")
      ->type_name("FILE");
  AddModel(command, &o->rd.model, "Name or id of a model, or a weights file; default ae-photo");
  AddModelsDir(command, &o->rd.models_dir);
  AddThreads(command, &o->rd.threads);
  AddJson(command, &o->report.json);
  AddQuiet(command, &o->report.quiet);
  command->callback([o, exit_code] {
    if (const Status status = Run(*o); !status.ok()) {
      *exit_code = ReportError(status, o->report.json);
    }
  });
}

}  // namespace halfmoon::cli
