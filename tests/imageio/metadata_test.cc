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
  for (const Bytes& body : {bad, Bytes(bad.begin(), bad.begin() + 19)}) {
    Warnings warnings;
    EXPECT_TRUE(MustRead(WithChunk(png, "iTXt", body), &warnings).metadata().xmp.empty());
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_EQ(warnings[0].code, warning_code::kXmp);
    EXPECT_TRUE(Mentions(warnings, "XMP chunk"));
  }
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

TEST(Metadata, WhatIsTooLargeIsLeftOutWithAWarning) {
  ImageReadOptions options;
  options.max_metadata_bytes = 200;
  const auto left_out = [&](const Bytes& file, std::string_view code, std::string_view word) {
    Warnings warnings;
    const Image whole = MustRead(file);
    const Image image = MustRead(file, &warnings, options);
    EXPECT_TRUE(SamePixels(image, whole));
    EXPECT_TRUE(image.metadata().exif.empty() && image.metadata().xmp.empty() &&
                image.metadata().icc.empty());
    ASSERT_EQ(warnings.size(), 1u) << word;
    EXPECT_EQ(warnings[0].code, code);
    EXPECT_TRUE(Mentions(warnings, word)) << warnings[0].text;
    EXPECT_TRUE(Mentions(warnings, "200 bytes")) << warnings[0].text;
  };
  const Bytes png = PlainPng(Noise(2, 2, 3));
  const std::string large(201, 'x');
  left_out(WithChunk(png, "eXIf", large), warning_code::kExif, "EXIF");
  left_out(WithChunk(png, "iTXt", XmpChunk(large, false)), warning_code::kXmp, "XMP");
  // A packet that grows a thousandfold.
  left_out(WithChunk(png, "iTXt", XmpChunk(std::string(1 << 20, 'x'), true)), warning_code::kXmp,
           "XMP");
  const Bytes jpeg = MakeJpeg(Gradient(8, 8, 3));
  left_out(WithSegment(jpeg, 0xE1, std::string("Exif\0\0", 6) + large), warning_code::kExif,
           "EXIF");
  left_out(WithSegment(jpeg, 0xE1, std::string("http://ns.adobe.com/xap/1.0/\0", 29) + large),
           warning_code::kXmp, "XMP");
  for (const ImageFormat format : {ImageFormat::kPng, ImageFormat::kJpeg}) {
    Image image = Gradient(8, 8, 3);
    image.set_icc(TinyIcc("RGB "));  // 256 bytes, and as a chunk, too, more than 200
    left_out(*WriteImage(image, format), warning_code::kIcc, "ICC profile");
  }
  // Chunks beyond any limit that nobody keeps.
  Warnings warnings;
  MustRead(WithChunk(png, "tEXt", std::string(1 << 20, 'x')), &warnings, options);
  EXPECT_EQ(warnings, (Warnings{{warning_code::kText, "text metadata is not kept"}}));
}

// Every kind of ancillary chunk, before and behind the pixels.
TEST(Metadata, AncillaryChunksWithAWrongChecksumAreLeftOut) {
  const Image image = Noise(6, 5, 3);
  const Bytes png = PlainPng(image);
  constexpr std::size_t kEnd = 12;
  for (const std::string type : {"tEXt", "zTXt", "iTXt", "eXIf", "tIME", "pHYs", "gAMA", "cHRM",
                                 "sRGB", "iCCP", "cICP", "bKGD", "sBIT", "acTL", "prVt"}) {
    for (const bool behind : {false, true}) {
      const Bytes chunk = PngBuilder().Chunk(type, std::string(9, '\1')).End();
      Bytes bad(chunk.begin() + 8, chunk.end() - kEnd);
      bad.back() ^= 1;
      Bytes file = png;
      const auto at = behind ? static_cast<std::ptrdiff_t>(file.size() - kEnd) : 8 + 25;
      file.insert(file.begin() + at, bad.begin(), bad.end());
      Warnings warnings;
      const Image read = MustRead(file, &warnings);
      EXPECT_TRUE(SamePixels(read, image)) << type;
      EXPECT_TRUE(read.metadata().exif.empty() && read.icc().empty() && !read.metadata().density);
      EXPECT_EQ(warnings,
                (Warnings{{warning_code::kBadChunk,
                           "PNG chunk " + type + " has a wrong checksum (CRC) and is left out"}}));
      warnings.clear();
      EXPECT_TRUE(SamePixels(MustRead(file, &warnings, {.skip_metadata = true}), image));
      EXPECT_TRUE(warnings.empty()) << warnings[0].text;
    }
  }
}

// Whoever leaves metadata out gets no word about it, however broken it is.
TEST(Metadata, IsNotLookedAtWhenSkipped) {
  ImageReadOptions skip;
  skip.skip_metadata = true;
  skip.max_metadata_bytes = 10;
  Bytes packed = XmpChunk(kPacket, true);
  packed.resize(packed.size() - 8);
  const Bytes png = PlainPng(Noise(2, 2, 3));
  const Bytes jpeg = MakeJpeg(Gradient(8, 8, 3));
  const std::string_view half_icc("ICC_PROFILE\0\2\2data", 18);
  for (const Bytes& file :
       {WithChunk(png, "iTXt", packed), WithChunk(png, "eXIf", std::string(70'000, 'x')),
        WithChunk(png, "tEXt", "Comment"), WithChunk(png, "pHYs", std::string(9, '\1')),
        WithSegment(jpeg, 0xE1, ExifSegment(1)), WithSegment(jpeg, 0xED, "Photoshop 3.0"),
        WithSegment(jpeg, 0xFE, "made by hand"), WithSegment(jpeg, 0xE2, half_icc)}) {
    Warnings warnings;
    const Image image = MustRead(file, &warnings, skip);
    EXPECT_TRUE(warnings.empty()) << warnings[0].text;
    EXPECT_TRUE(image.metadata().exif.empty() && image.metadata().xmp.empty());
    EXPECT_FALSE(image.metadata().density.has_value());
  }
  // The orientation is about the pixels.
  const Image turned =
      MustRead(WithSegment(MakeJpeg(Gradient(8, 16, 3)), 0xE1, ExifSegment(6)), nullptr, skip);
  EXPECT_EQ(turned.width(), 16u);
}

TEST(Metadata, BytesBehindAPngAreNamed) {
  Bytes file = PlainPng(Noise(2, 2, 3));
  file.insert(file.end(), 77, 'x');
  Warnings warnings;
  MustRead(file, &warnings);
  EXPECT_EQ(warnings,
            (Warnings{{warning_code::kSurplus, "PNG: 77 bytes behind the picture are not kept"}}));
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
