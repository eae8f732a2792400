// Lossy WebP by libwebp.
#include <webp/decode.h>
#include <webp/encode.h>

#include <cstring>

#include "eval/peers/adapters.h"

namespace halfmoon::eval {
namespace {

std::string VersionText(int v) {
  return std::to_string(v >> 16) + "." + std::to_string((v >> 8) & 255) + "." +
         std::to_string(v & 255);
}

Status Failed(const std::string& what) {
  return {StatusCode::kUnsupportedFeature, "webp: " + what};
}

class WebpPeer : public Peer {
 public:
  WebpPeer(int method, bool sharp, int threads)
      : method_(method), sharp_(sharp), threads_(threads) {
    info_.adapter = "webp";
    info_.description =
        "WebP, libwebp, method " + std::to_string(method) + (sharp ? ", sharp chroma" : "");
    info_.version = "libwebp " + VersionText(WebPGetEncoderVersion());
    info_.extension = ".webp";
    info_.browsers_show = true;
    info_.ladder = {0, 6, 34, 79, 95};
  }

  Result<std::vector<std::uint8_t>> Encode(const RgbPicture& picture, double quality) override {
    WebPConfig config;
    if (!WebPConfigPreset(&config, WEBP_PRESET_DEFAULT, static_cast<float>(quality))) {
      return Failed("the library has another version than its header");
    }
    config.method = method_;
    config.use_sharp_yuv = sharp_ ? 1 : 0;
    config.thread_level = threads_ > 1 ? 1 : 0;
    if (picture.width() > WEBP_MAX_DIMENSION || picture.height() > WEBP_MAX_DIMENSION) {
      return Failed("a side is longer than the format's limit of 16383 pixels");
    }
    WebPPicture webp;
    WebPMemoryWriter writer;
    if (!WebPPictureInit(&webp)) return Failed("the library has another version than its header");
    WebPMemoryWriterInit(&writer);
    webp.use_argb = sharp_ ? 1 : 0;
    webp.width = static_cast<int>(picture.width());
    webp.height = static_cast<int>(picture.height());
    webp.writer = WebPMemoryWrite;
    webp.custom_ptr = &writer;
    const bool done =
        WebPPictureImportRGB(&webp, picture.samples().data(), static_cast<int>(picture.stride())) &&
        WebPEncode(&config, &webp);
    const int error = webp.error_code;
    WebPPictureFree(&webp);
    std::vector<std::uint8_t> file;
    if (done) file.assign(writer.mem, writer.mem + writer.size);
    WebPMemoryWriterClear(&writer);
    if (!done) return Failed("encoding failed with libwebp's error " + std::to_string(error));
    return file;
  }

  Result<RgbPicture> Decode(std::span<const std::uint8_t> file) override {
    int width = 0, height = 0;
    if (!WebPGetInfo(file.data(), file.size(), &width, &height)) return Failed("not a WebP file");
    HALFMOON_ASSIGN_OR_RETURN(
        RgbPicture image,
        RgbPicture::Create(static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height)));
    if (!WebPDecodeRGBInto(file.data(), file.size(), image.samples().data(), image.samples().size(),
                           static_cast<int>(image.stride()))) {
      return Failed("decoding failed");
    }
    return image;
  }

 private:
  int method_;
  bool sharp_;
  int threads_;
};

}  // namespace

std::vector<OptionRule> WebpRules() { return {{"method", "0..6", "4"}, {"sharp", "", ""}}; }

PeerOrError MakeWebpPeer(const PeerOptions& options, const PeerSettings& settings) {
  return std::unique_ptr<Peer>(
      std::make_unique<WebpPeer>(options.Number("method"), options.Has("sharp"), settings.threads));
}

}  // namespace halfmoon::eval
