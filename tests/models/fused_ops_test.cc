// The fast forms of layers give what their plain definitions give, with the same gradients.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "models/networks/fused_depth_block.h"
#include "models/networks/low_precision.h"
#include "models/networks/ops.h"
#include "models/networks/symbol_slots.h"

namespace halfmoon::networks {
namespace {

torch::Tensor Random(at::IntArrayRef sizes, bool channels_last = false) {
  torch::Tensor x = torch::randn(sizes);
  if (channels_last) x = x.contiguous(torch::MemoryFormat::ChannelsLast);
  return x.requires_grad_();
}

// Compares two results and the gradients of a fixed random functional of them.
void ExpectSame(const torch::Tensor& fast, const torch::Tensor& plain,
                const std::vector<torch::Tensor>& inputs, double tolerance = 1e-4) {
  ASSERT_EQ(fast.sizes(), plain.sizes());
  EXPECT_TRUE(torch::allclose(fast, plain, tolerance, tolerance));
  const torch::Tensor direction = torch::randn(plain.sizes());
  const auto a = torch::autograd::grad({(fast * direction).sum()}, inputs);
  const auto b = torch::autograd::grad({(plain * direction).sum()}, inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_GT(b[i].abs().max().item<double>(), 0) << "input " << i << " has no gradient to compare";
    EXPECT_TRUE(torch::allclose(a[i], b[i], tolerance, tolerance * 10))
        << "gradient of input " << i;
  }
}

class FusedOpsTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override { torch::manual_seed(7); }
};
INSTANTIATE_TEST_SUITE_P(MemoryFormats, FusedOpsTest, ::testing::Bool(),
                         [](const auto& i) { return i.param ? "ChannelsLast" : "Contiguous"; });

TEST_P(FusedOpsTest, PointwiseIsAConvolution) {
  const torch::Tensor x = Random({2, 6, 3, 5}, GetParam()), w = Random({4, 6, 1, 1}),
                      b = Random({4});
  ExpectSame(Pointwise(x, w, b), torch::conv2d(x, w, b), {x, w, b});
  ExpectSame(Pointwise(x, w, b, 0.1), torch::leaky_relu(torch::conv2d(x, w, b), 0.1), {x, w, b});
  ExpectSame(Pointwise(x, w, {}), torch::conv2d(x, w), {x, w});
}

TEST_P(FusedOpsTest, DownAndUpAreShuffles) {
  const torch::Tensor x = Random({2, 6, 4, 8}, GetParam()), w = Random({5, 24, 1, 1}),
                      b = Random({5});
  ExpectSame(PointwiseDown(x, w, b), torch::conv2d(torch::pixel_unshuffle(x, 2), w, b), {x, w, b});
  const torch::Tensor u = Random({12, 6, 1, 1}), c = Random({12});
  ExpectSame(PointwiseUp(x, u, c), torch::pixel_shuffle(torch::conv2d(x, u, c), 2), {x, u, c});
}

TEST_P(FusedOpsTest, BlocksAreThoseOfPixelUnshuffle) {
  const torch::Tensor x = Random({2, 3, 16, 32}, GetParam());
  ExpectSame(PictureToBlocks(x, 8), torch::pixel_unshuffle(x, 8), {x});
}

DepthBlockWeights RandomBlock(std::int64_t c) {
  auto w = [](at::IntArrayRef sizes) { return (torch::randn(sizes) * 0.3).requires_grad_(); };
  return {w({c, c, 1, 1}),     w({c}),     w({c, 1, 3, 3}),     w({c}), w({c, c, 1, 1}), w({c}),
          w({2 * c, c, 1, 1}), w({2 * c}), w({c, 2 * c, 1, 1}), w({c})};
}

std::vector<torch::Tensor> Inputs(const torch::Tensor& x, const DepthBlockWeights& w) {
  return {x,          w.in,     w.in_bias,     w.depthwise, w.depthwise_bias, w.out,
          w.out_bias, w.expand, w.expand_bias, w.reduce,    w.reduce_bias};
}

torch::Tensor PlainBlock(const torch::Tensor& x, const DepthBlockWeights& w, double slope) {
  const torch::Tensor h = torch::leaky_relu(torch::conv2d(x, w.in, w.in_bias), slope);
  const torch::Tensor d =
      torch::conv2d(h, w.depthwise, w.depthwise_bias, 1, 1, 1, w.depthwise.size(0));
  const torch::Tensor s = x + torch::conv2d(d, w.out, w.out_bias);
  return s + torch::conv2d(torch::leaky_relu(torch::conv2d(s, w.expand, w.expand_bias), slope),
                           w.reduce, w.reduce_bias);
}

TEST_P(FusedOpsTest, DepthBlockIsItsDefinition) {
  const torch::Tensor x = Random({2, 8, 5, 3}, GetParam());
  const DepthBlockWeights w = RandomBlock(8);
  const torch::Tensor plain = PlainBlock(x, w, 0.1);
  ExpectSame(FusedDepthBlock(x, w, 0.1), plain, Inputs(x, w));
  torch::NoGradGuard no_grad;
  EXPECT_TRUE(torch::allclose(FusedDepthBlock(x, w, 0.1), plain, 1e-4, 1e-4));
}

TEST_P(FusedOpsTest, Bfloat16ProductsKeepDirectionAndTypes) {
  const torch::Tensor x = Random({2, 16, 8, 8}, GetParam());
  const DepthBlockWeights w = RandomBlock(16);
  const torch::Tensor plain = PlainBlock(x, w, 0.1);
  SetBfloat16Products(true);
  const torch::Tensor low = FusedDepthBlock(x, w, 0.1);
  const torch::Tensor direction = torch::randn(plain.sizes());
  const auto a = torch::autograd::grad({(low * direction).sum()}, Inputs(x, w));
  SetBfloat16Products(false);
  const auto b = torch::autograd::grad({(plain * direction).sum()}, Inputs(x, w));
  EXPECT_EQ(low.scalar_type(), torch::kFloat32);
  EXPECT_LT(((low - plain).norm() / plain.norm()).item<double>(), 0.01);
  EXPECT_GT((low - plain).norm().item<double>(), 0) << "nothing ran in bfloat16";
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].scalar_type(), torch::kFloat32) << i;
    EXPECT_LT(((a[i] - b[i]).norm() / b[i].norm()).item<double>(), 0.1)
        << "gradient of input " << i;
  }
}

