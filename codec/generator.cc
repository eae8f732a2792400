#include "halfmoon/generator.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "bitstream/container.h"
#include "codec/common/exceptions.h"
#include "codec/generate/generative_model.h"
#include "codec/store/model_loaders.h"
#include "models/config/index_transformer_config.h"
#include "models/runtime/weights/manifest.h"
#include "models/runtime/weights/number_text.h"

namespace halfmoon {
namespace {

using Draws = Architecture::Draws;

// Null: it draws none.
const Architecture* FindDrawing(const std::string& name) {
  const Architecture* a = FindArchitecture(name);
  return a != nullptr && a->draws != Draws::kNothing ? a : nullptr;
}

// The installed models that can draw pictures: "vae-moons, vae-fashion".
std::string GenerativeModels(const runtime::Manifest& manifest) {
  std::string names;
  for (const runtime::ModelEntry& e : manifest.entries()) {
    if (FindDrawing(e.architecture) != nullptr) names += (names.empty() ? "" : ", ") + e.name;
  }
  return names.empty() ? "none" : names;
}

// The prior that was asked for, or the first for this codec; none: nothing.
Result<std::shared_ptr<const runtime::WeightsFile>> FindPrior(const runtime::Manifest& manifest,
                                                              const std::string& name,
                                                              const runtime::ModelEntry& codec) {
  std::string wanted = name;
  for (const runtime::ModelEntry& e : manifest.entries()) {
    if (wanted.empty() && e.architecture == IndexTransformerConfig::kArchitecture &&
        e.codec == codec.identity)
      wanted = e.name;
  }
  if (wanted.empty()) return std::shared_ptr<const runtime::WeightsFile>();
  HALFMOON_ASSIGN_OR_RETURN(const runtime::LoadedWeights loaded,
                            runtime::LoadModel(manifest, wanted));
  return loaded.weights;
}

}  // namespace

Status GeneratorOptions::Validate() const {
  if (threads < 0 || threads > 256) {
    return {StatusCode::kInvalidArgument, "threads " + std::to_string(threads) +
                                              " is out of range; legal are 0 (all cores) to 256"};
  }
  return Status::Ok();
}

Status SampleRequest::Validate() const {
  if (count < 1 || count > kMaxSamples) {
    return {StatusCode::kInvalidArgument, "count " + std::to_string(count) +
                                              " is out of range; legal are 1 to " +
                                              std::to_string(kMaxSamples)};
  }
  if (!(temperature >= 0 && temperature <= 4)) {
    return {StatusCode::kInvalidArgument,
            "temperature " + NumberText(temperature) + " is out of range; legal are 0 to 4"};
  }
  if (top_k < 0) {
    return {StatusCode::kInvalidArgument,
            "top_k " + std::to_string(top_k) + " is out of range; legal are 0 (all) and more"};
  }
  if (!(top_p > 0 && top_p <= 1)) {
    return {StatusCode::kInvalidArgument,
            "top_p " + NumberText(top_p) + " is out of range; legal are numbers above 0, up to 1"};
  }
  if (!(guidance >= 0 && guidance <= 20)) {
    return {StatusCode::kInvalidArgument,
            "guidance " + NumberText(guidance) + " is out of range; legal are 0 to 20"};
  }
  return Status::Ok();
}

struct Generator::Impl {
  runtime::ModelEntry entry;
  std::array<std::uint8_t, 8> identity{};
  GeneratorInfo info;
  std::unique_ptr<GenerativeModel> model;
};

Generator::Generator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Generator::Generator(Generator&&) noexcept = default;
Generator& Generator::operator=(Generator&&) noexcept = default;
Generator::~Generator() = default;

const GeneratorInfo& Generator::info() const { return impl_->info; }

Result<Generator> Generator::Create(const GeneratorOptions& options) {
  HALFMOON_RETURN_IF_ERROR(options.Validate());
  HALFMOON_ASSIGN_OR_RETURN(
      const runtime::Manifest manifest,
      runtime::OpenModels(options.models_dir, {options.model, options.prior}));
  const std::string have = "; models with a generative mode: " + GenerativeModels(manifest);
  if (options.model.empty()) {
    return Status(StatusCode::kInvalidArgument, "give a model with --model NAME" + have);
  }
  const auto entry = manifest.Find(options.model);
  if (!entry.ok()) return Status(entry.status().code(), entry.status().message() + have);
  const Architecture* architecture = FindDrawing((*entry)->architecture);
  if (architecture == nullptr) {
    return Status(StatusCode::kInvalidArgument, "model '" + (*entry)->name + "' of architecture '" +
                                                    (*entry)->architecture +
                                                    "' has no generative mode" + have);
  }
  if (architecture->draws == Draws::kAlone && !options.prior.empty()) {
    return Status(StatusCode::kInvalidArgument,
                  "model '" + (*entry)->name + "' takes no prior: it draws its pictures itself");
  }
  HALFMOON_ASSIGN_OR_RETURN(const runtime::LoadedWeights loaded,
                            runtime::LoadModel(manifest, options.model));
  std::shared_ptr<const runtime::WeightsFile> prior;
  if (architecture->draws == Draws::kPriorFile) {
    HALFMOON_ASSIGN_OR_RETURN(prior, FindPrior(manifest, options.prior, loaded.entry));
  }
  return GuardExceptions("generator", [&]() -> Result<Generator> {
    std::unique_ptr<Impl> impl(new Impl);
    const int threads = options.threads > 0
                            ? options.threads
                            : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    impl->entry = loaded.entry;
    impl->identity = loaded.weights->identity();
    HALFMOON_ASSIGN_OR_RETURN(const ModelLoaders* loaders, LoadersOf(*architecture));
    auto model = loaders->generator({*loaded.weights, prior.get(), options.prior, threads});
    if (!model.ok()) {
      const std::string with = options.prior.empty() ? "" : " with prior '" + options.prior + "'";
      return model.status().WithContext("model '" + loaded.entry.name + "'" + with);
    }
    impl->model = std::move(*model);
    impl->info = impl->model->Info();
    impl->info.name = loaded.entry.name;
    impl->info.architecture = loaded.entry.architecture;
    return Generator(std::move(impl));
  });
}

namespace {

// What a request asks for that the model has not.
Status CheckFits(const SampleRequest& request, const GeneratorInfo& info) {
  if (!info.prompts && info.classes.empty()) {
    const char* asked = !request.prompt.empty()                    ? "prompts"
                        : !request.label.empty()                   ? "classes"
                        : request.top_k != 0 || request.top_p != 1 ? "top_k and top_p"
                        : request.guidance != 1                    ? "guidance"
                                                                   : nullptr;
    if (asked != nullptr) {
      return {StatusCode::kInvalidArgument,
              "model '" + info.name + "' takes no " + asked +
                  "; for models with a prior for prompts or classes only"};
    }
  }
  if (!info.any_size && (request.width != 0 || request.height != 0)) {
    return {StatusCode::kInvalidArgument,
            "model '" + info.name + "' draws pictures of " + std::to_string(info.picture.width) +
                "x" + std::to_string(info.picture.height) + " only; leave out the size"};
  }
  if (request.stages < 0 || request.stages > info.stages) {
    return {StatusCode::kInvalidArgument, info.stages == 0
                                              ? "model '" + info.name + "' has no stages"
                                              : "stages " + std::to_string(request.stages) +
                                                    " is out of range; legal are 1 to " +
                                                    std::to_string(info.stages)};
  }
  return Status::Ok();
}

}  // namespace

Result<std::vector<std::uint8_t>> Generator::SampleFile(const SampleRequest& request) {
  HALFMOON_RETURN_IF_ERROR(request.Validate());
  HALFMOON_RETURN_IF_ERROR(CheckFits(request, impl_->info));
  return GuardExceptions("generator", [&]() -> Result<std::vector<std::uint8_t>> {
    HALFMOON_ASSIGN_OR_RETURN(const GenerativeModel::SampledStream drawn,
                              impl_->model->SampleStream(request));
    Header header;
    header.channels = static_cast<std::uint8_t>(drawn.shape.channels);
    header.model_id = impl_->entry.id;
    header.model_hash = impl_->identity;
    header.width = drawn.shape.width;
    header.height = drawn.shape.height;
    header.quality = static_cast<std::uint16_t>(drawn.q);
    const Chunk chunk = {kChunkLatents, drawn.stream};
    return Write(header, {&chunk, 1}, {});
  });
}

Result<PromptReport> Generator::ReadPrompt(const std::string& prompt) const {
  if (!impl_->info.prompts) {
    return Status(StatusCode::kUnsupportedFeature,
                  "model '" + impl_->info.name + "' takes no prompts");
  }
  return GuardExceptions("generator", [&] { return impl_->model->ReadPrompt(prompt); });
}

Result<std::vector<Image>> Generator::Sample(const SampleRequest& request) {
  HALFMOON_RETURN_IF_ERROR(request.Validate());
  HALFMOON_RETURN_IF_ERROR(CheckFits(request, impl_->info));
  return GuardExceptions("generator", [&] { return impl_->model->Sample(request); });
}

Result<std::vector<float>> Generator::DrawCode(std::uint64_t seed, std::uint64_t index) {
  return GuardExceptions("generator", [&] { return impl_->model->DrawCode(seed, index); });
}

Result<LatentPosterior> Generator::Encode(const ImageView& picture) {
  HALFMOON_RETURN_IF_ERROR(picture.Validate());
  return GuardExceptions("generator", [&] { return impl_->model->Posterior(picture); });
}

Result<std::vector<float>> Generator::ReadCode(std::span<const std::uint8_t> file) {
  HALFMOON_ASSIGN_OR_RETURN(const ParsedFile parsed, Parse(file));
  if (parsed.header.model_id != impl_->entry.id || parsed.header.model_hash != impl_->identity) {
    return Status(StatusCode::kModelMismatch,
                  "the file was made with model " + std::to_string(parsed.header.model_id) +
                      ", not with " + impl_->entry.name + " (" + std::to_string(impl_->entry.id) +
                      "); give the picture instead, from 'halfmoon decompress'");
  }
  const auto streams = parsed.Latents();
  if (streams.size() != 1) {
    return Status(StatusCode::kCorrupt, "the file has " + std::to_string(streams.size()) +
                                            " latent streams; this model writes one");
  }
  return GuardExceptions("generator", [&] { return impl_->model->CodeOfStream(streams[0]); });
}

Result<std::vector<Image>> Generator::Decode(const std::vector<std::vector<float>>& codes) {
  for (const auto& code : codes) HALFMOON_ENSURE(code.size() == impl_->info.latent_size);
  return GuardExceptions("generator", [&] { return impl_->model->DecodeCodes(codes); });
}

std::vector<std::vector<float>> StraightPath(const std::vector<float>& a,
                                             const std::vector<float>& b, int steps) {
  std::vector<std::vector<float>> path;
  for (int s = 0; s < steps; ++s) {
    const double t = static_cast<double>(s) / (steps - 1);
    std::vector<float> z(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      z[i] = static_cast<float>((1 - t) * a[i] + t * b[i]);
    }
    path.push_back(std::move(z));
  }
  return path;
}

std::vector<std::vector<float>> SphericalPath(const std::vector<float>& a,
                                              const std::vector<float>& b, int steps) {
  double aa = 0, bb = 0, ab = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    aa += double{a[i]} * a[i], bb += double{b[i]} * b[i], ab += double{a[i]} * b[i];
  }
  const double length_a = std::sqrt(aa), length_b = std::sqrt(bb);
  const double cosine = std::clamp(ab / std::max(length_a * length_b, 1e-30), -1.0, 1.0);
  const double angle = std::acos(cosine), sine = std::sin(angle);
  // No angle, or opposite directions with no one arc between them.
  if (sine < 1e-6 || length_a < 1e-6 || length_b < 1e-6) return StraightPath(a, b, steps);
  std::vector<std::vector<float>> path;
  for (int s = 0; s < steps; ++s) {
    const double t = static_cast<double>(s) / (steps - 1);
    const double length = (1 - t) * length_a + t * length_b;
    const double u = std::sin((1 - t) * angle) / sine * length / length_a;
    const double v = std::sin(t * angle) / sine * length / length_b;
    std::vector<float> z(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) z[i] = static_cast<float>(u * a[i] + v * b[i]);
    path.push_back(std::move(z));
  }
  return path;
}

}  // namespace halfmoon
