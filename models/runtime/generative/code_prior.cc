#include "models/runtime/generative/code_prior.h"

#include <algorithm>
#include <cmath>

#include "models/runtime/generative/philox.h"

namespace halfmoon::runtime {
namespace {

constexpr std::int64_t kMaxComponents = 4096;

Status CheckFinite(const std::vector<float>& values, const char* tensor) {
  for (const float v : values) {
    if (!std::isfinite(v)) {
      return {StatusCode::kModelCorrupt,
              std::string("tensor '") + tensor + "' has a value that is no number"};
    }
  }
  return Status::Ok();
}

}  // namespace

CodePrior CodePrior::Normal(std::size_t size) { return CodePrior(size); }

Result<CodePrior> CodePrior::Load(const WeightsFile& file, std::size_t size,
                                  const std::string& name) {
  const bool has = file.Has("mixture.weights");
  if (!name.empty() && name != "normal" && name != "mixture") {
    return Status(StatusCode::kInvalidArgument, "'" + name + "' is no prior of a VAE; legal: " +
                                                    (has ? "'normal', 'mixture'" : "'normal'"));
  }
  CodePrior prior(size);
  if (name == "normal" || (name.empty() && !has)) return prior;
  if (!has) {
    return Status(StatusCode::kInvalidArgument,
                  "the model has no mixture of codes; 'halfmoon export --data PACK' fits one");
  }
  HALFMOON_ASSIGN_OR_RETURN(const TensorView weights,
                            file.Get("mixture.weights", DType::kF32, {kAnySize}));
  const std::int64_t k = weights.shape[0], n = static_cast<std::int64_t>(size);
  if (k < 1 || k > kMaxComponents) {
    return Status(StatusCode::kModelCorrupt, "tensor 'mixture.weights' has " + std::to_string(k) +
                                                 " components; legal are 1 to " +
                                                 std::to_string(kMaxComponents));
  }
  HALFMOON_ASSIGN_OR_RETURN(const TensorView means, file.Get("mixture.means", DType::kF32, {k, n}));
  HALFMOON_ASSIGN_OR_RETURN(const TensorView factors,
                            file.Get("mixture.factors", DType::kF32, {k, n, n}));
  auto mixture = std::make_shared<Mixture>();
  mixture->means = means.Values<float>();
  mixture->factors = factors.Values<float>();
  HALFMOON_RETURN_IF_ERROR(CheckFinite(mixture->means, "mixture.means"));
  HALFMOON_RETURN_IF_ERROR(CheckFinite(mixture->factors, "mixture.factors"));
  double sum = 0;
  for (const float w : weights.Values<float>()) {
    if (!(w >= 0)) sum = std::nan("");
    mixture->cumulative.push_back(sum += w);
  }
  if (!(std::abs(sum - 1) < 1e-3)) {
    return Status(StatusCode::kModelCorrupt, "tensor 'mixture.weights': shares that are not of 1");
  }
  prior.mixture_ = std::move(mixture);
  return prior;
}

std::vector<float> CodePrior::Draw(std::uint64_t seed, std::uint64_t index,
                                   double temperature) const {
  Philox random(seed, index);
  const auto t = static_cast<float>(temperature);
  std::vector<float> code(size_);
  if (mixture_ == nullptr) {
    for (float& v : code) v = static_cast<float>(random.Normal()) * t;
    return code;
  }
  const std::vector<double>& shares = mixture_->cumulative;
  const double at = random.Uniform() * shares.back();
  const auto component = static_cast<std::size_t>(
      std::min(std::upper_bound(shares.begin(), shares.end(), at), shares.end() - 1) -
      shares.begin());
  std::vector<float> noise(size_);
  for (float& v : noise) v = static_cast<float>(random.Normal()) * t;
  const float* mean = mixture_->means.data() + component * size_;
  const float* factor = mixture_->factors.data() + component * size_ * size_;
  for (std::size_t i = 0; i < size_; ++i, factor += size_) {
    code[i] = mean[i];
    for (std::size_t j = 0; j <= i; ++j) code[i] += factor[j] * noise[j];
  }
  return code;
}

}  // namespace halfmoon::runtime
