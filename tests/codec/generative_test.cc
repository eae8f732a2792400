// A tiny VAE with random weights behind the codec and the generator. LibTorch makes the weights
// file.
#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "codec/store/model_loaders.h"
#include "codec/store/network_table.h"
#include "halfmoon/decoder.h"
#include "halfmoon/encoder.h"
#include "halfmoon/generator.h"
#include "models/networks/vae.h"
#include "models/runtime/weights/safetensors.h"
#include "models/training/families.h"
#include "models/training/generative/frechet.h"
#include "models/training/loop/checkpoint.h"

namespace halfmoon {
namespace {

class Generative : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = ::testing::TempDir() + "generative_" + std::to_string(getpid());
    std::filesystem::create_directories(dir_);
    manifest_ = "[";
    UseNetworkModels(&LinkedNetworkModels());
    torch::manual_seed(1);
    AddModel(40, "tiny-grey", 1);
    AddModel(41, "tiny-colour", 3);
    // A model that draws nothing.
    manifest_ +=
        R"(,{"id": 50, "name": "not-generative", "file": "none.safetensors", "architecture": "ae",
      "sha256": ")" +
        std::string(64, '0') + R"(", "identity": "0000000000000000", "format_version": 1,
      "data": "", "licence": ""}])";
    std::ofstream(dir_ + "/manifest.json") << manifest_;
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(dir_); }

  static void AddModel(int id, const std::string& name, int channels) {
    VaeConfig c;
    c.pyramid.channels = channels;
    c.pyramid.side = 12;
    c.pyramid.widths = {8, 16};
    c.features = 4;
    c.latent = 5;
    networks::Vae model(c);
    training::Checkpoint checkpoint;
    checkpoint.metadata = ToMetadata(c);
    checkpoint.metadata["family"] = "vae";
    {
      torch::NoGradGuard no_grad;
      // Sigma 0.3, variances 1 but for the last dimension, which is collapsed.
      model->summary[0].fill_(0.3);
      model->summary[2].fill_(1);
      model->summary[0][4] = 1.0;
      model->summary[2][4] = 0.0;
      for (const auto& p : model->named_parameters())
        checkpoint.tensors["average." + p.key()] = p.value();
      for (const auto& p : model->named_buffers())
        checkpoint.tensors["model." + p.key()] = p.value();
    }
    const auto bytes = training::ExportCheckpoint(checkpoint, {{"name", name}});
    ASSERT_TRUE(bytes.ok()) << bytes.status().message();
    const auto file = runtime::WeightsFile::FromBytes(*bytes);
    std::ofstream(dir_ + "/" + name + ".safetensors", std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes->data()),
               static_cast<std::streamsize>(bytes->size()));
    if (manifest_ != "[") manifest_ += ",";
    manifest_ += "{\"id\": " + std::to_string(id) + ", \"name\": \"" + name + "\", \"file\": \"" +
                 name + ".safetensors\", \"architecture\": \"vae\", \"sha256\": \"" +
                 file->sha256() + "\", \"identity\": \"" + file->identity_hex() +
                 "\", \"format_version\": 1, \"data\": \"\", \"licence\": \"\"}";
  }

  static Image Picture(std::uint32_t side, std::uint32_t channels) {
    Image image = std::move(Image::Create(side, side, channels)).value();
    for (std::size_t i = 0; i < image.samples().size(); ++i) {
      image.samples()[i] = static_cast<std::uint8_t>((i * 37 + i * i % 11 * 9) % 256);
    }
    return image;
  }
  static Result<Generator> Make(const std::string& model, const std::string& prior = "") {
    GeneratorOptions o;
    o.model = model;
    o.prior = prior;
    o.models_dir = dir_;
    o.threads = 1;
    return Generator::Create(o);
  }
  static Result<Encoder> MakeEncoder(const std::string& model, bool resize = false) {
    EncodeOptions o;
    o.model = model;
    o.models_dir = dir_;
    o.resize = resize;
    return Encoder::Create(o);
  }
  static std::vector<std::uint8_t> Samples(const Image& image) {
    return {image.samples().begin(), image.samples().end()};
  }

  static std::string dir_, manifest_;
};
std::string Generative::dir_, Generative::manifest_;

