// Training of VAEs of small pictures, and of the plain autoencoder of the same shape. LibTorch.
#pragma once

#include <memory>

#include "models/networks/vae.h"
#include "models/training/data/picture_sampler.h"
#include "models/training/loop/checkpoint.h"
#include "models/training/loop/recipe.h"
#include "models/training/loop/shared_mean.h"
#include "models/training/loop/task.h"

namespace halfmoon::training {

// Loss, per picture and in bits per dimension: -log2 P(x | z) + beta * KL.
struct VaeLossOptions {
  double beta = 1;       // of the KL at the end of the warm-up
  double warm_up = 0.1;  // share of the run over which beta rises from 0 (Bowman et al. 2016)
  // Nats of KL per latent number, averaged over the whole batch, below which there is no pressure
  // on it (Kingma et al. 2016).
  double free_nats = 0.02;
  bool flip = false;  // mirror every other picture

  void VisitFields(FieldVisitor& f);
};

class VaeTask : public TrainingTask {
 public:
  // Errors: kInvalidArgument naming the field.
  static Status Check(const Recipe& recipe);
  // REQUIRES: Check. Errors: those of PictureParts::Create.
  static Result<std::unique_ptr<TrainingTask>> Create(const Recipe& recipe,
                                                      const std::vector<Pack>& packs,
                                                      std::int64_t validation_pictures,
                                                      torch::Device device);

  torch::nn::Module& network() override { return *model_; }
  torch::OrderedDict<std::string, torch::Tensor> StateBuffers() override {
    return model_->named_buffers();
  }
  Status ImportWeightsFile(const std::string& path) override;
  void BeforeStep(const StepInfo& at) override;
  torch::Tensor Loss(const StepInfo& at, at::Generator& generator, Figures* figures) override;
  // On validation pictures or, where the packs have none, on training pictures: the model's summary
  // has to be measured before it can be exported.
  bool HasValidation() const override { return true; }
  // Score: the negative ELBO in bits per dimension (for a plain autoencoder the reconstruction's
  // bits).
  ValidationReport Validate(WorkerPool& pool) override;
  std::map<std::string, std::string> Metadata() const override {
    return ToMetadata(model_->config());
  }

 private:
  VaeTask(const Recipe& recipe, const VaeLossOptions& loss, const VaeConfig& config,
          PictureParts pictures, torch::Device device);

  Recipe recipe_;
  VaeLossOptions loss_;
  torch::Device device_;
  PictureSampler training_, validation_;
  networks::Vae model_;
  std::unique_ptr<SharedMean> kl_mean_;  // of the step
};

// What a model makes of pictures. Fills the model's summary.
struct VaeFigures {
  double elbo_bits = 0;            // negative ELBO, bits per dimension
  double reconstruction_bits = 0;  // its first part
  double kl_bits = 0;              // its second part, bits per dimension
  double psnr = 0;  // dB of the reconstruction from the posterior mean, 8 bit, mean of pictures
  std::int64_t active = 0;  // latent dimensions whose means vary by more than kActiveVariance
};
// `seed`: of the one draw from each posterior. `limit`: at most so many pictures, from the first
// on.
VaeFigures MeasureVae(networks::Vae& model, const PictureSampler& pictures, std::int64_t limit,
                      std::uint64_t seed);

}  // namespace halfmoon::training
