#include "models/networks/vector_quantiser.h"

#include "models/networks/ops.h"

namespace halfmoon::networks {

VectorQuantiserImpl::VectorQuantiserImpl(const QuantiserConfig& c) {
  project = register_module("project", Conv1x1(c.channels, c.codebook.dim));
  unproject = register_module("unproject", Conv1x1(c.codebook.dim, c.channels));
  codebook = register_module("stage0", Codebook(c.codebook));  // its name in checkpoints
}

VectorQuantiserImpl::Output VectorQuantiserImpl::forward(const torch::Tensor& z_e) {
  const std::int64_t n = z_e.size(0), h = z_e.size(2), w = z_e.size(3);
  torch::Tensor p = ToRows(project(z_e)).to(torch::kFloat32);
  const torch::Tensor index = codebook->Nearest(p.detach());
  torch::Tensor e = codebook->Codes(index);
  if (codebook->config().cosine) {
    p = UnitRows(p);
    e = UnitRows(e);
  }
  auto per_picture = [&](const torch::Tensor& rows) { return rows.view({n, -1}).mean(1); };

  Output out;
  out.rows = p.detach();
  out.indices = index.view({n, h, w});
  out.dictionary_loss = codebook->config().ema ? torch::zeros({n}, p.options())
                                               : per_picture((p.detach() - e).square());
  out.commitment_loss = per_picture((p - e.detach()).square());
  out.z_q = unproject(ToMap(p + (e - p).detach(), {n, 0, h, w}));
  return out;
}

torch::Tensor VectorQuantiserImpl::Decode(const torch::Tensor& indices) {
  return unproject(ToMap(codebook->Codes(indices.reshape({-1})),
                         {indices.size(0), 0, indices.size(1), indices.size(2)}));
}

}  // namespace halfmoon::networks