// The registry's layers agree: what an architecture can do has a function behind it.
TEST_F(Generative, EveryArchitectureThatCodesOrDrawsHasItsLoaders) {
  for (const Architecture& a : Architectures()) {
    const bool draws = a.draws != Architecture::Draws::kNothing;
    if (!a.codes_pictures && !draws) continue;
    const auto loaders = LoadersOf(a);
    ASSERT_TRUE(loaders.ok()) << loaders.status().message();
    EXPECT_EQ((*loaders)->codec != nullptr, a.codes_pictures) << a.name;
    EXPECT_EQ((*loaders)->generator != nullptr, draws) << a.name;
  }
}

TEST_F(Generative, APictureIsWhateverTheCountAndTheOrder) {
  for (const char* name : {"tiny-grey", "tiny-colour"}) {
    auto generator = Make(name);
    ASSERT_TRUE(generator.ok()) << generator.status().message();
    SampleRequest r;
    r.count = 5;
    r.seed = 9;
    const auto five = generator->Sample(r);
    ASSERT_TRUE(five.ok());
    r.count = 1;
    r.first = 3;
    const auto one = generator->Sample(r);
    EXPECT_EQ(Samples((*five)[3]), Samples((*one)[0]));
    EXPECT_NE(Samples((*five)[0]), Samples((*five)[1]));
    r.seed = 10;
    EXPECT_NE(Samples((*generator->Sample(r))[0]), Samples((*one)[0]));
    const auto code = generator->DrawCode(9, 3);
    const auto decoded = generator->Decode({*code});
    ASSERT_TRUE(decoded.ok()) << decoded.status().message();
    EXPECT_EQ(Samples((*decoded)[0]), Samples((*one)[0]));
    // At temperature 0 all pictures are the one at the origin.
    r.temperature = 0;
    r.count = 2;
    const auto cold = generator->Sample(r);
    EXPECT_EQ(Samples((*cold)[0]), Samples((*cold)[1]));
  }
}

TEST_F(Generative, CompressingKeepsTheCodeWithinHalfABin) {
  for (const char* name : {"tiny-grey", "tiny-colour"}) {
    const std::uint32_t channels = std::string(name) == "tiny-grey" ? 1 : 3;
    auto encoder = MakeEncoder(name);
    ASSERT_TRUE(encoder.ok()) << encoder.status().message();
    const Image picture = Picture(12, channels);
    EncodeStats stats;
    const auto file = encoder->Encode(picture.view(), &stats);
    ASSERT_TRUE(file.ok()) << file.status().message();
    EXPECT_GT(stats.coding.kl_bits, 0);
    // The stream is its tables' bits and the flush of one lane.
    EXPECT_NEAR(8.0 * static_cast<double>(stats.latent_bytes), stats.coding.estimated_bits,
                8 * 6.0);

    auto generator = Make(name);
    const auto posterior = generator->Encode(picture.view());
    ASSERT_TRUE(posterior.ok()) << posterior.status().message();
    const auto code = generator->ReadCode(*file);
    ASSERT_TRUE(code.ok()) << code.status().message();
    ASSERT_EQ(code->size(), posterior->mean.size());
    for (std::size_t i = 0; i < code->size(); ++i) {
      if (i % 5 == 4) {
        EXPECT_EQ((*code)[i], 0);  // collapsed: one bin
      } else {
        EXPECT_NEAR((*code)[i], posterior->mean[i], 0.5 * std::sqrt(12.0) * 0.3 + 1e-5);
      }
    }
    DecodeOptions d;
    d.models_dir = dir_;
    auto decoder = Decoder::Create(d);
    const auto decoded = decoder->Decode(*file);
    ASSERT_TRUE(decoded.ok()) << decoded.status().message();
    EXPECT_EQ(Samples(*decoded), Samples((*generator->Decode({*code}))[0]));
  }
}

