#include "models/training/classifier_task.h"

#include "models/networks/config_fields.h"
#include "models/networks/weights_io.h"
#include "models/training/weights_export.h"

namespace halfmoon::training {

ClassifierTask::ClassifierTask(const Recipe& recipe, bool flip,
                               const networks::ClassifierConfig& config, PictureParts pictures,
                               torch::Device device)
    : recipe_(recipe),
      flip_(flip),
      training_(std::move(pictures.training)),
      validation_(std::move(pictures.validation)),
      model_(config) {
  model_->to(device);
}

Status ClassifierTask::Check(const Recipe& r) {
  HALFMOON_RETURN_IF_ERROR(networks::ClassifierConfig::FromFields(r.model).status());
  bool flip = false;
  for (const auto& [name, value] : r.loss) {
    if (name != "flip") return {StatusCode::kInvalidArgument, "unknown loss field '" + name + "'"};
  }
  return networks::ReadField(r.loss, "flip", &flip);
}

Result<std::unique_ptr<TrainingTask>> ClassifierTask::Create(const Recipe& r,
                                                             const std::vector<Pack>& packs,
                                                             std::int64_t /*validation_pictures*/,
                                                             torch::Device device) {
  HALFMOON_ASSIGN_OR_RETURN(networks::ClassifierConfig config,
                            networks::ClassifierConfig::FromFields(r.model));
  const networks::PyramidConfig& p = config.pyramid;
  HALFMOON_ASSIGN_OR_RETURN(PictureParts parts,
                            PictureParts::Create(packs, p.channels, p.side, device));
  if (parts.training.classes().size() < 2) {
    return Status(
        StatusCode::kInvalidArgument,
        "a classifier needs packs with classes; make them with 'halfmoon pack' from a CSV "
        "with a class column or from IDX files");
  }
  config.classes = parts.training.classes();
  bool flip = false;
  HALFMOON_RETURN_IF_ERROR(networks::ReadField(r.loss, "flip", &flip));
  torch::manual_seed(static_cast<std::uint64_t>(r.seed));  // the network's initial values
  return std::unique_ptr<TrainingTask>(
      new ClassifierTask(r, flip, config, std::move(parts), device));
}

Result<std::vector<std::uint8_t>> ClassifierTask::Export(
    const Checkpoint& checkpoint, const std::map<std::string, std::string>& metadata) {
  torch::NoGradGuard no_grad;
  HALFMOON_ASSIGN_OR_RETURN(const networks::ClassifierConfig config,
                            networks::ClassifierConfig::FromMetadata(checkpoint.metadata));
  networks::Classifier model(config);
  HALFMOON_RETURN_IF_ERROR(LoadAveraged(checkpoint, *model));
  SafetensorsWriter writer;
  SetMetadata(metadata, config.ToMetadata(), "classifier", &writer);
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
  const std::int64_t count = batch * (at.worker + 1) / at.workers - batch * at.worker / at.workers;
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
