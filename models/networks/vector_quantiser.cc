#include "models/networks/vector_quantiser.h"

#include "models/networks/ops.h"

namespace halfmoon::networks {

Status QuantiserConfig::Validate() const {
  auto range = [](const char* field, std::int64_t value, std::int64_t lo, std::int64_t hi) {
    if (value >= lo && value <= hi) return Status::Ok();
    return Status(StatusCode::kInvalidArgument, std::string("quantiser field '") + field +
                                                    "' must be " + std::to_string(lo) + " to " +
                                                    std::to_string(hi));
  };
  HALFMOON_RETURN_IF_ERROR(range("channels", channels, 1, 4096));
  HALFMOON_RETURN_IF_ERROR(range("dim", dim, 1, 1024));
  HALFMOON_RETURN_IF_ERROR(range("codes", codes, 2, 65536));
  return range("stages", stages, 1, 32);
}

VectorQuantiserImpl::VectorQuantiserImpl(const QuantiserConfig& c) {
  project = register_module("project", Conv1x1(c.channels, c.dim));
  unproject = register_module("unproject", Conv1x1(c.dim, c.channels));
  for (std::int64_t s = 0; s < c.stages; ++s) {
    stages.push_back(register_module("stage" + std::to_string(s),
                                     Codebook(CodebookConfig{c.codes, c.dim, c.cosine, c.ema})));
  }
}

VectorQuantiserImpl::Output VectorQuantiserImpl::forward(const torch::Tensor& z_e,
                                                         const torch::Tensor& used) {
  const std::int64_t n = z_e.size(0), h = z_e.size(2), w = z_e.size(3);
  const torch::Tensor p = ToRows(project(z_e)).to(torch::kFloat32);
  // [N] -> one number per row of a picture's positions.
  auto per_row = [&](const torch::Tensor& x) {
    return x.view({n, 1}).expand({n, h * w}).reshape({-1, 1});
  };
  auto per_picture = [&](const torch::Tensor& rows) { return rows.view({n, -1}).mean(1); };

  Output out;
  out.dictionary_loss = torch::zeros({n}, p.options());
  out.commitment_loss = torch::zeros({n}, p.options());
  torch::Tensor sum = torch::zeros_like(p.detach());  // of the codes of used stages
  torch::Tensor before = torch::zeros_like(sum);      // of the codes of all stages so far
  std::vector<torch::Tensor> indices;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const torch::Tensor r = p - before;
    out.rows.push_back(r.detach());
    const torch::Tensor index = stages[s]->Nearest(out.rows.back());
    const torch::Tensor e = stages[s]->Codes(index);
    indices.push_back(index.view({n, 1, h, w}));
    torch::Tensor on = torch::ones({n}, p.options()),
                  share = on / static_cast<double>(stages.size());
    if (used.defined()) {
      on = (used > static_cast<std::int64_t>(s)).to(p.dtype());
      share = on / used.to(p.dtype());
    }
    if (!stages[s]->config().ema) {
      out.dictionary_loss = out.dictionary_loss + share * per_picture((r.detach() - e).square());
    }
    out.commitment_loss = out.commitment_loss + share * per_picture((r - e.detach()).square());
    before = before + e.detach();
    sum = sum + e.detach() * per_row(on);
  }
  out.indices = torch::cat(indices, 1);
  out.z_q = unproject(ToMap(p + (sum - p).detach(), {n, 0, h, w}));
  return out;
}

torch::Tensor VectorQuantiserImpl::Decode(const torch::Tensor& indices) {
  const std::int64_t n = indices.size(0), count = indices.size(1), h = indices.size(2),
                     w = indices.size(3);
  TORCH_CHECK(count >= 1 && count <= static_cast<std::int64_t>(stages.size()),
              "wrong number of stages");
  torch::Tensor sum;
  for (std::int64_t s = 0; s < count; ++s) {
    const torch::Tensor e =
        stages[static_cast<std::size_t>(s)]->Codes(indices.select(1, s).reshape({-1}));
    sum = s ? sum + e : e;
  }
  return unproject(ToMap(sum, {n, 0, h, w}));
}

}  // namespace halfmoon::networks
