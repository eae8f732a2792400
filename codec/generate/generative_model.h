// GenerativeModel: what every model that draws pictures offers to the Generator. Internal; no
// LibTorch in this header.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "halfmoon/generator.h"

namespace halfmoon {

class GenerativeModel {
 public:
  virtual ~GenerativeModel() = default;

  // Shape and latent size; the name is the store's business.
  virtual GeneratorInfo Info() const = 0;

  // As Generator's functions of the same names. Exceptions pass through.
  virtual Result<std::vector<Image>> Sample(const SampleRequest& request) const = 0;
  // The first picture of a request as a latent stream, with what a header says of it.
  struct SampledStream {
    PictureShape shape;
    int q = 0;
    std::vector<std::uint8_t> stream;
  };
  virtual Result<SampledStream> SampleStream(const SampleRequest&) const {
    return Status(
        StatusCode::kUnsupportedFeature,
        "a sample of this model is no whole number of its bins, so no .hmn file holds it exactly; "
        "write a PNG");
  }
  virtual Result<PromptReport> ReadPrompt(const std::string&) const {
    return Status(StatusCode::kUnsupportedFeature, "this model takes no prompts");
  }
  virtual Result<std::vector<float>> DrawCode(std::uint64_t, std::uint64_t) const {
    return NoCode();
  }
  virtual Result<LatentPosterior> Posterior(const ImageView&) const { return NoCode(); }
  // The code of one latent stream.
  virtual Result<std::vector<float>> CodeOfStream(std::span<const std::uint8_t>) const {
    return NoCode();
  }
  virtual Result<std::vector<Image>> DecodeCodes(const std::vector<std::vector<float>>&) const {
    return NoCode();
  }

 private:
  static Status NoCode() {
    return {StatusCode::kUnsupportedFeature,
            "this model has no continuous code; interpolation and traversal need a VAE"};
  }
};

}  // namespace halfmoon
