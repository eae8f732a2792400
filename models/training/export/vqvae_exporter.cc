#include "models/training/export/vqvae_exporter.h"

#include "models/training/export/index_prior_export.h"
#include "models/training/export/safetensors_writer.h"
#include "models/training/export/weights_export.h"

namespace halfmoon::training {
Result<std::vector<std::uint8_t>> ExportVqvae(networks::Vqvae& model,
                                              const std::map<std::string, std::string>& metadata) {
  torch::NoGradGuard no_grad;
  const VqvaeConfig& c = model->config();
  SafetensorsWriter writer;
  SetMetadata(metadata, ToMetadata(c), VqvaeConfig::kArchitecture, &writer);
  HALFMOON_RETURN_IF_ERROR(AddHalfModule(writer, "g_a", *model->g_a));
  HALFMOON_RETURN_IF_ERROR(AddHalfModule(writer, "g_s", *model->g_s));
  HALFMOON_RETURN_IF_ERROR(AddTensor<float>(writer, "g_a.project", model->project));
  HALFMOON_RETURN_IF_ERROR(AddTensor<float>(writer, "g_a.slopes", model->slopes));
  HALFMOON_RETURN_IF_ERROR(AddHalfTensor(writer, "g_s.unproject", model->unproject));
  HALFMOON_RETURN_IF_ERROR(
      AddTensor<std::int32_t>(writer, "g_s.support", model->support.to(torch::kInt32)));
  std::vector<torch::Tensor> codes;
  const torch::Tensor all = torch::arange(c.codes, torch::kLong);
  for (std::int64_t s = 0; s < c.stages; ++s) {
    codes.push_back(model->codebooks[static_cast<std::size_t>(s)]->Codes(all));
  }
  HALFMOON_RETURN_IF_ERROR(AddHalfTensor(writer, "g_s.codes", torch::stack(codes)));
  HALFMOON_RETURN_IF_ERROR(AddIndexPrior(writer, model->prior, c));
  HALFMOON_ASSIGN_OR_RETURN(std::vector<std::uint8_t> bytes, writer.ToBytes());
  HALFMOON_RETURN_IF_ERROR(CheckIndexPrior(bytes, c));
  return bytes;
}

Result<std::vector<std::uint8_t>> ExportVqvae(const Checkpoint& checkpoint,
                                              const std::map<std::string, std::string>& metadata) {
  const auto config = FromMetadata<VqvaeConfig>(checkpoint.metadata);
  if (!config.ok()) return config.status().WithContext("checkpoint");
  networks::Vqvae model(*config);
  HALFMOON_RETURN_IF_ERROR(LoadAveraged(checkpoint, *model));
  return ExportVqvae(model, metadata);
}

}  // namespace halfmoon::training
