// VQ-VAEs of small pictures behind codec and generator, with networks of random numbers: drawing
// from prompts and classes, samples as files.
#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "codec/store/network_table.h"
#include "halfmoon/decoder.h"
#include "halfmoon/encoder.h"
#include "halfmoon/generator.h"
#include "models/networks/index_transformer.h"
#include "models/networks/small_vqvae.h"
#include "models/runtime/weights/safetensors.h"
#include "models/training/families.h"
#include "models/training/loop/checkpoint.h"

namespace halfmoon {
namespace {

class Prompts : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = ::testing::TempDir() + "prompts_" + std::to_string(getpid());
    std::filesystem::create_directories(dir_);
    manifest_ = "[";
    UseNetworkModels(&LinkedNetworkModels());
    torch::manual_seed(2);
    const std::string colour = AddCodec(60, "colour", 3);
    const std::string grey = AddCodec(61, "grey", 1);
    AddCodec(62, "alone", 1);
    AddPrior(70, "colour-prior", colour, {{"prompt_words", "red round thing"}});
    AddPrior(71, "grey-prior", grey, {{"classes", "Sneaker\nT-shirt/top\nBag"}});
    std::ofstream(dir_ + "/manifest.json") << manifest_ << "]";
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(dir_); }

  static training::Checkpoint Random(torch::nn::Module& network, double spread) {
    torch::NoGradGuard no_grad;
    training::Checkpoint checkpoint;
    for (auto& p : network.named_parameters()) {
      if (spread > 0) p.value().add_(torch::randn_like(p.value()) * spread);
      checkpoint.tensors["average." + p.key()] = p.value();
    }
    for (auto& p : network.named_buffers()) checkpoint.tensors["model." + p.key()] = p.value();
    return checkpoint;
  }
  // The identity of what was written.
  static std::string Add(int id, const std::string& name, const std::string& family,
                         const training::Checkpoint& checkpoint) {
    const auto bytes = training::ExportCheckpoint(checkpoint, {{"name", name}});
    EXPECT_TRUE(bytes.ok()) << bytes.status().message();
    const auto file = runtime::WeightsFile::FromBytes(*bytes);
    std::ofstream(dir_ + "/" + name + ".safetensors", std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes->data()),
               static_cast<std::streamsize>(bytes->size()));
    if (manifest_ != "[") manifest_ += ",";
    manifest_ += "{\"id\": " + std::to_string(id) + ", \"name\": \"" + name + "\", \"file\": \"" +
                 name + ".safetensors\", \"architecture\": \"" + family + "\", \"sha256\": \"" +
                 file->sha256() + "\", \"identity\": \"" + file->identity_hex() + "\",";
    if (family == "index-transformer")
      manifest_ += "\"codec\": \"" + *file->Metadata("codec") + "\",";
    manifest_ += "\"format_version\": 1, \"data\": \"\", \"licence\": \"\"}";
    return file->identity_hex();
  }
  static std::string AddCodec(int id, const std::string& name, int channels) {
    SmallVqvaeConfig c;
    c.pyramid.channels = channels;
    c.pyramid.side = 12;
    c.pyramid.widths = {8, 16};
    c.codes = 8;
    c.code_dim = 4;
    c.context_channels = 4;
    c.context_hidden = 8;
    c.context_out = 8;
    networks::SmallVqvae model(c);
    training::Checkpoint checkpoint = Random(*model, 0.05);
    for (const auto& [key, value] : ToMetadata(c)) checkpoint.metadata[key] = value;
    checkpoint.metadata["family"] = "vqvae-small";
    return Add(id, name, "vqvae-small", checkpoint);
  }
  static void AddPrior(int id, const std::string& name, const std::string& codec,
                       const std::map<std::string, std::string>& words) {
    IndexTransformerConfig c;
    c.codes = 8;
    c.indices = 9;
    c.words = 5;
    c.condition = words.count("classes") != 0 ? 1 : 3;
    c.width = 16;
    c.heads = 2;
    c.layers = 2;
    networks::IndexTransformer model(c);
    training::Checkpoint checkpoint = Random(*model, 0.5);
    for (const auto& [key, value] : ToMetadata(c)) checkpoint.metadata[key] = value;
    for (const auto& [key, value] : words) checkpoint.metadata[key] = value;
    checkpoint.metadata["codec"] = codec;
    checkpoint.metadata["family"] = "index-transformer";
    Add(id, name, "index-transformer", checkpoint);
  }

  static Result<Generator> Make(const std::string& model, const std::string& prior = "") {
    GeneratorOptions o;
    o.model = model;
    o.prior = prior;
    o.models_dir = dir_;
    o.threads = 1;
    return Generator::Create(o);
  }
  static SampleRequest Request(int count, std::uint64_t seed) {
    SampleRequest r;
    r.count = count;
    r.seed = seed;
    return r;
  }
  static std::vector<std::uint8_t> Samples(const Image& image) {
    return {image.samples().begin(), image.samples().end()};
  }
  static Result<Decoder> MakeDecoder() {
    DecodeOptions o;
    o.models_dir = dir_;
    o.threads = 1;
    return Decoder::Create(o);
  }

  static std::string dir_, manifest_;
};
std::string Prompts::dir_, Prompts::manifest_;

