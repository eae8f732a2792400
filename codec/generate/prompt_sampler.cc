#include "codec/generate/prompt_sampler.h"

#include <algorithm>
#include <utility>

#include "models/networks/compute_threads.h"
#include "models/networks/weights_io.h"
#include "models/runtime/generative/draw_index.h"
#include "models/runtime/generative/philox.h"

namespace halfmoon {
namespace {

// Pictures drawn at once. Always so many: the products of a batch may be rounded as its size has
// it, and a picture must not depend on how many there are.
constexpr std::int64_t kDrawnAtOnce = 16;

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

}  // namespace

Result<std::unique_ptr<PromptSampler>> PromptSampler::Load(const runtime::WeightsFile& file,
                                                           const std::string& codec,
                                                           std::int64_t codes, std::int64_t indices,
                                                           int threads) {
  HALFMOON_ASSIGN_OR_RETURN(const std::string architecture, file.Metadata("architecture"));
  if (architecture != IndexTransformerConfig::kArchitecture) {
    return Status(StatusCode::kInvalidArgument, "architecture '" + architecture +
                                                    "' is no prior that draws indices (" +
                                                    IndexTransformerConfig::kArchitecture + ")");
  }
  HALFMOON_ASSIGN_OR_RETURN(const std::string theirs, file.Metadata("codec"));
  if (theirs != codec) {
    return Status(StatusCode::kModelMismatch,
                  "it was trained on the indices of the codec with hash " + theirs +
                      ", the codec here has " + codec +
                      "; take the prior of this codec, or train one");
  }
  HALFMOON_ASSIGN_OR_RETURN(const IndexTransformerConfig config,
                            FromMetadata<IndexTransformerConfig>(file.metadata()));
  if (config.codes != codes || config.indices != indices) {
    return Status(StatusCode::kModelCorrupt,
                  "metadata: the prior has other codes or indices than its codec");
  }
  std::unique_ptr<PromptSampler> sampler(new PromptSampler(config, threads));
  if (const auto it = file.metadata().find("classes"); it != file.metadata().end()) {
    sampler->classes_ = SplitLines(it->second);
    if (config.words != 2 + static_cast<std::int64_t>(sampler->classes_.size()) ||
        config.condition != 1) {
      return Status(StatusCode::kModelCorrupt,
                    "metadata: 'classes' are not as many as there are words");
    }
  } else {
    HALFMOON_ASSIGN_OR_RETURN(const std::string words, file.Metadata("prompt_words"));
    HALFMOON_ASSIGN_OR_RETURN(sampler->words_, runtime::PromptWords::FromText(words));
    if (config.words != sampler->words_.size()) {
      return Status(StatusCode::kModelCorrupt,
                    "metadata: 'prompt_words' are not as many as there are words");
    }
  }
  HALFMOON_RETURN_IF_ERROR(networks::LoadModule(file, "prior.transformer", *sampler->model_));
  return sampler;
}

PromptReport PromptSampler::ReadPrompt(const std::string& prompt) const {
  runtime::PromptWords::Prompt read =
      words_.Encode(prompt, static_cast<std::size_t>(model_->config().condition));
  return {std::move(read.unknown), std::move(read.left_out)};
}

Result<torch::Tensor> PromptSampler::Condition(const SampleRequest& request) const {
  const std::int64_t length = model_->config().condition;
  if (classes_.empty()) {
    if (!request.label.empty()) {
      return Status(StatusCode::kInvalidArgument,
                    "this model has no classes; describe the picture in a prompt");
    }
    return torch::tensor(words_.Encode(request.prompt, static_cast<std::size_t>(length)).words,
                         torch::kLong)
        .view({1, length});
  }
  if (!request.prompt.empty()) {
    return Status(StatusCode::kInvalidArgument,
                  "this model knows classes, not prompts; name one with a class");
  }
  if (request.label.empty()) return torch::zeros({1, 1}, torch::kLong);
  std::string have;
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    if (Lower(classes_[i]) == Lower(request.label)) {
      return torch::full({1, 1}, 2 + static_cast<std::int64_t>(i), torch::kLong);
    }
    have += (have.empty() ? "" : ", ") + classes_[i];
  }
  return Status(StatusCode::kInvalidArgument,
                "there is no class '" + request.label + "'; this model has: " + have);
}

Result<std::vector<std::vector<std::int32_t>>> PromptSampler::Draw(
    const SampleRequest& request) const {
  networks::SetComputeThreads(threads_);
  torch::InferenceMode inference;
  HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor one, Condition(request));
  const bool conditional = one.ne(runtime::PromptWords::kNothing).any().item<bool>();
  const bool guided = conditional && request.guidance != 1;
  // Guided pictures are drawn with their condition and without: rows i and 16 + i.
  torch::Tensor condition = one.expand({kDrawnAtOnce, -1});
  if (guided) condition = torch::cat({condition, torch::zeros_like(condition)});
  condition = condition.contiguous();
  const runtime::DrawOptions options{request.temperature, request.top_k, request.top_p};
  const std::int64_t n = model_->config().indices, codes = model_->config().codes;
  std::vector<std::vector<std::int32_t>> pictures;
  while (pictures.size() < static_cast<std::size_t>(request.count)) {
    std::vector<runtime::Philox> random;
    for (std::int64_t i = 0; i < kDrawnAtOnce; ++i) {
      random.emplace_back(request.seed,
                          request.first + pictures.size() + static_cast<std::uint64_t>(i));
    }
    std::vector<std::vector<std::int32_t>> drawn(kDrawnAtOnce);
    networks::KeyValueCache cache;
    torch::Tensor logits = model_->Begin(condition, &cache);
    for (std::int64_t p = 0; p < n; ++p) {
      if (guided) {
        const torch::Tensor without = logits.slice(0, kDrawnAtOnce);
        logits = without + (logits.slice(0, 0, kDrawnAtOnce) - without) * request.guidance;
      }
      logits = logits.contiguous();
      torch::Tensor next = torch::empty({condition.size(0)}, torch::kLong);
      for (std::int64_t i = 0; i < kDrawnAtOnce; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const std::size_t index = runtime::DrawIndex(
            {logits.data_ptr<float>() + i * codes, static_cast<std::size_t>(codes)}, options,
            &random[at]);
        drawn[at].push_back(static_cast<std::int32_t>(index));
        next[i] = static_cast<std::int64_t>(index);
        if (guided) next[kDrawnAtOnce + i] = static_cast<std::int64_t>(index);
      }
      if (request.progress) {
        const double batches = static_cast<double>(pictures.size()) / kDrawnAtOnce;
        const auto all = static_cast<double>((request.count + kDrawnAtOnce - 1) / kDrawnAtOnce);
        request.progress((batches + static_cast<double>(p + 1) / static_cast<double>(n)) / all);
      }
      if (p + 1 < n) logits = model_->Next(next, &cache);
    }
    for (auto& indices : drawn) {
      if (pictures.size() < static_cast<std::size_t>(request.count))
        pictures.push_back(std::move(indices));
    }
  }
  return pictures;
}

}  // namespace halfmoon
