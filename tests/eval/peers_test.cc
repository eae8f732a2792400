// Codecs behind the one interface: every one that is built in, options, external programs.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>

#include "codec/imageio/image_io.h"
#include "codec/metrics/metrics.h"
#include "eval/peers/registry.h"
#include "tests/codec/test_pictures.h"

namespace halfmoon::eval {
namespace {

PeerSettings Settings() {
  PeerSettings s;
  s.models_dir = testing::ModelsDir();
  return s;
}

RgbPicture Picture(std::uint32_t width, std::uint32_t height, testing::Kind kind) {
  return *RgbPicture::From(testing::MakePicture(width, height, 3, kind));
}

std::string CreationError(const std::string& name, StatusCode code) {
  const auto peer = CreatePeer(name, Settings());
  EXPECT_FALSE(peer.ok()) << name;
  EXPECT_EQ(peer.status().code(), code) << name << ": " << peer.status().message();
  return peer.status().message();
}

bool BuiltIn(const std::string& adapter) {
  for (const CodecHelp& c : ListCodecs()) {
    if (c.name == adapter) return c.built_in;
  }
  return false;
}

TEST(PeersTest, QualityBuysPsnrWithBytes) {
  const RgbPicture picture = Picture(192, 130, testing::Kind::kScene);
  for (const std::string name :
       {"ae:model=tiny", "overfitted:iterations=60", "jpeg", "jpeg:progressive",
        "jpeg:optimised,yuv=444", "webp", "webp:method=6,sharp", "avif:speed=9",
        "avif:speed=9,yuv=420", "jxl:effort=3"}) {
    if (!BuiltIn(name.substr(0, name.find(':')))) continue;
    const auto peer = CreatePeer(name, Settings());
    ASSERT_TRUE(peer.ok()) << name << ": " << peer.status().message();
    const PeerInfo& info = (*peer)->info();
    EXPECT_EQ(info.name, name);
    EXPECT_EQ(info.adapter, name.substr(0, name.find(':')));
    EXPECT_FALSE(info.version.empty());
    double last_psnr = 0;
    std::size_t last_bytes = 0;
    for (const double quality : {info.ladder[1], info.ladder[3]}) {
      const auto file = (*peer)->Encode(picture, quality);
      ASSERT_TRUE(file.ok()) << name << ": " << file.status().message();
      const auto decoded = (*peer)->Decode(*file);
      ASSERT_TRUE(decoded.ok()) << name << ": " << decoded.status().message();
      ASSERT_EQ(decoded->width(), 192u);
      ASSERT_EQ(decoded->height(), 130u);
      const double psnr = *metrics::Psnr(picture.view(), decoded->view());
      EXPECT_GT(psnr, last_psnr) << name;
      EXPECT_GT(file->size(), last_bytes) << name;
      EXPECT_EQ(*(*peer)->Encode(picture, quality), *file) << name << ": not deterministic";
      last_psnr = psnr;
      last_bytes = file->size();
    }
    EXPECT_GT(last_psnr, 20) << name;
    EXPECT_FALSE((*peer)->Decode(std::vector<std::uint8_t>(100, 7)).ok()) << name;
  }
}

TEST(PeersTest, OnePixel) {
  const RgbPicture picture = Picture(1, 1, testing::Kind::kFlat);
  for (const std::string name : {"ae:model=tiny", "overfitted:iterations=10", "jpeg", "webp",
                                 "avif:speed=9", "jxl:effort=3"}) {
    if (!BuiltIn(name.substr(0, name.find(':')))) continue;
    const auto peer = CreatePeer(name, Settings());
    ASSERT_TRUE(peer.ok());
    const auto file = (*peer)->Encode(picture, (*peer)->info().ladder[2]);
    ASSERT_TRUE(file.ok()) << name << ": " << file.status().message();
    const auto decoded = (*peer)->Decode(*file);
    ASSERT_TRUE(decoded.ok()) << name << ": " << decoded.status().message();
    EXPECT_EQ(decoded->pixels(), 1u);
  }
}

TEST(PeersTest, WrongNamesListTheRightOnes) {
  EXPECT_NE(
      CreationError("jpg", StatusCode::kInvalidArgument).find("known are ae, overfitted, jpeg"),
      std::string::npos);
  EXPECT_NE(
      CreationError("jpeg:fast", StatusCode::kInvalidArgument)
          .find("unknown option 'fast'; valid options: yuv=420|444 (420), optimised, progressive"),
      std::string::npos);
  EXPECT_NE(CreationError("jpeg:yuv=411", StatusCode::kInvalidArgument).find("can't be '411'"),
            std::string::npos);
  EXPECT_NE(
      CreationError("jpeg:progressive=1", StatusCode::kInvalidArgument).find("takes no value"),
      std::string::npos);
  for (const char* name : {"ae:tune=ms-ssim,model=vqvae", "ae:tune=psnr,model=vqvae",
                           "ae:model=ae-photo,tune=ms-ssim"}) {
    EXPECT_NE(CreationError(name, StatusCode::kInvalidArgument).find("give one of them"),
              std::string::npos)
        << name;
  }
  EXPECT_NE(CreationError("ae:effort=10", StatusCode::kInvalidArgument).find("effort=1..9"),
            std::string::npos);
  CreationError("ae:model=none", StatusCode::kModelMissing);
}

TEST(PeersTest, WhatIsNotBuiltInSaysSo) {
  for (const CodecHelp& c : ListCodecs()) {
    if (c.built_in) continue;
    EXPECT_NE(CreationError(c.name, StatusCode::kUnsupportedFeature).find("not built in; install"),
              std::string::npos);
  }
}

TEST(PeersTest, SpreadsQualities) {
  PeerInfo info;
  info.ladder = {0, 10, 50, 80, 100};
  EXPECT_EQ(SpreadQualities(info, 5), info.ladder);
  EXPECT_EQ(SpreadQualities(info, 1), (std::vector<double>{50}));
  EXPECT_EQ(SpreadQualities(info, 3), (std::vector<double>{0, 50, 100}));
  EXPECT_EQ(SpreadQualities(info, 9), (std::vector<double>{0, 5, 10, 30, 50, 65, 80, 90, 100}));
  info.ladder = {1, 2};
  info.whole = true;
  EXPECT_EQ(SpreadQualities(info, 4), (std::vector<double>{1, 2}));  // no repetitions
}

// --- External programs
// -----------------------------------------------------------------------------

// A codec of two copies: what comes back is the picture.
constexpr char kCopy[] =
    "exec:name=copy;encode=sh -c 'cp \"$0\" \"$1\"' {in} {out} {q};decode=cp {in} {out};"
    "extension=.png;quality=3,1,2";

TEST(ExecPeerTest, RunsCommandTemplates) {
  const RgbPicture picture = Picture(30, 20, testing::Kind::kScene);
  const auto peer = CreatePeer(kCopy, Settings());
  ASSERT_TRUE(peer.ok()) << peer.status().message();
  EXPECT_EQ((*peer)->info().name, "exec:copy");
  EXPECT_EQ((*peer)->info().ladder, (std::vector<double>{1, 2, 3}));
  const auto file = (*peer)->Encode(picture, 2);
  ASSERT_TRUE(file.ok()) << file.status().message();
  const auto decoded = (*peer)->Decode(*file);
  ASSERT_TRUE(decoded.ok()) << decoded.status().message();
  EXPECT_TRUE(std::ranges::equal(picture.samples(), decoded->samples()));
  // The file is the PNG that the encoder was given. A mark of sRGB in it made opj_compress darken
  // pictures.
  EXPECT_EQ(std::string(file->begin(), file->end()).find("sRGB"), std::string::npos);
}

// Programs write what they like: grey, alpha, 16 bits. What is shown of it is what counts.
TEST(ExecPeerTest, TakesEveryKindOfDecodedPicture) {
  const std::string path = ::testing::TempDir() + "exec_peer_kind.png";
  for (const std::uint32_t depth : {8u, 16u}) {
    for (std::uint32_t channels = 1; channels <= 4; ++channels) {
      Image written = *Image::Create({30, 20, channels, depth});
      for (std::uint32_t y = 0; y < 20; ++y) {
        for (std::uint32_t i = 0; i < 30 * channels; ++i) {
          const bool alpha = (channels == 2 || channels == 4) && i % channels == channels - 1;
          const std::uint32_t level = alpha ? 255 : (7 * y + 5 * (i / channels)) % 256;
          if (depth == 16) {
            written.row16(y)[i] = static_cast<std::uint16_t>(257 * level);
          } else {
            written.row(y)[i] = static_cast<std::uint8_t>(level);
          }
        }
      }
      ASSERT_TRUE(WriteImageFile(path, written.view(), {}, true).ok());
      const auto peer = CreatePeer("exec:name=kind;encode=cp {in} {out} {q};decode=sh -c 'cp " +
                                       path + " \"$1\"' {in} {out};quality=1",
                                   Settings());
      ASSERT_TRUE(peer.ok()) << peer.status().message();
      const std::vector<std::uint8_t> file(3);
      const auto decoded = (*peer)->Decode(file);
      ASSERT_TRUE(decoded.ok()) << decoded.status().message();
      for (std::uint32_t y = 0; y < 20; ++y) {
        for (std::uint32_t i = 0; i < 90; ++i) {
          ASSERT_EQ(decoded->row(y)[i], (7 * y + 5 * (i / 3)) % 256)
              << channels << " channels, " << depth << " bit";
        }
      }
    }
  }
}

TEST(ExecPeerTest, ReadsAFile) {
  const std::string path = ::testing::TempDir() + "exec_peer_test.json";
  std::ofstream(path) << R"({"name": "copy", "encode": "sh -c 'cp \"$0\" \"$1\"' {in} {out} {q}",
    "decode": "cp {in} {out}", "extension": ".png", "qualities": [4, 2.5], "timeout_seconds": 20})";
  const auto peer = CreatePeer("exec:" + path, Settings());
  ASSERT_TRUE(peer.ok()) << peer.status().message();
  EXPECT_EQ((*peer)->info().ladder, (std::vector<double>{2.5, 4}));
  EXPECT_FALSE((*peer)->info().whole);
}

