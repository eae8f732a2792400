// Codebook: K vectors, the nearest of them, and what keeps them all in use. LibTorch.
#pragma once

#include <torch/torch.h>

namespace halfmoon::networks {

struct CodebookConfig {
  std::int64_t codes = 1024;  // K
  std::int64_t dim = 16;      // d
  // Rows and codes have length 1 (Yu et al. 2022, arXiv 2110.04627): the nearest code by angle is
  // then the nearest by distance, and codes move to the mean direction of their members (spherical
  // k-means). Codes of weights files from before that have any length; only their angle counts.
  bool cosine = false;
  bool ema = false;  // trained by moving averages of its members, not by gradients
};

// Rows [n, d] at length 1; a zero row stays zero.
torch::Tensor UnitRows(const torch::Tensor& rows);

class CodebookImpl : public torch::nn::Module {
 public:
  explicit CodebookImpl(const CodebookConfig& config);

  // Index of the code nearest to each row. rows: float32 [n, d] -> int64 [n]; not differentiable.
  // `penalty`: added to the squared distances, [n, K] or [K]; what a code costs beside its error
  // (Chou et al. 1989, entropy-constrained vector quantisation). Throws with a penalty on a cosine
  // codebook: rows may have any length there, and an angle is no squared distance.
  torch::Tensor Nearest(const torch::Tensor& rows, const torch::Tensor& penalty = {}) const;

  // The codes of indices: int64 [n] -> [n, d]; differentiable in the codebook unless ema.
  torch::Tensor Codes(const torch::Tensor& indices) const {
    return codes_.index_select(0, indices);
  }

  // Members of each code in a batch: what usage, perplexity and moving averages are made of.
  struct Members {
    torch::Tensor count;  // [K]
    torch::Tensor sum;    // [K, d]
  };
  // Of a cosine codebook the sum is that of the rows at length 1.
  Members CountMembers(const torch::Tensor& rows, const torch::Tensor& indices) const;

  // Moves the codes to the moving averages of their members (van den Oord et al. 2017, appendix
  // A.1), with Laplace smoothing. REQUIRES: config.ema.
  void UpdateAverages(const Members& members, double decay = 0.99);

  // Replaces codes with count <= threshold by rows drawn without replacement. Returns how many.
  std::int64_t RestartDeadCodes(const torch::Tensor& count, const torch::Tensor& rows,
                                double threshold, at::Generator generator);

  // Codes := centres of a k-means clustering of rows [n, d], started by k-means++ (Arthur and
  // Vassilvitskii 2007). REQUIRES: n >= K.
  void InitialiseByKMeans(const torch::Tensor& rows, int iterations, at::Generator generator);

  // codes: [K, d], as they are. Moving averages begin there.
  void SetCodes(const torch::Tensor& codes);
  // Of a cosine codebook that gradients move: puts the codes back to length 1.
  void KeepLength();

  const CodebookConfig& config() const { return config_; }

 private:
  // Rows as this codebook measures them.
  torch::Tensor Placed(const torch::Tensor& rows) const {
    return config_.cosine ? UnitRows(rows) : rows;
  }

  CodebookConfig config_;
  torch::Tensor codes_;                        // [K, d]: a parameter, or with ema a buffer
  torch::Tensor average_count_, average_sum_;  // ema: buffers [K], [K, d]
};
TORCH_MODULE(Codebook);

// Share of codes with at least one member, 0..1. count: [K].
double CodebookUsage(const torch::Tensor& count);

// exp(entropy in nats) of the codes' frequencies, 1..K: how many codes are in effective use.
double CodebookPerplexity(const torch::Tensor& count);

}  // namespace halfmoon::networks