TEST_P(FusedOpsTest, Bfloat16StaysOutOfEvaluation) {
  const torch::Tensor x = Random({2, 16, 8, 8}, GetParam());
  const DepthBlockWeights w = RandomBlock(16);
  torch::NoGradGuard no_grad;
  const torch::Tensor plain = FusedDepthBlock(x, w, 0.1);
  SetBfloat16Products(true);
  const torch::Tensor low = FusedDepthBlock(x, w, 0.1);
  SetBfloat16Products(false);
  EXPECT_TRUE(torch::equal(plain, low));
}

TEST_P(FusedOpsTest, Pointwise1x1LosesDigitsInItsGradientsOnly) {
  const torch::Tensor x = Random({2, 16, 4, 4}, GetParam());
  const torch::Tensor weight = torch::randn({24, 16, 1, 1}).requires_grad_(),
                      bias = torch::randn({24}).requires_grad_();
  const torch::Tensor direction = torch::randn({2, 24, 4, 4});
  auto gradients = [&](torch::Tensor* y) {
    *y = Pointwise(x, weight, bias, 0.1);
    return torch::autograd::grad({(*y * direction).sum()}, {x, weight, bias});
  };
  torch::Tensor plain, low;
  const auto a = gradients(&plain);
  SetBfloat16Products(true);
  const auto b = gradients(&low);
  SetBfloat16Products(false);
  EXPECT_TRUE(torch::equal(plain, low));
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(b[i].scalar_type(), torch::kFloat32) << i;
    EXPECT_LT(((a[i] - b[i]).norm() / a[i].norm()).item<double>(), 0.01)
        << "gradient of input " << i;
  }
  EXPECT_FALSE(torch::equal(a[1], b[1])) << "nothing ran in bfloat16";
}

TEST_P(FusedOpsTest, SlotsHoldEverySymbolAtItsPlace) {
  const std::int64_t n = 2, m = 8, h = 4, w = 6;
  const torch::Tensor map = Random({n, m, h, w}, GetParam());
  const torch::Tensor slots = ToSlots(map);
  EXPECT_TRUE(torch::equal(FromSlots(slots, map.sizes()), map));
  // Position (row 3, column 2) is of class 2; channel 5 is of group 2.
  const std::int64_t position = (1 * (h / 2) + 3 / 2) * (w / 2) + 2 / 2;
  EXPECT_EQ(slots[4 * 2 + 2][position][1].item<float>(), map[1][5][3][2].item<float>());
  EXPECT_EQ(ByClass(map)[2][position][5].item<float>(), map[1][5][3][2].item<float>());
}

TEST(SymbolSlotsTest, PassesCoverEverySlotOnce) {
  torch::Tensor seen = torch::zeros({16}, torch::kLong);
  std::vector<torch::Tensor> passes;
  for (int k = 0; k < kAePasses; ++k) {
    seen.index_add_(0, PassSlots(k), torch::ones({4}, torch::kLong));
    EXPECT_TRUE(torch::equal(PassSlots(k) % 4, PassGroups(k)));
    passes.push_back(PassSlots(k).to(torch::kFloat32).view({4, 1, 1}).expand({4, 3, 2}));
  }
  EXPECT_TRUE(torch::equal(seen, torch::ones({16}, torch::kLong)));
  // What a pass puts into its slots is found in them.
  const torch::Tensor all = CollectSlots(passes);
  EXPECT_TRUE(
      torch::equal(all, torch::arange(16, torch::kFloat32).view({16, 1, 1}).expand({16, 3, 2})));
  // Passes that are still to come are zero.
  passes.resize(1);
  EXPECT_EQ(CollectSlots(passes).count_nonzero().item<std::int64_t>(),
            3 * 2 * PassSlots(0).count_nonzero().item<std::int64_t>());
}

}  // namespace
}  // namespace halfmoon::networks
