#include "models/training/vqvae_exporter.h"

#include "models/runtime/vq_prior.h"
#include "models/training/safetensors_writer.h"
#include "models/training/weights_export.h"

namespace halfmoon::training {
namespace {

using networks::IndexPriorImpl;
using networks::IntegerConv;

template <typename T>
Status Add(SafetensorsWriter& writer, const std::string& name, const torch::Tensor& tensor) {
  const torch::Tensor t = tensor.cpu().contiguous();
  return writer.Add(name, t.sizes().vec(),
                    std::span<const T>(t.data_ptr<T>(), static_cast<std::size_t>(t.numel())));
}

Status AddHalf(SafetensorsWriter& writer, const std::string& name, const torch::Tensor& tensor) {
  const torch::Tensor half = tensor.detach().cpu().to(torch::kFloat16).contiguous();
  return writer.AddBytes(name, runtime::DType::kF16, half.sizes().vec(),
                         {static_cast<const std::uint8_t*>(half.data_ptr()),
                          static_cast<std::size_t>(half.numel()) * 2});
}

// `scale`, `step`: of the outputs (IntegerConv::Export). `level_bias`: [levels, out] or undefined.
Status AddIntegerLayer(SafetensorsWriter& writer, const std::string& name, const IntegerConv& conv,
                       double scale, double step, const torch::Tensor& level_bias, bool bytes) {
  const std::int64_t out = conv->bias.size(0);
  const auto e = conv->Export(torch::full({out}, scale), torch::full({out}, step), level_bias);
  if (bytes) {
    HALFMOON_RETURN_IF_ERROR(Add<std::int8_t>(writer, name + ".weight", e.weight.to(torch::kInt8)));
  } else {
    HALFMOON_RETURN_IF_ERROR(Add<std::int16_t>(writer, name + ".weight", e.weight));
  }
  HALFMOON_RETURN_IF_ERROR(Add<std::int32_t>(writer, name + ".bias", e.bias));
  HALFMOON_RETURN_IF_ERROR(Add<std::int32_t>(writer, name + ".multiplier", e.multiplier));
  HALFMOON_RETURN_IF_ERROR(Add<std::int32_t>(writer, name + ".shift", e.shift));
  if (!e.level_bias.defined()) return Status::Ok();
  return Add<std::int32_t>(writer, name + ".level_bias", e.level_bias);
}

}  // namespace

Result<std::vector<std::uint8_t>> ExportVqvae(networks::Vqvae& model,
                                              const std::map<std::string, std::string>& metadata) {
  torch::NoGradGuard no_grad;
  const networks::VqvaeConfig& c = model->config();
  SafetensorsWriter writer;
  SetMetadata(metadata, c.ToMetadata(), "vqvae", &writer);
  HALFMOON_RETURN_IF_ERROR(AddHalfModule(writer, "g_a", *model->g_a));
  HALFMOON_RETURN_IF_ERROR(AddHalfModule(writer, "g_s", *model->g_s));
  HALFMOON_RETURN_IF_ERROR(Add<float>(writer, "g_a.project", model->project));
  HALFMOON_RETURN_IF_ERROR(Add<float>(writer, "g_a.slopes", model->slopes));
  HALFMOON_RETURN_IF_ERROR(AddHalf(writer, "g_s.unproject", model->unproject));
  HALFMOON_RETURN_IF_ERROR(
      Add<std::int32_t>(writer, "g_s.support", model->support.to(torch::kInt32)));
  std::vector<torch::Tensor> codes, embeddings;
  const torch::Tensor all = torch::arange(c.codes, torch::kLong);
  networks::IndexPrior& prior = model->prior;
  prior->SetQuantised(true);
  for (std::int64_t s = 0; s < c.stages; ++s) {
    codes.push_back(model->codebooks[static_cast<std::size_t>(s)]->Codes(all));
    embeddings.push_back(prior->Embedding(s));
  }
  HALFMOON_RETURN_IF_ERROR(AddHalf(writer, "g_s.codes", torch::stack(codes)));
  HALFMOON_RETURN_IF_ERROR(Add<std::int8_t>(
      writer, "prior.embedding",
      (torch::stack(embeddings) * (1 / networks::kLatentUnit)).round().to(torch::kInt8)));
  for (std::size_t k = 0; k < IndexPriorImpl::kPasses; ++k) {
    const std::string n = std::to_string(k);
    HALFMOON_RETURN_IF_ERROR(AddIntegerLayer(writer, "prior.a" + n, prior->a[k], 1,
                                             networks::kHiddenUnit,
                                             prior->a_bias[k].view({c.stages, -1}), false));
    HALFMOON_RETURN_IF_ERROR(AddIntegerLayer(writer, "prior.b" + n, prior->b[k], 1,
                                             networks::kHiddenUnit,
                                             prior->b_bias[k].view({c.stages, -1}), false));
  }
  for (std::size_t s = 0; s < prior->c.size(); ++s) {
    HALFMOON_RETURN_IF_ERROR(AddIntegerLayer(writer, "prior.c" + std::to_string(s), prior->c[s],
                                             IndexPriorImpl::kLogitGain, IndexPriorImpl::kLogitStep,
                                             {}, true));
  }
  HALFMOON_ASSIGN_OR_RETURN(std::vector<std::uint8_t> bytes, writer.ToBytes());

  // What we ship is what the decoder accepts: run its proofs now.
  HALFMOON_ASSIGN_OR_RETURN(const runtime::WeightsFile file,
                            runtime::WeightsFile::FromBytes(bytes));
  if (auto loaded = runtime::VqPrior::Load(file); !loaded.ok()) {
    return Status(StatusCode::kInternal,
                  "export: the loader refuses it: " + loaded.status().message());
  }
  return bytes;
}

Result<std::vector<std::uint8_t>> ExportVqvae(const Checkpoint& checkpoint,
                                              const std::map<std::string, std::string>& metadata) {
  const auto config = networks::VqvaeConfig::FromMetadata(checkpoint.metadata);
  if (!config.ok()) return config.status().WithContext("checkpoint");
  networks::Vqvae model(*config);
  HALFMOON_RETURN_IF_ERROR(LoadAveraged(checkpoint, *model));
  return ExportVqvae(model, metadata);
}

}  // namespace halfmoon::training
