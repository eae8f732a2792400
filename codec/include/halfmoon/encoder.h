// Encoder: picture -> .hmn bytes. Public; depends on halfmoon headers and std only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "halfmoon/image.h"
#include "halfmoon/status.h"
#include "halfmoon/tile_stats.h"

namespace halfmoon {

// What a photographic AE model was trained to keep: squared error, or the structure that MS-SSIM
// sees.
enum class Tune { kPsnr, kMsSsim };
// Name of the shipped model tuned so.
inline const char* PhotoModel(Tune tune) {
  return tune == Tune::kPsnr ? "ae-photo" : "ae-photo-ms-ssim";
}

struct EncodeOptions {
  // --- What to make --------------------------------------------------------------------------
  // 0 (smallest file) .. 100 (best picture). Size and PSNR rise with it. The default is near
  // SSIMULACRA 2 of 75 (docs/models.md).
  double quality = 75;
  // Model: a name or id from the manifest ("halfmoon models" lists them), a weights file
  // (.safetensors), or "overfitted". A file made with weights that are not installed needs them to
  // be decoded (DecodeOptions::model). "overfitted" fits a tiny decoder to the picture, which
  // travels in the file: no weights are needed, encoding takes minutes a megapixel.
  std::string model = PhotoModel(Tune::kPsnr);
  // 1..9: how long to look for a smaller or better file of the same quality; docs/effort.md has the
  // table. Decoding costs the same. AE models: 1 rounds the latent of the encoder network, 2
  // quantises it dependently, 3 corrects it before by what is decoded from it; from 4 on the file
  // is held against that of effort 1 and the better one kept (pictures of up to 16 megapixels,
  // models tuned for PSNR); from 5 on the latent is improved by ever more gradient steps through
  // the decoder, which takes seconds to minutes a megapixel and needs LibTorch. VQ-VAE models: 1
  // and 2 choose indices, 3 and 4 correct the latent and choose again. VAE models: 1 to 4 are the
  // same. "overfitted": how many iterations. Models that have no search refuse 5 and more.
  int effort = 3;
  // Of "overfitted": how long the picture is fitted, 10 to 1 000 000; 0: by effort, 100 (effort 1)
  // to 30 000 (effort 9).
  int iterations = 0;
  // For models that code one size of picture (VAEs): fit any other picture to it, colour to grey
  // where the model is grey. Without it such a picture is refused.
  bool resize = false;

  // Side of the tiles in pixels, a multiple of 64 up to 32768; 0: one tile; kAutomaticTiles: one
  // tile for pictures up to 4 megapixels, else tiles of 1024. Tiles bound the memory of a decoder
  // that wants part of the picture, and what a damaged place costs.
  static constexpr int kAutomaticTiles = -1;
  int tile_size = kAutomaticTiles;
  // Colour under fully transparent pixels: false smooths it away, because nobody sees it and it
  // costs bits; true codes it (lossily) as it is. Alpha itself is always lossless.
  bool exact_transparent = false;
  // Leave out the ICC profile, EXIF, XMP and the pixel density.
  bool strip_metadata = false;

  // --- How to work ---------------------------------------------------------------------------
  // Threads, 1..256; 0: one per core. The bytes do not depend on it, nor on the machine (those of
  // VAE models, from effort 5 on and of "overfitted" may: last digits of floats differ).
  int threads = 0;
  // Pictures of more pixels are refused.
  std::uint64_t max_pixels = kDefaultMaxImagePixels;
  // Memory of the process, bytes, beside what the caller holds (the picture, or what a RowSource
  // reads from): work that is estimated to need more is refused, and windows are chosen to stay
  // below. 0: no limit.
  std::uint64_t max_memory = 0;
  // Called with the share of an encode that is done, which rises to 1: from any thread, one call at
  // a time. It must not throw. May be empty.
  std::function<void(double done)> progress;
  // Folder of manifest.json; empty: HALFMOON_MODELS_DIR, the source tree, the installation.
  std::string models_dir;

  // Errors: kInvalidArgument naming the field and its range.
  Status Validate() const;
};

// What an encode did, for reports.
struct EncodeStats {
  double analysis_seconds = 0;  // g_a, wall-clock; and h_a, which is coding.transform_seconds
  TileStats coding;
  std::uint64_t latent_bytes = 0;
  std::uint64_t alpha_bytes = 0;
  std::uint64_t tiles = 0;
  std::uint64_t memory_bytes = 0;  // estimated before the work, beside what the caller holds
};

// Thread-safety: one call at a time per object.
class Encoder {
 public:
  // Loads the model. Errors: kInvalidArgument, kModelMissing, kModelMismatch, kModelCorrupt, kIo.
  static Result<Encoder> Create(const EncodeOptions& options);

  Encoder(Encoder&&) noexcept;
  Encoder& operator=(Encoder&&) noexcept;
  ~Encoder();

  // The .hmn file of a picture: grey or RGB, with alpha or without, 8 or 16 bit, 1x1 up to the
  // limits. Errors: kInvalidArgument, kLimitExceeded, kUnsupportedFeature, kOutOfMemory.
  Result<std::vector<std::uint8_t>> Encode(const ImageView& image, EncodeStats* stats = nullptr);
  // The same at another quality than that of the options; 0..100.
  Result<std::vector<std::uint8_t>> Encode(const ImageView& image, double quality,
                                           EncodeStats* stats = nullptr);
  // The same from rows: at most some 2000 of them are held at a time, whatever the size.
  // Of `metadata` icc, exif, xmp and density are used. Errors also: the source's.
  Result<std::vector<std::uint8_t>> EncodeRows(const PictureShape& shape, const Metadata& metadata,
                                               const RowSource& source, double quality,
                                               EncodeStats* stats = nullptr);

 private:
  struct Impl;
  explicit Encoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace halfmoon