TEST_F(Generative, OtherSizesAreRefusedUnlessResized) {
  auto encoder = MakeEncoder("tiny-grey");
  for (const Image& picture : {Picture(13, 1), Picture(12, 3)}) {
    const auto refused = encoder->Encode(picture.view());
    EXPECT_EQ(refused.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(refused.status().message().find("--resize"), std::string::npos);
    // Before any row is read, however large the picture.
    const RowSource never = [](std::span<std::uint8_t>) {
      return Status(StatusCode::kInternal, "a row was read");
    };
    EXPECT_EQ(encoder->EncodeRows({4000, 4000, 3, 8}, {}, never, 50).status().code(),
              StatusCode::kInvalidArgument);
    auto resizing = MakeEncoder("tiny-grey", true);
    const auto file = resizing->Encode(picture.view());
    ASSERT_TRUE(file.ok()) << file.status().message();
    EXPECT_EQ(ReadInfo(*file)->width, 12u);
    EXPECT_EQ(ReadInfo(*file)->channels, 1);
  }
}

TEST_F(Generative, AFileOfAnotherModelHasNoCodeHere) {
  auto encoder = MakeEncoder("tiny-colour");
  const auto file = encoder->Encode(Picture(12, 3).view());
  auto generator = Make("tiny-grey");
  EXPECT_EQ(generator->ReadCode(*file).status().code(), StatusCode::kModelMismatch);
}

TEST_F(Generative, ErrorsNameWhatThereIs) {
  const auto wrong = Make("not-generative");
  EXPECT_EQ(wrong.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(wrong.status().message().find("no generative mode; models with a generative mode: "
                                          "tiny-grey, tiny-colour"),
            std::string::npos)
      << wrong.status().message();
  const auto mixture = Make("tiny-grey", "mixture");
  EXPECT_EQ(mixture.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(mixture.status().message().find("no mixture"), std::string::npos)
      << mixture.status().message();
  EXPECT_TRUE(Make("tiny-grey", "normal").ok());
  const auto unknown = Make("vae-cars");
  EXPECT_EQ(unknown.status().code(), StatusCode::kModelMissing);
  EXPECT_NE(unknown.status().message().find("tiny-grey, tiny-colour"), std::string::npos);
  auto generator = Make("tiny-grey");
  SampleRequest r;
  r.width = r.height = 100;
  EXPECT_NE(generator->Sample(r).status().message().find("leave out the size"), std::string::npos);
  r = {};
  r.stages = 3;
  EXPECT_NE(generator->Sample(r).status().message().find("has no stages"), std::string::npos);
  r = {};
  EXPECT_EQ(generator->SampleFile(r).status().code(), StatusCode::kUnsupportedFeature);
  r.count = 0;
  EXPECT_NE(generator->Sample(r).status().message().find("1 to 65536"), std::string::npos);
  r.count = 1;
  r.temperature = -1;
  EXPECT_EQ(generator->Sample(r).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(Generative, PathsBeginAndEndWhereTheyShould) {
  const std::vector<float> a = {3, 0, 0}, b = {0, 1, 0};
  for (const auto& path : {StraightPath(a, b, 5), SphericalPath(a, b, 5)}) {
    ASSERT_EQ(path.size(), 5u);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(path[0][i], a[i], 1e-5);
      EXPECT_NEAR(path[4][i], b[i], 1e-5);
    }
  }
  EXPECT_NEAR(std::hypot(SphericalPath(a, b, 3)[1][0], SphericalPath(a, b, 3)[1][1]), 2, 1e-5);
  EXPECT_NEAR(StraightPath(a, b, 3)[1][0], 1.5, 1e-6);
  // Opposite codes have no one arc; the line is taken.
  EXPECT_NEAR(SphericalPath({1, 0}, {-1, 0}, 3)[1][0], 0, 1e-6);
}

TEST(Frechet, IsZeroForEqualSetsAndKnownForShiftedAndScaledOnes) {
  const torch::Tensor x = torch::randn({4000, 3}, torch::kFloat64);
  EXPECT_NEAR(training::FrechetDistance(x, x), 0, 1e-8);
  EXPECT_NEAR(training::FrechetDistance(x, x + 2), 12, 1e-6);  // three times 2^2
  const torch::Tensor c = (x - x.mean(0)).t().mm(x - x.mean(0)) / 3999;
  // tr(C + 9 C - 2 * 3 C) = 4 tr C, plus the shift of the mean by 2 mean.
  EXPECT_NEAR(training::FrechetDistance(x, 3 * x),
              (4 * c.trace() + 4 * x.mean(0).square().sum()).item<double>(), 1e-6);
}

}  // namespace
}  // namespace halfmoon
