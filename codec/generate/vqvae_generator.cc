#include "codec/generate/vqvae_generator.h"

#include <utility>

#include "codec/families/vqvae_model.h"
#include "codec/tiling/tile_grid.h"
#include "codec/tiling/window_pixels.h"
#include "models/runtime/generative/philox.h"

namespace halfmoon {
namespace {

constexpr std::uint32_t kUsualSide = 256, kLargestSide = 2048;  // one tile, of some 200 MB

class VqvaeGenerator : public GenerativeModel {
 public:
  VqvaeGenerator(std::unique_ptr<VqvaeModel> model, int threads)
      : model_(std::move(model)), threads_(threads) {}

  GeneratorInfo Info() const override {
    GeneratorInfo info;
    info.picture = {kUsualSide, kUsualSide, 3, 8};
    info.any_size = true;
    info.stages = static_cast<int>(model_->config().stages);
    return info;
  }

  Result<std::vector<Image>> Sample(const SampleRequest& request) const override {
    std::vector<Image> pictures;
    for (int i = 0; i < request.count; ++i) {
      HALFMOON_ASSIGN_OR_RETURN(const Drawn drawn,
                                Draw(request, request.first + static_cast<std::uint64_t>(i)));
      HALFMOON_ASSIGN_OR_RETURN(
          const FloatPicture x,
          model_->Synthesise(drawn.latent.values, model_->QOf(drawn.stages),
                             PadUp(drawn.shape.height), PadUp(drawn.shape.width), threads_));
      HALFMOON_ASSIGN_OR_RETURN(Image picture, Image::Create(drawn.shape));
      SamplesFromFloats(x, {0, 0, drawn.shape.width, drawn.shape.height}, drawn.shape,
                        picture.stride(), picture.samples().data());
      pictures.push_back(std::move(picture));
    }
    return pictures;
  }

  Result<SampledStream> SampleStream(const SampleRequest& request) const override {
    HALFMOON_ASSIGN_OR_RETURN(const Drawn drawn, Draw(request, request.first));
    SampledStream sampled;
    sampled.shape = drawn.shape;
    sampled.q = model_->QOf(drawn.stages);
    HALFMOON_ASSIGN_OR_RETURN(
        sampled.stream, model_->EncodeIndices(drawn.latent, drawn.stages, PadUp(drawn.shape.height),
                                              PadUp(drawn.shape.width), threads_, nullptr));
    return sampled;
  }

 private:
  struct Drawn {
    PictureShape shape;
    int stages = 0;
    TileLatent latent;
  };

  Result<Drawn> Draw(const SampleRequest& request, std::uint64_t index) const {
    if (request.temperature != 1) {
      return Status(
          StatusCode::kUnsupportedFeature,
          "this model draws at temperature 1 only: its samples are decoded from random bits");
    }
    Drawn drawn;
    drawn.shape = {request.width == 0 ? kUsualSide : request.width,
                   request.height == 0 ? kUsualSide : request.height, 3, 8};
    if (drawn.shape.width > kLargestSide || drawn.shape.height > kLargestSide) {
      return Status(StatusCode::kInvalidArgument, "size " + std::to_string(drawn.shape.width) +
                                                      "x" + std::to_string(drawn.shape.height) +
                                                      " is too large; legal are 1x1 to 2048x2048");
    }
    const int all = static_cast<int>(model_->config().stages);
    drawn.stages = request.stages == 0 ? all : request.stages;
    runtime::Philox random(request.seed, index);
    HALFMOON_ASSIGN_OR_RETURN(
        drawn.latent,
        model_->DrawTile(drawn.stages, PadUp(drawn.shape.height), PadUp(drawn.shape.width),
                         threads_, [&] { return random.Next(); }));
    return drawn;
  }

  std::unique_ptr<VqvaeModel> model_;
  int threads_;
};

}  // namespace

Result<std::unique_ptr<GenerativeModel>> LoadVqvaeGenerator(const runtime::WeightsFile& file,
                                                            int threads) {
  HALFMOON_ASSIGN_OR_RETURN(std::unique_ptr<VqvaeModel> model,
                            VqvaeModel::Load(file, ModelParts::kDecoder));
  return std::unique_ptr<GenerativeModel>(new VqvaeGenerator(std::move(model), threads));
}

}  // namespace halfmoon
