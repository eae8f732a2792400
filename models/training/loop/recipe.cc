#include "models/training/loop/recipe.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "models/training/families.h"

namespace halfmoon::training {
namespace {

using nlohmann::json;

// Applies `visit(name, member)` to every plain field, for reading and writing alike.
template <typename R, typename Visit>
void ForEachField(R& r, Visit visit) {
  visit("name", r.name);
  visit("family", r.family);
  visit("model", r.model);
  visit("loss", r.loss);
  visit("codec", r.codec);
  visit("batch", r.batch);
  visit("crop", r.crop);
  visit("late_crop_from", r.late_crop_from);
  visit("late_crop", r.late_crop);
  visit("max_downscale", r.max_downscale);
  visit("optimizer", r.optimizer);
  visit("learning_rate", r.learning_rate);
  visit("matrix_rate", r.matrix_rate);
  visit("linear_rate", r.linear_rate);
  visit("final_learning_rate", r.final_learning_rate);
  visit("warmup_steps", r.warmup_steps);
  visit("decay_from", r.decay_from);
  visit("gradient_clip", r.gradient_clip);
  visit("ema", r.ema);
  visit("level_weight", r.level_weight);
  visit("quantise_from", r.quantise_from);
  visit("quantiser", r.quantiser);
  visit("by_synthesis", r.by_synthesis);
  visit("linear_initialisation", r.linear_initialisation);
  visit("fewer_blocks", r.fewer_blocks);
  visit("base", r.base);
  visit("base_steps", r.base_steps);
  visit("base_decay", r.base_decay);
  visit("seed", r.seed);
  visit("data_note", r.data_note);
  visit("licence", r.licence);
}

}  // namespace

Status Recipe::Validate() const {
  auto bad = [](const std::string& text) { return Status(StatusCode::kInvalidArgument, text); };
  HALFMOON_RETURN_IF_ERROR(CheckFamily(*this));
  if (batch < 1 || batch > 4096) return bad("field 'batch' must be 1 to 4096");
  for (auto [field, side] : {std::pair{"crop", crop}, {"late_crop", late_crop}}) {
    if (side < 8 || side > 1024) return bad(std::string("field '") + field + "' must be 8 to 1024");
  }
  if (!(max_downscale >= 1 && max_downscale <= 4))
    return bad("field 'max_downscale' must be 1 to 4");
  if (optimizer != "muon" && optimizer != "adam") {
    return bad("field 'optimizer' is '" + optimizer + "'; legal are \"muon\" and \"adam\"");
  }
  if (quantiser != "rounding" && quantiser != "dependent") {
    return bad("field 'quantiser' is '" + quantiser +
               "'; legal are \"rounding\" and \"dependent\"");
  }
  if (!(learning_rate > 0 && learning_rate <= 1))
    return bad("field 'learning_rate' must be in (0, 1]");
  if (!(final_learning_rate >= 0 && final_learning_rate <= learning_rate)) {
    return bad("field 'final_learning_rate' must be from 0 to 'learning_rate'");
  }
  if (!(matrix_rate > 0 && matrix_rate <= 100))
    return bad("field 'matrix_rate' must be in (0, 100]");
  if (!(linear_rate > 0 && linear_rate <= 1)) return bad("field 'linear_rate' must be in (0, 1]");
  if (!(base_decay >= 0 && base_decay <= 100)) return bad("field 'base_decay' must be 0 to 100");
  if (base.empty() && (base_decay > 0 || !base_steps.empty()))
    return bad("fields 'base_steps' and 'base_decay' need 'base', a weights file");
  for (const auto& [part, multiple] : base_steps) {
    if (multiple < 0 || multiple > 127)
      return bad("field 'base_steps': '" + part + "' must be 0 to 127");
  }
  if (warmup_steps < 0) return bad("field 'warmup_steps' must not be negative");
  for (auto [field, share] : {std::pair{"decay_from", decay_from},
                              {"quantise_from", quantise_from},
                              {"late_crop_from", late_crop_from}}) {
    if (!(share >= 0 && share <= 1)) {
      return bad(std::string("field '") + field + "' is a share of the run and must be 0 to 1");
    }
  }
  if (!(gradient_clip > 0)) return bad("field 'gradient_clip' must be positive");
  if (!(ema >= 0 && ema < 1)) return bad("field 'ema' must be in [0, 1)");
  if (!(level_weight >= 0 && level_weight <= 1)) return bad("field 'level_weight' must be 0 to 1");
  return Status::Ok();
}

Result<Recipe> Recipe::FromJson(const std::string& text, const std::string& where) {
  try {
    const json j = json::parse(text);
    if (!j.is_object()) return Status(StatusCode::kInvalidArgument, where + ": not a JSON object");
    Recipe recipe;
    std::set<std::string> known = {"comment"};
    ForEachField(recipe, [&](const char* name, auto& member) {
      known.insert(name);
      if (j.contains(name)) j.at(name).get_to(member);
    });
    if (recipe.optimizer == "adamw") recipe.optimizer = "adam";  // its name in older recipes
    for (const auto& [key, value] : j.items()) {
      if (!known.count(key)) {
        return Status(StatusCode::kInvalidArgument, where + ": unknown field '" + key + "'");
      }
    }
    for (auto [key, fields] : {std::pair{"model", &recipe.model}, {"loss", &recipe.loss}}) {
      if (!fields->is_object())
        return Status(StatusCode::kInvalidArgument,
                      where + ": field '" + key + "' is not a JSON object");
    }
    HALFMOON_RETURN_IF_ERROR(recipe.Validate().WithContext(where));
    return recipe;
  } catch (const json::exception& e) {
    return Status(StatusCode::kInvalidArgument, where + ": " + e.what());
  }
}

Result<Recipe> Recipe::FromFile(const std::string& path) {
  std::ifstream in(path);
  if (!in) return Status(StatusCode::kIo, path + ": cannot open the recipe");
  std::ostringstream text;
  text << in.rdbuf();
  return FromJson(text.str(), path);
}

std::string Recipe::ToJson() const {
  json j;
  ForEachField(*this, [&](const char* key, const auto& member) { j[key] = member; });
  for (const char* key : {"model", "loss"}) {
    if (j[key].empty()) j.erase(key);
  }
  return j.dump(2);
}

}  // namespace halfmoon::training
