#include <algorithm>
#include <filesystem>
#include <memory>
#include <thread>

#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/interrupt.h"
#include "cli/networks/runs.h"
#include "models/training/loop/trainer.h"

namespace halfmoon::cli {
namespace {

namespace fs = std::filesystem;

std::string FiguresText(const training::Figures& figures) {
  std::string text;
  for (const auto& [name, value] : figures) text += ", " + name + " " + Fixed(value, 4);
  return text;
}

std::string ProgressText(const training::TrainProgress& p) {
  if (p.prepared < 1) return "preparing (" + Fixed(100 * p.prepared, 1) + " %)";
  return "step " + std::to_string(p.step) + " (" + Fixed(100 * p.progress, 1) + " %), " +
         Fixed(p.steps_per_second, 2) + " steps/s, loss " + Fixed(p.loss, 4) +
         FiguresText(p.figures) + ", " + Duration(60 * p.minutes_left) + " left" +
         (p.skipped > 0 ? ", " + std::to_string(p.skipped) + " steps skipped" : "");
}

std::string ValidationText(const training::TrainProgress& p) {
  std::string text = "validation at step " + std::to_string(p.step) + ": score " +
                     Fixed(p.validation->score, 4) + FiguresText(p.validation->figures);
  if (!p.validation->points.empty()) text += "; level:bpp/dB";
  for (const training::RatePoint& q : p.validation->points) {
    text += " " + Fixed(q.level, 0) + ":" + Fixed(q.bpp, 4) + "/" + Fixed(q.psnr, 2);
  }
  return text;
}

// A finished or interrupted run is worth hours; it is not overwritten by accident.
Status PrepareFolder(const TrainRequest& o) {
  const fs::path folder = o.train.out_dir;
  std::error_code error;
  const bool has_checkpoint = fs::exists(folder / "checkpoint.pt", error);
  if (o.train.resume) {
    if (has_checkpoint) return Status::Ok();
    return {StatusCode::kIo, (folder / "checkpoint.pt").string() +
                                 ": there is no checkpoint to resume; leave out --resume"};
  }
  if (has_checkpoint && !o.force) {
    return {StatusCode::kFileExists,
            folder.string() +
                ": holds the checkpoint of another run; continue it with --resume, "
                "name another folder, or replace it with --force"};
  }
  fs::create_directories(folder, error);
  if (error) return {StatusCode::kIo, folder.string() + ": cannot create: " + error.message()};
  fs::remove(folder / "log.jsonl", error);  // the trainer appends
  return Status::Ok();
}

}  // namespace

Status RunTrain(TrainRequest o, int* exit_code) {
  if (o.train.resume && o.recipe.empty()) {
    o.recipe = (fs::path(o.train.out_dir) / "recipe.json").string();
  }
  if (o.recipe.empty()) {
    return {StatusCode::kInvalidArgument, "give a recipe with --recipe FILE"};
  }
  HALFMOON_ASSIGN_OR_RETURN(o.train.recipe, training::Recipe::FromFile(o.recipe));
  if (o.train.budget.steps <= 0 && o.train.budget.minutes <= 0) {
    return {StatusCode::kInvalidArgument,
            "give the length of the run: --steps N or --total-minutes M"};
  }
  if (!o.codec.empty()) o.train.recipe.codec = o.codec;
  for (const std::string& pack : o.train.packs) {
    std::error_code error;
    if (!fs::exists(pack, error)) return {StatusCode::kIo, pack + ": no such file"};
  }
  HALFMOON_RETURN_IF_ERROR(PrepareFolder(o));
  o.train.workers = o.threads > 0
                        ? o.threads
                        : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  WarnIfSlowBlas(o.quiet);

  const bool terminal = StderrIsTerminal();
  DeferInterrupt interrupt;
  ProgressLine line(o.quiet);
  bool announced = false;
  const Status status = training::Train(o.train, [&](const training::TrainProgress& p) {
    if (!o.quiet && !terminal) PrintText(ProgressText(p) + "\n", /*to_stderr=*/true);
    if (p.validation != nullptr && !o.quiet) {
      line.Clear();
      PrintText(ValidationText(p) + "\n", /*to_stderr=*/true);
    }
    line.Show(ProgressText(p));
    if (interrupt.requested() && !announced) {
      announced = true;
      line.Clear();
      PrintText("halfmoon: stopping; writing a checkpoint\n", /*to_stderr=*/true);
    }
    return !interrupt.requested();
  });
  line.Clear();
  if (!status.ok()) return status;
  const std::string checkpoint = (fs::path(o.train.out_dir) / "checkpoint.pt").string();
  if (interrupt.requested()) {
    interrupt.Acknowledge();
    *exit_code = kExitInterrupted;
    if (!o.quiet) PrintText(checkpoint + ": stopped early; --resume continues the run\n");
  } else if (!o.quiet) {
    PrintText(checkpoint + ": the run is complete\n");
  }
  return Status::Ok();
}

}  // namespace halfmoon::cli
