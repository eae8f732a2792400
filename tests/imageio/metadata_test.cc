// ICC, EXIF and XMP: byte for byte through every format that holds them, reset where turned,
// limited.
#include <gtest/gtest.h>
#include <zlib.h>

#include "codec/imageio/image_io.h"
#include "tests/imageio/test_pictures.h"

namespace halfmoon {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): helpers of this folder

constexpr std::string_view kPacket =
    "<?xpacket begin=''?><x:xmpmeta tiff:Orientation=\"6\"/><?xpacket end='w'?>";

Bytes ToBytes(std::string_view text) { return {text.begin(), text.end()}; }

Image MustRead(const Bytes& file, Warnings* warnings = nullptr,
               const ImageReadOptions& options = {}) {
  Result<Image> image = ReadImage(file, options, warnings);
  if (image.ok()) return std::move(image).value();
  ADD_FAILURE() << image.status().message();
  return Image();
}

Metadata AllKinds() {
  Metadata metadata;
  metadata.icc = TinyIcc("RGB ");
  metadata.exif = TiffWithOrientation(1, true);
  metadata.exif.insert(metadata.exif.end(), {0, 1, 2, 255});
  metadata.xmp = ToBytes("<x:xmpmeta>");
  metadata.xmp.insert(metadata.xmp.end(), {0, 255, 0});  // not text: carried all the same
  return metadata;
}

TEST(Metadata, IsKeptByteForByte) {
  for (const ImageFormat format : {ImageFormat::kPng, ImageFormat::kJpeg}) {
    Image image = Noise(8, 8, 3);
    image.set_metadata(AllKinds());
    Warnings warnings;
    const auto file = WriteImage(image, format, {}, &warnings);
    ASSERT_TRUE(file.ok()) << file.status().message();
    const Image read = MustRead(*file, &warnings);
    EXPECT_EQ(read.metadata().icc, image.metadata().icc);
    EXPECT_EQ(read.metadata().exif, image.metadata().exif);
    EXPECT_EQ(read.metadata().xmp, image.metadata().xmp);
    EXPECT_EQ(read.metadata().colour.source, FileColour::Source::kIcc);
    EXPECT_TRUE(warnings.empty()) << warnings[0].text;
    const auto info = ReadImageInfo(*file);
    ASSERT_TRUE(info.ok());
    EXPECT_TRUE(info->has_icc && info->has_exif && info->has_xmp);
  }
}

Bytes XmpChunk(std::string_view packet, bool packed) {
  Bytes body = ToBytes(std::string_view("XML:com.adobe.xmp\0", 18));
  body.reserve(100);  // GCC 12 warns of the growing of small vectors
  body.insert(body.end(), {static_cast<std::uint8_t>(packed), 0, 'e', 'n', 0, 'x', 0});
  if (!packed) {
    body.insert(body.end(), packet.begin(), packet.end());
    return body;
  }
  uLongf size = compressBound(packet.size());
  Bytes small(size);
  EXPECT_EQ(compress(small.data(), &size, AsBytes(packet).data(), packet.size()), Z_OK);
  body.insert(body.end(), small.begin(), small.begin() + static_cast<std::ptrdiff_t>(size));
  return body;
}

TEST(Metadata, PackedAndPlainXmpOfPng) {
  const Bytes png = PlainPng(Noise(2, 2, 3));
  for (const bool packed : {false, true}) {
    EXPECT_EQ(MustRead(WithChunk(png, "iTXt", XmpChunk(kPacket, packed))).metadata().xmp,
              ToBytes(kPacket));
  }
  Bytes bad = XmpChunk(kPacket, true);
  bad.resize(bad.size() - 8);
  EXPECT_EQ(ReadImage(WithChunk(png, "iTXt", bad)).status().code(), StatusCode::kCorrupt);
  ImageReadOptions lenient;
  lenient.lenient = true;
  Warnings warnings;
  EXPECT_TRUE(MustRead(WithChunk(png, "iTXt", bad), &warnings, lenient).metadata().xmp.empty());
  EXPECT_TRUE(Mentions(warnings, "XMP chunk"));
}

