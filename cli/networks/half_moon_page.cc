#include "cli/networks/half_moon_page.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "codec/generate/picture_grid.h"
#include "codec/imageio/image_io.h"
#include "eval/report/embedded_pictures.h"
#include "eval/report/svg_chart.h"
#include "models/training/data/moon_renderer.h"

namespace halfmoon::cli {
namespace {

using training::HalfMoonRun;
using training::MoonPicture;

// Small pictures are worth the time.
ImageWriteOptions PngOptions() {
  ImageWriteOptions options;
  options.png_level = 9;
  return options;
}

Result<std::vector<std::uint8_t>> Strip(const std::vector<const MoonPicture*>& moons) {
  std::vector<Image> pictures;
  for (const MoonPicture* moon : moons) {
    HALFMOON_ASSIGN_OR_RETURN(Image image,
                              Image::Create(training::kMoonSide, training::kMoonSide, 1));
    std::copy(moon->begin(), moon->end(), image.samples().begin());
    pictures.push_back(std::move(image));
  }
  HALFMOON_ASSIGN_OR_RETURN(const Image grid,
                            PictureGrid(pictures, static_cast<std::uint32_t>(pictures.size()), 1));
  return WriteImage(grid, ImageFormat::kPng, PngOptions());
}

std::string Kind(const HalfMoonRun& run) { return run.variational ? "VAE" : "AE"; }

std::string ImageElement(const std::vector<std::uint8_t>& png, const std::string& alt) {
  return "<img alt=\"" + alt + "\" src=\"data:image/png;base64," + eval::Base64(png) + "\">\n";
}

eval::Chart DistanceChart(const std::vector<HalfMoonRun>& runs, bool hole) {
  eval::Chart chart;
  chart.title =
      hole ? "Distance to the nearest moon (35-65 % left out)" : "Distance to the nearest moon";
  chart.x_label = "step of the path, 0 crescent to 1 full";
  for (const HalfMoonRun& run : runs) {
    if (run.hole != hole) continue;
    eval::ChartSeries series;
    series.name = Kind(run);
    for (std::size_t i = 0; i < run.path.size(); ++i) {
      series.points.emplace_back(static_cast<double>(i) / static_cast<double>(run.path.size() - 1),
                                 run.path[i].distance);
    }
    chart.series.push_back(std::move(series));
  }
  return chart;
}

eval::Chart LitChart(const std::vector<HalfMoonRun>& runs, bool hole) {
  eval::Chart chart;
  chart.title = hole ? "Lit share of that moon (35-65 % left out)" : "Lit share of that moon";
  chart.x_label = "step of the path, 0 crescent to 1 full";
  for (const HalfMoonRun& run : runs) {
    if (run.hole != hole) continue;
    eval::ChartSeries series;
    series.name = Kind(run);
    for (std::size_t i = 0; i < run.path.size(); ++i) {
      series.points.emplace_back(static_cast<double>(i) / static_cast<double>(run.path.size() - 1),
                                 run.path[i].nearest_lit);
    }
    chart.series.push_back(std::move(series));
  }
  return chart;
}

std::string FiguresTable(const std::vector<SeededRuns>& seeds) {
  std::string html =
      "<table><tr><th>seed<th>phases<th>model<th>path, mean<th>path, worst<th>lit in the middle"
      "<th>samples of N(0, I)<th>samples, fitted<th>unseen moons<th>PSNR, dB<th>active</tr>\n";
  for (const SeededRuns& s : seeds) {
    for (const HalfMoonRun& r : s.runs) {
      const std::string beta = r.variational ? ", beta " + Fixed(r.beta, r.beta < 10 ? 1 : 0) : "";
      html += "<tr><td>" + std::to_string(s.seed) + "<td>" + (r.hole ? "35-65 % left out" : "all") +
              "<td>" + Kind(r) + beta + "<td>" + Fixed(r.PathDistance(), 1) + "<td>" +
              Fixed(r.WorstDistance(), 1) + "<td>" + Fixed(100 * r.MiddleLit(), 0) + " %<td>" +
              Fixed(r.sample_distance, 1) + "<td>" + Fixed(r.fitted_distance, 1) + "<td>" +
              Fixed(r.reconstruction_distance, 1) + "<td>" + Fixed(r.psnr, 1) + "<td>" +
              std::to_string(r.active) + " of " + std::to_string(r.latent) + "</tr>\n";
    }
  }
  return html + "</table>\n";
}

constexpr char kHead[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Half "
    "moon</title>\n<style>\n"
    "body{font:16px/1.5 sans-serif;max-width:1460px;margin:2em auto;padding:0 1em;color:#222}\n"
    "img{max-width:100%;image-rendering:pixelated}table{border-collapse:collapse}\n"
    "td,th{padding:.2em .7em;text-align:right;border-bottom:1px solid "
    "#ddd}svg{max-width:100%;height:auto}\n"
    "</style></head><body>\n<h1>Half moon</h1>\n"
    "<p>An autoencoder (AE) and a variational autoencoder (VAE) of the same shape have seen the "
    "same "
    "rendered moons. Each strip decodes the straight line between the codes of a thin crescent (5 "
    "% lit) "
    "and a full moon. Distances are to the nearest rendered moon of any phase, size and tilt: the "
    "root of "
    "the mean squared difference of the pixels, 0 to 255.</p>\n";

}  // namespace

std::string RunName(const HalfMoonRun& run) {
  return std::string(run.variational ? "vae" : "ae") + (run.hole ? "-hole" : "-all");
}

Result<std::vector<std::uint8_t>> PathStrip(const HalfMoonRun& run) {
  std::vector<const MoonPicture*> moons;
  for (const training::PathStep& step : run.path) moons.push_back(&step.picture);
  return Strip(moons);
}

Result<std::vector<std::uint8_t>> SampleStrip(const HalfMoonRun& run) {
  std::vector<const MoonPicture*> moons;
  for (const MoonPicture& moon : run.samples) moons.push_back(&moon);
  return Strip(moons);
}

Result<std::string> HalfMoonPage(const std::vector<SeededRuns>& seeds) {
  HALFMOON_ENSURE(!seeds.empty());
  const std::vector<HalfMoonRun>& runs = seeds[0].runs;
  std::string html = kHead;
  for (const bool hole : {false, true}) {
    html += hole ? "<h2>Phases from 35 to 65 % lit left out of the training</h2>\n"
                 : "<h2>All phases in the training</h2>\n";
    for (const HalfMoonRun& run : runs) {
      if (run.hole != hole) continue;
      HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> path, PathStrip(run));
      HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> samples, SampleStrip(run));
      html += "<h3>" + Kind(run) + "</h3>\n<p>From crescent to full moon:</p>\n" +
              ImageElement(path, Kind(run) + " path") + "<p>Codes drawn from N(0, I):</p>\n" +
              ImageElement(samples, Kind(run) + " samples");
    }
    html += eval::ChartsToSvg("", {DistanceChart(runs, hole), LitChart(runs, hole)});
  }
  html += "<h2>Figures</h2>\n" + FiguresTable(seeds) +
          "<p>Fitted: codes from a normal distribution with the mean and covariance of the codes "
          "of moons. "
          "Unseen moons: decoded again; as rendered they are " +
          Fixed(runs[0].rendered_distance, 1) +
          " away from the nearest of those compared with, because these lie on a grid.</p>\n"
          "</body></html>\n";
  return html;
}

std::string HalfMoonJson(const std::vector<SeededRuns>& seeds) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const SeededRuns& s : seeds) {
    nlohmann::ordered_json runs = nlohmann::ordered_json::array();
    for (const HalfMoonRun& r : s.runs) {
      nlohmann::ordered_json run = {{"name", RunName(r)},
                                    {"beta", r.beta},
                                    {"path_distance", r.PathDistance()},
                                    {"worst_distance", r.WorstDistance()},
                                    {"middle_lit", r.MiddleLit()},
                                    {"sample_distance", r.sample_distance},
                                    {"fitted_distance", r.fitted_distance},
                                    {"reconstruction_distance", r.reconstruction_distance},
                                    {"rendered_distance", r.rendered_distance},
                                    {"psnr", r.psnr},
                                    {"active", r.active},
                                    {"latent", r.latent}};
      for (const training::PathStep& step : r.path) {
        run["path"].push_back({{"distance", step.distance}, {"lit", step.nearest_lit}});
      }
      runs.push_back(run);
    }
    list.push_back({{"seed", s.seed}, {"runs", runs}});
  }
  return list.dump(1) + "\n";
}

}  // namespace halfmoon::cli
