// IndexTransformerConfig: the dimensions of the transformer that draws codebook indices. No
// LibTorch.
#pragma once

#include <cstdint>

#include "models/config/config_fields.h"

namespace halfmoon {

struct IndexTransformerConfig {
  static constexpr char kArchitecture[] = "index-transformer";  // of weights files

  std::int64_t codes = 256;   // K: of the codebook
  std::int64_t indices = 64;  // N: of a picture, in coding order
  std::int64_t words = 2;     // V: condition tokens, 0 (nothing) and 1 (an unknown word) among them
  std::int64_t condition = 1;  // L: condition tokens in front of a picture
  std::int64_t width = 192;    // channels of a position
  std::int64_t heads = 6;
  std::int64_t layers = 6;
  double dropout = 0.1;  // in training, of what a layer adds

  std::int64_t length() const { return condition + indices; }

  void VisitFields(FieldVisitor& f);
  Status Rules() const;
};

}  // namespace halfmoon
