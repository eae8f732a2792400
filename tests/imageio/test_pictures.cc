#include "tests/imageio/test_pictures.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>

// jpeglib.h needs size_t and FILE before it.
#include <jpeglib.h>

namespace halfmoon::testing {
namespace {

Image NewImage(std::uint32_t width, std::uint32_t height, std::uint32_t channels) {
  Result<Image> image = Image::Create(width, height, channels);
  if (image.ok()) return std::move(image).value();
  ADD_FAILURE() << image.status().message();
  return Image();
}

void Put16(Bytes* out, std::uint32_t value, bool big_endian) {
  const auto high = static_cast<std::uint8_t>(value >> 8);
  const auto low = static_cast<std::uint8_t>(value);
  out->push_back(big_endian ? high : low);
  out->push_back(big_endian ? low : high);
}

void Put32(Bytes* out, std::uint32_t value, bool big_endian) {
  Put16(out, big_endian ? value >> 16 : value & 0xFFFF, big_endian);
  Put16(out, big_endian ? value & 0xFFFF : value >> 16, big_endian);
}

}  // namespace

Image Gradient(std::uint32_t width, std::uint32_t height, std::uint32_t channels) {
  Image image = NewImage(width, height, channels);
  for (std::uint32_t y = 0; y < image.height(); ++y) {
    for (std::uint32_t x = 0; x < image.width(); ++x) {
      std::uint8_t* pixel = image.row(y) + x * channels;
      pixel[0] = static_cast<std::uint8_t>(width > 1 ? x * 255 / (width - 1) : 40);
      if (channels == 3) {
        pixel[1] = static_cast<std::uint8_t>(height > 1 ? y * 255 / (height - 1) : 90);
        pixel[2] = static_cast<std::uint8_t>(255 - pixel[0] / 2);
      }
    }
  }
  return image;
}

Image Noise(std::uint32_t width, std::uint32_t height, std::uint32_t channels, unsigned seed) {
  Image image = NewImage(width, height, channels);
  std::mt19937 random(seed);
  for (std::uint8_t& sample : image.samples()) sample = static_cast<std::uint8_t>(random() >> 24);
  return image;
}

Image Noise(const PictureShape& shape, unsigned seed) {
  Result<Image> made = Image::Create(shape);
  if (!made.ok()) {
    ADD_FAILURE() << made.status().message();
    return Image();
  }
  std::mt19937 random(seed);
  for (std::uint8_t& byte : made->samples()) byte = static_cast<std::uint8_t>(random() >> 24);
  return std::move(made).value();
}

bool SamePixels(const Image& a, const Image& b) {
  return a.shape() == b.shape() &&
         std::equal(a.samples().begin(), a.samples().end(), b.samples().begin(), b.samples().end());
}

int MaxDifference(const Image& a, const Image& b) {
  int most = 0;
  for (std::size_t i = 0; i < a.samples().size(); ++i) {
    most = std::max(most, std::abs(a.samples()[i] - b.samples()[i]));
  }
  return most;
}

double MeanDifference(const Image& a, const Image& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.samples().size(); ++i) {
    sum += std::abs(a.samples()[i] - b.samples()[i]);
  }
  return sum / static_cast<double>(a.samples().size());
}

// --- PNG ---------------------------------------------------------------------------------------

Bytes BigEndian32(std::uint32_t value) {
  Bytes out;
  Put32(&out, value, true);
  return out;
}

PngBuilder::PngBuilder() : bytes_{0x89, 'P', 'N', 'G', 0x0D, 0x0A, 0x1A, 0x0A} {}

PngBuilder& PngBuilder::Chunk(std::string_view type, std::span<const std::uint8_t> body) {
  Put32(&bytes_, static_cast<std::uint32_t>(body.size()), true);
  const std::size_t start = bytes_.size();
  bytes_.insert(bytes_.end(), type.begin(), type.end());
  bytes_.insert(bytes_.end(), body.begin(), body.end());
  const uLong crc = crc32(0, bytes_.data() + start, static_cast<uInt>(bytes_.size() - start));
  Put32(&bytes_, static_cast<std::uint32_t>(crc), true);
  return *this;
}

PngBuilder& PngBuilder::Chunk(std::string_view type, std::string_view body) {
  return Chunk(type, AsBytes(body));
}

PngBuilder& PngBuilder::Header(std::uint32_t width, std::uint32_t height, int bit_depth,
                               int color_type, int interlace) {
  Bytes body;
  Put32(&body, width, true);
  Put32(&body, height, true);
  for (const int value : {bit_depth, color_type, 0, 0, interlace}) {
    body.push_back(static_cast<std::uint8_t>(value));
  }
  return Chunk("IHDR", body);
}

