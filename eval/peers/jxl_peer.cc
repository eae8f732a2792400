// JPEG XL by libjxl.
#include <jxl/decode.h>
#include <jxl/encode.h>
#include <jxl/thread_parallel_runner.h>

#include <algorithm>

#include "eval/peers/adapters.h"

namespace halfmoon::eval {
namespace {

constexpr JxlPixelFormat kRgb8 = {3, JXL_TYPE_UINT8, JXL_NATIVE_ENDIAN, 0};

// The Butteraugli distance that cjxl 0.9 and later take for a quality; 15 is the most that libjxl
// 0.7 accepts.
float DistanceOfQuality(double q) {
  const double distance = q >= 100  ? 0.01
                          : q >= 30 ? 0.1 + (100 - q) * 0.09
                                    : 53.0 / 3000 * q * q - 23.0 / 20 * q + 25;
  return static_cast<float>(std::min(distance, 15.0));
}

Status Failed(const std::string& what) { return {StatusCode::kUnsupportedFeature, "jxl: " + what}; }

template <typename T, void (*kDestroy)(T*)>
struct Deleter {
  void operator()(T* p) const { kDestroy(p); }
};
using JxlEnc = std::unique_ptr<JxlEncoder, Deleter<JxlEncoder, JxlEncoderDestroy>>;
using JxlDec = std::unique_ptr<JxlDecoder, Deleter<JxlDecoder, JxlDecoderDestroy>>;
using Runner = std::unique_ptr<void, Deleter<void, JxlThreadParallelRunnerDestroy>>;

class JxlPeer : public Peer {
 public:
  JxlPeer(int effort, int threads)
      : effort_(effort),
        runner_(threads > 1
                    ? JxlThreadParallelRunnerCreate(nullptr, static_cast<std::size_t>(threads))
                    : nullptr) {
    info_.adapter = "jxl";
    info_.description = "JPEG XL, libjxl, effort " + std::to_string(effort);
    const std::uint32_t v = JxlEncoderVersion();
    info_.version = "libjxl " + std::to_string(v / 1000000) + "." +
                    std::to_string(v / 1000 % 1000) + "." + std::to_string(v % 1000);
    info_.extension = ".jxl";
    info_.lowest = 11;  // below, the distance stays at its limit
    info_.ladder = {11, 14, 34, 72, 91};
  }

  Result<std::vector<std::uint8_t>> Encode(const RgbPicture& picture, double quality) override {
    const JxlEnc encoder(JxlEncoderCreate(nullptr));
    if (!encoder) return Status(StatusCode::kOutOfMemory, "jxl: out of memory");
    if (runner_ && JxlEncoderSetParallelRunner(encoder.get(), JxlThreadParallelRunner,
                                               runner_.get()) != JXL_ENC_SUCCESS) {
      return Failed("starting threads failed");
    }
    JxlBasicInfo info;
    JxlEncoderInitBasicInfo(&info);
    info.xsize = picture.width();
    info.ysize = picture.height();
    info.bits_per_sample = 8;
    info.uses_original_profile = JXL_FALSE;
    JxlColorEncoding srgb;
    JxlColorEncodingSetToSRGB(&srgb, JXL_FALSE);
    JxlEncoderFrameSettings* frame = JxlEncoderFrameSettingsCreate(encoder.get(), nullptr);
    if (JxlEncoderSetBasicInfo(encoder.get(), &info) != JXL_ENC_SUCCESS ||
        JxlEncoderSetColorEncoding(encoder.get(), &srgb) != JXL_ENC_SUCCESS ||
        JxlEncoderFrameSettingsSetOption(frame, JXL_ENC_FRAME_SETTING_EFFORT, effort_) !=
            JXL_ENC_SUCCESS ||
        JxlEncoderSetFrameDistance(frame, DistanceOfQuality(quality)) != JXL_ENC_SUCCESS ||
        JxlEncoderAddImageFrame(frame, &kRgb8, picture.samples().data(),
                                picture.samples().size()) != JXL_ENC_SUCCESS) {
      return Failed("the encoder refuses the picture or the settings");
    }
    JxlEncoderCloseInput(encoder.get());
    std::vector<std::uint8_t> file(std::size_t{1} << 16);
    std::size_t used = 0;
    for (;;) {
      std::uint8_t* next = file.data() + used;
      std::size_t left = file.size() - used;
      const JxlEncoderStatus status = JxlEncoderProcessOutput(encoder.get(), &next, &left);
      used = static_cast<std::size_t>(next - file.data());
      if (status == JXL_ENC_SUCCESS) break;
      if (status != JXL_ENC_NEED_MORE_OUTPUT) return Failed("encoding failed");
      file.resize(file.size() * 2);
    }
    file.resize(used);
    return file;
  }

  Result<RgbPicture> Decode(std::span<const std::uint8_t> file) override {
    const JxlDec decoder(JxlDecoderCreate(nullptr));
    if (!decoder) return Status(StatusCode::kOutOfMemory, "jxl: out of memory");
    if (runner_ && JxlDecoderSetParallelRunner(decoder.get(), JxlThreadParallelRunner,
                                               runner_.get()) != JXL_DEC_SUCCESS) {
      return Failed("starting threads failed");
    }
    if (JxlDecoderSubscribeEvents(decoder.get(), JXL_DEC_BASIC_INFO | JXL_DEC_FULL_IMAGE) !=
            JXL_DEC_SUCCESS ||
        JxlDecoderSetInput(decoder.get(), file.data(), file.size()) != JXL_DEC_SUCCESS) {
      return Failed("decoding failed");
    }
    JxlDecoderCloseInput(decoder.get());
    RgbPicture image;
    for (;;) {
      switch (JxlDecoderProcessInput(decoder.get())) {
        case JXL_DEC_BASIC_INFO: {
          JxlBasicInfo info;
          if (JxlDecoderGetBasicInfo(decoder.get(), &info) != JXL_DEC_SUCCESS) {
            return Failed("decoding failed");
          }
          HALFMOON_ASSIGN_OR_RETURN(image, RgbPicture::Create(info.xsize, info.ysize));
          break;
        }
        case JXL_DEC_NEED_IMAGE_OUT_BUFFER:
          if (JxlDecoderSetImageOutBuffer(decoder.get(), &kRgb8, image.samples().data(),
                                          image.samples().size()) != JXL_DEC_SUCCESS) {
            return Failed("decoding failed");
          }
          break;
        case JXL_DEC_FULL_IMAGE: break;
        case JXL_DEC_SUCCESS: return image;
        default: return Failed("decoding failed");
      }
    }
  }

 private:
  int effort_;
  Runner runner_;
};

}  // namespace

std::vector<OptionRule> JxlRules() { return {{"effort", "1..9", "7"}}; }

PeerOrError MakeJxlPeer(const PeerOptions& options, const PeerSettings& settings) {
  return std::unique_ptr<Peer>(
      std::make_unique<JxlPeer>(options.Number("effort"), settings.threads));
}

}  // namespace halfmoon::eval