TEST(ExecPeerTest, FailuresNameTheProgram) {
  const RgbPicture picture = Picture(8, 8, testing::Kind::kFlat);
  auto failure = [&](const std::string& encode) {
    const auto peer = CreatePeer("exec:name=bad;encode=" + encode +
                                     " {in} {out} {q};decode=cp {in} {out};quality=1;timeout=1",
                                 Settings());
    return !peer.ok() ? peer.status() : (*peer)->Encode(picture, 1).status();
  };
  EXPECT_NE(
      failure("sh -c 'echo the reason >&2; exit 3'").message().find("exit code 3: the reason"),
      std::string::npos);
  EXPECT_NE(failure("true").message().find("wrote no {out} file"), std::string::npos);
  EXPECT_NE(failure("no-such-program-here").message().find("cannot be started"), std::string::npos);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(failure("sh -c 'sleep 60'").code(), StatusCode::kLimitExceeded);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

TEST(ExecPeerTest, WrongTemplatesAreRefused) {
  for (const char* name :
       {"exec", "exec:", "exec:/nowhere.json", "exec:encode=a {in} {out} {q}",
        "exec:encode=a {in} {out};decode=b {in} {out};quality=1",
        "exec:encode=a {in} {out} {q};decode=b {in};quality=1",
        "exec:encode=a {in} {out} {q};decode=b {in} {out};quality=x",
        "exec:encode=a {in} {out} {q};decode=b {in} {out};quality=1;colour=red"}) {
    EXPECT_FALSE(CreatePeer(name, Settings()).ok()) << name;
  }
}

}  // namespace
}  // namespace halfmoon::eval
