// The kinds of models that can be trained: from a recipe's "family" to its task. A new family adds a
// line to the table in families.cc. LibTorch in the source only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/training/pack.h"
#include "models/training/recipe.h"

namespace halfmoon::training {

class TrainingTask;

// Whether the recipe's family exists and likes the recipe's fields.
// Errors: kInvalidArgument naming the field and what is legal.
Status CheckFamily(const Recipe& recipe);

// The model of the recipe with its data. `device`: "cpu" or "cuda". Errors: those of CheckFamily;
// kInvalidArgument when the packs lack what the family needs.
Result<std::unique_ptr<TrainingTask>> MakeTask(const Recipe& recipe, const std::vector<Pack>& packs,
                                               std::int64_t validation_pictures,
                                               const std::string& device);

}  // namespace halfmoon::training
