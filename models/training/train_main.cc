// halfmoon-train: the trainer as a program of its own, for machines with nothing but LibTorch.
// The same loop as `halfmoon train`; only the command line is spelt here.
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "models/training/trainer.h"

namespace {

volatile std::sig_atomic_t g_stop = 0;
void OnSignal(int) { g_stop = 1; }

int Usage() {
  std::fputs(
      "usage: halfmoon-train --recipe FILE --data PACK [--data PACK ...] --out DIR\n"
      "                      (--steps N | --total-minutes M) [--init CHECKPOINT] [--resume]\n"
      "                      [--codec WEIGHTS] [--device cpu|cuda] [--workers N]\n"
      "                      [--precision auto|float32|bfloat16]\n",
      stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  halfmoon::training::TrainOptions o;
  std::string recipe, codec;
  for (int i = 1; i < argc; ++i) {
    const std::string key = argv[i];
    if (key == "--resume") {
      o.resume = true;
      continue;
    }
    if (i + 1 >= argc) return Usage();
    const std::string value = argv[++i];
    if (key == "--recipe")
      recipe = value;
    else if (key == "--data")
      o.packs.push_back(value);
    else if (key == "--out")
      o.out_dir = value;
    else if (key == "--init")
      o.init = value;
    else if (key == "--codec")
      codec = value;
    else if (key == "--device")
      o.device = value;
    else if (key == "--precision")
      o.precision = value;
    else if (key == "--steps")
      o.budget.steps = std::atoll(value.c_str());
    else if (key == "--total-minutes")
      o.budget.minutes = std::atof(value.c_str());
    else if (key == "--workers")
      o.workers = std::atoi(value.c_str());
    else
      return Usage();
  }
  if (recipe.empty() || o.packs.empty() || o.out_dir.empty()) return Usage();
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