TEST_F(Prompts, APictureIsWhateverTheCountAndTheOrder) {
  for (const char* name : {"colour", "grey", "alone"}) {
    auto generator = Make(name);
    ASSERT_TRUE(generator.ok()) << generator.status().message();
    SampleRequest r = Request(19, 9);
    if (generator->info().prompts) r.prompt = "red thing", r.guidance = 2;
    const auto many = generator->Sample(r);
    ASSERT_TRUE(many.ok()) << many.status().message();
    ASSERT_EQ(many->size(), 19u);
    r.count = 1;
    for (const int i : {3, 17}) {
      r.first = static_cast<std::uint64_t>(i);
      const auto one = generator->Sample(r);
      ASSERT_TRUE(one.ok());
      EXPECT_EQ(Samples((*many)[static_cast<std::size_t>(i)]), Samples((*one)[0]))
          << name << " " << i;
    }
    std::set<std::string> different;  // of vectors: GCC 12 warns of an overread that is none
    for (const Image& p : *many) {
      const std::vector<std::uint8_t> s = Samples(p);
      different.insert(std::string(s.begin(), s.end()));
    }
    EXPECT_GT(different.size(), 10u) << name;
    SampleRequest other = r;
    other.first = 3, other.seed = 10;
    EXPECT_NE(Samples((*generator->Sample(other))[0]), Samples((*many)[3]));
  }
}

TEST_F(Prompts, ASampleIsAFileOfTheSamePicture) {
  for (const char* name : {"colour", "grey", "alone"}) {
    auto generator = Make(name);
    SampleRequest r = Request(1, 5);
    r.first = 2;
    const auto file = generator->SampleFile(r);
    ASSERT_TRUE(file.ok()) << file.status().message();
    auto decoder = MakeDecoder();
    ASSERT_TRUE(decoder.ok());
    const auto decoded = decoder->Decode(*file);
    ASSERT_TRUE(decoded.ok()) << decoded.status().message();
    EXPECT_EQ(Samples(*decoded), Samples((*generator->Sample(r))[0])) << name;
    EXPECT_EQ(decoded->width(), 12u);
  }
}

TEST_F(Prompts, CompressingGivesTheBitsOfThePrior) {
  EncodeOptions o;
  o.model = "colour";
  o.models_dir = dir_;
  auto encoder = Encoder::Create(o);
  ASSERT_TRUE(encoder.ok()) << encoder.status().message();
  Image picture = std::move(Image::Create(12, 12, 3)).value();
  for (std::size_t i = 0; i < picture.samples().size(); ++i) {
    picture.samples()[i] = static_cast<std::uint8_t>(i * 31 % 256);
  }
  EncodeStats stats;
  const auto file = encoder->Encode(picture.view(), &stats);
  ASSERT_TRUE(file.ok()) << file.status().message();
  // Number of stages, size of the stage, one lane of 8 bytes: what a stream has beside its symbols.
  EXPECT_NEAR(8.0 * static_cast<double>(stats.latent_bytes), stats.coding.estimated_bits, 8 * 8.0);
  EXPECT_EQ(stats.coding.symbols, 9u);
  auto decoder = MakeDecoder();
  ASSERT_TRUE(decoder->Decode(*file).ok());
  // Decoded pictures are fixed points of nothing, but every damage is seen.
  for (std::size_t cut = 0; cut < file->size(); ++cut) {
    EXPECT_FALSE(decoder->Decode(std::span(*file).first(cut)).ok()) << cut;
  }
  for (std::size_t i = 0; i < file->size(); ++i) {
    std::vector<std::uint8_t> flipped = *file;
    flipped[i] ^= 0x10;
    EXPECT_FALSE(decoder->Decode(flipped).ok()) << "byte " << i;
  }
}

