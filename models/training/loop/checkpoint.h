// Checkpoints: named tensors and strings in one file that survives a kill at any moment. LibTorch.
#pragma once

#include <torch/torch.h>

#include <map>
#include <string>

#include "halfmoon/status.h"

namespace halfmoon::training {

struct Checkpoint {
  std::map<std::string, torch::Tensor> tensors;  // on the CPU after Load
  std::map<std::string, std::string> metadata;

  // Writes beside `path`, flushes, renames: `path` is always the old or the new checkpoint.
  Status Save(const std::string& path) const;
  static Result<Checkpoint> Load(const std::string& path);
};

}  // namespace halfmoon::training
