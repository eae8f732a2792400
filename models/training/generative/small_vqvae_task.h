// Training of VQ-VAEs of small pictures. LibTorch.
#pragma once

#include <memory>

#include "models/networks/small_vqvae.h"
#include "models/training/data/picture_sampler.h"
#include "models/training/loop/codebook_keeper.h"
#include "models/training/loop/recipe.h"
#include "models/training/loop/task.h"

namespace halfmoon::training {

// Loss, per sample of the pictures: squared * d^2 + absolute * |d| + commitment * |p - sg[e]|^2
// + dictionary * |sg[p] - e|^2 (codebooks trained by gradients) + kPriorShare * the integer
// prior's bits per index. p and e are per dimension of a code; with a cosine codebook both have
// length 1.
struct SmallVqvaeLossOptions {
  double squared = 10;  // weight of the squared error, samples in 0..1
  double absolute = 1;  // of the absolute error: keeps edges and flat areas clean
  // The paper's beta (van den Oord et al. 2017: 0.1 to 2, 0.25 used) is against an unweighted
  // squared error; against `squared` = 10 this is a beta of 0.005.
  double commitment = 0.05;
  double dictionary = 1;
  bool flip = false;  // mirror every other picture

  void VisitFields(FieldVisitor& f);
};

class SmallVqvaeTask : public TrainingTask {
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
  // The codebook starts with the centres of the untrained encoder's features.
  Status Initialise() override;
  Status ImportWeightsFile(const std::string& path) override;
  void BeforeStep(const StepInfo& at) override;
  torch::Tensor Loss(const StepInfo& at, at::Generator& generator, Figures* figures) override;
  void AfterStep(const StepInfo& at) override;
  bool HasValidation() const override { return true; }
  // Score: mean squared error of 8-bit pictures, in dB below full scale, negative. Figures: PSNR of
  // validation pictures (of training pictures where there are none), their bits per index, and
  // usage and perplexity of the codebook over training pictures.
  ValidationReport Validate(WorkerPool& pool) override;
  std::map<std::string, std::string> Metadata() const override {
    return ToMetadata(model_->config());
  }

 private:
  SmallVqvaeTask(const Recipe& recipe, const SmallVqvaeLossOptions& loss,
                 const SmallVqvaeConfig& config, PictureParts pictures, torch::Device device);

  Recipe recipe_;
  SmallVqvaeLossOptions loss_;
  torch::Device device_;
  PictureSampler training_, validation_;
  networks::SmallVqvae model_;
  CodebookKeeper keeper_;
};

}  // namespace halfmoon::training
