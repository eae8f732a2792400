#include "cli/generative.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>

#include "bitstream/container.h"
#include "cli/files.h"
#include "codec/generate/picture_grid.h"
#include "codec/imageio/image_io.h"

namespace halfmoon::cli {
namespace {

namespace fs = std::filesystem;

// Small pictures are worth the time.
ImageWriteOptions PngOptions() {
  ImageWriteOptions options;
  options.png_level = 9;
  return options;
}

bool ParseSeed(const std::string& text, std::uint64_t* seed) {
  const auto r = std::from_chars(text.data(), text.data() + text.size(), *seed);
  return r.ec == std::errc() && r.ptr == text.data() + text.size();
}

std::string ShapeText(const PictureShape& s) {
  return std::to_string(s.width) + "x" + std::to_string(s.height) +
         (s.is_grey() ? " grey" : " colour");
}

Result<Image> FitPicture(const Generator& generator, const Image& image, bool resize) {
  const PictureShape& shape = generator.info().picture;
  const bool fits = image.width() == shape.width && image.height() == shape.height &&
                    (image.shape().is_grey() || !shape.is_grey());
  if (!fits && !resize) {
    return Status(StatusCode::kInvalidArgument, "the picture is " + ShapeText(image.shape()) +
                                                    ", model '" + generator.info().name +
                                                    "' takes " + ShapeText(shape) +
                                                    " only; --resize makes it so");
  }
  return FitTo(image.view(), shape);
}

}  // namespace

Result<GridSize> ParseGrid(const std::string& text) {
  GridSize g;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, g.columns);
  bool good = first.ec == std::errc() && first.ptr != end && *first.ptr == 'x';
  if (good) {
    const auto second = std::from_chars(first.ptr + 1, end, g.rows);
    good = second.ec == std::errc() && second.ptr == end;
  }
  if (!good || g.columns < 1 || g.columns > 256 || g.rows < 1 || g.rows > 256) {
    return Status(StatusCode::kInvalidArgument,
                  "grid '" + text + "': write COLUMNSxROWS, each 1 to 256, for example 8x8");
  }
  return g;
}

Result<Image> ReadFitting(const Generator& generator, const std::string& path, bool resize) {
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> bytes, ReadInput(path));
  const auto image = ReadImage(bytes);
  if (!image.ok()) return image.status().WithContext(path);
  auto fitted = FitPicture(generator, *image, resize);
  if (!fitted.ok()) return fitted.status().WithContext(path);
  return fitted;
}

Result<std::vector<float>> ReadCode(Generator& generator, const std::string& text, bool resize) {
  std::uint64_t seed = 0;
  std::error_code error;
  if (ParseSeed(text, &seed) && !fs::exists(text, error)) return generator.DrawCode(seed);
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> bytes, ReadInput(text));
  if (bytes.size() >= kMagic.size() && std::equal(kMagic.begin(), kMagic.end(), bytes.begin())) {
    auto code = generator.ReadCode(bytes);
    if (!code.ok()) return code.status().WithContext(text);
    return code;
  }
  HALFMOON_ASSIGN_OR_RETURN(const Image picture, ReadFitting(generator, text, resize));
  auto posterior = generator.Encode(picture.view());
  if (!posterior.ok()) return posterior.status().WithContext(text);
  return std::move(posterior->mean);
}

Status WritePictures(const std::string& directory, const std::string& prefix,
                     const std::vector<Image>& pictures, bool force) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return {StatusCode::kIo, directory + ": cannot create: " + error.message()};
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    char number[32];
    std::snprintf(number, sizeof number, "-%03zu.png", i);
    HALFMOON_RETURN_IF_ERROR(WriteImageFile((fs::path(directory) / (prefix + number)).string(),
                                            pictures[i].view(), PngOptions(), force));
  }
  return Status::Ok();
}

Status WriteGrid(const std::string& path, const std::vector<Image>& pictures, std::uint32_t columns,
                 std::uint32_t enlarge, bool force) {
  std::vector<Image> large;
  for (const Image& p : pictures) {
    HALFMOON_ASSIGN_OR_RETURN(Image one, Enlarge(p, enlarge));
    large.push_back(std::move(one));
  }
  HALFMOON_ASSIGN_OR_RETURN(const Image grid, PictureGrid(large, columns));
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> file,
                            WriteImage(grid, ImageFormat::kPng, PngOptions()));
  return WriteOutput(path, file, force);
}

}  // namespace halfmoon::cli
