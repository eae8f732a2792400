#include "halfmoon/image.h"

#include <gtest/gtest.h>

#include <cstring>
#include <type_traits>

namespace halfmoon {
namespace {

static_assert(!std::is_copy_constructible_v<Image> && !std::is_copy_assignable_v<Image>);
static_assert(std::is_nothrow_move_constructible_v<Image>);

TEST(Image, CreateMakesBlackPixelsInRowOrder) {
  Result<Image> image = Image::Create(5, 3, 3);
  ASSERT_TRUE(image.ok()) << image.status().message();
  EXPECT_EQ(image->width(), 5u);
  EXPECT_EQ(image->height(), 3u);
  EXPECT_EQ(image->channels(), 3u);
  EXPECT_EQ(image->bit_depth(), 8u);
  EXPECT_EQ(image->stride(), 15u);
  EXPECT_EQ(image->pixels(), 15u);
  ASSERT_EQ(image->samples().size(), 45u);
  for (const std::uint8_t sample : image->samples()) EXPECT_EQ(sample, 0);
  EXPECT_EQ(image->row(2), image->samples().data() + 30);
}

TEST(Image, CreateRefusesBadShapes) {
  EXPECT_EQ(Image::Create(0, 3, 3).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Image::Create(3, 0, 3).status().code(), StatusCode::kInvalidArgument);
  for (const std::uint32_t channels : {0u, 5u, 1000u}) {
    EXPECT_EQ(Image::Create(3, 3, channels).status().code(), StatusCode::kInvalidArgument);
  }
}

TEST(Image, CreateEnforcesLimits) {
  EXPECT_TRUE(Image::Create(65535, 1, 1).ok());
  EXPECT_EQ(Image::Create(65536, 1, 1).status().code(), StatusCode::kLimitExceeded);
  EXPECT_EQ(Image::Create(1, 65536, 1).status().code(), StatusCode::kLimitExceeded);
  EXPECT_EQ(Image::Create(0xFFFFFFFFu, 0xFFFFFFFFu, 3).status().code(), StatusCode::kLimitExceeded);
  // 2^28 pixels are allowed, one row more is not; checked without allocating either.
  EXPECT_TRUE(CheckImageSize(16384, 16384).ok());
  const Status above = CheckImageSize(16384, 16385);
  EXPECT_EQ(above.code(), StatusCode::kLimitExceeded);
  EXPECT_NE(above.message().find("268451840"), std::string::npos) << above.message();
  EXPECT_TRUE(CheckImageSize(16384, 16385, 1ull << 30).ok());
  EXPECT_TRUE(Image::Create(10, 10, 3, 100).ok());
  EXPECT_EQ(Image::Create(10, 10, 3, 99).status().code(), StatusCode::kLimitExceeded);
}

TEST(Image, SixteenBitSamplesAndAlpha) {
  Result<Image> image = Image::Create({5, 3, 4, 16});
  ASSERT_TRUE(image.ok()) << image.status().message();
  EXPECT_EQ(image->stride(), 40u);
  EXPECT_EQ(image->samples().size(), 120u);
  EXPECT_TRUE(image->has_alpha());
  image->row16(2)[19] = 0x1234;
  std::uint16_t last = 0;
  std::memcpy(&last, image->samples().data() + 118, 2);
  EXPECT_EQ(last, 0x1234);
  EXPECT_EQ(image->view().row16(2)[19], 0x1234);
  EXPECT_TRUE(image->view().Validate().ok());
  EXPECT_EQ(Image::Create({5, 3, 3, 12}).status().code(), StatusCode::kInvalidArgument);
}

TEST(Image, MetadataMovesAndIsCloned) {
  Result<Image> image = Image::Create(2, 2, 3);
  ASSERT_TRUE(image.ok());
  Metadata metadata;
  metadata.exif = {'I', 'I'};
  metadata.xmp = {'<'};
  metadata.colour.gamma = 45455;
  image->set_metadata(metadata);
  const Result<Image> copy = image->Clone();
  ASSERT_TRUE(copy.ok());
  const Image moved = std::move(image).value();
  for (const Image* found : {&*copy, &moved}) {
    EXPECT_EQ(found->metadata().exif, metadata.exif);
    EXPECT_EQ(found->view().xmp.size(), 1u);
    EXPECT_EQ(found->metadata().colour.gamma, 45455u);
  }
}

TEST(Image, CloneIsIndependent) {
  Result<Image> image = Image::Create(2, 2, 1);
  ASSERT_TRUE(image.ok());
  image->samples()[3] = 7;
  image->set_icc({1, 2, 3});
  Result<Image> copy = image->Clone();
  ASSERT_TRUE(copy.ok());
  image->samples()[3] = 9;
  EXPECT_EQ(copy->samples()[3], 7);
  EXPECT_EQ(copy->width(), 2u);
  EXPECT_EQ(copy->icc(), (std::vector<std::uint8_t>{1, 2, 3}));
}

TEST(Image, MovedFromIsEmpty) {
  Result<Image> made = Image::Create(2, 3, 3);
  ASSERT_TRUE(made.ok());
  Image from = std::move(made).value();
  const Image to = std::move(from);
  EXPECT_EQ(to.width(), 2u);
  EXPECT_EQ(to.samples().size(), 18u);
  EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(from.width(), 0u);
  EXPECT_EQ(from.height(), 0u);
  EXPECT_EQ(from.stride(), 0u);
}

TEST(ImageView, DescribesTheImage) {
  Result<Image> image = Image::Create(4, 2, 3);
  ASSERT_TRUE(image.ok());
  image->set_icc({9});
  const ImageView view = image->view();
  EXPECT_TRUE(view.Validate().ok());
  EXPECT_EQ(view.stride, 12u);
  EXPECT_EQ(view.row_bytes(), 12u);
  EXPECT_EQ(view.row(1), image->row(1));
  EXPECT_EQ(view.icc.size(), 1u);
}

TEST(ImageView, ValidateNamesTheBadField) {
  const std::uint8_t pixels[64] = {};
  const ImageView good = {pixels, 4, 4, 3, 8, 12, {}, {}, {}, {}};
  ASSERT_TRUE(good.Validate().ok());
  const auto expect_refused = [](const ImageView& view, const char* word) {
    const Status status = view.Validate();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(word), std::string::npos) << status.message();
  };
  ImageView bad = good;
  bad.data = nullptr;
  expect_refused(bad, "no pixels");
  bad = good;
  bad.width = 0;
  expect_refused(bad, "size");
  bad = good;
  bad.height = 65536;
  expect_refused(bad, "size");
  bad = good;
  bad.channels = 5;
  expect_refused(bad, "channels");
  bad = good;
  bad.bit_depth = 12;
  expect_refused(bad, "bits");
  bad = good;
  bad.bit_depth = 16;  // rows need 24 bytes now
  expect_refused(bad, "stride");
  bad.stride = 25;
  expect_refused(bad, "even");
  bad.stride = 26;
  bad.data = pixels + 1;
  expect_refused(bad, "even");
  bad = good;
  bad.stride = 11;
  expect_refused(bad, "stride");
}

}  // namespace
}  // namespace halfmoon
