#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "cli/files.h"
#include "cli/generative.h"
#include "cli/networks/runs.h"
#include "models/config/architectures.h"
#include "models/runtime/weights/manifest.h"
#include "models/training/generative/conditional_figures.h"
#include "models/training/generative/generative_figures.h"

namespace halfmoon::cli {
namespace {

// A weights file by its path, or an installed model by name or id.
Result<std::shared_ptr<const runtime::WeightsFile>> LoadWeights(const std::string& text,
                                                                const std::string& models_dir) {
  HALFMOON_ASSIGN_OR_RETURN(const runtime::Manifest manifest,
                            runtime::OpenModels(models_dir, {text}));
  HALFMOON_ASSIGN_OR_RETURN(const runtime::LoadedWeights loaded,
                            runtime::LoadModel(manifest, text));
  return loaded.weights;
}

// `f`: GenerativeFigures or ConditionalFigures.
template <typename F>
Status WriteNearest(const F& f, std::int64_t picture_side, std::int64_t picture_channels,
                    const AssessRequest& o) {
  std::vector<Image> pictures;
  const auto side = static_cast<std::uint32_t>(picture_side);
  const auto channels = static_cast<std::uint32_t>(picture_channels);
  // Rows of eight samples, the neighbours of each row below it.
  constexpr std::size_t kColumns = 8;
  for (std::size_t first = 0; first < f.shown.size(); first += kColumns) {
    const std::size_t last = std::min(first + kColumns, f.shown.size());
    for (const auto* row : {&f.shown, &f.neighbours}) {
      for (std::size_t i = first; i < first + kColumns; ++i) {
        HALFMOON_ASSIGN_OR_RETURN(Image picture, Image::Create(side, side, channels));
        std::fill(picture.samples().begin(), picture.samples().end(), std::uint8_t{255});
        if (i < last) std::copy((*row)[i].begin(), (*row)[i].end(), picture.samples().begin());
        pictures.push_back(std::move(picture));
      }
    }
  }
  return WriteGrid(o.nearest_grid, pictures, kColumns, o.enlarge, o.force);
}

std::string Percent(double share) { return Fixed(100 * share, 1) + " %"; }

void Report(const training::GenerativeFigures& f, const AssessRequest& o) {
  std::string text = "test pictures  " + std::to_string(f.pictures) + "\n" + "ELBO           " +
                     Fixed(f.elbo_bits, 3) + " bits per dimension: reconstruction " +
                     Fixed(f.reconstruction_bits, 3) + ", KL " + Fixed(f.kl_bits, 3) + " (" +
                     Fixed(f.kl_bits_per_picture, 1) + " bits per picture)\n" + "PSNR           " +
                     Fixed(f.psnr, 2) + " dB, from the posterior mean\n" + "active units   " +
                     std::to_string(f.active) + " of " + std::to_string(f.latent) + "\n" +
                     "Frechet        " + Fixed(f.frechet, 3) + " of " +
                     std::to_string(o.figures.samples) + " samples; training pictures " +
                     Fixed(f.frechet_training, 3) + "\n";
  if (!o.against.empty()) {
    text += "other model    " + Fixed(f.other_frechet, 3) + " from N(0, I), " +
            Fixed(f.other_fitted_frechet, 3) + " from fitted codes; PSNR " +
            Fixed(f.other_psnr, 2) + " dB\n";
  }
  text += "confidence     at least " + Fixed(o.figures.confidence, 2) + " for " +
          Percent(f.confident) + " of the samples; test pictures " +
          Percent(f.confident_validation) + " (accuracy " + Percent(f.classifier_accuracy) +
          ")\nclasses        ";
  for (std::size_t k = 0; k < f.classes.size(); ++k) {
    text += (k > 0 ? ", " : "") + f.classes[k] + " " + Percent(f.class_shares[k]);
  }
  PrintText(text + "\n");
}

// --- Models with prompts or classes --------------------------------------------------------------

// As many of each class, class after class; or all from the prompt.
Result<training::DrawnPictures> DrawAll(const AssessRequest& o, ProgressLine* line) {
  GeneratorOptions g;
  g.model = o.model;
  g.models_dir = o.models_dir;
  g.prior = o.figures.prior;
  HALFMOON_ASSIGN_OR_RETURN(Generator generator, Generator::Create(g));
  const GeneratorInfo& info = generator.info();
  training::DrawnPictures drawn;
  drawn.side = info.picture.width;
  drawn.channels = info.picture.channels;
  const bool all_classes = !info.classes.empty() && o.request.label.empty();
  const std::vector<std::string> labels = all_classes ? info.classes : std::vector{o.request.label};
  SampleRequest r = o.request;
  r.seed = o.figures.seed;
  r.temperature = o.figures.temperature;
  r.count = static_cast<int>(o.figures.samples / static_cast<std::int64_t>(labels.size()));
  for (std::size_t k = 0; k < labels.size(); ++k) {
    r.label = labels[k];
    r.progress = [&](double share) {
      line->ShowShare("drawing",
                      (static_cast<double>(k) + share) / static_cast<double>(labels.size()));
    };
    HALFMOON_ASSIGN_OR_RETURN(const std::vector<Image> pictures, generator.Sample(r));
    for (const Image& p : pictures) {
      drawn.pictures.emplace_back(p.samples().begin(), p.samples().end());
      if (!labels[k].empty()) drawn.classes.push_back(labels[k]);
    }
  }
  line->Clear();
  return drawn;
}

void ReportConditional(const training::ConditionalFigures& f, std::size_t samples) {
  std::string text;
  if (!f.class_accuracy.empty()) {
    text += "accuracy       " + Percent(f.accuracy) + " of " + std::to_string(samples) +
            " samples are held for the class asked for; of test pictures " +
            Percent(f.classifier_accuracy) + "\nspread         " + Fixed(f.spread, 2) +
            " of the test pictures' within a class\n";
    for (std::size_t k = 0; k < f.classes.size(); ++k) {
      text += "  " + f.classes[k] + ": accuracy " + Percent(f.class_accuracy[k]) + ", spread " +
              Fixed(f.class_spread[k], 2) + "\n";
    }
  }
  if (!f.classes.empty()) {
    text += "Frechet        " + Fixed(f.frechet, 3) + "; training pictures " +
            Fixed(f.frechet_training, 3) + "\n";
  }
  if (!f.neighbour_distances.empty()) {
    std::vector<double> d = f.neighbour_distances;
    std::nth_element(d.begin(), d.begin() + static_cast<std::ptrdiff_t>(d.size() / 2), d.end());
    text += "nearest        training picture: median distance " + Fixed(d[d.size() / 2], 1) +
            " of 255, least " + Fixed(*std::min_element(d.begin(), d.end()), 1) +
            "; test pictures " + Fixed(f.validation_distance, 1) + "\n";
  }
  PrintText(text.empty() ? std::to_string(samples) +
                               " samples; name --classifier or --nearest-grid to judge them\n"
                         : text);
}

Status RunConditional(const AssessRequest& o, const std::vector<training::Pack>& packs,
                      std::int64_t nearest) {
  const Timer timer;
  if (!o.against.empty()) return {StatusCode::kInvalidArgument, "--against is for VAEs"};
  std::shared_ptr<const runtime::WeightsFile> classifier;
  if (!o.classifier.empty()) {
    HALFMOON_ASSIGN_OR_RETURN(classifier, LoadWeights(o.classifier, o.models_dir));
  }
  ProgressLine line(o.report.quiet);
  HALFMOON_ASSIGN_OR_RETURN(const training::DrawnPictures drawn, DrawAll(o, &line));
  HALFMOON_ASSIGN_OR_RETURN(const training::ConditionalFigures f,
                            training::MeasureConditional(drawn, classifier.get(), packs, nearest));
  if (!o.nearest_grid.empty())
    HALFMOON_RETURN_IF_ERROR(WriteNearest(f, drawn.side, drawn.channels, o));
  if (o.report.json) {
    nlohmann::ordered_json json = {{"model", o.model},
                                   {"samples", drawn.pictures.size()},
                                   {"seed", o.figures.seed},
                                   {"prompt", o.request.prompt},
                                   {"class", o.request.label},
                                   {"guidance", o.request.guidance},
                                   {"temperature", o.figures.temperature},
                                   {"top_k", o.request.top_k},
                                   {"top_p", o.request.top_p}};
    if (!f.class_accuracy.empty()) {
      json["accuracy"] = f.accuracy;
      json["spread"] = f.spread;
      for (std::size_t k = 0; k < f.classes.size(); ++k) {
        json["classes"][f.classes[k]] = {{"accuracy", f.class_accuracy[k]},
                                         {"spread", f.class_spread[k]}};
      }
    }
    if (!f.classes.empty()) {
      json["classifier_accuracy"] = f.classifier_accuracy;
      json["frechet"] = f.frechet;
      json["frechet_training"] = f.frechet_training;
    }
    for (const double d : f.neighbour_distances) json["nearest_training_picture"].push_back(d);
    if (!f.neighbour_distances.empty()) json["nearest_of_test_pictures"] = f.validation_distance;
    json["seconds"] = timer.seconds();
    PrintJson(json);
  } else if (!o.report.quiet) {
    ReportConditional(f, drawn.pictures.size());
  }
  return Status::Ok();
}

}  // namespace

Status RunAssess(const AssessRequest& o) {
  const Timer timer;
  training::GenerativeFiguresOptions options = o.figures;
  if (!o.nearest_grid.empty()) {
    HALFMOON_RETURN_IF_ERROR(CheckEnding(o.nearest_grid, ".png"));
    HALFMOON_RETURN_IF_ERROR(CheckTarget("", o.nearest_grid, o.force));
    options.nearest = std::min<std::int64_t>(32, options.samples);
  }
  HALFMOON_ASSIGN_OR_RETURN(const auto model, LoadWeights(o.model, o.models_dir));
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<training::Pack> packs,
                            training::Pack::ReadAll(o.packs));
  WarnIfSlowBlas(o.report.quiet);
  HALFMOON_ASSIGN_OR_RETURN(const std::string architecture, model->Metadata("architecture"));
  if (const Architecture* a = FindArchitecture(architecture);
      a != nullptr && a->draws == Architecture::Draws::kPriorFile)
    return RunConditional(o, packs, options.nearest);
  if (o.classifier.empty()) {
    return {StatusCode::kInvalidArgument, "give a classifier with --classifier MODEL"};
  }
  HALFMOON_ASSIGN_OR_RETURN(const auto classifier, LoadWeights(o.classifier, o.models_dir));
  std::shared_ptr<const runtime::WeightsFile> other;
  if (!o.against.empty()) {
    HALFMOON_ASSIGN_OR_RETURN(other, LoadWeights(o.against, o.models_dir));
  }
  HALFMOON_ASSIGN_OR_RETURN(
      const training::GenerativeFigures f,
      training::MeasureGenerator(*model, *classifier, other.get(), packs, options));
  if (!o.nearest_grid.empty()) HALFMOON_RETURN_IF_ERROR(WriteNearest(f, f.side, f.channels, o));
  if (o.report.json) {
    nlohmann::ordered_json json = {{"model", o.model},
                                   {"test_pictures", f.pictures},
                                   {"elbo_bits_per_dimension", f.elbo_bits},
                                   {"reconstruction_bits_per_dimension", f.reconstruction_bits},
                                   {"kl_bits_per_dimension", f.kl_bits},
                                   {"kl_bits_per_picture", f.kl_bits_per_picture},
                                   {"psnr", f.psnr},
                                   {"active_units", f.active},
                                   {"latent", f.latent},
                                   {"samples", options.samples},
                                   {"seed", options.seed},
                                   {"temperature", options.temperature},
                                   {"prior", f.prior},
                                   {"frechet", f.frechet},
                                   {"frechet_training", f.frechet_training},
                                   {"confidence", options.confidence},
                                   {"confident", f.confident},
                                   {"confident_test", f.confident_validation},
                                   {"classifier_accuracy", f.classifier_accuracy}};
    for (std::size_t k = 0; k < f.classes.size(); ++k)
      json["classes"][f.classes[k]] = f.class_shares[k];
    if (!o.against.empty()) {
      json["other"] = {{"model", o.against},
                       {"frechet", f.other_frechet},
                       {"frechet_fitted", f.other_fitted_frechet},
                       {"psnr", f.other_psnr}};
    }
    for (const double d : f.neighbour_distances) json["nearest_training_picture"].push_back(d);
    json["seconds"] = timer.seconds();
    PrintJson(json);
  } else if (!o.report.quiet) {
    Report(f, o);
  }
  return Status::Ok();
}

}  // namespace halfmoon::cli
