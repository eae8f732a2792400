// The architectures of weights files, and what is known of each without loading it. No LibTorch.
//
// Read me first: this is the registry. A new architecture has a configuration in this folder and a
// line in architectures.cc; what trains it has a line in models/training/families.cc; what codes or
// draws pictures with it has a line in codec/store/model_loaders.cc or, where that needs LibTorch,
// in codec/store/network_table.cc. Nothing else asks for an architecture by its name.
#pragma once

#include <span>
#include <string_view>

#include "halfmoon/status.h"
#include "models/config/config_fields.h"

namespace halfmoon {

// What a photographic codec's networks cost, from its configuration.
struct ModelCosts {
  // Thousands of multiply-accumulates per pixel.
  double analysis_kmac_per_pixel = 0, synthesis_kmac_per_pixel = 0, prior_kmac_per_pixel = 0;
  int receptive_field = 0;  // pixels: side of what one 16x16 output block depends on
};

struct Architecture {
  const char* name;

  // Whether it codes pictures, and whether encoders can search for better latents.
  bool codes_pictures = false, has_search = false;
  // Whether its networks run on LibTorch (codec/store/network_models.h), not on models/runtime.
  bool on_libtorch = false;

  // How it draws pictures, and so what GeneratorOptions::prior names.
  enum class Draws {
    kNothing,
    kAlone,      // there is no prior to choose
    kOwnPrior,   // by one of the priors in its own weights file
    kPriorFile,  // by a second weights file, which draws its indices
  } draws = Draws::kNothing;

  // What pictures are for when weights are exported.
  enum class ExportData {
    kNone,
    kTables,   // frequency tables are fitted to them
    kMixture,  // a mixture is fitted to their codes
  } export_data = ExportData::kNone;

  // None: no photographic codec. Errors: kModelCorrupt.
  Result<ModelCosts> (*costs)(const ModelMetadata& metadata) = nullptr;
};

std::span<const Architecture> Architectures();

// Null: there is none of that name.
const Architecture* FindArchitecture(std::string_view name);

}  // namespace halfmoon
