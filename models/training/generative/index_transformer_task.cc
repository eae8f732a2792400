#include "models/training/generative/index_transformer_task.h"

#include <algorithm>
#include <cmath>

#include "models/networks/small_vqvae.h"
#include "models/networks/weights_io.h"
#include "models/training/data/picture_sampler.h"
#include "models/training/export/weights_export.h"
#include "models/training/loop/run_random.h"

namespace halfmoon::training {
namespace {

using runtime::PromptWords;

// A caption is "name; detail; detail ...". A prompt is any part of it, mostly with the name, so
// training leaves parts out: the name of a caption that has more than it with the first
// probability, each detail with the second. Chosen, not tuned.
constexpr double kNoName = 0.1, kNoDetail = 0.5;

// The recipe's fields over defaults; what the data decides is filled in later.
Result<IndexTransformerConfig> ReadTransformer(const Recipe& r) {
  for (const char* name : {"codes", "indices", "words"}) {
    if (r.model.contains(name)) {
      return Status(
          StatusCode::kInvalidArgument,
          std::string("model field '") + name + "' follows from codec and data; leave it out");
    }
  }
  IndexTransformerConfig defaults;
  defaults.condition = 12;
  return FromJson<IndexTransformerConfig>(r.model, "model", defaults);
}

// The picture moved by whole pixels, its border repeated. dx, dy: -shift..shift.
torch::Tensor Moved(const torch::Tensor& x, std::int64_t dx, std::int64_t dy, std::int64_t shift) {
  const torch::Tensor wide = torch::replication_pad2d(x, {shift, shift, shift, shift});
  return wide.slice(2, shift + dy, shift + dy + x.size(2))
      .slice(3, shift + dx, shift + dx + x.size(3));
}

std::vector<std::string> CaptionParts(const std::string& caption) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= caption.size();) {
    const std::size_t end = std::min(caption.find(';', at), caption.size());
    parts.push_back(caption.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

}  // namespace

void ConditionOptions::VisitFields(FieldVisitor& f) {
  f.Real("drop_condition", drop_condition, 0, 1);
  f.Real("drop_word", drop_word, 0, 1);
  f.Whole("copies", copies, 0, 64);
  f.Whole("shift", shift, 0, 32);
  f.Flag("flip", flip);
  f.Whole("least", least, 0, 1000);
}

Status ConditionOptions::Rules() const {
  if (drop_condition < 1 && drop_word < 1) return Status::Ok();
  return {StatusCode::kInvalidArgument,
          "loss fields 'drop_condition' and 'drop_word' must be below 1"};
}

IndexTransformerTask::IndexTransformerTask(const Recipe& recipe, const ConditionOptions& options,
                                           const IndexTransformerConfig& config,
                                           torch::Device device)
    : recipe_(recipe), options_(options), device_(device), model_(config) {
  model_->to(device);
}

Status IndexTransformerTask::Check(const Recipe& r) {
  HALFMOON_RETURN_IF_ERROR(ReadTransformer(r).status());
  return FromJson<ConditionOptions>(r.loss, "loss").status();
}

Result<IndexTransformerTask::Part> IndexTransformerTask::EncodePart(
    const Recipe& r, const ConditionOptions& o, const std::vector<Pack>& packs, bool validation,
    std::string* codec, std::vector<std::string>* classes, IndexTransformerConfig* config) {
  torch::NoGradGuard no_grad;
  HALFMOON_ASSIGN_OR_RETURN(const runtime::WeightsFile file,
                            runtime::WeightsFile::FromFile(r.codec));
  const auto loaded = networks::ImportSmallVqvae(file);
  if (!loaded.ok()) return loaded.status().WithContext(r.codec);
  networks::SmallVqvae model = *loaded;
  const SmallVqvaeConfig& c = model->config();
  *codec = file.identity_hex();
  config->codes = c.codes;
  config->indices = c.indices();
  HALFMOON_ASSIGN_OR_RETURN(
      const PictureSampler pictures,
      PictureSampler::Create(
          packs, validation ? PictureSampler::Part::kValidation : PictureSampler::Part::kTraining,
          c.pyramid.channels, c.pyramid.side, torch::kCPU));
  *classes = pictures.classes();
  Part part;
  part.captions = pictures.captions();
  at::Generator generator = MakeGenerator(torch::kCPU);
  generator.set_current_seed(MixSeed(r.seed, 0, 1));
  std::vector<torch::Tensor> copies;
  for (std::int64_t copy = 0; copy <= (validation ? 0 : o.copies); ++copy) {
    std::vector<torch::Tensor> rows;
    constexpr std::int64_t kAtOnce = 50;  // pictures moved alike
    for (std::int64_t i = 0; i < pictures.size(); i += kAtOnce) {
      const PictureSampler::Batch b = pictures.Slice(i, std::min(kAtOnce, pictures.size() - i));
      torch::Tensor x = b.pictures;
      if (copy > 0) {
        const torch::Tensor u = torch::rand({3}, generator, torch::kFloat64);
        auto offset = [&](int k) {
          return static_cast<std::int64_t>(u[k].item<double>() *
                                           static_cast<double>(2 * o.shift + 1)) -
                 o.shift;
        };
        x = Moved(x, offset(0), offset(1), o.shift);
        if (o.flip && u[2].item<double>() < 0.5) x = x.flip({3});
        x = x.contiguous(at::MemoryFormat::ChannelsLast);
      }
      rows.push_back(model->Encode(x));
      if (copy > 0) continue;
      for (std::int64_t j = 0; j < b.labels.size(0); ++j)
        part.labels.push_back(b.labels[j].item<std::int64_t>());
    }
    if (!rows.empty()) copies.push_back(torch::cat(rows));
  }
  if (!copies.empty()) part.indices = torch::stack(copies);
  return part;
}

Result<std::unique_ptr<TrainingTask>> IndexTransformerTask::Create(
    const Recipe& r, const std::vector<Pack>& packs, std::int64_t /*validation_pictures*/,
    torch::Device device) {
  HALFMOON_ASSIGN_OR_RETURN(IndexTransformerConfig config, ReadTransformer(r));
  HALFMOON_ASSIGN_OR_RETURN(const ConditionOptions options,
                            FromJson<ConditionOptions>(r.loss, "loss"));
  if (r.codec.empty()) {
    return Status(
        StatusCode::kInvalidArgument,
        "this model learns the indices of a codec; name its weights file in field 'codec' of the "
        "recipe or with --codec FILE");
  }
  std::string codec;
  std::vector<std::string> classes;
  HALFMOON_ASSIGN_OR_RETURN(Part training,
                            EncodePart(r, options, packs, false, &codec, &classes, &config));
  HALFMOON_ASSIGN_OR_RETURN(Part validation,
                            EncodePart(r, options, packs, true, &codec, &classes, &config));
  PromptWords words;
  if (!training.captions.empty()) {
    words = PromptWords::FromCaptions(training.captions, static_cast<int>(options.least));
    config.words = words.size();
    classes.clear();
  } else if (!classes.empty()) {
    config.words = 2 + static_cast<std::int64_t>(classes.size());
    config.condition = 1;
  } else {
    return Status(StatusCode::kInvalidArgument,
                  "the packs have neither captions nor classes to learn from");
  }
  HALFMOON_RETURN_IF_ERROR(CheckConfig(config));
  torch::manual_seed(static_cast<std::uint64_t>(r.seed));  // the network's initial values
  std::unique_ptr<IndexTransformerTask> task(new IndexTransformerTask(r, options, config, device));
  task->training_ = std::move(training);
  task->validation_ = std::move(validation);
  task->codec_ = codec;
  task->classes_ = classes;
  task->words_ = words;
  return std::unique_ptr<TrainingTask>(std::move(task));
}

std::map<std::string, std::string> IndexTransformerTask::Metadata() const {
  auto metadata = ToMetadata(model_->config());
  metadata["codec"] = codec_;
  if (classes_.empty()) {
    metadata["prompt_words"] = words_.ToText();
    return metadata;
  }
  metadata["classes"] = JoinLines(classes_);
  return metadata;
}

Result<std::vector<std::uint8_t>> IndexTransformerTask::Export(
    const Checkpoint& checkpoint, const std::map<std::string, std::string>& metadata) {
  torch::NoGradGuard no_grad;
  const auto config = FromMetadata<IndexTransformerConfig>(checkpoint.metadata);
  if (!config.ok()) return Status(StatusCode::kCorrupt, "checkpoint: " + config.status().message());
  auto own = ToMetadata(*config);
  for (const char* name : {"codec", "prompt_words", "classes"}) {
    if (const auto it = checkpoint.metadata.find(name); it != checkpoint.metadata.end())
      own[name] = it->second;
  }
  networks::IndexTransformer model(*config);
  HALFMOON_RETURN_IF_ERROR(LoadAveraged(checkpoint, *model));
  SafetensorsWriter writer;
  SetMetadata(metadata, own, IndexTransformerConfig::kArchitecture, &writer);
  HALFMOON_RETURN_IF_ERROR(AddHalfModule(writer, "prior.transformer", *model));
  return writer.ToBytes();
}

Status IndexTransformerTask::ImportWeightsFile(const std::string& path) {
  HALFMOON_ASSIGN_OR_RETURN(const runtime::WeightsFile file, runtime::WeightsFile::FromFile(path));
  for (const auto& [name, value] : Metadata()) {
    const auto it = file.metadata().find(name);
    if (it == file.metadata().end() || it->second != value) {
      return {StatusCode::kInvalidArgument, path + ": its '" + name + "' is not that of this run"};
    }
  }
  networks::IndexTransformer other(model_->config());
  HALFMOON_RETURN_IF_ERROR(
      networks::LoadModule(file, "prior.transformer", *other).WithContext(path));
  CopyParameters(*other, *model_);
  return Status::Ok();
}

torch::Tensor IndexTransformerTask::Conditions(const Part& part, const torch::Tensor& which,
                                               at::Generator* generator) const {
  const std::int64_t count = which.size(0), length = model_->config().condition;
  torch::Tensor out = torch::zeros({count, length}, torch::kLong);
  constexpr std::int64_t kNumbers = 96;  // random numbers a picture may use
  torch::Tensor random;
  if (generator != nullptr) random = torch::rand({count, kNumbers}, *generator, torch::kFloat32);
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t used = 0;
    // True with that probability; what is certain needs no number.
    auto happens = [&](double probability) {
      if (generator == nullptr) return false;
      return random[i][used++ % kNumbers].item<float>() < static_cast<float>(probability);
    };
    std::int64_t* row = out[i].data_ptr<std::int64_t>();
    if (happens(options_.drop_condition)) continue;
    const auto p = static_cast<std::size_t>(which[i].item<std::int64_t>());
    if (!classes_.empty()) {
      row[0] = part.labels[p] < 0 ? PromptWords::kNothing : 2 + part.labels[p];
      continue;
    }
    const std::vector<std::string> parts = CaptionParts(part.captions[p]);
    std::int64_t at = 0;
    for (std::size_t k = 0; k < parts.size(); ++k) {
      // When all is certain, the name alone: it is what a prompt is like.
      if (k == 0 ? happens(kNoName) && parts.size() > 1
                 : generator == nullptr || happens(kNoDetail))
        continue;
      const PromptWords::Prompt prompt = words_.Encode(parts[k], static_cast<std::size_t>(length));
      for (const std::int64_t word : prompt.words) {
        if (word == PromptWords::kNothing || at == length) break;
        if (!happens(options_.drop_word)) row[at++] = word;
      }
    }
  }
  return out.to(device_);
}

torch::Tensor IndexTransformerTask::Loss(const StepInfo& at, at::Generator& generator,
                                         Figures* figures) {
  const std::int64_t batch = recipe_.batch;
  const std::int64_t count = ShareOf(batch, at);
  if (count == 0) return {};
  const torch::Tensor u =
      torch::rand({2, count}, generator, torch::TensorOptions(torch::kFloat64).device(device_));
  const std::int64_t copies = training_.indices.size(0), n = training_.indices.size(1);
  auto below = [](const torch::Tensor& x, std::int64_t most) {
    return (x * static_cast<double>(most)).to(torch::kLong).clamp_max(most - 1).cpu();
  };
  const torch::Tensor which = below(u[0], n), copy = below(u[1], copies);
  const torch::Tensor indices =
      training_.indices.flatten(0, 1).index_select(0, copy * n + which).to(device_);
  at::Generator words = MakeGenerator(torch::kCPU);
  words.set_current_seed(MixSeed(recipe_.seed, static_cast<std::uint64_t>(at.step),
                                 static_cast<std::uint64_t>(100 + at.worker)));
  const torch::Tensor logits =
      model_->forward(Conditions(training_, which, &words), indices, generator);
  const torch::Tensor nats =
      torch::nll_loss(torch::log_softmax(logits.flatten(0, 1), 1), indices.flatten());
  *figures = {{"bits_per_index", nats.item<double>() / std::log(2.0)}};
  return nats * (static_cast<double>(count) / static_cast<double>(batch));
}

double IndexTransformerTask::BitsPerIndex(const Part& part, bool conditional) {
  constexpr std::int64_t kAtOnce = 50, kLimit = 2000;
  const std::int64_t n = std::min(kLimit, part.indices.size(1));
  double nats = 0;
  for (std::int64_t i = 0; i < n; i += kAtOnce) {
    const std::int64_t count = std::min(kAtOnce, n - i);
    const torch::Tensor indices = part.indices[0].slice(0, i, i + count).to(device_);
    torch::Tensor condition = Conditions(part, torch::arange(i, i + count, torch::kLong), nullptr);
    if (!conditional) condition = torch::zeros_like(condition);
    const torch::Tensor logits = model_->forward(condition, indices);
    nats += torch::nll_loss(torch::log_softmax(logits.flatten(0, 1), 1), indices.flatten(), {},
                            at::Reduction::Sum)
                .item<double>();
  }
  return nats / std::log(2.0) / static_cast<double>(n * model_->config().indices);
}

ValidationReport IndexTransformerTask::Validate(WorkerPool&) {
  torch::NoGradGuard no_grad;
  const bool was_training = model_->is_training();
  model_->eval();
  const double with = BitsPerIndex(validation_, true), without = BitsPerIndex(validation_, false);
  const double training = BitsPerIndex(training_, true);
  model_->train(was_training);
  return {
      with,
      {{"bits_per_index", with}, {"without_condition", without}, {"training_pictures", training}},
      {}};
}

}  // namespace halfmoon::training
