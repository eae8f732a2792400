#include "codec/imageio/image_io.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "codec/io/atomic_file.h"
#include "codec/io/read_file.h"
#include "tests/imageio/test_pictures.h"

namespace halfmoon {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): helpers of this folder

TEST(ImageFormatFromPath, KnowsEndingsInAnyCase) {
  for (const char* path : {"a.png", "A.PNG", "x/y.z/a.b.pNg", ".png"}) {
    const auto format = ImageFormatFromPath(path);
    ASSERT_TRUE(format.ok()) << path;
    EXPECT_EQ(*format, ImageFormat::kPng);
  }
  for (const char* path : {"a.jpg", "A.JPG", "a.jpeg", "dir.png/a.JpEg"}) {
    const auto format = ImageFormatFromPath(path);
    ASSERT_TRUE(format.ok()) << path;
    EXPECT_EQ(*format, ImageFormat::kJpeg);
  }
}

TEST(ImageFormatFromPath, KnowsNetpbm) {
  for (const auto& [path, wanted] :
       {std::pair{"a.ppm", ImageFormat::kPpm}, std::pair{"A.PGM", ImageFormat::kPgm},
        std::pair{"b.pnm", ImageFormat::kPnm}, std::pair{"a.pam", ImageFormat::kPam}}) {
    const auto format = ImageFormatFromPath(path);
    ASSERT_TRUE(format.ok()) << path;
    EXPECT_EQ(*format, wanted) << path;
  }
}

