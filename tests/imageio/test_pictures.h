// Pictures and picture files made by the tests, independently of the code under test.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/imageio/warning.h"
#include "halfmoon/image.h"

namespace halfmoon::testing {

using Bytes = std::vector<std::uint8_t>;

// --- Pixels ------------------------------------------------------------------------------------
// Each fails the calling test (and returns an empty image) when the size is refused.
Image Gradient(std::uint32_t width, std::uint32_t height, std::uint32_t channels);
Image Noise(std::uint32_t width, std::uint32_t height, std::uint32_t channels, unsigned seed = 1);
Image Noise(const PictureShape& shape, unsigned seed = 1);
// All kinds of pixels: 1 to 4 channels of 8 and 16 bit, as 1 x 1 pictures.
inline constexpr PictureShape kKinds[] = {{1, 1, 1, 8},  {1, 1, 2, 8},  {1, 1, 3, 8},
                                          {1, 1, 4, 8},  {1, 1, 1, 16}, {1, 1, 2, 16},
                                          {1, 1, 3, 16}, {1, 1, 4, 16}};

bool SamePixels(const Image& a, const Image& b);
// Differences of 8-bit samples, 0..255. REQUIRES: same size and channels.
int MaxDifference(const Image& a, const Image& b);
double MeanDifference(const Image& a, const Image& b);

// --- PNG by hand: signature, chunks and CRC written here, packed by zlib -----------------------
class PngBuilder {
 public:
  PngBuilder();
  PngBuilder& Chunk(std::string_view type, std::span<const std::uint8_t> body);
  PngBuilder& Chunk(std::string_view type, std::string_view body);
  PngBuilder& Header(std::uint32_t width, std::uint32_t height, int bit_depth, int color_type,
                     int interlace = 0);
  // `scanlines`: filter byte and packed samples of each row, as the PNG standard has them.
  PngBuilder& Pixels(std::span<const std::uint8_t> scanlines);
  Bytes End();

 private:
  Bytes bytes_;
};

// The file of a picture of any kind, with filter 0 in each row.
Bytes PlainPng(const Image& image);
// A file of black pixels of any kind that the standard allows.
Bytes BlackPng(std::uint32_t width, std::uint32_t height, int bit_depth, int color_type);
// A new chunk right after IHDR.
Bytes WithChunk(const Bytes& png, std::string_view type, std::span<const std::uint8_t> body);
Bytes WithChunk(const Bytes& png, std::string_view type, std::string_view body);
// The body of the first IDAT chunk. REQUIRES: it has less than 64 KiB.
Bytes FirstPackedPixels(const Bytes& png);
Bytes BigEndian32(std::uint32_t value);

// --- JPEG by libjpeg, called directly ----------------------------------------------------------
struct JpegRecipe {
  int components = 3;  // 1 grey, 3 RGB, 4 CMYK
  bool ycck = false;   // of 4 components
  bool rgb = false;    // of 3: stored as RGB instead of YCbCr
  bool adobe = true;   // of 4 components: with Adobe's marker
  bool progressive = false;
  bool arithmetic = false;
  int h_factor = 1;  // of the first component; the others have 1
  int v_factor = 1;
  int restart_interval = 0;  // in MCUs
  int quality = 90;
};
// `samples`: width * height * components bytes.
Bytes MakeJpeg(std::uint32_t width, std::uint32_t height, std::span<const std::uint8_t> samples,
               const JpegRecipe& recipe = {});
Bytes MakeJpeg(const Image& image, JpegRecipe recipe = {});
// A new segment right after the start-of-image marker; `marker` is e.g. 0xE1.
Bytes WithSegment(const Bytes& jpeg, std::uint8_t marker, std::span<const std::uint8_t> body);
Bytes WithSegment(const Bytes& jpeg, std::uint8_t marker, std::string_view body);

// --- EXIF and ICC --------------------------------------------------------------------------------
// A TIFF structure with an orientation among other tags.
Bytes TiffWithOrientation(int orientation, bool big_endian);
// The same as the body of a JPEG APP1 segment.
Bytes ExifSegment(int orientation, bool big_endian = true);
// A small ICC profile that libpng accepts, of colour space "RGB " or "GRAY".
Bytes TinyIcc(std::string_view color_space);

// --- Files ---------------------------------------------------------------------------------------
// A fresh folder that goes away with the object.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::string File(std::string_view name) const;
  // Names of all entries, hidden ones included, sorted.
  std::vector<std::string> Entries() const;

 private:
  std::filesystem::path path_;
};

std::string Text(std::span<const std::uint8_t> bytes);
std::span<const std::uint8_t> AsBytes(std::string_view text);

// Development data, or an empty path when it is absent.
std::filesystem::path SharedData(std::string_view below);

bool Mentions(const Warnings& warnings, std::string_view text);

}  // namespace halfmoon::testing
