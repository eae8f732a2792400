#include "models/networks/ops.h"

#include "models/networks/low_precision.h"

namespace halfmoon::networks {
namespace {

class ClampFunction : public torch::autograd::Function<ClampFunction> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* ctx, torch::Tensor x, double lo,
                               double hi) {
    ctx->save_for_backward({x});
    ctx->saved_data["lo"] = lo;
    ctx->saved_data["hi"] = hi;
    return x.clamp(lo, hi);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    const torch::Tensor x = ctx->get_saved_variables()[0];
    const torch::Tensor& g = grads[0];
    // Descent moves x by -g: at the lower side g < 0 raises it, at the upper side g > 0 lowers it.
    const torch::Tensor blocked =
        (x < ctx->saved_data["lo"].toDouble())
            .logical_and(g >= 0)
            .logical_or((x > ctx->saved_data["hi"].toDouble()).logical_and(g <= 0));
    return {g.masked_fill(blocked, 0), torch::Tensor(), torch::Tensor()};
  }
};

class PointwiseFunction : public torch::autograd::Function<PointwiseFunction> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* ctx, const torch::Tensor& x,
                               const torch::Tensor& weight, const torch::Tensor& bias,
                               double slope) {
    const torch::Tensor rows = ToRows(x);
    const torch::Tensor matrix = weight.flatten(1);
    torch::Tensor out = bias.numel() > 0 ? at::addmm(bias, rows, matrix.t()) : rows.mm(matrix.t());
    if (slope != 1) at::leaky_relu_(out, slope);
    ctx->save_for_backward({rows, weight, slope != 1 ? out : torch::Tensor()});
    ctx->saved_data["slope"] = slope;
    ctx->saved_data["shape"] = x.sizes();
    ctx->saved_data["bias"] = bias.numel() > 0;
    return ToMap(out, x.sizes());
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const double slope = ctx->saved_data["slope"].toDouble();
    const auto shape = ctx->saved_data["shape"].toIntVector();
    torch::Tensor g = ToRows(grads[0]);
    if (slope != 1) g = at::leaky_relu_backward(g, saved[2], slope, /*self_is_result=*/true);
    torch::autograd::variable_list out(4);
    if (ctx->saved_data["bias"].toBool() && ctx->needs_input_grad(2)) out[2] = g.sum(0);
    g = Low(g);
    auto full = [](const torch::Tensor& product) { return product.to(torch::kFloat32); };
    if (ctx->needs_input_grad(0)) out[0] = ToMap(full(g.mm(Low(saved[1].flatten(1)))), shape);
    if (ctx->needs_input_grad(1)) out[1] = full(g.t().mm(Low(saved[0]))).view(saved[1].sizes());
    return out;
  }
};

}  // namespace

torch::Tensor ToRows(const torch::Tensor& map) {
  return map.permute({0, 2, 3, 1}).reshape({-1, map.size(1)});
}

torch::Tensor ToMap(const torch::Tensor& rows, at::IntArrayRef like) {
  return rows.view({like[0], like[2], like[3], rows.size(1)}).permute({0, 3, 1, 2});
}

torch::Tensor PictureToBlocks(const torch::Tensor& x, std::int64_t factor) {
  const std::int64_t n = x.size(0), c = x.size(1), h = x.size(2) / factor, w = x.size(3) / factor;
  return x.reshape({n, c, h, factor, w, factor})
      .permute({0, 2, 4, 1, 3, 5})
      .reshape({n, h, w, c * factor * factor})
      .permute({0, 3, 1, 2});
}

torch::Tensor PictureToWindows(const torch::Tensor& x) {
  const std::int64_t h = x.size(2) / 16, w = x.size(3) / 16;
  // Blocks of a grid that is shifted by half a block: each window is four of them.
  const torch::Tensor grid =
      PictureToBlocks(torch::constant_pad_nd(x, {8, 8, 8, 8}), 16).permute({0, 2, 3, 1});
  std::vector<torch::Tensor> quarters;
  for (std::int64_t p = 0; p < 4; ++p)
    quarters.push_back(grid.narrow(1, p / 2, h).narrow(2, p % 2, w));
  return torch::cat(quarters, 3).permute({0, 3, 1, 2});
}

