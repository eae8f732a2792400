#include "codec/imageio/image_io.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "codec/imageio/jpeg_io.h"
#include "codec/imageio/png_io.h"
#include "codec/io/atomic_file.h"
#include "codec/io/read_file.h"

namespace halfmoon {
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
    {0, "P1"sv, "PNM"},
    {0, "P2"sv, "PNM"},
    {0, "P3"sv, "PNM"},
    {0, "P4"sv, "PNM"},
    {0, "P5"sv, "PNM"},
    {0, "P6"sv, "PNM"},
    {0, "P7"sv, "PAM"},
    {0, "BM"sv, "BMP"},
    {0, "%PDF"sv, "PDF"},
    {0, "<svg"sv, "SVG"},
};

Result<ImageFormat> DetectFormat(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) {
    return Status(StatusCode::kTruncated, "the file is empty; PNG or JPEG expected");
  }
  if (imageio::HasPngSignature(bytes)) return ImageFormat::kPng;
  if (imageio::HasJpegSignature(bytes)) return ImageFormat::kJpeg;
  // The beginning of a signature and nothing else.
  constexpr std::string_view kPng = "\x89PNG";
  constexpr std::string_view kJpeg = "\xFF\xD8\xFF";
  for (const std::string_view known : {kPng, kJpeg}) {
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
  return Status(StatusCode::kNotHalfmoon, "not a picture of a known format; PNG and JPEG are read");
}

// Nothing thrown leaves this room: strings and lists of messages can run out of memory, too.
template <typename T, typename F>
Result<T> Guard(F&& function) {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "no memory left");
  }
}

}  // namespace

std::string_view ImageFormatName(ImageFormat format) {
  switch (format) {
    case ImageFormat::kPng: return "PNG";
    case ImageFormat::kJpeg: return "JPEG";
  }
  return "unknown";
}

Status ImageWriteOptions::Validate() const {
  if (png_level < 0 || png_level > 9) {
    return {StatusCode::kInvalidArgument,
            "PNG level " + std::to_string(png_level) + " is outside 0..9"};
  }
  if (jpeg_quality < 1 || jpeg_quality > 100) {
    return {StatusCode::kInvalidArgument,
            "JPEG quality " + std::to_string(jpeg_quality) + " is outside 1..100"};
  }
  return Status::Ok();
}

Result<Image> ReadImage(std::span<const std::uint8_t> bytes, const ImageReadOptions& options,
                        std::vector<std::string>* warnings) {
  return Guard<Image>([&]() -> Result<Image> {
    HALFMOON_ASSIGN_OR_RETURN(const ImageFormat format, DetectFormat(bytes));
    return format == ImageFormat::kPng ? imageio::ReadPng(bytes, options, warnings)
                                       : imageio::ReadJpeg(bytes, options, warnings);
  });
}

Result<ImageInfo> ReadImageInfo(std::span<const std::uint8_t> bytes,
                                const ImageReadOptions& options) {
  return Guard<ImageInfo>([&]() -> Result<ImageInfo> {
    HALFMOON_ASSIGN_OR_RETURN(const ImageFormat format, DetectFormat(bytes));
    return format == ImageFormat::kPng ? imageio::ReadPngInfo(bytes, options)
                                       : imageio::ReadJpegInfo(bytes, options);
  });
}

Result<Image> ReadImageFile(const std::string& path, const ImageReadOptions& options,
                            std::vector<std::string>* warnings) {
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> bytes,
                            ReadFile(path, options.max_file_bytes));
  Result<Image> image = ReadImage(bytes, options, warnings);
  if (!image.ok()) return image.status().WithContext(path);
  return image;
}

Result<ImageInfo> ReadImageInfoFile(const std::string& path, const ImageReadOptions& options) {
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> bytes,
                            ReadFile(path, options.max_file_bytes));
  Result<ImageInfo> info = ReadImageInfo(bytes, options);
  if (!info.ok()) return info.status().WithContext(path);
  return info;
}

Result<ImageFormat> ImageFormatFromPath(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  const std::string_view name = slash == path.npos ? path : path.substr(slash + 1);
  const std::size_t dot = name.rfind('.');
  std::string ending(dot == name.npos ? std::string_view() : name.substr(dot));
  std::transform(ending.begin(), ending.end(), ending.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (ending == ".png") return ImageFormat::kPng;
  if (ending == ".jpg" || ending == ".jpeg") return ImageFormat::kJpeg;
  return Status(StatusCode::kInvalidArgument,
                std::string(path) + ": " +
                    (ending.empty() ? std::string("no file name ending")
                                    : "unknown file name ending '" + ending + "'") +
                    "; use .png, .jpg or .jpeg");
}

Result<std::vector<std::uint8_t>> WriteImage(const ImageView& image, ImageFormat format,
                                             const ImageWriteOptions& options,
                                             std::vector<std::string>* warnings) {
  return Guard<std::vector<std::uint8_t>>([&]() -> Result<std::vector<std::uint8_t>> {
    HALFMOON_RETURN_IF_ERROR(image.Validate());
    HALFMOON_RETURN_IF_ERROR(options.Validate());
    // Both libraries count the profile in 32 bits.
    if (image.icc.size() > std::numeric_limits<std::int32_t>::max()) {
      return Status(StatusCode::kInvalidArgument, "the ICC profile has more than 2 GiB");
    }
    return format == ImageFormat::kPng ? imageio::WritePng(image, options, warnings)
                                       : imageio::WriteJpeg(image, options, warnings);
  });
}

Result<std::vector<std::uint8_t>> WriteImage(const Image& image, ImageFormat format,
                                             const ImageWriteOptions& options,
                                             std::vector<std::string>* warnings) {
  return WriteImage(image.view(), format, options, warnings);
}

Status WriteImageFile(const std::string& path, const ImageView& image,
                      const ImageWriteOptions& options, bool overwrite,
                      std::vector<std::string>* warnings) {
  HALFMOON_ASSIGN_OR_RETURN(const ImageFormat format, ImageFormatFromPath(path));
  // Opened before the work, so that a name that cannot be written fails at once.
  HALFMOON_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path, overwrite));
  const Result<std::vector<std::uint8_t>> bytes = WriteImage(image, format, options, warnings);
  if (!bytes.ok()) return bytes.status().WithContext(path);
  HALFMOON_RETURN_IF_ERROR(file.Write(*bytes));
  return file.Commit();
}

}  // namespace halfmoon
