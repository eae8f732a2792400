#include "models/config/small_picture_config.h"

namespace halfmoon {
namespace {

Status Bad(const std::string& text) { return {StatusCode::kInvalidArgument, text}; }

}  // namespace

std::int64_t PyramidConfig::padded() const {
  const std::int64_t unit = std::int64_t{1} << widths.size();
  return (side + unit - 1) / unit * unit;
}

std::int64_t PyramidConfig::grid() const { return padded() >> widths.size(); }

void PyramidConfig::VisitFields(FieldVisitor& f) {
  f.Whole("channels", channels, 1, 3);
  f.Whole("side", side, 8, 256);
  f.List("widths", widths);
  f.Whole("blocks", blocks, 0, 16);
  f.Flag("attention", attention);
}

Status PyramidConfig::Rules() const {
  if (channels != 1 && channels != 3) return Bad("model field 'channels' must be 1 or 3");
  if (side % 2 != 0) return Bad("model field 'side' must be even");
  if (widths.empty() || widths.size() > 6)
    return Bad("model field 'widths' must list 1 to 6 channel counts");
  for (const std::int64_t w : widths) {
    if (w < 4 || w > 1024 || w % 4 != 0)
      return Bad("model field 'widths': each must be a multiple of 4 from 4 to 1024");
  }
  return Status::Ok();
}

Status VitConfig::Rules() const {
  if (channels != 1 && channels != 3) return Bad("model field 'channels' must be 1 or 3");
  if (side % patch != 0) return Bad("model field 'side' must be a multiple of 'patch'");
  if (width % 4 != 0) return Bad("model field 'vit_width' must be a multiple of 4");
  return Status::Ok();
}

void VaeConfig::VisitFields(FieldVisitor& f) {
  pyramid.VisitFields(f);
  f.Whole("features", features, 1, 4096);
  f.Whole("latent", latent, 1, 256);  // a frequency table each, of which a file counts 256 at most
  f.Flag("variational", variational);
  f.Fixed("spatial", "0");
  f.Fixed("likelihood", "logistic");
}

void SmallVqvaeConfig::VisitFields(FieldVisitor& f) {
  f.Word("transform", transform, {"pyramid", "vit"});
  pyramid.VisitFields(f);
  f.Whole("patch", patch, 1, 64);
  f.Whole("vit_width", vit_width, 4, 2048);
  f.Whole("vit_layers", vit_layers, 1, 32);
  f.Whole("codes", codes, 2, 256);
  f.Whole("code_dim", code_dim, 1, 256);
  f.Flag("cosine", cosine);
  f.Flag("ema", ema);
  f.Whole("context_channels", context_channels, 2, 512);
  f.Whole("context_hidden", context_hidden, 4, 1024);
  f.Whole("context_out", context_out, 4, 1024);
  f.Fixed("stages", "1");
}

Status SmallVqvaeConfig::Rules() const {
  HALFMOON_RETURN_IF_ERROR(transform == "vit" ? vit().Rules() : pyramid.Rules());
  if (grid() < 1 || grid() > 64) return Bad("the grid of indices must have a side of 1 to 64");
  return Status::Ok();
}

void ClassifierConfig::VisitFields(FieldVisitor& f) {
  pyramid.VisitFields(f);
  f.Whole("features", features, 2, 4096);
  f.Names("classes", classes);
}

}  // namespace halfmoon
