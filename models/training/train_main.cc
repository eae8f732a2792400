// halfmoon-train: the trainer as a program of its own, for machines without the picture libraries.
// The same loop as `halfmoon train`; only the command line is spelt here.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <string>

#include "models/training/loop/trainer.h"

namespace {

volatile std::sig_atomic_t g_stop = 0;
void OnSignal(int) { g_stop = 1; }

}  // namespace

int main(int argc, char** argv) {
  halfmoon::training::TrainOptions o;
  std::string recipe, codec;
  CLI::App app("Trains a model on pixel packs", "halfmoon-train");
  app.add_option("--recipe", recipe, "JSON file")->required();
  app.add_option("--data", o.packs, "Packs made by 'halfmoon pack'")->required();
  app.add_option("--out", o.out_dir, "Folder of the run")->required();
  app.add_option("--steps", o.budget.steps, "Length of the run in steps");
  app.add_option("--total-minutes", o.budget.minutes, "Length of the run in minutes");
  app.add_option("--init", o.init, "Start from a checkpoint or a weights file");
  app.add_flag("--resume", o.resume, "Continue the checkpoint in --out exactly");
  app.add_option("--codec", codec, "Weights file of the codec (family index-transformer)");
  app.add_option("--device", o.device, "cpu or cuda")->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--workers", o.workers, "Threads that share a batch")->check(CLI::Range(1, 256));
  app.add_option("--precision", o.precision, "Type of matrix products")
      ->check(CLI::IsMember({"auto", "float32", "bfloat16"}));
  CLI11_PARSE(app, argc, argv);
  auto loaded = halfmoon::training::Recipe::FromFile(recipe);
  if (!loaded.ok()) {
    std::fprintf(stderr, "error: %s\n", loaded.status().message().c_str());
    return 2;
  }
  o.recipe = *loaded;
  if (!codec.empty()) o.recipe.codec = codec;
  std::signal(SIGINT, OnSignal);
  std::signal(SIGTERM, OnSignal);
  const halfmoon::Status status =
      halfmoon::training::Train(o, [](const halfmoon::training::TrainProgress& p) {
        if (p.prepared < 1) {
          std::printf("preparing  %4.1f%%\n", 100 * p.prepared);
          std::fflush(stdout);
          return g_stop == 0;
        }
        std::printf("step %lld  %4.1f%%  %.2f steps/s  loss %.4f", static_cast<long long>(p.step),
                    100 * p.progress, p.steps_per_second, p.loss);
        for (const auto& [name, value] : p.figures) std::printf("  %s %.4f", name.c_str(), value);
        std::printf("  lr %.1e  %.0f min left%s\n", p.learning_rate, p.minutes_left,
                    p.skipped ? (" skipped " + std::to_string(p.skipped)).c_str() : "");
        if (p.validation) {
          std::printf("validation score %.4f:", p.validation->score);
          for (const auto& [name, value] : p.validation->figures) {
            std::printf("  %s %.4f", name.c_str(), value);
          }
          for (const auto& q : p.validation->points) {
            std::printf("  [%.0f] %.4f bpp %.2f dB", q.level, q.bpp, q.psnr);
          }
          std::printf("\n");
        }
        std::fflush(stdout);
        return g_stop == 0;
      });
  if (!status.ok()) {
    std::fprintf(stderr, "error: %s\n", status.message().c_str());
    return 1;
  }
  return 0;
}