PngBuilder& PngBuilder::Pixels(std::span<const std::uint8_t> scanlines) {
  uLongf size = compressBound(static_cast<uLong>(scanlines.size()));
  Bytes packed(size);
  EXPECT_EQ(compress(packed.data(), &size, scanlines.data(), static_cast<uLong>(scanlines.size())),
            Z_OK);
  packed.resize(size);
  return Chunk("IDAT", packed);
}

Bytes PngBuilder::End() {
  Chunk("IEND", "");
  return bytes_;
}

Bytes PlainPng(const Image& image) {
  Bytes scanlines;
  for (std::uint32_t y = 0; y < image.height(); ++y) {
    scanlines.push_back(0);
    if (image.bit_depth() == 8) {
      scanlines.insert(scanlines.end(), image.row(y), image.row(y) + image.stride());
    } else {
      for (std::size_t i = 0; i < image.stride() / 2; ++i)
        Put16(&scanlines, image.row16(y)[i], true);
    }
  }
  constexpr int kColorTypes[] = {0, 0, 4, 2, 6};
  return PngBuilder()
      .Header(image.width(), image.height(), static_cast<int>(image.bit_depth()),
              kColorTypes[image.channels()])
      .Pixels(scanlines)
      .End();
}

Bytes BlackPng(std::uint32_t width, std::uint32_t height, int bit_depth, int color_type) {
  constexpr int kSamples[] = {1, 0, 3, 1, 2, 0, 4};
  const std::size_t row = (std::size_t{width} * kSamples[color_type] * bit_depth + 7) / 8;
  PngBuilder builder;
  builder.Header(width, height, bit_depth, color_type);
  if (color_type == 3) builder.Chunk("PLTE", std::string_view("\0\0\0", 3));
  return builder.Pixels(Bytes((row + 1) * height, 0)).End();
}

Bytes WithChunk(const Bytes& png, std::string_view type, std::span<const std::uint8_t> body) {
  const Bytes chunk = PngBuilder().Chunk(type, body).End();
  constexpr std::size_t kSignature = 8, kHeader = 25, kEnd = 12;
  Bytes out = png;
  out.insert(out.begin() + kSignature + kHeader, chunk.begin() + kSignature, chunk.end() - kEnd);
  return out;
}

Bytes WithChunk(const Bytes& png, std::string_view type, std::string_view body) {
  return WithChunk(png, type, AsBytes(body));
}

Bytes FirstPackedPixels(const Bytes& png) {
  const std::string text = Text(png);
  const std::size_t at = text.find("IDAT");
  if (at == std::string::npos) {
    ADD_FAILURE() << "no IDAT";
    return Bytes(1);
  }
  const std::size_t length = png[at - 2] * 256u + png[at - 1];
  const std::string body = text.substr(at + 4, length);
  return Bytes(body.begin(), body.end());
}

// --- JPEG --------------------------------------------------------------------------------------

// libjpeg's own error handler ends the program: right for a mistake in a test.
Bytes MakeJpeg(std::uint32_t width, std::uint32_t height, std::span<const std::uint8_t> samples,
               const JpegRecipe& recipe) {
  jpeg_compress_struct jpeg = {};
  jpeg_error_mgr errors = {};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &data, &size);
  jpeg.image_width = width;
  jpeg.image_height = height;
  jpeg.input_components = recipe.components;
  jpeg.in_color_space = recipe.components == 1   ? JCS_GRAYSCALE
                        : recipe.components == 3 ? JCS_RGB
                                                 : JCS_CMYK;
  jpeg_set_defaults(&jpeg);
  if (recipe.rgb) jpeg_set_colorspace(&jpeg, JCS_RGB);
  if (recipe.ycck) jpeg_set_colorspace(&jpeg, JCS_YCCK);
  if (recipe.components == 4) jpeg.write_Adobe_marker = recipe.adobe ? TRUE : FALSE;
  jpeg_set_quality(&jpeg, recipe.quality, TRUE);
  jpeg.arith_code = recipe.arithmetic;
  for (int i = 0; i < recipe.components; ++i) {
    jpeg.comp_info[i].h_samp_factor = i == 0 ? recipe.h_factor : 1;
    jpeg.comp_info[i].v_samp_factor = i == 0 ? recipe.v_factor : 1;
  }
  jpeg.restart_interval = static_cast<unsigned>(recipe.restart_interval);
  if (recipe.progressive) jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  const std::size_t stride = std::size_t{width} * static_cast<unsigned>(recipe.components);
  while (jpeg.next_scanline < height) {
    auto* row = const_cast<JSAMPROW>(samples.data() + jpeg.next_scanline * stride);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  Bytes out(data, data + size);
  std::free(data);
  return out;
}

