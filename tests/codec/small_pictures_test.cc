// Packs with labels from CSV and IDX files; grids, animations, resizing. No LibTorch.
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>

#include "codec/generate/picture_grid.h"
#include "codec/imageio/image_io.h"
#include "codec/io/gunzip.h"
#include "codec/packing/csv.h"
#include "codec/packing/labelled_pack.h"
#include "models/training/data/pack.h"

namespace halfmoon {
namespace {

namespace fs = std::filesystem;

class SmallPictures : public ::testing::Test {
 protected:
  SmallPictures() : dir_(::testing::TempDir() + "small_pictures_" + std::to_string(getpid())) {
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  ~SmallPictures() override { fs::remove_all(dir_); }

  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(dir_ + "/" + name, std::ios::binary) << text;
  }
  void WritePicture(const std::string& name, std::uint32_t channels, std::uint8_t value) const {
    Image image = std::move(Image::Create(4, 4, channels)).value();
    std::fill(image.samples().begin(), image.samples().end(), value);
    ASSERT_TRUE(WriteImageFile(dir_ + "/" + name, image.view()).ok());
  }
  CsvPackOptions Csv() const {
    CsvPackOptions o;
    o.directory = dir_;
    o.csv = dir_ + "/list.csv";
    o.validation_every = 2;
    return o;
  }
  std::string dir_;
};

std::string Gzip(const std::string& text) {
  z_stream z = {};
  EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(text.size() + 200, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

std::string Idx(const std::vector<std::uint32_t>& sizes, const std::string& values) {
  std::string s = {0, 0, 8, static_cast<char>(sizes.size())};
  for (const std::uint32_t n : sizes) {
    for (int shift = 24; shift >= 0; shift -= 8) s.push_back(static_cast<char>(n >> shift));
  }
  return s + values;
}

std::span<const std::uint8_t> Bytes(const std::string& s) {
  return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()};
}

TEST(Csv, QuotesCommasAndLineEnds) {
  const auto t = ParseCsv("file,name\r\na.png,\"one, \"\"two\"\"\"\n\nb.png,\"line\nfeed\"");
  ASSERT_TRUE(t.ok()) << t.status().message();
  ASSERT_EQ(t->rows.size(), 2u);
  EXPECT_EQ(t->rows[0][1], "one, \"two\"");
  EXPECT_EQ(t->rows[1][1], "line\nfeed");
  EXPECT_EQ(t->Find({"caption", "name"}), 1);
  EXPECT_NE(ParseCsv("a,b\n1\n").status().message().find("line 2 has 1 fields"), std::string::npos);
  EXPECT_NE(ParseCsv("a\n\"x").status().message().find("opens a quote"), std::string::npos);
  EXPECT_FALSE(ParseCsv("").ok());
}

TEST(Gunzip, UnpacksMembersAndFindsDamage) {
  const std::string packed = Gzip("moon") + Gzip("light");
  const auto text = Gunzip(Bytes(packed));
  ASSERT_TRUE(text.ok()) << text.status().message();
  EXPECT_EQ(std::string(text->begin(), text->end()), "moonlight");
  EXPECT_EQ(Gunzip(Bytes(packed).first(packed.size() - 3)).status().code(), StatusCode::kTruncated);
  std::string damaged = packed;
  damaged[packed.size() - 6] ^= 1;  // the checksum
  EXPECT_EQ(Gunzip(Bytes(damaged)).status().code(), StatusCode::kCorrupt);
  EXPECT_EQ(Gunzip(Bytes(packed), 8).status().code(), StatusCode::kLimitExceeded);
  EXPECT_EQ(Gunzip(Bytes("plain"))->size(), 5u);
}

TEST_F(SmallPictures, ACsvGivesCaptionsClassesAndAWhiteGround) {
  WritePicture("a.png", 1, 10);
  WritePicture("b.png", 3, 20);
  WritePicture("c.png", 4, 0);  // transparent
  Write("list.csv", "file,name,kind,keep\nc.png,see,x,1\na.png,ay,y,1\nb.png,bee,x,0\n");
  CsvPackOptions o = Csv();
  o.class_column = "kind";
  const auto report = MakeCsvPack(o, dir_ + "/p.hmnpack", false, nullptr);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->pictures, 3);
  EXPECT_EQ(report->validation, 1);
  const auto pack = training::Pack::Read(dir_ + "/p.hmnpack");
  ASSERT_TRUE(pack.ok()) << pack.status().message();
  EXPECT_EQ(pack->captions, (std::vector<std::string>{"see", "ay", "bee"}));
  EXPECT_EQ(pack->classes, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(pack->entries[1].label, 1);
  EXPECT_TRUE(pack->entries[1].grey && pack->entries[1].validation);
  EXPECT_EQ(pack->bytes[pack->entries[0].offset], 255);
  o.only = "keep=1";
  EXPECT_EQ(MakeCsvPack(o, dir_ + "/q.hmnpack", false, nullptr)->pictures, 2);
}

TEST_F(SmallPictures, ACsvWithHolesIsRefused) {
  WritePicture("a.png", 1, 10);
  auto message = [&](const std::string& csv, const CsvPackOptions& o) {
    Write("list.csv", csv);
    const auto report = MakeCsvPack(o, dir_ + "/p.hmnpack", false, nullptr);
    EXPECT_FALSE(report.ok());
    EXPECT_FALSE(fs::exists(dir_ + "/p.hmnpack"));
    return report.status().message();
  };
  EXPECT_NE(message("name\nx\n", Csv()).find("has no column 'file'"), std::string::npos);
  EXPECT_NE(message("file\nmissing.png\n", Csv()).find("missing.png"), std::string::npos);
  CsvPackOptions o = Csv();
  o.class_column = "category";
  EXPECT_NE(message("file\na.png\n", o).find("has no column 'category'; it has: file"),
            std::string::npos);
}

TEST_F(SmallPictures, IdxFilesGiveTrainingAndTestPictures) {
  Write("train-images-idx3-ubyte.gz", Gzip(Idx({3, 2, 2}, "aaaabbbbcccc")));
  Write("train-labels-idx1-ubyte.gz", Gzip(Idx({3}, std::string("\0\1\1", 3))));
  Write("t10k-images-idx3-ubyte", Idx({1, 2, 2}, "dddd"));  // not packed
  Write("classes.txt", "shoe\nhat\n");
  ASSERT_TRUE(IsIdxFolder(dir_));
  const auto report = MakeIdxPack(dir_, dir_ + "/p.hmnpack", false);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->pictures, 4);
  EXPECT_EQ(report->validation, 1);
  const auto pack = training::Pack::Read(dir_ + "/p.hmnpack");
  EXPECT_EQ(pack->entries[2].label, 1);
  EXPECT_EQ(pack->entries[3].label, -1);
  EXPECT_TRUE(pack->entries[3].validation);
  EXPECT_EQ(pack->bytes[pack->entries[1].offset], 'b');
  Write("classes.txt", "shoe\n");
  EXPECT_NE(
      MakeIdxPack(dir_, dir_ + "/q.hmnpack", false).status().message().find("names 1 classes"),
      std::string::npos);
  Write("train-labels-idx1-ubyte.gz", Gzip(Idx({2}, "ab")));
  EXPECT_NE(MakeIdxPack(dir_, dir_ + "/q.hmnpack", false).status().message().find("2 labels for 3"),
            std::string::npos);
}

TEST(PictureGrid, PlacesPicturesAndKeepsTheGaps) {
  std::vector<Image> pictures;
  for (int i = 0; i < 3; ++i) {
    pictures.push_back(std::move(Image::Create(2, 2, i == 1 ? 3 : 1)).value());
    std::fill(pictures.back().samples().begin(), pictures.back().samples().end(),
              static_cast<std::uint8_t>(10 * (i + 1)));
  }
  const auto grid = PictureGrid(pictures, 2, 1);
  ASSERT_TRUE(grid.ok());
  EXPECT_EQ(grid->width(), 7u);
  EXPECT_EQ(grid->height(), 7u);
  EXPECT_EQ(grid->channels(), 3u);
  EXPECT_EQ(grid->row(0)[0], 255);
  EXPECT_EQ(grid->row(1)[3 * 1], 10);
  EXPECT_EQ(grid->row(1)[3 * 4], 20);
  EXPECT_EQ(grid->row(4)[3 * 1], 30);
  EXPECT_EQ(grid->row(4)[3 * 4], 255);  // the empty cell
}

TEST(AnimatedPng, IsAPngWhoseFirstFrameAnyReaderShows) {
  std::vector<Image> frames;
  for (int i = 0; i < 3; ++i) {
    frames.push_back(std::move(Image::Create(5, 4, 1)).value());
    std::fill(frames.back().samples().begin(), frames.back().samples().end(),
              static_cast<std::uint8_t>(50 + i));
  }
  const auto file = AnimatedPng(frames, 40);
  ASSERT_TRUE(file.ok());
  Warnings warnings;
  const auto first = ReadImage(*file, {}, &warnings);
  ASSERT_TRUE(first.ok()) << first.status().message();
  EXPECT_EQ(first->samples()[0], 50);
  EXPECT_EQ(warnings.size(), 1u);  // an animation: the first frame is taken
  const std::string text(file->begin(), file->end());
  auto count = [&](const std::string& type) {
    int n = 0;
    for (std::size_t at = text.find(type); at != std::string::npos; at = text.find(type, at + 1))
      ++n;
    return n;
  };
  EXPECT_EQ(count("acTL"), 1);
  EXPECT_EQ(count("fcTL"), 3);
  EXPECT_EQ(count("fdAT"), 2);
}

TEST(FitTo, KeepsFlatColoursAndAverages) {
  Image image = std::move(Image::Create(6, 6, 3)).value();
  for (std::size_t i = 0; i < image.samples().size(); ++i) {
    image.samples()[i] = static_cast<std::uint8_t>(i % 3 * 60);
  }
  const auto small = FitTo(image.view(), {4, 3, 3, 8});
  ASSERT_TRUE(small.ok());
  for (std::size_t i = 0; i < small->samples().size(); ++i)
    EXPECT_EQ(small->samples()[i], i % 3 * 60);
  const auto grey = FitTo(image.view(), {12, 12, 1, 8});
  EXPECT_EQ(grey->samples()[7], 60);
  Image clear = std::move(Image::Create(2, 2, 4)).value();  // transparent black
  EXPECT_EQ(FitTo(clear.view(), {2, 2, 3, 8})->samples()[0], 255);
}

}  // namespace
}  // namespace halfmoon
