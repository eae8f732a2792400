#include "models/training/export/small_vqvae_exporter.h"

#include "models/networks/small_vqvae.h"
#include "models/training/export/index_prior_export.h"
#include "models/training/export/weights_export.h"

namespace halfmoon::training {

Result<std::vector<std::uint8_t>> ExportSmallVqvae(
    const Checkpoint& checkpoint, const std::map<std::string, std::string>& metadata) {
  torch::NoGradGuard no_grad;
  HALFMOON_ASSIGN_OR_RETURN(const SmallVqvaeConfig c,
                            FromMetadata<SmallVqvaeConfig>(checkpoint.metadata));
  networks::SmallVqvae model(c);
  HALFMOON_RETURN_IF_ERROR(LoadAveraged(checkpoint, *model));
  SafetensorsWriter writer;
  SetMetadata(metadata, ToMetadata(c), SmallVqvaeConfig::kArchitecture, &writer);
  HALFMOON_RETURN_IF_ERROR(AddHalfModule(writer, "g_a", *model->g_a));
  HALFMOON_RETURN_IF_ERROR(AddHalfModule(writer, "g_a.project", *model->quantiser->project));
  HALFMOON_RETURN_IF_ERROR(AddHalfModule(writer, "g_s", *model->g_s));
  HALFMOON_RETURN_IF_ERROR(AddHalfModule(writer, "g_s.unproject", *model->quantiser->unproject));
  const torch::Tensor codes =
      model->quantiser->codebook->Codes(torch::arange(c.codes, torch::kLong));
  HALFMOON_RETURN_IF_ERROR(AddHalfTensor(writer, "g_s.codes", codes));
  HALFMOON_RETURN_IF_ERROR(AddIndexPrior(writer, model->prior, c));
  HALFMOON_ASSIGN_OR_RETURN(std::vector<std::uint8_t> bytes, writer.ToBytes());
  HALFMOON_RETURN_IF_ERROR(CheckIndexPrior(bytes, c));
  return bytes;
}

}  // namespace halfmoon::training