torch::Tensor WindowsToPicture(const torch::Tensor& windows) {
  const std::int64_t h = windows.size(2), w = windows.size(3);
  const std::vector<torch::Tensor> quarters = windows.permute({0, 2, 3, 1}).chunk(4, 3);
  torch::Tensor grid;
  for (std::int64_t p = 0; p < 4; ++p) {
    // Left, right, top, bottom; the last dimension first.
    const torch::Tensor part = torch::constant_pad_nd(quarters[static_cast<std::size_t>(p)],
                                                      {0, 0, p % 2, 1 - p % 2, p / 2, 1 - p / 2});
    grid = p == 0 ? part : grid + part;
  }
  return torch::pixel_shuffle(grid.permute({0, 3, 1, 2}), 16)
      .narrow(2, 8, 16 * h)
      .narrow(3, 8, 16 * w);
}

torch::Tensor BlockToWindowFilters(const torch::Tensor& filters) {
  const std::int64_t n = filters.size(0), c = filters.size(1) / 256;
  const torch::Tensor window =
      torch::constant_pad_nd(filters.reshape({n, c, 16, 16}), {8, 8, 8, 8});
  // [n, c, quarter row, 16, quarter column, 16] -> quarters first.
  return window.view({n, c, 2, 16, 2, 16}).permute({0, 2, 4, 1, 3, 5}).reshape({n, 4 * c * 256});
}

torch::Tensor PointwiseDown(const torch::Tensor& x, const torch::Tensor& weight,
                            const torch::Tensor& bias) {
  const std::int64_t n = x.size(0), c = x.size(1), h = x.size(2) / 2, w = x.size(3) / 2;
  const torch::Tensor blocks = x.permute({0, 2, 3, 1})
                                   .reshape({n, h, 2, w, 2, c})
                                   .transpose(2, 3)
                                   .reshape({n, h, w, 4 * c})
                                   .permute({0, 3, 1, 2});
  const torch::Tensor reordered =
      weight.view({-1, c, 4}).transpose(1, 2).reshape({-1, 4 * c, 1, 1});
  return Pointwise(blocks, reordered, bias);
}

torch::Tensor PointwiseUp(const torch::Tensor& x, const torch::Tensor& weight,
                          const torch::Tensor& bias) {
  const std::int64_t n = x.size(0), h = x.size(2), w = x.size(3);
  const std::int64_t in = weight.size(1), c = weight.size(0) / 4;
  const torch::Tensor reordered =
      weight.view({c, 4, in}).transpose(0, 1).reshape({4 * c, in, 1, 1});
  const torch::Tensor blocks = Pointwise(x, reordered, bias.view({c, 4}).t().reshape({-1}));
  return blocks.permute({0, 2, 3, 1})
      .reshape({n, h, w, 2, 2, c})
      .transpose(2, 3)
      .reshape({n, 2 * h, 2 * w, c})
      .permute({0, 3, 1, 2});
}

torch::Tensor SteRound(const torch::Tensor& x) { return x + (x.detach().round() - x.detach()); }

torch::Tensor LowerBound(const torch::Tensor& x, double bound) {
  return ClampFunction::apply(x, bound, std::numeric_limits<double>::infinity());
}

torch::Tensor Pointwise(const torch::Tensor& x, const torch::Tensor& weight,
                        const torch::Tensor& bias, double slope) {
  // Functions of LibTorch 1.13 fail on undefined arguments.
  return PointwiseFunction::apply(x, weight,
                                  bias.defined() ? bias : at::empty({0}, weight.options()), slope);
}

torch::Tensor SoftClamp(const torch::Tensor& x, double lo, double hi) {
  return ClampFunction::apply(x, lo, hi);
}

}  // namespace halfmoon::networks
