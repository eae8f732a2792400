// The page of the half-moon experiment: strips, plots and figures in one HTML file. std only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/training/generative/half_moon.h"

namespace halfmoon::cli {

struct SeededRuns {
  std::uint64_t seed = 0;
  std::vector<training::HalfMoonRun> runs;  // as RunHalfMoon returns them
};

// The HTML text; strips and plots of the first seed, figures of all. REQUIRES: at least one seed.
Result<std::string> HalfMoonPage(const std::vector<SeededRuns>& seeds);

// The strip of a path (or the samples) as a PNG.
Result<std::vector<std::uint8_t>> PathStrip(const training::HalfMoonRun& run);
Result<std::vector<std::uint8_t>> SampleStrip(const training::HalfMoonRun& run);

// "ae-all", "vae-hole" ...
std::string RunName(const training::HalfMoonRun& run);

// The figures as JSON text: a list of seeds with four runs each.
std::string HalfMoonJson(const std::vector<SeededRuns>& seeds);

}  // namespace halfmoon::cli
