#include "codec/imageio/detect.h"

#include <cstring>
#include <string>
#include <string_view>

#include "codec/imageio/formats.h"

namespace halfmoon::imageio {
namespace {

struct Signature {
  std::size_t offset;
  std::string_view bytes;
  std::string_view name;
};

using namespace std::string_view_literals;

// Pictures of other formats, so that the error can name what the file is.
constexpr Signature kOtherFormats[] = {
    {0, "GIF87a"sv, "GIF"},
    {0, "GIF89a"sv, "GIF"},
    {8, "WEBP"sv, "WebP"},
    {0, "II*\0"sv, "TIFF or camera raw"},
    {0, "MM\0*"sv, "TIFF or camera raw"},
    {0, "\xFF\x0A"sv, "JPEG XL"},
    {0, "\0\0\0\x0CJXL "sv, "JPEG XL"},
    {4, "ftypavif"sv, "AVIF"},
    {4, "ftyphei"sv, "HEIC"},
    {4, "ftypmif1"sv, "HEIF"},
    {0, "\0\0\0\x0CjP  "sv, "JPEG 2000"},
    {0, "\xFF\x4F\xFF\x51"sv, "JPEG 2000"},
    {0, "8BPS"sv, "Photoshop"},
    {0, "\x76\x2F\x31\x01"sv, "OpenEXR"},
    {0, "qoif"sv, "QOI"},
    {0, "BPG\xFB"sv, "BPG"},
    {0, "\x8AMNG"sv, "MNG"},
    {0, "\x8BJNG"sv, "JNG"},
    {0, "P7 332"sv, "xv thumbnail"},
    {0, "PF\n"sv, "PFM"},
    {0, "Pf\n"sv, "PFM"},
    {0, "BM"sv, "BMP"},
    {0, "%PDF"sv, "PDF"},
    {0, "<svg"sv, "SVG"},
};

}  // namespace

Result<ImageFormat> DetectFormat(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) {
    return Status(StatusCode::kTruncated, "the file is empty; PNG, JPEG, PNM or PAM expected");
  }
  if (HasPngSignature(bytes)) return ImageFormat::kPng;
  if (HasJpegSignature(bytes)) return ImageFormat::kJpeg;
  if (HasPnmSignature(bytes)) return bytes[1] == '7' ? ImageFormat::kPam : ImageFormat::kPnm;
  // The beginning of a signature and nothing else.
  constexpr std::string_view kStarts[] = {"\x89PNG", "\xFF\xD8\xFF", "P1\n", "P2\n", "P3\n",
                                          "P4\n",    "P5\n",         "P6\n", "P7\n"};
  for (const std::string_view known : kStarts) {
    if (bytes.size() < known.size() && std::memcmp(bytes.data(), known.data(), bytes.size()) == 0) {
      return Status(StatusCode::kTruncated, "the file ends after " + std::to_string(bytes.size()) +
                                                " bytes, within its signature");
    }
  }
  for (const Signature& other : kOtherFormats) {
    if (bytes.size() >= other.offset + other.bytes.size() &&
        std::memcmp(bytes.data() + other.offset, other.bytes.data(), other.bytes.size()) == 0) {
      return Status(StatusCode::kUnsupportedFeature,
                    std::string(other.name) +
                        " is not supported as a picture format; convert to PNG or JPEG");
    }
  }
  return Status(StatusCode::kNotHalfmoon,
                "not a picture of a known format; PNG, JPEG, PNM and PAM are read");
}

}  // namespace halfmoon::imageio
