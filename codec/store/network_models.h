// NetworkModels: what needs LibTorch, behind a table of functions. Internal; no LibTorch here.
//
// Read me first: LibTorch takes half a second to load, and the codecs of photographs do without it
// (models/runtime). What does need it, the VAE and everything that trains, is one shared object,
// halfmoon_networks.so, which is loaded when it is first asked for. It holds a copy of this library
// of its own; across the border go only types of these headers, and both sides must be of one
// build.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "codec/families/ae_search.h"
#include "codec/families/picture_model.h"
#include "codec/store/model_loaders.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon {

// For --version and bug reports.
struct NetworkInfo {
  std::string torch_version;  // e.g. "1.13.0"
  std::string blas;           // e.g. "OpenBLAS 0.3.21 (Zen)"
  bool slow_blas = false;     // Debian's reference BLAS: install libopenblas0
};

struct NetworkModels {
  // Of the architectures that run on LibTorch.
  std::span<const ModelLoaders> loaders;
  // LoadAeSearch.
  Result<std::unique_ptr<EncodingModel>> (*load_ae_search)(const runtime::WeightsFile& file,
                                                           std::unique_ptr<EncodingModel> codec,
                                                           const SearchProgress& progress);
  NetworkInfo (*info)();
};

// The table: the one given to UseNetworkModels, or that of halfmoon_networks.so.
// Errors: kModelMissing naming where the file was sought, or what is wrong with it.
Result<const NetworkModels*> GetNetworkModels();

// For programs that link LibTorch themselves. Call it before any thread uses the library.
void UseNetworkModels(const NetworkModels* models);

// A function that halfmoon_networks.so offers. Errors: as GetNetworkModels.
Result<void*> NetworkSymbol(const char* name);

}  // namespace halfmoon
