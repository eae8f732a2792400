#include "models/training/generative/classifier_task.h"

#include "models/networks/weights_io.h"
#include "models/training/export/weights_export.h"

namespace halfmoon::training {
namespace {

struct ClassifierLossOptions {
  bool flip = false;  // mirror every other picture

  void VisitFields(FieldVisitor& f) { f.Flag("flip", flip); }
};

}  // namespace

ClassifierTask::ClassifierTask(const Recipe& recipe, bool flip, const ClassifierConfig& config,
                               PictureParts pictures, torch::Device device)
    : recipe_(recipe),
      flip_(flip),
      training_(std::move(pictures.training)),
      validation_(std::move(pictures.validation)),
      model_(config) {
  model_->to(device);
}

Status ClassifierTask::Check(const Recipe& r) {
  HALFMOON_RETURN_IF_ERROR(FromJson<ClassifierConfig>(r.model).status());
  return FromJson<ClassifierLossOptions>(r.loss, "loss").status();
}

Result<std::unique_ptr<TrainingTask>> ClassifierTask::Create(const Recipe& r,
                                                             const std::vector<Pack>& packs,
                                                             std::int64_t /*validation_pictures*/,
                                                             torch::Device device) {
  HALFMOON_ASSIGN_OR_RETURN(ClassifierConfig config, FromJson<ClassifierConfig>(r.model));
  const PyramidConfig& p = config.pyramid;
  HALFMOON_ASSIGN_OR_RETURN(PictureParts parts,
                            PictureParts::Create(packs, p.channels, p.side, device));
  if (parts.training.classes().size() < 2) {
    return Status(
        StatusCode::kInvalidArgument,
        "a classifier needs packs with classes; make them with 'halfmoon pack' from a CSV "
        "with a class column or from IDX files");
  }
  config.classes = parts.training.classes();
  HALFMOON_ASSIGN_OR_RETURN(const ClassifierLossOptions loss,
                            FromJson<ClassifierLossOptions>(r.loss, "loss"));
  torch::manual_seed(static_cast<std::uint64_t>(r.seed));  // the network's initial values
  return std::unique_ptr<TrainingTask>(
      new ClassifierTask(r, loss.flip, config, std::move(parts), device));
}

Result<std::vector<std::uint8_t>> ClassifierTask::Export(
    const Checkpoint& checkpoint, const std::map<std::string, std::string>& metadata) {
  torch::NoGradGuard no_grad;
  HALFMOON_ASSIGN_OR_RETURN(const ClassifierConfig config,
                            FromMetadata<ClassifierConfig>(checkpoint.metadata));
  networks::Classifier model(config);
  HALFMOON_RETURN_IF_ERROR(LoadAveraged(checkpoint, *model));
  SafetensorsWriter writer;
  SetMetadata(metadata, ToMetadata(config), ClassifierConfig::kArchitecture, &writer);
  HALFMOON_RETURN_IF_ERROR(AddHalfModule(writer, "classifier", *model));
  return writer.ToBytes();
}

Status ClassifierTask::ImportWeightsFile(const std::string& path) {
  HALFMOON_ASSIGN_OR_RETURN(const runtime::WeightsFile file, runtime::WeightsFile::FromFile(path));
  networks::Classifier other(model_->config());
  HALFMOON_RETURN_IF_ERROR(networks::LoadModule(file, "classifier", *other).WithContext(path));
  CopyParameters(*other, *model_);
  return Status::Ok();
}

torch::Tensor ClassifierTask::Loss(const StepInfo& at, at::Generator& generator, Figures* figures) {
  const std::int64_t batch = recipe_.batch;
  const std::int64_t count = ShareOf(batch, at);
  if (count == 0) return {};
  const PictureSampler::Batch b = training_.Sample(count, flip_, generator);
  const torch::Tensor logits = model_->forward(b.pictures).logits;
  const torch::Tensor right = (logits.detach().argmax(1) == b.labels).to(torch::kFloat32);
  *figures = {{"accuracy", right.mean().item<double>()}};
  return torch::nll_loss(torch::log_softmax(logits, 1), b.labels) *
         (static_cast<double>(count) / static_cast<double>(batch));
}

ValidationReport ClassifierTask::Validate(WorkerPool&) {
  torch::NoGradGuard no_grad;
  const bool was_training = model_->is_training();
  model_->eval();
  double nats = 0, right = 0;
  constexpr std::int64_t kAtOnce = 250;
  for (std::int64_t i = 0; i < validation_.size(); i += kAtOnce) {
    const auto b = validation_.Slice(i, std::min(kAtOnce, validation_.size() - i));
    const torch::Tensor logits = model_->forward(b.pictures).logits;
    nats += torch::nll_loss(torch::log_softmax(logits, 1), b.labels, {}, at::Reduction::Sum)
                .item<double>();
    right += (logits.argmax(1) == b.labels).sum().item<double>();
  }
  model_->train(was_training);
  const auto n = static_cast<double>(validation_.size());
  return {nats / n, {{"accuracy", right / n}}, {}};
}

}  // namespace halfmoon::training
