#include "codec/effort_check.h"

#include <utility>

namespace halfmoon {
namespace {

double SampleAt(const ImageView& image, const std::uint8_t* row, std::size_t i) {
  if (image.bit_depth <= 8) return row[i];
  return reinterpret_cast<const std::uint16_t*>(row)[i] / 257.0;  // in steps of 8 bits
}

// Mean squared error of the colour, where alpha is not 0; 0 where nothing is to be seen.
double ColourError(const ImageView& a, const ImageView& b) {
  const PictureShape shape = a.shape();
  const std::size_t channels = shape.channels, colours = channels - (shape.has_alpha() ? 1 : 0);
  double sum = 0;
  std::uint64_t count = 0;
  for (std::uint32_t y = 0; y < shape.height; ++y) {
    const std::uint8_t *ours = a.row(y), *theirs = b.row(y);
    for (std::size_t x = 0; x < shape.width; ++x) {
      const std::size_t at = x * channels;
      if (shape.has_alpha() && SampleAt(a, ours, at + colours) == 0) continue;
      for (std::size_t c = at; c < at + colours; ++c) {
        const double d = SampleAt(a, ours, c) - SampleAt(b, theirs, c);
        sum += d * d;
      }
      count += colours;
    }
  }
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

}  // namespace

Result<std::unique_ptr<EffortCheck>> EffortCheck::Create(const EncodeOptions& options,
                                                         Progress* progress) {
  EncodeOptions plain = options;
  plain.effort = 1;
  plain.progress = nullptr;
  if (progress != nullptr) {
    plain.progress = [progress](double share) { progress->InPart(share); };
  }
  DecodeOptions decode;
  decode.threads = options.threads;
  decode.models_dir = options.models_dir;
  decode.model = options.model;
  decode.limits.max_pixels = options.max_pixels;
  decode.max_memory = options.max_memory;
  decode.progress = plain.progress;
  HALFMOON_ASSIGN_OR_RETURN(Encoder encoder, Encoder::Create(plain));
  HALFMOON_ASSIGN_OR_RETURN(Decoder decoder, Decoder::Create(decode));
  return std::unique_ptr<EffortCheck>(
      new EffortCheck(std::move(encoder), std::move(decoder), progress));
}

Result<double> EffortCheck::Cost(const ImageView& picture, const std::vector<std::uint8_t>& file,
                                 double lambda) {
  const auto pixels = static_cast<double>(picture.shape().pixels());
  if (progress_) progress_->StartPart(pixels * (kTilePixelUnits + kSynthesisUnits));
  HALFMOON_ASSIGN_OR_RETURN(const Image decoded, decoder_.Decode(file));
  return 8.0 * static_cast<double>(file.size()) / pixels +
         lambda * ColourError(picture, decoded.view());
}

Result<std::vector<std::uint8_t>> EffortCheck::Cheaper(const ImageView& picture, double quality,
                                                       double lambda,
                                                       std::vector<std::uint8_t> file,
                                                       EncodeStats* stats) {
  EncodeStats of_plain;
  if (progress_) {
    progress_->StartPart(static_cast<double>(picture.shape().pixels()) * (1 + kTilePixelUnits));
  }
  HALFMOON_ASSIGN_OR_RETURN(std::vector<std::uint8_t> plain,
                            plain_.Encode(picture, quality, &of_plain));
  HALFMOON_ASSIGN_OR_RETURN(const double plain_cost, Cost(picture, plain, lambda));
  HALFMOON_ASSIGN_OR_RETURN(const double cost, Cost(picture, file, lambda));
  if (cost <= plain_cost) return file;
  of_plain.memory_bytes = stats->memory_bytes;
  *stats = of_plain;
  return plain;
}

}  // namespace halfmoon
