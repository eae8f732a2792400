// Recipe: everything a training run is told, read from a JSON file. No LibTorch.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "halfmoon/status.h"

namespace halfmoon::training {

struct Recipe {
  std::string name;           // model name, e.g. "ae-photo"
  std::string family = "ae";  // kind of model, see families.h
  // Weights file of the codec whose indices are learnt (family "index-transformer"); the working
  // folder's path. Others have none.
  std::string codec;
  // What the family's own fields are where they differ from its defaults: dimensions of the model
  // (models/config), options of the loss. JSON objects.
  nlohmann::json model = nlohmann::json::object(), loss = nlohmann::json::object();

  std::int64_t batch = 16;       // crops per step, all workers together
  std::int64_t crop = 128;       // side; a multiple of 64
  double late_crop_from = 1.0;   // from this share of the run on, crops have side late_crop ...
  std::int64_t late_crop = 256;  // ... and the batch shrinks to the same number of pixels
  // Families ae and vqvae: half of the crops are made smaller, by up to that, 1..4.
  double max_downscale = 1;
  std::string optimizer = "muon";  // "muon" or "adam"
  double learning_rate = 1e-3;     // peak
  double matrix_rate = 4;          // Muon: learning rate of matrices over that of all else
  double linear_rate = 0.1;        // learning rate of the AE's linear paths over that of all else
  double final_learning_rate = 1e-6;
  std::int64_t warmup_steps = 300;
  double decay_from = 0.4;  // constant until this share of the run, then cosine to the end
  double gradient_clip = 1.0;
  double ema = 0.999;
  double level_weight = 0.5;    // a level's loss is divided by lambda^level_weight
  double quantise_from = 0.85;  // from here on the entropy path runs on its integer grid
  // How the AE's latent is quantised in training and validation: "rounding", or "dependent", as
  // encoders do by default.
  std::string quantiser = "rounding";
  // Whether the AE's latent is corrected by synthesis first, as encoders do by default.
  bool by_synthesis = false;
  bool linear_initialisation = true;
  // AE: a recipe that has fewer blocks than the weights file of --init leaves out the last ones.
  // Without it such a run is refused, since it throws away what the file knows.
  bool fewer_blocks = false;
  // AE: a weights file to stay near, so that what is exported can be an update of it that packs
  // well (networks/base_weights.h); the working folder's path. In the last part of the run weights
  // are rounded to whole multiples, `base_steps`, of its steps, by parts of the network; those of 0
  // stay as they are from the first step on. Each step moves the others towards it by base_decay
  // times the learning rate.
  std::string base;
  std::map<std::string, std::int64_t> base_steps;
  double base_decay = 0;
  std::uint64_t seed = 1;

  std::string data_note, licence;  // copied into the weights file

  // Errors: kIo, kInvalidArgument naming the field and its legal range. Unknown keys are errors.
  static Result<Recipe> FromFile(const std::string& path);
  static Result<Recipe> FromJson(const std::string& text, const std::string& where);
  std::string ToJson() const;
  Status Validate() const;
};

}  // namespace halfmoon::training