Bytes MakeJpeg(const Image& image, JpegRecipe recipe) {
  recipe.components = static_cast<int>(image.channels());
  return MakeJpeg(image.width(), image.height(), image.samples(), recipe);
}

Bytes WithSegment(const Bytes& jpeg, std::uint8_t marker, std::span<const std::uint8_t> body) {
  Bytes out = {0xFF, 0xD8, 0xFF, marker};
  Put16(&out, static_cast<std::uint32_t>(body.size() + 2), true);
  out.insert(out.end(), body.begin(), body.end());
  out.insert(out.end(), jpeg.begin() + 2, jpeg.end());
  return out;
}

Bytes WithSegment(const Bytes& jpeg, std::uint8_t marker, std::string_view body) {
  return WithSegment(jpeg, marker, AsBytes(body));
}

// --- EXIF and ICC ------------------------------------------------------------------------------

Bytes TiffWithOrientation(int orientation, bool big_endian) {
  Bytes out = big_endian ? Bytes{'M', 'M'} : Bytes{'I', 'I'};
  const bool be = big_endian;
  Put16(&out, 42, be);
  Put32(&out, 8, be);
  Put16(&out, 3, be);  // entries: tag, type, count, value
  Put16(&out, 0x0100, be), Put16(&out, 4, be), Put32(&out, 1, be), Put32(&out, 640, be);
  Put16(&out, 0x0112, be), Put16(&out, 3, be), Put32(&out, 1, be);
  Put16(&out, static_cast<std::uint32_t>(orientation), be), Put16(&out, 0, be);
  Put16(&out, 0x0128, be), Put16(&out, 3, be), Put32(&out, 1, be), Put16(&out, 2, be);
  Put16(&out, 0, be);
  Put32(&out, 0, be);  // no further directory
  return out;
}

Bytes ExifSegment(int orientation, bool big_endian) {
  Bytes out = {'E', 'x', 'i', 'f', 0, 0};
  const Bytes tiff = TiffWithOrientation(orientation, big_endian);
  out.insert(out.end(), tiff.begin(), tiff.end());
  return out;
}

Bytes TinyIcc(std::string_view color_space) {
  // libpng 1.6 refuses a profile that packs into fewer than about 80 bytes, hence the noise.
  constexpr std::size_t kTag = 128 + 4 + 12, kSize = kTag + 112;
  Bytes icc(kSize, 0);
  const auto put = [&icc](std::size_t at, std::string_view text) {
    std::copy(text.begin(), text.end(), icc.begin() + static_cast<std::ptrdiff_t>(at));
  };
  icc[2] = kSize / 256;
  icc[8] = 2;  // version 2
  put(12, "mntr");
  put(16, color_space);
  put(20, "XYZ ");
  put(36, "acsp");
  put(68, std::string_view("\x00\x00\xF6\xD6\x00\x01\x00\x00\x00\x00\xD3\x2D", 12));  // D50
  icc[131] = 1;                                                                       // one tag
  put(132, "desc");
  icc[136 + 3] = kTag;
  icc[140 + 3] = kSize - kTag;
  put(kTag, "text");
  std::mt19937 random(5);
  for (std::size_t i = kTag + 8; i < kSize; ++i) icc[i] = static_cast<std::uint8_t>(random());
  return icc;
}

// --- Files -------------------------------------------------------------------------------------

TempFolder::TempFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "halfmoon_test_XXXXXX").string();
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempFolder::File(std::string_view name) const { return (path_ / name).string(); }

std::vector<std::string> TempFolder::Entries() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string Text(std::span<const std::uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

std::span<const std::uint8_t> AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::filesystem::path SharedData(std::string_view below) {
  const std::filesystem::path path = std::filesystem::path(HALFMOON_SHARED_DATA) / below;
  std::error_code error;
  return std::filesystem::exists(path, error) ? path : std::filesystem::path();
}

bool Mentions(const Warnings& warnings, std::string_view text) {
  return std::any_of(warnings.begin(), warnings.end(), [text](const Warning& warning) {
    return warning.text.find(text) != std::string::npos;
  });
}

}  // namespace halfmoon::testing
