#include "halfmoon/encoder.h"

#include <cmath>
#include <thread>

#include "bitstream/container.h"
#include "bitstream/metadata.h"
#include "codec/model_store.h"
#include "codec/picture_grid.h"
#include "codec/tensor_image.h"
#include "codec/torch_guard.h"
#include "models/networks/compute_threads.h"

namespace halfmoon {
namespace {

Status CheckQuality(double quality) {
  if (quality >= 0 && quality <= 100) return Status::Ok();
  return {StatusCode::kInvalidArgument,
          "quality " + std::to_string(quality) + " is out of range; legal are 0 to 100"};
}

std::string ShapeText(const PictureShape& shape) {
  return std::to_string(shape.width) + "x" + std::to_string(shape.height) +
         (shape.is_grey() ? " grey" : " colour");
}

// The picture as a model of one size takes it. Grey pictures are colour pictures, too.
Result<Image> Fit(const ImageView& image, const ModelStore::Model& model, const PictureShape& shape,
                  bool resize) {
  const bool fits = image.width == shape.width && image.height == shape.height &&
                    (image.shape().is_grey() || !shape.is_grey());
  if (!fits && !resize) {
    return Status(StatusCode::kInvalidArgument,
                  "the picture is " + ShapeText(image.shape()) + ", model '" + model.entry.name +
                      "' codes " + ShapeText(shape) + " only; --resize makes it so");
  }
  PictureShape wanted = shape;
  if (image.shape().is_grey()) wanted.channels = 1;
  return FitTo(image, wanted);
}

int QFromQuality(double quality) {
  return static_cast<int>(std::lround(quality / 100 * kMaxQuality));
}

}  // namespace

Status EncodeOptions::Validate() const {
  HALFMOON_RETURN_IF_ERROR(CheckQuality(quality));
  if (threads < 0 || threads > 256) {
    return {StatusCode::kInvalidArgument,
            "threads " + std::to_string(threads) + " is out of range; legal are 0 (all cores) to 256"};
  }
  if (model.empty()) return {StatusCode::kInvalidArgument, "model: give a name or id"};
  return Status::Ok();
}

struct Encoder::Impl {
  EncodeOptions options;
  int threads = 1;
  ModelStore store;
  const ModelStore::Model* model = nullptr;
};

Encoder::Encoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder& Encoder::operator=(Encoder&&) noexcept = default;
Encoder::~Encoder() = default;

Result<Encoder> Encoder::Create(const EncodeOptions& options) {
  HALFMOON_RETURN_IF_ERROR(options.Validate());
  return GuardTorch("encoder", [&]() -> Result<Encoder> {
    HALFMOON_ASSIGN_OR_RETURN(ModelStore store, ModelStore::Open(options.models_dir));
    const int threads = options.threads > 0
                            ? options.threads
                            : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    std::unique_ptr<Impl> impl(new Impl{options, threads, std::move(store)});
    HALFMOON_ASSIGN_OR_RETURN(impl->model, impl->store.ForEncoding(options.model));
    return Encoder(std::move(impl));
  });
}

Result<std::vector<std::uint8_t>> Encoder::Encode(const ImageView& image, EncodeStats* stats) {
  return Encode(image, impl_->options.quality, stats);
}

Result<std::vector<std::uint8_t>> Encoder::Encode(const ImageView& image, double quality,
                                                  EncodeStats* stats) {
  HALFMOON_RETURN_IF_ERROR(CheckQuality(quality));
  HALFMOON_RETURN_IF_ERROR(image.Validate());
  HALFMOON_RETURN_IF_ERROR(CheckCodable(image.shape()));
  const std::optional<PictureShape> fixed = impl_->model->model->FixedShape();
  Image fitted;
  ImageView pixels = image;
  if (fixed) {
    HALFMOON_ASSIGN_OR_RETURN(fitted, Fit(image, *impl_->model, *fixed, impl_->options.resize));
    pixels = fitted.view();
  } else if (impl_->options.resize) {
    return Status(StatusCode::kInvalidArgument,
                  "model '" + impl_->model->entry.name + "' codes pictures of any size; leave out --resize");
  }
  return GuardTorch("encoder", [&]() -> Result<std::vector<std::uint8_t>> {
    networks::SetComputeThreads(impl_->threads);
    Header header;
    header.channels = static_cast<std::uint8_t>(pixels.channels);
    header.model_id = impl_->model->entry.id;
    header.model_hash = impl_->model->identity;
    header.width = pixels.width;
    header.height = pixels.height;
    header.quality = static_cast<std::uint16_t>(QFromQuality(quality));

    std::vector<std::uint8_t> icc, exif, xmp;  // what the chunks show
    std::vector<Chunk> chunks;
    if (!image.icc.empty()) {
      HALFMOON_ASSIGN_OR_RETURN(icc, CompressMetadata(image.icc));
      header.colour = Colour::kIcc;
      chunks.push_back({kChunkIcc, icc});
    }
    if (!image.exif.empty()) {
      HALFMOON_ASSIGN_OR_RETURN(exif, CompressMetadata(image.exif));
      chunks.push_back({kChunkExif, exif});
    }
    if (!image.xmp.empty()) {
      HALFMOON_ASSIGN_OR_RETURN(xmp, CompressMetadata(image.xmp));
      chunks.push_back({kChunkXmp, xmp});
    }
    TileStats tile;
    HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> stream,
                              impl_->model->model->EncodeTile(TensorFromImage(pixels), header.quality,
                                                              impl_->threads, &tile));
    chunks.push_back({kChunkLatents, stream});
    if (stats) {
      stats->analysis_seconds = tile.transform_seconds;
      stats->prior_seconds = tile.prior_seconds;
      stats->entropy_seconds = tile.entropy_seconds;
      stats->estimated_bits = tile.estimated_bits;
      stats->latent_bytes = stream.size();
      stats->symbols = tile.symbols;
      stats->kl_bits = tile.kl_bits;
      stats->expected_excess_bits = tile.expected_excess_bits;
    }
    return Write(header, chunks);
  });
}

}  // namespace halfmoon
