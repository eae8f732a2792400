// Row by row: the same pixels and bytes as whole pictures; misuse and failing sinks are errors.
#include "codec/imageio/rows.h"

#include <gtest/gtest.h>

#include "codec/imageio/image_io.h"
#include "tests/imageio/test_pictures.h"

namespace halfmoon {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): helpers of this folder

constexpr ImageFormat kFormats[] = {ImageFormat::kPng, ImageFormat::kJpeg, ImageFormat::kPnm,
                                    ImageFormat::kPam};

Image ByRows(const Bytes& file, std::uint64_t* memory = nullptr) {
  const auto reader = OpenRows(file);
  EXPECT_TRUE(reader.ok()) << reader.status().message();
  if (!reader.ok()) return Image();
  Result<Image> image = Image::Create((*reader)->shape());
  EXPECT_TRUE(image.ok());
  for (std::uint32_t y = 0; y < image->height(); ++y) {
    const Status status = (*reader)->ReadRow({image->row(y), image->stride()});
    EXPECT_TRUE(status.ok()) << status.message();
  }
  EXPECT_TRUE((*reader)->Finish().ok());
  if (memory != nullptr) *memory = (*reader)->memory_bytes();
  return std::move(image).value();
}

TEST(Rows, GiveThePixelsOfTheWholePicture) {
  for (const ImageFormat format : kFormats) {
    const auto file = WriteImage(Noise(33, 20, 3), format);
    ASSERT_TRUE(file.ok());
    const auto whole = ReadImage(*file);
    ASSERT_TRUE(whole.ok());
    EXPECT_TRUE(SamePixels(ByRows(*file), *whole)) << ImageFormatName(format);
  }
  std::uint64_t memory = 0;
  const Bytes turned = WithChunk(PlainPng(Noise(6, 4, 3)), "eXIf", TiffWithOrientation(6, true));
  const auto upright = ReadImage(turned);
  ASSERT_TRUE(upright.ok());
  EXPECT_TRUE(SamePixels(ByRows(turned, &memory), *upright));
  EXPECT_EQ(memory, 6u * 4 * 3);
  const Bytes plain = PlainPng(Noise(6, 4, 3));
  ByRows(plain, &memory);
  EXPECT_EQ(memory, 0u);
  // Interlaced: 1 x 1 pixels have one pass, and one byte of memory.
  const Bytes interlaced = PngBuilder().Header(1, 1, 8, 0, 1).Pixels(Bytes{0, 77}).End();
  EXPECT_EQ(ByRows(interlaced, &memory).row(0)[0], 77);
  EXPECT_EQ(memory, 1u);
}

TEST(Rows, WriteTheBytesOfTheWholePicture) {
  Image image = Noise(31, 17, 3);
  Metadata metadata;
  metadata.exif = TiffWithOrientation(1, true);
  image.set_metadata(metadata);
  for (const ImageFormat format : kFormats) {
    const auto whole = WriteImage(image, format);
    ASSERT_TRUE(whole.ok());
    Bytes out;
    const auto writer = CreateRows(image.shape(), image.view(), format, {},
                                   [&out](std::span<const std::uint8_t> bytes) {
                                     out.insert(out.end(), bytes.begin(), bytes.end());
                                     return Status::Ok();
                                   });
    ASSERT_TRUE(writer.ok());
    for (std::uint32_t y = 0; y < image.height(); ++y) {
      ASSERT_TRUE((*writer)->WriteRow({image.row(y), image.stride()}).ok());
    }
    ASSERT_TRUE((*writer)->Finish().ok());
    EXPECT_EQ(out, *whole) << ImageFormatName(format);
  }
}

TEST(Rows, MisuseIsAnError) {
  const Image image = Noise(5, 2, 3);
  Bytes row(15);
  for (const ImageFormat format : kFormats) {
    const auto file = WriteImage(image, format);
    ASSERT_TRUE(file.ok());
    const auto reader = OpenRows(*file);
    ASSERT_TRUE(reader.ok());
    EXPECT_EQ((*reader)->ReadRow(std::span(row).first(14)).code(), StatusCode::kInvalidArgument);
    EXPECT_TRUE((*reader)->ReadRow(row).ok());
    EXPECT_EQ((*reader)->Finish().code(), StatusCode::kInvalidArgument);
    EXPECT_TRUE((*reader)->ReadRow(row).ok());
    EXPECT_EQ((*reader)->ReadRow(row).code(), StatusCode::kInvalidArgument);
    EXPECT_TRUE((*reader)->Finish().ok());

    const auto writer = CreateRows(image.shape(), {}, format, {},
                                   [](std::span<const std::uint8_t>) { return Status::Ok(); });
    ASSERT_TRUE(writer.ok());
    EXPECT_EQ((*writer)->WriteRow(std::span(row).first(14)).code(), StatusCode::kInvalidArgument);
    EXPECT_TRUE((*writer)->WriteRow(row).ok());
    EXPECT_EQ((*writer)->Finish().code(), StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(CreateRows({0, 1, 3, 8}, {}, ImageFormat::kPng, {}, {}).status().code(),
            StatusCode::kInvalidArgument);
}

TEST(Rows, AFailingSinkEndsTheWriting) {
  const Image image = Noise(200, 200, 3);
  for (const ImageFormat format : kFormats) {
    for (const std::size_t room : {std::size_t{0}, std::size_t{70'000}}) {
      std::size_t taken = 0;
      const Status status =
          WriteRows(image.view(), format, {}, [&](std::span<const std::uint8_t> b) {
            taken += b.size();
            return taken > room ? Status(StatusCode::kIo, "disk full") : Status::Ok();
          });
      EXPECT_EQ(status.code(), StatusCode::kIo) << ImageFormatName(format);
      EXPECT_EQ(status.message(), "disk full");
    }
    const Status thrown =
        WriteRows(image.view(), format, {},
                  [](std::span<const std::uint8_t>) -> Status { throw std::bad_alloc(); });
    EXPECT_EQ(thrown.code(), StatusCode::kOutOfMemory);
  }
}

}  // namespace
}  // namespace halfmoon
