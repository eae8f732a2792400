#include "models/networks/fused_depth_block.h"

#include "models/networks/low_precision.h"
#include "models/networks/ops.h"

namespace halfmoon::networks {
namespace {

// Rows and matrices are in one type, float32 or bfloat16; the residual stream is float32.
torch::Tensor Matrix(const torch::Tensor& weight, torch::ScalarType type) {
  return weight.flatten(1).to(type);
}

// rows * weight^T + bias, in the rows' type.
torch::Tensor Product(const torch::Tensor& rows, const torch::Tensor& weight,
                      const torch::Tensor& bias) {
  return at::addmm(bias.to(rows.scalar_type()), rows, Matrix(weight, rows.scalar_type()).t());
}

// residual + rows * weight, in the residual's type.
torch::Tensor AddProduct(const torch::Tensor& residual, const torch::Tensor& rows,
                         const torch::Tensor& weight) {
  const torch::Tensor matrix = Matrix(weight, rows.scalar_type());
  if (rows.scalar_type() != residual.scalar_type()) return residual + rows.mm(matrix);
  return at::addmm(residual, rows, matrix);
}

torch::Tensor AddTo(const torch::Tensor& residual, torch::Tensor branch) {
  if (branch.scalar_type() != residual.scalar_type()) return residual + branch;
  return branch.add_(residual);
}

// What backward needs: rows [positions, channels] of the input and of each intermediate result.
struct Saved {
  torch::Tensor x, h, d, s, e;
};

torch::Tensor DepthWise(const torch::Tensor& map, const DepthBlockWeights& w) {
  const auto type = map.scalar_type();
  return at::conv2d(map, w.depthwise.to(type), w.depthwise_bias.to(type), 1, 1, 1,
                    w.depthwise.size(0));
}

// Fills `saved` when it is given, for training; otherwise stays in float32 and frees what is no
// longer needed as it goes.
torch::Tensor Forward(const torch::Tensor& x, const DepthBlockWeights& w, double slope,
                      Saved* saved) {
  const torch::Tensor rows = ToRows(x), low = saved ? Low(rows) : rows;
  torch::Tensor h = Product(low, w.in, w.in_bias);
  at::leaky_relu_(h, slope);
  torch::Tensor d = ToRows(DepthWise(ToMap(h, x.sizes()), w));
  if (saved) saved->x = low, saved->h = h, saved->d = d;
  h.reset();
  const torch::Tensor s = AddTo(rows, Product(d, w.out, w.out_bias));
  d.reset();
  const torch::Tensor low_s = saved ? Low(s) : s;
  torch::Tensor e = Product(low_s, w.expand, w.expand_bias);
  at::leaky_relu_(e, slope);
  if (saved) saved->s = low_s, saved->e = e;
  return ToMap(AddTo(s, Product(e, w.reduce, w.reduce_bias)), x.sizes());
}

class DepthBlockFunction : public torch::autograd::Function<DepthBlockFunction> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* ctx, const torch::Tensor& x,
                               const torch::Tensor& in, const torch::Tensor& in_bias,
                               const torch::Tensor& depthwise, const torch::Tensor& depthwise_bias,
                               const torch::Tensor& out, const torch::Tensor& out_bias,
                               const torch::Tensor& expand, const torch::Tensor& expand_bias,
                               const torch::Tensor& reduce, const torch::Tensor& reduce_bias,
                               double slope) {
    Saved saved;
    const torch::Tensor y = Forward(x,
                                    {in, in_bias, depthwise, depthwise_bias, out, out_bias, expand,
                                     expand_bias, reduce, reduce_bias},
                                    slope, &saved);
    ctx->save_for_backward(
        {saved.x, saved.h, saved.d, saved.s, saved.e, in, depthwise, out, expand, reduce});
    ctx->saved_data["slope"] = slope;
    ctx->saved_data["shape"] = x.sizes();
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    const auto v = ctx->get_saved_variables();
    const torch::Tensor &x = v[0], &h = v[1], &d = v[2], &s = v[3], &e = v[4];
    const torch::Tensor &in = v[5], &depthwise = v[6], &out = v[7], &expand = v[8], &reduce = v[9];
    const double slope = ctx->saved_data["slope"].toDouble();
    const auto shape = ctx->saved_data["shape"].toIntVector();
    auto through_relu = [slope](torch::Tensor& gradient, const torch::Tensor& result) {
      at::leaky_relu_backward_out(gradient, gradient, result, slope, /*self_is_result=*/true);
    };
    auto weight_gradient = [](const torch::Tensor& gradient, const torch::Tensor& rows,
                              const torch::Tensor& weight) {
      return gradient.t().mm(rows).to(weight.scalar_type()).view(weight.sizes());
    };
    auto bias_gradient = [](const torch::Tensor& gradient) {
      return gradient.sum(0, false, torch::kFloat32);
    };

    const auto type = x.scalar_type();  // of the forward pass's products
    const torch::Tensor gy = ToRows(grads[0]), low_gy = gy.to(type);
    torch::Tensor ge = low_gy.mm(Matrix(reduce, type));
    through_relu(ge, e);
    const torch::Tensor gs = AddProduct(gy, ge, expand), low_gs = gs.to(type);
    const torch::Tensor gd = low_gs.mm(Matrix(out, type));
    // A search for latents has no use for the gradients of weights, which are half the work.
    const bool weights = ctx->needs_input_grad(1);
    const auto conv = at::convolution_backward(
        ToMap(gd, shape), ToMap(h, shape), depthwise.to(type), at::IntArrayRef({depthwise.size(0)}),
        {1, 1}, {1, 1}, {1, 1}, false, {0, 0}, depthwise.size(0), {true, weights, weights});
    torch::Tensor gh = ToRows(std::get<0>(conv));
    through_relu(gh, h);

    torch::autograd::variable_list g(12);
    if (ctx->needs_input_grad(0)) g[0] = ToMap(AddProduct(gs, gh, in), shape);
    if (!weights) return g;
    g[1] = weight_gradient(gh, x, in), g[2] = bias_gradient(gh);
    g[3] = std::get<1>(conv).to(torch::kFloat32), g[4] = std::get<2>(conv).to(torch::kFloat32);
    g[5] = weight_gradient(low_gs, d, out), g[6] = bias_gradient(gs);
    g[7] = weight_gradient(ge, s, expand), g[8] = bias_gradient(ge);
    g[9] = weight_gradient(low_gy, e, reduce), g[10] = bias_gradient(gy);
    return g;
  }
};

}  // namespace

torch::Tensor FusedDepthBlock(const torch::Tensor& x, const DepthBlockWeights& w, double slope) {
  if (!torch::GradMode::is_enabled()) return Forward(x, w, slope, nullptr);
  return DepthBlockFunction::apply(x, w.in, w.in_bias, w.depthwise, w.depthwise_bias, w.out,
                                   w.out_bias, w.expand, w.expand_bias, w.reduce, w.reduce_bias,
                                   slope);
}

}  // namespace halfmoon::networks