TEST(ImageFormatFromPath, ListsTheEndingsOtherwise) {
  for (const char* path : {"a.gif", "png", "a.png/b", "a.png.", "", "a.pngx", "jpg"}) {
    const auto format = ImageFormatFromPath(path);
    ASSERT_FALSE(format.ok()) << path;
    EXPECT_EQ(format.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(format.status().message().find(
                  ".png, .jpg, .jpeg, .jpe, .jfif, .jif, .ppm, .pgm, .pnm or .pam"),
              std::string::npos);
  }
}

TEST(ReadableEndings, AreThoseThatAreWrittenAndMore) {
  const std::vector<std::string> endings = ReadableEndings();
  for (const char* name : {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".ppm", ".pgm",
                           ".pbm", ".pnm", ".pam"}) {
    EXPECT_NE(std::find(endings.begin(), endings.end(), name), endings.end()) << name;
  }
  // A name that promises black and white, or an animation, is not written.
  EXPECT_FALSE(ImageFormatFromPath("a.pbm").ok());
  EXPECT_FALSE(ImageFormatFromPath("a.apng").ok());
}

TEST(ReadImage, NamesOtherFormats) {
  const auto expect = [](std::string_view bytes, StatusCode code, std::string_view word) {
    for (const Status& status :
         {ReadImage(AsBytes(bytes)).status(), ReadImageInfo(AsBytes(bytes)).status()}) {
      EXPECT_EQ(StatusCodeName(status.code()), StatusCodeName(code)) << status.message();
      EXPECT_NE(status.message().find(word), std::string::npos) << status.message();
    }
  };
  using namespace std::string_view_literals;
  expect("", StatusCode::kTruncated, "empty");
  expect("\x89"sv, StatusCode::kTruncated, "signature");
  expect("\x89PNG"sv, StatusCode::kTruncated, "signature");
  expect("\xFF\xD8"sv, StatusCode::kTruncated, "signature");
  expect("GIF89a......", StatusCode::kUnsupportedFeature, "GIF");
  expect("RIFF....WEBPVP8 ", StatusCode::kUnsupportedFeature, "WebP");
  expect("....ftypavif....", StatusCode::kUnsupportedFeature, "AVIF");
  expect("\xFF\x0A......"sv, StatusCode::kUnsupportedFeature, "JPEG XL");
  expect("II*\0...."sv, StatusCode::kUnsupportedFeature, "TIFF");
  expect("P7 332\n", StatusCode::kUnsupportedFeature, "xv thumbnail");
  expect("PF\n1 1\n-1.0\n", StatusCode::kUnsupportedFeature, "PFM");
  expect("P6", StatusCode::kTruncated, "signature");
  expect("P", StatusCode::kTruncated, "signature");
  expect("hello, world", StatusCode::kNotHalfmoon, "PNG, JPEG, PNM and PAM");
  expect("P6x", StatusCode::kNotHalfmoon, "PNG, JPEG, PNM and PAM");
  expect(std::string(100, '\0'), StatusCode::kNotHalfmoon, "PNG, JPEG, PNM and PAM");
}

TEST(ReadImage, FormatIsKnownByContentNotName) {
  const TempFolder folder;
  const Image image = Noise(6, 4, 3);
  const std::string path = folder.File("really_a_png.jpg");
  ASSERT_TRUE(WriteFile(path, PlainPng(image), false).ok());
  const auto read = ReadImageFile(path);
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_TRUE(SamePixels(*read, image));
}

TEST(WriteImage, ValidatesItsArguments) {
  const Image image = Noise(4, 4, 3);
  const auto refused = [&](ImageFormat format, auto change) {
    ImageWriteOptions options;
    change(&options);
    return WriteImage(image, format, options).status().code() == StatusCode::kInvalidArgument;
  };
  using Options = ImageWriteOptions;
  EXPECT_TRUE(refused(ImageFormat::kPng, [](Options* o) { o->png_level = -1; }));
  EXPECT_TRUE(refused(ImageFormat::kPng, [](Options* o) { o->png_level = 10; }));
  EXPECT_TRUE(refused(ImageFormat::kJpeg, [](Options* o) { o->jpeg_quality = 0; }));
  EXPECT_TRUE(refused(ImageFormat::kJpeg, [](Options* o) { o->jpeg_quality = 101; }));
  EXPECT_FALSE(refused(ImageFormat::kJpeg, [](Options* o) { o->jpeg_quality = 100; }));
  EXPECT_EQ(WriteImage(Image(), ImageFormat::kPng).status().code(), StatusCode::kInvalidArgument);
}

TEST(ImageFiles, MakeTheRoundTrip) {
  const TempFolder folder;
  const Image image = Gradient(40, 30, 3);
  ASSERT_TRUE(WriteImageFile(folder.File("a.png"), image.view()).ok());
  ASSERT_TRUE(WriteImageFile(folder.File("a.jpg"), image.view()).ok());
  const auto png = ReadImageFile(folder.File("a.png"));
  const auto jpeg = ReadImageFile(folder.File("a.jpg"));
  ASSERT_TRUE(png.ok() && jpeg.ok());
  EXPECT_TRUE(SamePixels(*png, image));
  EXPECT_LE(MaxDifference(*jpeg, image), 12);
  const auto info = ReadImageInfoFile(folder.File("a.jpg"));
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->format, ImageFormat::kJpeg);
  EXPECT_EQ(info->width, 40u);

  EXPECT_EQ(WriteImageFile(folder.File("a.png"), image.view()).code(), StatusCode::kFileExists);
  EXPECT_TRUE(WriteImageFile(folder.File("a.png"), image.view(), {}, true).ok());
  EXPECT_EQ(WriteImageFile(folder.File("a.bmp"), image.view()).code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(folder.Entries(), (std::vector<std::string>{"a.jpg", "a.png"}));
}

TEST(ImageFiles, ErrorsBeginWithThePath) {
  const TempFolder folder;
  const std::string path = folder.File("a.png");
  Bytes file = PlainPng(Noise(4, 4, 3));
  file.resize(file.size() - 5);
  ASSERT_TRUE(WriteFile(path, file, false).ok());
  const Status damaged = ReadImageFile(path).status();
  EXPECT_EQ(damaged.code(), StatusCode::kTruncated);
  EXPECT_EQ(damaged.message().rfind(path + ": ", 0), 0u) << damaged.message();
  EXPECT_EQ(ReadImageFile(folder.File("none.png")).status().code(), StatusCode::kIo);
  ImageReadOptions small;
  small.max_file_bytes = 10;
  EXPECT_EQ(ReadImageFile(path, small).status().code(), StatusCode::kLimitExceeded);
  // A failed write leaves nothing behind.
  EXPECT_FALSE(WriteImageFile(folder.File("b.png"), ImageView()).ok());
  EXPECT_EQ(folder.Entries(), std::vector<std::string>{"a.png"});
}

TEST(ImageFormatName, IsReadable) {
  EXPECT_EQ(ImageFormatName(ImageFormat::kPng), "PNG");
  EXPECT_EQ(ImageFormatName(ImageFormat::kJpeg), "JPEG");
  EXPECT_EQ(ImageFormatName(ImageFormat::kPnm), "PNM");
  EXPECT_EQ(ImageFormatName(ImageFormat::kPam), "PAM");
}

}  // namespace
}  // namespace halfmoon
