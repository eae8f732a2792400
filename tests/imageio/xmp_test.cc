// Edits of XMP packets.
#include "codec/imageio/xmp.h"

#include <gtest/gtest.h>

#include "tests/imageio/test_pictures.h"

namespace halfmoon {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): helpers of this folder
using imageio::PromisesFilm;
using imageio::PromisesGainMap;
using imageio::ResetXmpOrientation;

TEST(Xmp, OrientationIsResetInPlace) {
  const auto reset = [](std::string_view text, int found) {
    Bytes packet(text.begin(), text.end());
    EXPECT_EQ(ResetXmpOrientation(packet), found) << text;
    return Text(packet);
  };
  EXPECT_EQ(reset("<a tiff:Orientation=\"6\"/>", 1), "<a tiff:Orientation=\"1\"/>");
  EXPECT_EQ(reset("<a tiff:Orientation = '8' b='6'/>", 1), "<a tiff:Orientation = '1' b='6'/>");
  EXPECT_EQ(reset("<tiff:Orientation> 3 </tiff:Orientation>", 1),
            "<tiff:Orientation> 1 </tiff:Orientation>");
  EXPECT_EQ(reset("tiff:Orientation=\"5\" <tiff:Orientation>7<", 2),
            "tiff:Orientation=\"1\" <tiff:Orientation>1<");
  for (const std::string_view other :
       {"", "tiff:Orientation", "tiff:Orientation=", "tiff:Orientation=\"", "tiff:Orientation=\"6",
        "tiff:Orientation=\"66\"", "tiff:Orientation=\"9\"", "tiff:OrientationX=\"6\"",
        "exif:Orientation=\"6\""}) {
    EXPECT_EQ(reset(other, 0), other);
  }
}

std::string Edited(std::string_view text, void (*edit)(std::span<std::uint8_t>)) {
  Bytes packet(text.begin(), text.end());
  edit(packet);
  return Text(packet);
}

TEST(Xmp, GainMapsAreTakenOut) {
  constexpr std::string_view kPrimary =
      "<rdf:li rdf:parseType='Resource'><Container:Item Item:Semantic='Primary'/></rdf:li>";
  constexpr std::string_view kItem =
      "<rdf:li rdf:parseType='Resource'><Container:Item Item:Semantic=\"GainMap\" "
      "Item:Length='636'/></rdf:li>";
  constexpr std::string_view kElement =
      "<rdf:li><Container:Item><Item:Semantic> GainMap </Item:Semantic></Container:Item></rdf:li>";
  const auto blank = [](std::string_view text) { return std::string(text.size(), ' '); };
  const std::string head = "<a hdrgm:Version=\"1.0\" b='1'>";
  for (const std::string_view item : {kItem, kElement}) {
    const std::string before = head + std::string(kPrimary) + std::string(item) + "</a>";
    EXPECT_TRUE(PromisesGainMap(AsBytes(before)));
    const std::string after = Edited(before, &imageio::TakeOutGainMap);
    EXPECT_EQ(after, "<a " + blank("hdrgm:Version=\"1.0\"") + " b='1'>" + std::string(kPrimary) +
                         blank(item) + "</a>");
    EXPECT_FALSE(PromisesGainMap(AsBytes(after)));
  }
  EXPECT_EQ(Edited("<b><hdrgm:Version>1.0</hdrgm:Version></b>", &imageio::TakeOutGainMap),
            "<b>" + blank("<hdrgm:Version>1.0</hdrgm:Version>") + "</b>");
  // What is of another form stays as it is.
  for (const std::string_view other :
       {"", "hdrgm:Version", "hdrgm:Version=", "<hdrgm:Version>1.0", "Item:Semantic=\"GainMap\"",
        "<rdf:li></rdf:li> x:Semantic='GainMap' </rdf:li>", "Item:Semantic='Primary'"}) {
    EXPECT_EQ(Edited(other, &imageio::TakeOutGainMap), other);
  }
}

TEST(Xmp, FilmsAreTakenOut) {
  EXPECT_EQ(Edited("<a GCamera:MotionPhoto=\"1\" GCamera:MotionPhotoVersion=\"1\"/>",
                   &imageio::TakeOutFilm),
            "<a GCamera:MotionPhoto=\"0\" GCamera:MotionPhotoVersion=\"1\"/>");
  EXPECT_EQ(Edited("<Camera:MicroVideo>1</Camera:MicroVideo>", &imageio::TakeOutFilm),
            "<Camera:MicroVideo>0</Camera:MicroVideo>");
  const std::string item = "<rdf:li><c:Item i:Semantic='MotionPhoto'/></rdf:li>";
  EXPECT_EQ(Edited(item, &imageio::TakeOutFilm), std::string(item.size(), ' '));
  for (const std::string_view promise :
       {"GCamera:MotionPhoto=\"1\"", "x:MicroVideo='1'", "i:Semantic='MotionPhoto'"}) {
    EXPECT_TRUE(PromisesFilm(AsBytes(promise))) << promise;
  }
  for (const std::string_view none :
       {"GCamera:MotionPhoto=\"0\"", "MotionPhotoVersion='1'", "x:MicroVideoOffset='1'"}) {
    EXPECT_FALSE(PromisesFilm(AsBytes(none))) << none;
  }
}

// Values that never end are not searched for the rest of the packet, once for each.
TEST(Xmp, PacketsMadeToWasteTimeDoNot) {
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += "tiff:Orientation>";
  Bytes packet(text.begin(), text.end());
  EXPECT_EQ(ResetXmpOrientation(packet), 0);
}

}  // namespace
}  // namespace halfmoon