TEST(Metadata, TagsAreResetWhenPixelsAreTurned) {
  Bytes xmp = ToBytes(std::string_view("http://ns.adobe.com/xap/1.0/\0", 29));
  xmp.insert(xmp.end(), kPacket.begin(), kPacket.end());
  std::string upright(kPacket);
  upright.replace(upright.find("\"6\""), 3, "\"1\"");
  const Image stored = Gradient(8, 16, 3);
  const Bytes jpeg = MakeJpeg(stored);
  const Bytes turned = WithSegment(WithSegment(jpeg, 0xE1, xmp), 0xE1, ExifSegment(6));
  Image image = MustRead(turned);
  EXPECT_EQ(image.width(), 16u);
  EXPECT_EQ(image.metadata().exif, TiffWithOrientation(1, true));
  EXPECT_EQ(Text(image.metadata().xmp), upright);
  // Written and read again, it is not turned a second time.
  for (const ImageFormat format : {ImageFormat::kPng, ImageFormat::kJpeg}) {
    const auto file = WriteImage(image, format);
    ASSERT_TRUE(file.ok());
    EXPECT_EQ(MustRead(*file).width(), 16u);
  }
  // Not turned, so still true.
  image = MustRead(WithSegment(WithSegment(jpeg, 0xE1, xmp), 0xE1, ExifSegment(1)));
  EXPECT_EQ(Text(image.metadata().xmp), kPacket);
  EXPECT_EQ(image.width(), 8u);
}

TEST(Metadata, PrefixedExifOfPngIsUnderstood) {
  const Bytes file = WithChunk(PlainPng(Noise(4, 2, 3)), "eXIf", ExifSegment(6));
  const Image image = MustRead(file);
  EXPECT_EQ(image.width(), 2u);
  EXPECT_EQ(image.metadata().exif, TiffWithOrientation(1, true));
}

TEST(Metadata, SizesAreLimited) {
  ImageReadOptions options;
  options.max_metadata_bytes = 100;
  const auto refused = [&](const Bytes& file, std::string_view word) {
    EXPECT_TRUE(ReadImage(file).ok());
    const Status status = ReadImage(file, options).status();
    EXPECT_EQ(status.code(), StatusCode::kLimitExceeded) << word;
    EXPECT_NE(status.message().find(word), std::string::npos) << status.message();
  };
  const Bytes png = PlainPng(Noise(2, 2, 3));
  const std::string large(101, 'x');
  refused(WithChunk(png, "eXIf", large), "EXIF");
  refused(WithChunk(png, "iTXt", XmpChunk(large, false)), "XMP");
  // A packet that grows a thousandfold.
  refused(WithChunk(png, "iTXt", XmpChunk(std::string(1 << 20, 'x'), true)), "XMP");
  const Bytes jpeg = MakeJpeg(Gradient(8, 8, 3));
  refused(WithSegment(jpeg, 0xE1, std::string("Exif\0\0", 6) + large), "EXIF");
  refused(WithSegment(jpeg, 0xE1, std::string("http://ns.adobe.com/xap/1.0/\0", 29) + large),
          "XMP");
}

TEST(Metadata, WhatJpegCannotHoldIsLeftOutWithAWarning) {
  Image image = Noise(8, 8, 3);
  Metadata metadata;
  metadata.exif = Bytes(70'000, 1);
  metadata.xmp = Bytes(70'000, 'x');
  image.set_metadata(metadata);
  Warnings warnings;
  const auto file = WriteImage(image, ImageFormat::kJpeg, {}, &warnings);
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(Mentions(warnings, "64 KiB of EXIF"));
  EXPECT_TRUE(Mentions(warnings, "64 KiB of XMP"));
  EXPECT_TRUE(MustRead(*file).metadata().xmp.empty());
  const auto png = WriteImage(image, ImageFormat::kPng);
  ASSERT_TRUE(png.ok());
  EXPECT_EQ(MustRead(*png).metadata().exif, metadata.exif);
}

}  // namespace
}  // namespace halfmoon