TEST_F(Prompts, WordsAndClassesSteerThePicture) {
  auto words = Make("colour");
  EXPECT_TRUE(words->info().prompts);
  EXPECT_TRUE(words->info().classes.empty());
  SampleRequest r = Request(8, 1);
  auto pictures = [&](Generator& g) {
    std::vector<std::vector<std::uint8_t>> all;
    const auto drawn = g.Sample(r);
    EXPECT_TRUE(drawn.ok()) << drawn.status().message();
    for (const Image& p : *drawn) all.push_back(Samples(p));
    return all;
  };
  const auto anything = pictures(*words);
  r.prompt = "Red, round!";
  const auto red = pictures(*words);
  EXPECT_NE(anything, red);
  r.prompt = "red round";
  EXPECT_EQ(pictures(*words), red);
  r.guidance = 3;
  EXPECT_NE(pictures(*words), red);
  r.guidance = 0;  // the condition does not count at all
  EXPECT_EQ(pictures(*words), anything);
  const auto report = words->ReadPrompt("a red round blue thing");
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->unknown, (std::vector<std::string>{"a"}));
  EXPECT_EQ(report->left_out, (std::vector<std::string>{"blue", "thing"}));

  auto classes = Make("grey");
  EXPECT_FALSE(classes->info().prompts);
  EXPECT_EQ(classes->info().classes, (std::vector<std::string>{"Sneaker", "T-shirt/top", "Bag"}));
  r = Request(8, 1);
  const auto any = pictures(*classes);
  r.label = "bag";
  const auto bags = pictures(*classes);
  EXPECT_NE(bags, any);
  r.label = "t-shirt/TOP";
  EXPECT_NE(pictures(*classes), bags);
}

TEST_F(Prompts, TheLikeliestIndicesAlone) {
  auto generator = Make("grey");
  SampleRequest r = Request(6, 3);
  r.label = "bag";
  double last = -1;
  for (const auto& [k, p, t] : {std::tuple{1, 1.0, 1.0}, {0, 1e-9, 1.0}, {0, 1.0, 0.0}}) {
    r.top_k = k, r.top_p = p, r.temperature = t;
    r.progress = [&](double share) { last = share; };
    const auto drawn = generator->Sample(r);
    ASSERT_TRUE(drawn.ok());
    for (const Image& picture : *drawn)
      EXPECT_EQ(Samples(picture), Samples((*drawn)[0])) << k << " " << p;
    EXPECT_DOUBLE_EQ(last, 1);
  }
}

TEST_F(Prompts, ErrorsNameWhatThereIs) {
  auto expect = [](const Status& status, StatusCode code, const std::string& text) {
    EXPECT_EQ(status.code(), code) << status.message();
    EXPECT_NE(status.message().find(text), std::string::npos) << status.message();
  };
  auto grey = Make("grey"), colour = Make("colour"), alone = Make("alone");
  SampleRequest r = Request(1, 0);
  r.label = "boot";
  expect(grey->Sample(r).status(), StatusCode::kInvalidArgument, "Sneaker, T-shirt/top, Bag");
  expect(colour->Sample(r).status(), StatusCode::kInvalidArgument, "prompt");
  expect(alone->Sample(r).status(), StatusCode::kInvalidArgument, "classes");
  r = Request(1, 0);
  r.prompt = "red";
  expect(grey->Sample(r).status(), StatusCode::kInvalidArgument, "class");
  expect(alone->Sample(r).status(), StatusCode::kInvalidArgument, "prompts");
  expect(alone->ReadPrompt("red").status(), StatusCode::kUnsupportedFeature, "prompts");
  r = Request(1, 0);
  r.temperature = 0.5;
  expect(alone->Sample(r).status(), StatusCode::kUnsupportedFeature, "temperature 1");
  r = Request(1, 0);
  r.top_p = 0;
  expect(colour->Sample(r).status(), StatusCode::kInvalidArgument, "top_p");
  r = Request(1, 0);
  r.guidance = 21;
  expect(colour->Sample(r).status(), StatusCode::kInvalidArgument, "guidance");
  // A prior of another codec, by hash; a model that is no prior.
  const auto mixed = Make("grey", "colour-prior");
  expect(mixed.status(), StatusCode::kModelMismatch, "colour-prior");
  expect(mixed.status(), StatusCode::kModelMismatch, "hash");
  expect(Make("grey", "colour").status(), StatusCode::kInvalidArgument, "vqvae-small");
  expect(Make("colour-prior").status(), StatusCode::kInvalidArgument, "no generative mode");
  EXPECT_TRUE(Make("grey", "grey-prior").ok());
}

}  // namespace
}  // namespace halfmoon
