#include "codec/imageio/image_io.h"

#include <algorithm>

#include "codec/io/atomic_file.h"
#include "codec/io/read_file.h"

namespace halfmoon {
namespace {

struct Ending {
  std::string_view name;
  ImageFormat format;
  bool written = true;  // PBM's black and white, and animations, are only read
};

constexpr Ending kEndings[] = {
    {".png", ImageFormat::kPng},  {".apng", ImageFormat::kPng, false},
    {".jpg", ImageFormat::kJpeg}, {".jpeg", ImageFormat::kJpeg},
    {".jpe", ImageFormat::kJpeg}, {".jfif", ImageFormat::kJpeg},
    {".jif", ImageFormat::kJpeg}, {".ppm", ImageFormat::kPpm},
    {".pgm", ImageFormat::kPgm},  {".pbm", ImageFormat::kPnm, false},
    {".pnm", ImageFormat::kPnm},  {".pam", ImageFormat::kPam},
};

}  // namespace

std::vector<std::string> ReadableEndings() {
  std::vector<std::string> names;
  for (const Ending& e : kEndings) names.emplace_back(e.name);
  return names;
}

std::string_view ImageFormatName(ImageFormat format) {
  switch (format) {
    case ImageFormat::kPng: return "PNG";
    case ImageFormat::kJpeg: return "JPEG";
    case ImageFormat::kPnm: return "PNM";
    case ImageFormat::kPgm: return "PGM";
    case ImageFormat::kPpm: return "PPM";
    case ImageFormat::kPam: return "PAM";
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

Result<Image> ReadImageFile(const std::string& path, const ImageReadOptions& options,
                            Warnings* warnings) {
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
  std::string list, last;
  for (const Ending& e : kEndings) {
    if (!e.written) continue;
    if (e.name == ending) return e.format;
    if (!last.empty()) list += (list.empty() ? "" : ", ") + last;
    last = e.name;
  }
  return Status(StatusCode::kInvalidArgument,
                std::string(path) + ": " +
                    (ending.empty() ? std::string("no file name ending")
                                    : "unknown file name ending '" + ending + "'") +
                    "; use " + list + " or " + last);
}

Result<std::vector<std::uint8_t>> WriteImage(const Image& image, ImageFormat format,
                                             const ImageWriteOptions& options, Warnings* warnings) {
  return WriteImage(image.view(), format, options, warnings);
}

Status WriteImageFile(const std::string& path, const ImageView& image,
                      const ImageWriteOptions& options, bool overwrite, Warnings* warnings) {
  HALFMOON_ASSIGN_OR_RETURN(const ImageFormat format, ImageFormatFromPath(path));
  // Opened before the work, so that a name that cannot be written fails at once.
  HALFMOON_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path, overwrite));
  const auto sink = [&file](std::span<const std::uint8_t> bytes) { return file.Write(bytes); };
  if (Status status = WriteRows(image, format, options, sink, warnings); !status.ok()) {
    // What the file system says begins with the path already.
    return status.code() == StatusCode::kIo ? status : status.WithContext(path);
  }
  return file.Commit();
}

}  // namespace halfmoon
