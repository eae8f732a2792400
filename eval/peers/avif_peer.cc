// AVIF by libavif.
#include <avif/avif.h>

#include <algorithm>
#include <cmath>

#include "eval/peers/adapters.h"

namespace halfmoon::eval {
namespace {

Status Failed(const std::string& what, avifResult result) {
  return {StatusCode::kUnsupportedFeature, "avif: " + what + ": " + avifResultToString(result)};
}

template <typename T, void (*kDestroy)(T*)>
struct Deleter {
  void operator()(T* p) const { kDestroy(p); }
};
using AvifImage = std::unique_ptr<avifImage, Deleter<avifImage, avifImageDestroy>>;
using AvifEncoder = std::unique_ptr<avifEncoder, Deleter<avifEncoder, avifEncoderDestroy>>;
using AvifDecoder = std::unique_ptr<avifDecoder, Deleter<avifDecoder, avifDecoderDestroy>>;

struct FileBytes {
  avifRWData data = AVIF_DATA_EMPTY;
  ~FileBytes() { avifRWDataFree(&data); }
};

class AvifPeer : public Peer {
 public:
  AvifPeer(int speed, const std::string& yuv, int threads) : speed_(speed), threads_(threads) {
    format_ = yuv == "444"   ? AVIF_PIXEL_FORMAT_YUV444
              : yuv == "422" ? AVIF_PIXEL_FORMAT_YUV422
                             : AVIF_PIXEL_FORMAT_YUV420;
    const char* codec = avifCodecName(AVIF_CODEC_CHOICE_AUTO, AVIF_CODEC_FLAG_CAN_ENCODE);
    is_aom_ = codec && std::string(codec) == "aom";
    info_.adapter = "avif";
    info_.description = "AVIF, libavif with " + std::string(codec ? codec : "no encoder") +
                        ", speed " + std::to_string(speed) + ", YUV " + yuv;
    char versions[256];
    avifCodecVersions(versions);
    info_.version = std::string("libavif ") + avifVersion() + " (" + versions + ")";
    info_.extension = ".avif";
    info_.browsers_show = true;
    info_.whole = true;
    info_.ladder = {16, 28, 45, 63, 81};
  }

  // Qualities are mapped to AV1's 64 quantizers as libavif 1.0 and avifenc do.
  Result<std::vector<std::uint8_t>> Encode(const RgbPicture& picture, double quality) override {
    const AvifImage image(avifImageCreate(static_cast<int>(picture.width()),
                                          static_cast<int>(picture.height()), 8, format_));
    const AvifEncoder encoder(avifEncoderCreate());
    if (!image || !encoder) return Status(StatusCode::kOutOfMemory, "avif: out of memory");
    image->colorPrimaries = AVIF_COLOR_PRIMARIES_BT709;
    image->transferCharacteristics = AVIF_TRANSFER_CHARACTERISTICS_SRGB;
    image->matrixCoefficients = AVIF_MATRIX_COEFFICIENTS_BT601;
    image->yuvRange = AVIF_RANGE_FULL;
    avifRGBImage pixels;
    avifRGBImageSetDefaults(&pixels, image.get());
    pixels.format = AVIF_RGB_FORMAT_RGB;
    pixels.depth = 8;
    pixels.pixels = const_cast<std::uint8_t*>(picture.samples().data());
    pixels.rowBytes = static_cast<std::uint32_t>(picture.stride());
    if (const avifResult r = avifImageRGBToYUV(image.get(), &pixels); r != AVIF_RESULT_OK) {
      return Failed("converting to YUV", r);
    }
    const int quantizer = ((100 - static_cast<int>(std::lround(quality))) * 63 + 50) / 100;
    encoder->speed = speed_;
    encoder->maxThreads = threads_;
    encoder->minQuantizer = std::max(quantizer - 4, 0);
    encoder->maxQuantizer = std::min(quantizer + 4, 63);
    if (is_aom_) {  // constant quality instead of a target rate
      avifEncoderSetCodecSpecificOption(encoder.get(), "end-usage", "q");
      avifEncoderSetCodecSpecificOption(encoder.get(), "cq-level",
                                        std::to_string(quantizer).c_str());
    } else {
      encoder->minQuantizer = encoder->maxQuantizer = quantizer;
    }
    FileBytes out;
    if (const avifResult r = avifEncoderWrite(encoder.get(), image.get(), &out.data);
        r != AVIF_RESULT_OK) {
      return Failed("encoding", r);
    }
    return std::vector<std::uint8_t>(out.data.data, out.data.data + out.data.size);
  }

  Result<RgbPicture> Decode(std::span<const std::uint8_t> file) override {
    const AvifDecoder decoder(avifDecoderCreate());
    const AvifImage decoded(avifImageCreateEmpty());
    if (!decoder || !decoded) return Status(StatusCode::kOutOfMemory, "avif: out of memory");
    decoder->maxThreads = threads_;
    if (const avifResult r =
            avifDecoderReadMemory(decoder.get(), decoded.get(), file.data(), file.size());
        r != AVIF_RESULT_OK) {
      return Failed("decoding", r);
    }
    HALFMOON_ASSIGN_OR_RETURN(RgbPicture image,
                              RgbPicture::Create(decoded->width, decoded->height));
    avifRGBImage pixels;
    avifRGBImageSetDefaults(&pixels, decoded.get());
    pixels.format = AVIF_RGB_FORMAT_RGB;
    pixels.depth = 8;
    pixels.pixels = image.samples().data();
    pixels.rowBytes = static_cast<std::uint32_t>(image.stride());
    if (const avifResult r = avifImageYUVToRGB(decoded.get(), &pixels); r != AVIF_RESULT_OK) {
      return Failed("converting to RGB", r);
    }
    return image;
  }

 private:
  int speed_, threads_;
  avifPixelFormat format_;
  bool is_aom_ = false;
};

}  // namespace

std::vector<OptionRule> AvifRules() {
  return {{"speed", "0..10", "6"}, {"yuv", "420|422|444", "444"}};
}

PeerOrError MakeAvifPeer(const PeerOptions& options, const PeerSettings& settings) {
  return std::unique_ptr<Peer>(
      std::make_unique<AvifPeer>(options.Number("speed"), options.Text("yuv"), settings.threads));
}

}  // namespace halfmoon::eval
