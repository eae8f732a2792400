#include "eval/report/lossless_webp.h"

#ifdef HALFMOON_REPORT_HAS_WEBP
#include <webp/encode.h>

#include "codec/imageio/image_io.h"
#endif

namespace halfmoon::eval {

#ifdef HALFMOON_REPORT_HAS_WEBP

std::vector<std::uint8_t> PngToLosslessWebp(std::span<const std::uint8_t> png) {
  const Result<Image> image = ReadImage(png);
  if (!image.ok() || image.value().channels() != 3) return {};
  const Image& rgb = image.value();
  if (rgb.width() > WEBP_MAX_DIMENSION || rgb.height() > WEBP_MAX_DIMENSION) return {};

  WebPConfig config;
  WebPPicture picture;
  if (!WebPConfigInit(&config) || !WebPPictureInit(&picture)) return {};
  // Level 2 of 9: 0.17 s per Kodak picture; level 4 is 2 to 7 % smaller and takes twice as long.
  if (!WebPConfigLosslessPreset(&config, 2)) return {};
  picture.use_argb = 1;
  picture.width = static_cast<int>(rgb.width());
  picture.height = static_cast<int>(rgb.height());
  WebPMemoryWriter writer;
  WebPMemoryWriterInit(&writer);
  picture.writer = WebPMemoryWrite;
  picture.custom_ptr = &writer;
  std::vector<std::uint8_t> bytes;
  if (WebPPictureImportRGB(&picture, rgb.samples().data(), static_cast<int>(rgb.stride())) &&
      WebPEncode(&config, &picture)) {
    bytes.assign(writer.mem, writer.mem + writer.size);
  }
  WebPMemoryWriterClear(&writer);
  WebPPictureFree(&picture);
  return bytes;
}

#else

std::vector<std::uint8_t> PngToLosslessWebp(std::span<const std::uint8_t>) { return {}; }

#endif

}  // namespace halfmoon::eval
