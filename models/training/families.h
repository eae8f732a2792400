// The kinds of models that can be trained: from a recipe's "family" to its task, and from a
// checkpoint to its weights file. A new family adds a line to the table in families.cc. LibTorch in
// the source only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/training/data/pack.h"
#include "models/training/loop/recipe.h"

namespace halfmoon::training {

class TrainingTask;
struct Checkpoint;

// Whether the recipe's family exists and likes the recipe's fields.
// Errors: kInvalidArgument naming the field and what is legal.
Status CheckFamily(const Recipe& recipe);

// Whether the recipe's family can be trained on that device. Errors: kInvalidArgument naming both.
Status CheckDevice(const Recipe& recipe, const std::string& device);

// The model of the recipe with its data. `device`: "cpu" or "cuda". Errors: those of CheckFamily;
// kInvalidArgument when the packs lack what the family needs.
Result<std::unique_ptr<TrainingTask>> MakeTask(const Recipe& recipe, const std::vector<Pack>& packs,
                                               std::int64_t validation_pictures,
                                               const std::string& device);

// The family a checkpoint says it is of; "ae" for those that say nothing.
std::string FamilyOf(const Checkpoint& checkpoint);

// That of the weights file that a checkpoint becomes: several families may train one architecture.
// Errors: kCorrupt when the family is unknown.
Result<std::string> ArchitectureOf(const Checkpoint& checkpoint);

// The weights file of a checkpoint with its averaged weights. `metadata` (name, data, licence ...)
// is added to the model's own. `packs`: a VAE gets a mixture fitted to the codes of their training
// pictures; other families need none. Errors: kCorrupt naming the tensor or metadata key; kInternal
// when the runtime's loader would refuse the result.
Result<std::vector<std::uint8_t>> ExportCheckpoint(
    const Checkpoint& checkpoint, const std::map<std::string, std::string>& metadata,
    const std::vector<Pack>& packs = {});

}  // namespace halfmoon::training
