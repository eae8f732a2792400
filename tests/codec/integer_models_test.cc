// Models whose pixel transforms are integers, behind encoder and decoder: converted here from the
// tiny model and from the shipped VQ-VAE, and compared with those.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "models/runtime/layers/int_kernels.h"
#include "models/runtime/weights/safetensors.h"
#include "models/training/export/integer_conversion.h"
#include "tests/codec/test_pictures.h"

namespace halfmoon {
namespace {

namespace fs = std::filesystem;
using namespace halfmoon::testing;  // NOLINT: helpers of this folder

training::CalibrationPicture Calibration(Kind kind) {
  const Image image = MakePicture(256, 192, 3, kind);
  training::CalibrationPicture p{192, 256, {}};
  for (const std::uint8_t v : image.samples()) p.pixels.push_back(static_cast<float>(v) / 255.0f);
  return p;
}

// A folder of models with one of them, its transforms in integers.
class IntegerModels {
 public:
  IntegerModels(const std::string& name, const fs::path& weights, const std::string& architecture)
      : directory_(fs::path(::testing::TempDir()) / ("halfmoon_integer_models_" + name)) {
    fs::create_directories(directory_);
    const auto file = runtime::WeightsFile::FromFile(weights);
    EXPECT_TRUE(file.ok()) << file.status().message();
    std::vector<training::CalibrationPicture> pictures;
    for (const Kind kind : {Kind::kFlat, Kind::kGradient, Kind::kNoise, Kind::kScene})
      pictures.push_back(Calibration(kind));
    const auto converted = training::ConvertTransforms(*file, pictures, 2);
    EXPECT_TRUE(converted.ok()) << converted.status().message();
    EXPECT_TRUE(converted->writer.ToFile(directory_ / "integers.safetensors").ok());
    const auto made = runtime::WeightsFile::FromFile(directory_ / "integers.safetensors");
    EXPECT_TRUE(made.ok()) << made.status().message();
    std::ofstream(directory_ / "manifest.json") << nlohmann::json::array({{
        {"id", 64000},
        {"name", "integers"},
        {"file", "integers.safetensors"},
        {"architecture", architecture},
        {"sha256", made->sha256()},
        {"identity", made->identity_hex()},
        {"format_version", 4},
        {"data", "a test"},
        {"licence", "Apache-2.0"},
    }});
  }
  ~IntegerModels() { fs::remove_all(directory_); }

  std::string directory() const { return directory_.string(); }

 private:
  fs::path directory_;
};

class IntegerModelsTest : public ::testing::Test {
 protected:
  ~IntegerModelsTest() override { unsetenv("HALFMOON_ISA"); }

  static EncodeOptions Encode(const IntegerModels& models, double quality) {
    EncodeOptions o;
    o.quality = quality;
    o.model = "integers";
    o.models_dir = models.directory();
    return o;
  }
  static DecodeOptions Decode(const IntegerModels& models, int threads = 1) {
    DecodeOptions o;
    o.threads = threads;
    o.models_dir = models.directory();
    return o;
  }

