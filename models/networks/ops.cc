#include "models/networks/ops.h"

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
    const torch::Tensor blocked = (x < ctx->saved_data["lo"].toDouble()).logical_and(g >= 0)
        .logical_or((x > ctx->saved_data["hi"].toDouble()).logical_and(g <= 0));
    return {g.masked_fill(blocked, 0), torch::Tensor(), torch::Tensor()};
  }
};

}  // namespace

torch::Tensor SteRound(const torch::Tensor& x) { return x + (x.detach().round() - x.detach()); }

torch::Tensor LowerBound(const torch::Tensor& x, double bound) {
  return ClampFunction::apply(x, bound, std::numeric_limits<double>::infinity());
}

torch::Tensor SoftClamp(const torch::Tensor& x, double lo, double hi) {
  return ClampFunction::apply(x, lo, hi);
}

}  // namespace halfmoon::networks
