// JPEG files as cameras, phones and scanners write them: faults that cost no pixel, what lies
// behind the picture, and damage that must stay an error.
#include <gtest/gtest.h>

#include <algorithm>

#include "codec/imageio/image_io.h"
#include "tests/imageio/test_pictures.h"

namespace halfmoon {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): helpers of this folder

Bytes Picture() { return MakeJpeg(Noise(64, 48, 3), {.quality = 60}); }

std::size_t FindMarker(const Bytes& jpeg, std::uint8_t marker, std::size_t from = 2) {
  for (std::size_t i = from; i + 1 < jpeg.size(); ++i) {
    if (jpeg[i] == 0xFF && jpeg[i + 1] == marker) return i;
  }
  ADD_FAILURE() << "no marker " << int{marker};
  return 0;
}

Bytes Inserted(Bytes file, std::size_t at, const Bytes& what) {
  file.insert(file.begin() + static_cast<std::ptrdiff_t>(at), what.begin(), what.end());
  return file;
}

Bytes Cat(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Read with at most `most` warnings, and the pixels of `good`.
void ExpectSame(const Bytes& file, const Bytes& good, std::size_t most, const char* what) {
  Warnings warnings;
  const auto image = ReadImage(file, {}, &warnings);
  ASSERT_TRUE(image.ok()) << what << ": " << image.status().message();
  EXPECT_TRUE(SamePixels(*image, *ReadImage(good))) << what;
  EXPECT_LE(warnings.size(), most) << what;
}

void ExpectRefused(const Bytes& file, StatusCode code, const char* what) {
  const auto image = ReadImage(file);
  ASSERT_FALSE(image.ok()) << what;
  EXPECT_EQ(StatusCodeName(image.status().code()), StatusCodeName(code))
      << what << ": " << image.status().message();
}

TEST(CameraJpeg, WrongScanParametersOfSequentialFiles) {
  for (const JpegRecipe& recipe :
       {JpegRecipe{}, JpegRecipe{.h_factor = 2, .v_factor = 2}, JpegRecipe{.restart_interval = 2},
        JpegRecipe{.arithmetic = true}}) {
    const Bytes good = MakeJpeg(Noise(64, 48, 3), recipe);
    const std::size_t parameters = FindMarker(good, 0xDA) + 2 + 2 + 1 + 2 * 3;
    for (const Bytes& ss_se_ahal : {Bytes{0, 0, 0}, Bytes{0, 63, 0x10}, Bytes{1, 63, 0},
                                    Bytes{0, 0, 0x21}, Bytes{63, 0, 0xFF}}) {
      Bytes file = good;
      std::copy(ss_se_ahal.begin(), ss_se_ahal.end(),
                file.begin() + static_cast<std::ptrdiff_t>(parameters));
      ExpectSame(file, good, 1, "SOS");
    }
  }
}

TEST(CameraJpeg, StrayBytesBetweenSegments) {
  const Bytes good = Picture();
  const Bytes progressive = MakeJpeg(Noise(64, 48, 3), {.progressive = true});
  for (const Bytes& jpeg : {good, progressive}) {
    const std::uint8_t frame = jpeg == good ? 0xC0 : 0xC2;
    for (const std::uint8_t marker :
         std::initializer_list<std::uint8_t>{0xE0, 0xDB, frame, 0xC4, 0xDA}) {
      for (const Bytes& stray : {Bytes{0}, Bytes{1, 2, 3}, Bytes{0xFF, 0xFF}, Bytes{0xFF, 0, 7},
                                 Bytes(1000, 0xA5), Bytes{0x9D, 0x31, 0xE2, 0x44, 0xB7}}) {
        ExpectSame(Inserted(jpeg, FindMarker(jpeg, marker), stray), jpeg, 1, "between segments");
      }
    }
  }
}

TEST(CameraJpeg, FillBehindThePackedData) {
  const Bytes good = Picture();
  const std::size_t end = good.size() - 2;
  for (const std::size_t count : {1u, 8u, 9u, 64u, 5000u}) {
    for (const std::uint8_t value : std::initializer_list<std::uint8_t>{0x00, 0xFF, 0xAA, 0x20}) {
      if (value == 0xAA && count < 32) continue;  // too few to tell from packed data
      ExpectSame(Inserted(good, end, Bytes(count, value)), good, 1, "before EOI");
    }
  }
  const std::string text = "made by a camera that signs its files";
  ExpectSame(Inserted(good, end, Bytes(text.begin(), text.end())), good, 1, "text before EOI");
  // Between the scans of a progressive file.
  const Bytes progressive = MakeJpeg(Noise(64, 48, 3), {.progressive = true});
  const std::size_t second = FindMarker(progressive, 0xC4, FindMarker(progressive, 0xDA));
  ExpectSame(Inserted(progressive, second, Bytes(40, 0)), progressive, 1, "between scans");
}

TEST(CameraJpeg, DamageStaysAnError) {
  const Bytes good = MakeJpeg(Noise(64, 48, 3), {.restart_interval = 2, .quality = 60});
  Bytes file = good;
  file[FindMarker(file, 0xD1) + 1] = 0xD3;
  ExpectRefused(file, StatusCode::kCorrupt, "RST out of order");
  file = good;
  file.resize(file.size() - 2);
  ExpectRefused(file, StatusCode::kTruncated, "no EOI");
  // Zeros where a part of the packed data was, up to a restart marker.
  ExpectRefused(Inserted(good, FindMarker(good, 0xD2), Bytes(40, 0)), StatusCode::kCorrupt,
                "bytes before RST");
  const Bytes plain = Picture();
  const std::size_t scan = FindMarker(plain, 0xDA);
  const auto at = [](Bytes& bytes, std::size_t index) {
    return bytes.begin() + static_cast<std::ptrdiff_t>(index);
  };
  file = plain;
  file.erase(at(file, scan + 200), at(file, scan + 400));
  ExpectRefused(file, StatusCode::kTruncated, "a hole in the packed data");
  // Packed data twice: a remainder that looks like a part of the picture.
  file = plain;
  const Bytes again(at(file, scan + 200), at(file, scan + 400));
  file = Inserted(file, scan + 400, again);
  ExpectRefused(file, StatusCode::kCorrupt, "a part twice");
}

// Of single wrong bytes in the packed data those that are noticed at all are errors. Only some can
// be noticed: JPEG has no checksum.
TEST(CameraJpeg, RemaindersOfDamageAreNoFill) {
  const Bytes good = Picture();
  const Image whole = *ReadImage(good);
  const std::size_t scan = FindMarker(good, 0xDA) + 14;
  int refused = 0, tried = 0, warned = 0;
  for (std::size_t i = scan; i + 40 < good.size(); i += 3) {
    if (good[i] == 0xFF || good[i - 1] == 0xFF) continue;
    Bytes bad = good;
    bad[i] = bad[i] == 0x5A ? 0x33 : 0x5A;
    Warnings warnings;
    const auto image = ReadImage(bad, {}, &warnings);
    ++tried;
    refused += !image.ok();
    warned += image.ok() && !warnings.empty();
  }
  EXPECT_GT(refused, tried / 4) << "of " << tried;
  EXPECT_LE(warned, tried / 50) << "of " << tried;
}

TEST(CameraJpeg, ScansThatAreMissing) {
  const Image image = Noise(64, 48, 3);
  const Bytes progressive = MakeJpeg(image, {.progressive = true});
  // The first of several scans, and the end.
  const std::size_t first = FindMarker(progressive, 0xDA);
  const std::size_t second = FindMarker(progressive, 0xC4, first);
  Bytes early(progressive.begin(), progressive.begin() + static_cast<std::ptrdiff_t>(second));
  early = Cat(early, {0xFF, 0xD9});
  Warnings warnings;
  ASSERT_TRUE(ReadImage(early, {}, &warnings).ok());
  EXPECT_TRUE(Mentions(warnings, "scans are not in the file"));
  // Without the DC scan, whose coefficients are 0 then.
  Bytes no_dc(progressive.begin(), progressive.begin() + static_cast<std::ptrdiff_t>(first));
  no_dc.insert(no_dc.end(), progressive.begin() + static_cast<std::ptrdiff_t>(second),
               progressive.end());
  warnings.clear();
  const auto without = ReadImage(no_dc, {}, &warnings);
  if (without.ok()) {  // else the refinement of DC is out of order
    EXPECT_TRUE(Mentions(warnings, "scans are not in the file"));
  } else {
    EXPECT_EQ(without.status().code(), StatusCode::kCorrupt) << without.status().message();
  }
  warnings.clear();
  ASSERT_TRUE(ReadImage(progressive, {}, &warnings).ok());
  EXPECT_TRUE(warnings.empty());
}

// --- Behind the picture --------------------------------------------------------------------------

Bytes XmpSegment(std::string_view packet) {
  const std::string_view name("http://ns.adobe.com/xap/1.0/\0", 29);
  Bytes body(name.begin(), name.end());
  body.insert(body.end(), packet.begin(), packet.end());
  return body;
}

constexpr std::string_view kGainMapPromise =
    "<x hdrgm:Version=\"1.0\"><rdf:li><i Item:Semantic=\"GainMap\"/></rdf:li></x>";
constexpr std::string_view kFilmPromise = "<x GCamera:MotionPhoto=\"1\"/>";

struct Read {
  Image image;
  Warnings warnings;
  bool Has(std::string_view code) const {
    return std::any_of(warnings.begin(), warnings.end(),
                       [&](const Warning& w) { return w.code == code; });
  }
};

Read MustRead(const Bytes& file) {
  Read read;
  auto image = ReadImage(file, {}, &read.warnings);
  EXPECT_TRUE(image.ok()) << image.status().message();
  if (image.ok()) read.image = std::move(*image);
  return read;
}

Bytes Film() {
  Bytes film = {0, 0, 0, 24, 'f', 't', 'y', 'p', 'm', 'p', '4', '2'};
  film.resize(400, 7);
  return film;
}

TEST(JpegSupplements, GainMapsAreNamed) {
  const Bytes picture = Picture();
  const Bytes small = MakeJpeg(Gradient(16, 12, 1));
  const std::string_view iso("urn:iso:std:iso:ts:21496:-1\0", 28);
  // Adobe's and Google's, by the second picture or by the first alone; Apple's; ISO's.
  const std::vector<std::pair<const char*, Bytes>> files = {
      {"Ultra HDR",
       Cat(WithSegment(picture, 0xE1, XmpSegment(kGainMapPromise)),
           WithSegment(small, 0xE1,
                       XmpSegment("xmlns:hdrgm='http://ns.adobe.com/hdr-gain-map/1.0/'")))},
      {"promised", Cat(WithSegment(picture, 0xE1, XmpSegment(kGainMapPromise)), small)},
      {"Apple", Cat(WithSegment(picture, 0xE2, std::string_view("MPF\0II*\0", 8)),
                    WithSegment(small, 0xE1, XmpSegment("HDRGainMap:HDRGainMapVersion='65536'")))},
      {"ISO", Cat(picture, WithSegment(small, 0xE2, iso))},
      {"padded", Cat(Cat(picture, Bytes(100, 0)), WithSegment(small, 0xE2, iso))},
  };
  for (const auto& [name, file] : files) {
    const Read read = MustRead(file);
    EXPECT_TRUE(SamePixels(read.image, *ReadImage(picture))) << name;
    ASSERT_EQ(read.warnings.size(), 1u) << name;
    EXPECT_EQ(read.warnings[0].code, warning_code::kGainMap) << name;
    // What the packet promised, it promises no more.
    const std::string xmp = Text(read.image.metadata().xmp);
    EXPECT_EQ(xmp.find("GainMap"), std::string::npos) << xmp;
    EXPECT_EQ(xmp.find("hdrgm:Version"), std::string::npos) << xmp;
    EXPECT_EQ(Mentions(read.warnings, "XMP promises no gain map"), !xmp.empty()) << name;
  }
}

TEST(JpegSupplements, FilmsAreNamed) {
  const Bytes picture = Picture();
  Bytes samsung = {0, 0, 0x30, 0x0A, 0x10, 0, 0, 0};
  const std::string_view name = "MotionPhoto_Data";
  samsung.insert(samsung.end(), name.begin(), name.end());
  const Bytes promised = WithSegment(picture, 0xE1, XmpSegment(kFilmPromise));
  for (const Bytes& file :
       {Cat(picture, Film()), Cat(promised, Film()), Cat(picture, Cat(samsung, Film())),
        Cat(promised, Bytes(300, 9)), Cat(Cat(picture, Bytes(33, 0)), Film())}) {
    const Read read = MustRead(file);
    ASSERT_EQ(read.warnings.size(), 1u);
    EXPECT_EQ(read.warnings[0].code, warning_code::kFilm) << read.warnings[0].text;
    const std::string xmp = Text(read.image.metadata().xmp);
    EXPECT_TRUE(xmp.empty() || xmp == "<x GCamera:MotionPhoto=\"0\"/>") << xmp;
  }
  // A gain map and a film.
  const Bytes both = Cat(
      Cat(WithSegment(promised, 0xE2, "MPF"), WithSegment(picture, 0xE1, XmpSegment("HDRGainMap"))),
      Film());
  const Read read = MustRead(both);
  EXPECT_EQ(read.warnings.size(), 2u);
  EXPECT_TRUE(read.Has(warning_code::kGainMap) && read.Has(warning_code::kFilm));
}

TEST(JpegSupplements, OtherThingsAreNamed) {
  const Bytes picture = Picture();
  Read read = MustRead(Cat(picture, Cat(picture, picture)));
  EXPECT_EQ(read.warnings,
            (Warnings{{warning_code::kSurplus, "2 further picture(s) in the file are not kept"}}));
  read = MustRead(Cat(picture, Bytes(100, 'x')));
  EXPECT_EQ(
      read.warnings,
      (Warnings{{warning_code::kSurplus, "JPEG: 100 bytes behind the picture are not kept"}}));
  EXPECT_TRUE(MustRead(Cat(picture, Bytes(100, 0))).warnings.empty());
  // Nothing behind the picture, so nothing is lost; a thumbnail in EXIF is no further picture.
  const Read kept = MustRead(WithSegment(picture, 0xE1, XmpSegment(kGainMapPromise)));
  EXPECT_TRUE(kept.warnings.empty());
  EXPECT_EQ(Text(kept.image.metadata().xmp), kGainMapPromise);
  Bytes exif = ExifSegment(1);
  EXPECT_TRUE(MustRead(WithSegment(picture, 0xE1, Cat(exif, MakeJpeg(Gradient(8, 8, 3)))))
                  .warnings.empty());
}

}  // namespace
}  // namespace halfmoon
