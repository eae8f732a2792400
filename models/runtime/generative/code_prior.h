// CodePrior: what the codes of new pictures are drawn from, for models with a continuous latent
// (VAE). No LibTorch; nothing here decides a probability of a file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon::runtime {

// Either N(0, I), which a VAE is trained towards, or a mixture of normal distributions fitted
// afterwards to the codes that its training pictures have ("ex-post density estimation", Ghosh et
// al. 2020, arXiv 1903.12436): the codes need not fill N(0, I) for that, so the model can be
// trained with a lighter KL.
class CodePrior {
 public:
  static CodePrior Normal(std::size_t size);

  // `name`: "normal"; "mixture", the one of the file; "": the mixture where the file has one.
  // Tensors:
  //   mixture.weights F32 [K]        shares of the components, their sum 1
  //   mixture.means   F32 [K, size]
  //   mixture.factors F32 [K, size, size]  lower triangular L: a component's covariance is L L^T
  // Errors: kInvalidArgument (another name, or no mixture in the file), kModelCorrupt naming the
  // tensor.
  static Result<CodePrior> Load(const WeightsFile& file, std::size_t size, const std::string& name);

  // Code `index` of a seed. `temperature` scales the distance from the origin, or from the
  // component's mean.
  std::vector<float> Draw(std::uint64_t seed, std::uint64_t index, double temperature) const;

  bool is_mixture() const { return mixture_ != nullptr; }

 private:
  struct Mixture {
    std::vector<double> cumulative;     // shares of the components up to and with each
    std::vector<float> means, factors;  // [K, size], [K, size, size]
  };

  explicit CodePrior(std::size_t size) : size_(size) {}

  std::size_t size_;
  std::shared_ptr<const Mixture> mixture_;  // null: N(0, I)
};

}  // namespace halfmoon::runtime
