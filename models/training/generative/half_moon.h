// The half-moon experiment: what lies between the codes of a thin crescent and a full moon? No
// LibTorch in this header.
//
// An AE and a VAE of the same shape are trained on the same rendered moons (moon_renderer.h), with
// all phases and with the phases around half left out. The straight line between two codes is
// decoded, and each picture compared with rendered moons of every phase, size and tilt.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon::training {

struct HalfMoonOptions {
  std::string work_dir;    // packs and training runs
  std::uint64_t seed = 1;  // of initial values and batches; the moons are the same for every seed
  std::int64_t steps = 1500;  // of each of the four trainings
  int workers = 2;            // threads
  int path_steps = 21;
  // Weight of the VAE's KL (Higgins et al. 2017); 1 is the ELBO itself. Reconstruction is learnt to
  // 40 dB, and against so sharp a likelihood a KL of weight 1 shapes nothing (docs/half-moon.md).
  double beta = 300;
  std::int64_t latent = 8;  // numbers of a code, 1..64
};

// A grey picture, kMoonSide pixels wide and high.
using MoonPicture = std::vector<std::uint8_t>;

struct PathStep {
  MoonPicture picture;
  double distance = 0;  // to the nearest rendered moon: root of the mean squared difference, 0..255
  double nearest_lit = 0;  // lit share of that moon
};

struct HalfMoonRun {
  bool variational = false;          // VAE or AE
  bool hole = false;                 // phases from 35 to 65 % lit were left out
  double beta = 0;                   // of the VAE's KL
  std::vector<PathStep> path;        // from the crescent (5 % lit) to the full moon
  std::vector<MoonPicture> samples;  // codes from N(0, I): the first of those measured
  double sample_distance = 0;        // mean over 64 of them
  // The same for codes drawn from a normal distribution fitted to the codes of the training moons,
  // which is fairer to the AE: nothing told it where zero is.
  double fitted_distance = 0;
  double reconstruction_distance = 0;  // of unseen moons, decoded again
  double rendered_distance = 0;        // of the same moons as rendered: what the bank's grid costs
  double psnr = 0;                     // dB, of unseen moons
  int active = 0, latent = 0;          // latent dimensions that vary with the moon, and all

  // The mean and the largest distance of the inner steps, and what the middle step is nearest to.
  double PathDistance() const {
    double sum = 0;
    for (std::size_t i = 1; i + 1 < path.size(); ++i) sum += path[i].distance;
    return path.size() > 2 ? sum / static_cast<double>(path.size() - 2) : 0;
  }
  double WorstDistance() const {
    double worst = 0;
    for (std::size_t i = 1; i + 1 < path.size(); ++i) worst = std::max(worst, path[i].distance);
    return worst;
  }
  double MiddleLit() const { return path.empty() ? 0 : path[path.size() / 2].nearest_lit; }
};

// Called with what is being done and the share that is done, 0..1. Return false to stop.
using HalfMoonProgress = std::function<bool(const std::string& what, double done)>;

// Four runs: AE and VAE with all phases, then both with the hole.
// Errors: those of Train; kInvalidArgument when stopped.
Result<std::vector<HalfMoonRun>> RunHalfMoon(const HalfMoonOptions& options,
                                             const HalfMoonProgress& progress);

}  // namespace halfmoon::training
