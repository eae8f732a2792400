#include "models/networks/small_vqvae.h"

#include <cmath>

#include "models/networks/ops.h"
#include "models/networks/pyramid_fields.h"
#include "models/networks/weights_io.h"

namespace halfmoon::networks {
namespace {

struct IntegerField {
  const char* name;
  std::int64_t SmallVqvaeConfig::*value;
  std::int64_t least, most;
};

constexpr IntegerField kFields[] = {
    {"patch", &SmallVqvaeConfig::patch, 1, 64},
    {"vit_width", &SmallVqvaeConfig::vit_width, 4, 2048},
    {"vit_layers", &SmallVqvaeConfig::vit_layers, 1, 32},
    {"codes", &SmallVqvaeConfig::codes, 2, 256},
    {"code_dim", &SmallVqvaeConfig::code_dim, 1, 256},
    {"context_channels", &SmallVqvaeConfig::context_channels, 2, 512},
    {"context_hidden", &SmallVqvaeConfig::context_hidden, 4, 1024},
    {"context_out", &SmallVqvaeConfig::context_out, 4, 1024},
};

Status Read(const std::map<std::string, std::string>& fields, SmallVqvaeConfig* c) {
  auto bad = [](const std::string& text) { return Status(StatusCode::kInvalidArgument, text); };
  ReadField(fields, "transform", &c->transform);
  HALFMOON_RETURN_IF_ERROR(ReadPyramidFields(fields, &c->pyramid));
  HALFMOON_RETURN_IF_ERROR(ReadField(fields, "cosine", &c->cosine));
  HALFMOON_RETURN_IF_ERROR(ReadField(fields, "ema", &c->ema));
  for (const IntegerField& f : kFields) {
    HALFMOON_RETURN_IF_ERROR(ReadField(fields, f.name, &(c->*f.value)));
    if (c->*f.value < f.least || c->*f.value > f.most) {
      return bad(std::string("model field '") + f.name + "' must be " + std::to_string(f.least) +
                 " to " + std::to_string(f.most));
    }
  }
  if (c->transform == "vit") {
    HALFMOON_RETURN_IF_ERROR(c->vit().Validate());
  } else if (c->transform == "pyramid") {
    HALFMOON_RETURN_IF_ERROR(c->pyramid.Validate());
  } else {
    return bad("model field 'transform' is '" + c->transform +
               "'; legal are \"pyramid\" and \"vit\"");
  }
  if (c->grid() < 1 || c->grid() > 64)
    return bad("the grid of indices must have a side of 1 to 64");
  return Status::Ok();
}

}  // namespace

VitConfig SmallVqvaeConfig::vit() const {
  return {pyramid.channels, pyramid.side, patch, vit_width, vit_layers};
}

QuantiserConfig SmallVqvaeConfig::quantiser() const {
  QuantiserConfig q;
  q.channels = transform == "vit" ? vit_width : pyramid.widths.back();
  q.codebook = {codes, code_dim, cosine, ema};
  return q;
}

VqvaeConfig SmallVqvaeConfig::prior() const {
  VqvaeConfig p;
  p.codes = codes;
  p.stages = 1;
  p.context_channels = context_channels;
  p.context_hidden = context_hidden;
  p.context_out = context_out;
  return p;
}

std::int64_t SmallVqvaeConfig::grid() const {
  return transform == "vit" ? vit().grid() : pyramid.grid();
}

Result<SmallVqvaeConfig> SmallVqvaeConfig::FromFields(
    const std::map<std::string, std::string>& fields) {
  auto known = SmallVqvaeConfig().ToMetadata();
  known.erase("stages");  // always one
  for (const auto& [name, value] : fields) {
    if (!known.count(name)) {
      return Status(StatusCode::kInvalidArgument, "unknown model field '" + name + "'");
    }
  }
  SmallVqvaeConfig c;
  HALFMOON_RETURN_IF_ERROR(Read(fields, &c));
  return c;
}

std::map<std::string, std::string> SmallVqvaeConfig::ToMetadata() const {
  std::map<std::string, std::string> fields =
      WithPyramidFields(pyramid, {{"transform", transform},
                                  {"cosine", cosine ? "1" : "0"},
                                  {"ema", ema ? "1" : "0"},
                                  {"stages", "1"}});  // what the integer prior asks for
  for (const IntegerField& f : kFields) fields[f.name] = std::to_string(this->*f.value);
  return fields;
}

Result<SmallVqvaeConfig> SmallVqvaeConfig::FromMetadata(
    const std::map<std::string, std::string>& metadata) {
  SmallVqvaeConfig c;
  for (const auto& [name, value] : c.ToMetadata()) {
    if (!metadata.count(name)) {
      return Status(StatusCode::kModelCorrupt, "metadata key '" + name + "' is missing");
    }
  }
  if (const Status status = Read(metadata, &c); !status.ok()) {
    return Status(StatusCode::kModelCorrupt, status.message());
  }
  return c;
}

SmallEncoderImpl::SmallEncoderImpl(const SmallVqvaeConfig& c) {
  if (c.transform == "vit") {
    vit_ = register_module("vit", VitEncoder(c.vit()));
  } else {
    pyramid_ = register_module("pyramid", PyramidEncoder(c.pyramid));
  }
}

torch::Tensor SmallEncoderImpl::forward(const torch::Tensor& x) {
  return vit_.is_empty() ? pyramid_(x) : vit_(x);
}

SmallDecoderImpl::SmallDecoderImpl(const SmallVqvaeConfig& c) {
  if (c.transform == "vit") {
    vit_ = register_module("vit", VitDecoder(c.vit()));
  } else {
    pyramid_ = register_module("pyramid", PyramidDecoder(c.pyramid));
  }
}

torch::Tensor SmallDecoderImpl::forward(const torch::Tensor& features) {
  return vit_.is_empty() ? pyramid_(features) : vit_(features);
}

SmallVqvaeImpl::SmallVqvaeImpl(const SmallVqvaeConfig& c) : config_(c) {
  g_a = register_module("g_a", SmallEncoder(c));
  g_s = register_module("g_s", SmallDecoder(c));
  quantiser = register_module("quantiser", VectorQuantiser(c.quantiser()));
  prior = register_module("prior", IndexPrior(c.prior()));
}

torch::Tensor SmallVqvaeImpl::Encode(const torch::Tensor& x) {
  torch::NoGradGuard no_grad;
  return quantiser(g_a(x)).indices.view({x.size(0), -1});
}

torch::Tensor SmallVqvaeImpl::Decode(const torch::Tensor& indices) {
  const std::int64_t g = config_.grid();
  return g_s(quantiser->Decode(indices.view({indices.size(0), g, g})));
}

torch::Tensor SmallVqvaeImpl::PriorBits(const torch::Tensor& indices) {
  const std::int64_t n = indices.size(0), g = config_.grid();
  const torch::Tensor flat = indices.reshape({-1}), embedding = prior->Embedding(0);
  torch::Tensor state = torch::zeros({n * g * g, config_.context_channels}, embedding.options());
  torch::Tensor bits = torch::zeros({n * g * g}, embedding.options());
  for (int k = 0; k < IndexPriorImpl::kPasses; ++k) {
    const torch::Tensor logits = prior->Logits(0, k, ToMap(state, {n, 0, g, g}));
    const torch::Tensor at = IndexPriorImpl::PassRows(k, n, g, g);
    const torch::Tensor chosen = flat.index_select(0, at);
    const torch::Tensor cost =
        torch::log_softmax(logits, 1).gather(1, chosen.view({-1, 1})).view({-1});
    bits = bits.index_add(0, at, cost * (-1 / std::log(2.0)));
    state = state.index_add(0, at, embedding.index_select(0, chosen));
  }
  return bits.view({n, -1}).sum(1);
}

Result<SmallVqvae> ImportSmallVqvae(const runtime::WeightsFile& file) {
  torch::NoGradGuard no_grad;
  HALFMOON_ASSIGN_OR_RETURN(const SmallVqvaeConfig c,
                            SmallVqvaeConfig::FromMetadata(file.metadata()));
  SmallVqvae model(c);
  HALFMOON_RETURN_IF_ERROR(LoadModule(file, "g_a", *model->g_a));
  HALFMOON_RETURN_IF_ERROR(LoadModule(file, "g_a.project", *model->quantiser->project));
  HALFMOON_RETURN_IF_ERROR(LoadModule(file, "g_s", *model->g_s));
  HALFMOON_RETURN_IF_ERROR(LoadModule(file, "g_s.unproject", *model->quantiser->unproject));
  HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor codes,
                            LoadFloatTensor(file, "g_s.codes", {c.codes, c.code_dim}));
  model->quantiser->codebook->SetCodes(codes);
  model->eval();
  return model;
}

}  // namespace halfmoon::networks