  struct Coded {
    std::vector<std::uint8_t> file;
    Image picture;
    double psnr = 0;
  };
  static Coded Code(const Image& image, const EncodeOptions& e, const DecodeOptions& d) {
    Coded coded;
    auto encoder = Encoder::Create(e);
    EXPECT_TRUE(encoder.ok()) << encoder.status().message();
    auto file = encoder->Encode(image.view());
    EXPECT_TRUE(file.ok()) << file.status().message();
    coded.file = *std::move(file);
    auto decoder = Decoder::Create(d);
    EXPECT_TRUE(decoder.ok()) << decoder.status().message();
    auto picture = decoder->Decode(coded.file);
    EXPECT_TRUE(picture.ok()) << picture.status().message();
    coded.picture = *std::move(picture);
    double error = 0;
    for (std::size_t i = 0; i < image.samples().size(); ++i) {
      const double difference = int{image.samples()[i]} - int{coded.picture.samples()[i]};
      error += difference * difference;
    }
    coded.psnr = 10 * std::log10(255.0 * 255 * static_cast<double>(image.samples().size()) / error);
    return coded;
  }
};

TEST_F(IntegerModelsTest, TheTinyModelCodesAsItDoesInFloat) {
  const IntegerModels models("tiny", ModelsDir() + "/tiny-dependent.safetensors", "ae");
  const Image image = MakePicture(300, 200, 3, Kind::kScene);
  for (const double quality : {10.0, 50.0, 90.0}) {
    const Coded in_float = Code(image, TinyEncode(quality), TinyDecode());
    const Coded integers = Code(image, Encode(models, quality), Decode(models));
    EXPECT_NEAR(integers.psnr, in_float.psnr, 0.2) << quality;
    EXPECT_NEAR(static_cast<double>(integers.file.size()),
                static_cast<double>(in_float.file.size()),
                0.02 * static_cast<double>(in_float.file.size()) + 8)
        << quality;
  }
}

TEST_F(IntegerModelsTest, FilesAndPixelsDependOnNothingButThePicture) {
  const IntegerModels models("same", ModelsDir() + "/tiny-dependent.safetensors", "ae");
  const Image image = MakePicture(300, 200, 3, Kind::kScene);
  Coded reference;
  for (const runtime::Isa isa : runtime::SupportedIsas()) {
    setenv("HALFMOON_ISA", std::string(runtime::IsaName(isa)).c_str(), 1);
    for (const int threads : {1, 3}) {
      EncodeOptions e = Encode(models, 70);
      e.threads = threads;
      Coded coded = Code(image, e, Decode(models, threads));
      if (reference.file.empty()) {
        reference = std::move(coded);
        continue;
      }
      EXPECT_EQ(coded.file, reference.file) << runtime::IsaName(isa) << ", " << threads;
      EXPECT_EQ(MaxDifference(coded.picture, reference.picture), 0)
          << runtime::IsaName(isa) << ", " << threads;
    }
  }
}

TEST_F(IntegerModelsTest, TheVqvaeCodesAsItDoesInFloat) {
  const fs::path weights = HALFMOON_WEIGHTS_DIR "/vqvae.safetensors";
  if (!fs::exists(weights)) GTEST_SKIP() << "no shipped weights";
  const auto shipped = runtime::WeightsFile::FromFile(weights);
  ASSERT_TRUE(shipped.ok());
  if (shipped->Has("g_s.in.shift")) GTEST_SKIP() << "the shipped model has integers already";
  const IntegerModels models("vqvae", weights, "vqvae");
  const Image image = MakePicture(200, 130, 3, Kind::kScene);
  for (const double quality : {10.0, 90.0}) {
    EncodeOptions e;
    e.quality = quality;
    e.model = "vqvae";
    e.models_dir = HALFMOON_WEIGHTS_DIR;
    DecodeOptions d;
    d.models_dir = HALFMOON_WEIGHTS_DIR;
    const Coded in_float = Code(image, e, d);
    const Coded integers = Code(image, Encode(models, quality), Decode(models));
    EXPECT_NEAR(integers.psnr, in_float.psnr, 0.2) << quality;
    EXPECT_NEAR(static_cast<double>(integers.file.size()),
                static_cast<double>(in_float.file.size()),
                0.02 * static_cast<double>(in_float.file.size()) + 8)
        << quality;
    const Coded scalar = [&] {
      setenv("HALFMOON_ISA", "scalar", 1);
      Coded c = Code(image, Encode(models, quality), Decode(models, 2));
      unsetenv("HALFMOON_ISA");
      return c;
    }();
    EXPECT_EQ(scalar.file, integers.file);
    EXPECT_EQ(MaxDifference(scalar.picture, integers.picture), 0);
  }
}

}  // namespace
}  // namespace halfmoon
