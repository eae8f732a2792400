#include "models/runtime/weights/manifest.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "models/training/export/safetensors_writer.h"

namespace halfmoon::runtime {
namespace {

namespace fs = std::filesystem;

constexpr char kSha[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

std::string Entry(const std::string& id, const std::string& name, const std::string& sha = kSha,
                  const std::string& identity = "0123456789abcdef",
                  const std::string& file = "model.safetensors", const std::string& version = "1") {
  return R"({"id":)" + id + R"(,"name":")" + name + R"(","file":")" + file +
         R"(","architecture":"ae","sha256":")" + sha + R"(","identity":")" + identity +
         R"(","format_version":)" + version +
         R"(,"training":{"steps":10,"note":"free"},"data":"photos","licence":"CC0",)"
         R"("measured":{"bpp":[0.1,0.2]}})";
}

// A JSON list.
std::string List(std::initializer_list<std::string> entries) {
  std::string list;
  for (const std::string& entry : entries) list.append(list.empty() ? "[" : ",").append(entry);
  return list.append("]");
}

void ExpectRefused(const std::string& json, const std::string& part) {
  const auto manifest = Manifest::Parse(json, "dir");
  ASSERT_FALSE(manifest.ok()) << part;
  EXPECT_EQ(manifest.status().code(), StatusCode::kModelCorrupt);
  EXPECT_NE(manifest.status().message().find(part), std::string::npos)
      << manifest.status().message();
}

void ExpectStatus(const Status& status, StatusCode code, std::initializer_list<std::string> parts) {
  EXPECT_EQ(status.code(), code) << status.message();
  for (const std::string& part : parts) {
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
  }
}

// A models directory with one real weights file, removed at the end.
class ModelsDirectory : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    directory_ = fs::temp_directory_path() / (std::string("halfmoon_manifest_") + info->name());
    fs::create_directories(directory_);
    training::SafetensorsWriter writer;
    ASSERT_TRUE(writer.Add("prior.x", {1}, std::vector<std::int32_t>{5}).ok());
    ASSERT_TRUE(writer.ToFile(directory_ / "model.safetensors").ok());
    auto file = WeightsFile::FromFile(directory_ / "model.safetensors");
    ASSERT_TRUE(file.ok());
    sha256_ = file->sha256();
    identity_ = file->identity();
    identity_hex_ = file->identity_hex();
  }
  void TearDown() override { fs::remove_all(directory_); }

  void WriteManifest(const std::string& json) {
    std::ofstream(directory_ / "manifest.json") << json;
  }

  fs::path directory_;
  std::string sha256_;
  std::array<std::uint8_t, 8> identity_{};
  std::string identity_hex_;
};

TEST(Manifest, ReadsListsAndFinds) {
  const auto manifest =
      Manifest::Parse(List({Entry("7", "ae-photo-2"), Entry("1", "ae-photo-1")}), "dir");
  ASSERT_TRUE(manifest.ok()) << manifest.status().message();
  ASSERT_EQ(manifest->entries().size(), 2u);
  EXPECT_EQ(manifest->entries()[0].id, 1);
  EXPECT_EQ(manifest->entries()[1].name, "ae-photo-2");
  const ModelEntry& entry = **manifest->FindById(7);
  EXPECT_EQ(entry.sha256, kSha);
  EXPECT_EQ(entry.licence, "CC0");
  EXPECT_EQ(entry.data, "photos");
  EXPECT_NE(entry.training.find("\"steps\":10"), std::string::npos);
  EXPECT_EQ(entry.measured, "{\"bpp\":[0.1,0.2]}");
  EXPECT_EQ((*manifest->Find("ae-photo-1"))->id, 1);
  EXPECT_EQ((*manifest->Find("7"))->id, 7);
  ExpectStatus(manifest->Find("8").status(), StatusCode::kModelMissing,
               {"id 8", "1 (ae-photo-1), 7 (ae-photo-2)", "--models-dir", "--model FILE"});
  ExpectStatus(manifest->Find("99999999999").status(), StatusCode::kModelMissing, {"99999999999"});
  ExpectStatus(manifest->Find("x").status(), StatusCode::kModelMissing, {"\"x\""});
  EXPECT_TRUE(Manifest::Parse("[]", "dir").ok());
}

TEST(Manifest, EachDefectHasItsOwnError) {
  ExpectRefused("", "not JSON");
  ExpectRefused("[", "not JSON");
  ExpectRefused("{}", "not a list");
  ExpectRefused("[3]", "not an object");
  ExpectRefused("[{}]", "lacks an \"id\"");
  ExpectRefused(List({Entry("0", "a")}), "lacks an \"id\"");
  ExpectRefused(List({Entry("65536", "a")}), "lacks an \"id\"");
  ExpectRefused(List({Entry("-1", "a")}), "lacks an \"id\"");
  ExpectRefused(List({Entry("\"1\"", "a")}), "lacks an \"id\"");
  ExpectRefused(R"([{"id":1}])", "lacks the text \"name\"");
  ExpectRefused(List({Entry("1", "a b")}), "\"name\"");
  ExpectRefused(List({Entry("1", "12")}), "is a number");
  ExpectRefused(List({Entry("1", "a", "12")}), "\"sha256\"");
  ExpectRefused(List({Entry("1", "a", kSha, "0123456789ABCDEF")}), "\"identity\"");
  ExpectRefused(List({Entry("1", "a", kSha, "0123456789abcdef", "../x")}), "\"file\"");
  ExpectRefused(List({Entry("1", "a", kSha, "0123456789abcdef", "/etc/passwd")}), "\"file\"");
  ExpectRefused(List({Entry("1", "a", kSha, "0123456789abcdef", "..")}), "\"file\"");
  ExpectRefused(List({Entry("1", "a", kSha, "0123456789abcdef", "f", "0")}), "\"format_version\"");
  ExpectRefused(List({Entry("1", "a"), Entry("1", "b")}), "id 1 is given twice");
  ExpectRefused(List({Entry("1", "a"), Entry("2", "a")}), "\"a\" is given twice");
}

TEST(Manifest, ShortHashTellsModelsWithoutADecoderApart) {
  const auto manifest = Manifest::Parse(
      List({Entry("1", "codec"), Entry("2", "judge", kSha, "e3b0c44298fc1c14")}), "dir");
  ASSERT_TRUE(manifest.ok()) << manifest.status().message();
  EXPECT_EQ(manifest->entries()[0].ShortHash(), "0123456789abcdef");
  EXPECT_EQ(manifest->entries()[1].ShortHash(), "0011223344556677");
}

TEST_F(ModelsDirectory, LoadsAVerifiedModel) {
  WriteManifest(List({Entry("3", "ae-x", sha256_, identity_hex_)}));
  const auto manifest = Manifest::Load(directory_);
  ASSERT_TRUE(manifest.ok()) << manifest.status().message();
  for (const char* who : {"3", "ae-x"}) {
    const auto model = LoadModel(*manifest, who);
    ASSERT_TRUE(model.ok()) << model.status().message();
    EXPECT_EQ(model->entry.id, 3);
    EXPECT_TRUE(model->weights->Has("prior.x"));
  }
  EXPECT_TRUE(LoadModel(*manifest, std::uint16_t{3}).ok());
  EXPECT_TRUE(LoadModelForFile(*manifest, 3, identity_).ok());

  auto other = identity_;
  other[0] ^= 1;
  ExpectStatus(LoadModelForFile(*manifest, 3, other).status(), StatusCode::kModelMismatch,
               {identity_hex_, "model 3", "--models-dir"});
  ExpectStatus(LoadModelForFile(*manifest, 4, other).status(), StatusCode::kModelMissing,
               {"id 4", "--models-dir"});
  // Which weights they are counts, not which id they had where the file was made.
  EXPECT_TRUE(LoadModelForFile(*manifest, 65535, identity_).ok());
}

// A weights file that no manifest lists is a model, too.
TEST_F(ModelsDirectory, AWeightsFileOfOnesOwnCanBeAdded) {
  training::SafetensorsWriter writer;
  writer.SetMetadata("architecture", "ae");
  writer.SetMetadata("name", "mine");
  ASSERT_TRUE(writer.Add("prior.x", {1}, std::vector<std::int32_t>{6}).ok());
  const std::string path = (directory_ / "of-mine.safetensors").string();
  ASSERT_TRUE(writer.ToFile(path).ok());
  const auto own = WeightsFile::FromFile(path);
  ASSERT_TRUE(own.ok());

  WriteManifest(List({Entry("65535", "ae-x", sha256_, identity_hex_)}));
  const auto manifest = OpenModels(directory_, {"", "ae-x", path});
  ASSERT_TRUE(manifest.ok()) << manifest.status().message();
  ASSERT_EQ(manifest->entries().size(), 2u);
  const auto model = LoadModel(*manifest, path);
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_EQ(model->entry.name, "mine");
  EXPECT_EQ(model->entry.architecture, "ae");
  EXPECT_EQ(model->entry.id, 65534);  // the largest that is free
  EXPECT_EQ(model->weights->identity(), own->identity());
  EXPECT_EQ(LoadModelForFile(*manifest, 7, own->identity())->entry.name, "mine");
  EXPECT_EQ(LoadModel(*manifest, "ae-x")->entry.id, 65535);

  // An installed model by its file keeps its id, and no manifest is needed.
  WriteManifest(
      List({Entry("3", "ae-x", own->sha256(), own->identity_hex(), "of-mine.safetensors")}));
  EXPECT_EQ(LoadModel(*OpenModels(directory_, {path}), path)->entry.id, 3);
  fs::remove(directory_ / "manifest.json");
  EXPECT_EQ(LoadModel(*OpenModels(directory_, {path}), path)->entry.id, 65535);
  ExpectStatus(OpenModels(directory_, {"ae-x"}).status(), StatusCode::kModelMissing, {});
  ExpectStatus(OpenModels(directory_, {(directory_ / "none.safetensors").string()}).status(),
               StatusCode::kIo, {"none.safetensors"});
  // One that does not say what it is.
  ExpectStatus(OpenModels(directory_, {(directory_ / "model.safetensors").string()}).status(),
               StatusCode::kModelCorrupt, {"model.safetensors", "architecture"});
}

TEST_F(ModelsDirectory, MismatchesNameBothHashes) {
  WriteManifest(List(
      {Entry("3", "ae-x", kSha, identity_hex_), Entry("4", "ae-y", sha256_, "0123456789abcdef")}));
  const auto manifest = Manifest::Load(directory_);
  ASSERT_TRUE(manifest.ok());
  ExpectStatus(LoadModel(*manifest, "3").status(), StatusCode::kModelMismatch,
               {"model 3 (ae-x)", kSha, sha256_, "--models-dir"});
  ExpectStatus(LoadModel(*manifest, "4").status(), StatusCode::kModelMismatch,
               {"0123456789abcdef", identity_hex_});
}

TEST_F(ModelsDirectory, ADamagedFileIsAMismatchBeforeItIsParsed) {
  WriteManifest(List({Entry("3", "ae-x", sha256_, identity_hex_)}));
  fs::resize_file(directory_ / "model.safetensors", 5);
  const auto manifest = Manifest::Load(directory_);
  ASSERT_TRUE(manifest.ok());
  ExpectStatus(LoadModel(*manifest, "3").status(), StatusCode::kModelMismatch, {sha256_});
}

TEST_F(ModelsDirectory, MissingFileNamesIdHashAndRemedy) {
  WriteManifest(List({Entry("3", "ae-x", kSha, identity_hex_, "absent.safetensors")}));
  const auto manifest = Manifest::Load(directory_);
  ASSERT_TRUE(manifest.ok());
  ExpectStatus(
      LoadModel(*manifest, "3").status(), StatusCode::kModelMissing,
      {"model 3", kSha, identity_hex_, "absent.safetensors", "--model FILE", "--models-dir"});
}

// Files that were made with weights from before are decoded with them.
TEST_F(ModelsDirectory, PreviousWeightsStayForTheirFiles) {
  training::SafetensorsWriter writer;
  ASSERT_TRUE(writer.Add("prior.x", {1}, std::vector<std::int32_t>{6}).ok());
  ASSERT_TRUE(writer.ToFile(directory_ / "new.safetensors").ok());
  const auto now = WeightsFile::FromFile(directory_ / "new.safetensors");
  std::string entry = Entry("3", "ae-x", now->sha256(), now->identity_hex(), "new.safetensors");
  entry.insert(entry.size() - 1,
               R"(,"previous":[{"file":"gone.safetensors","sha256":")" + std::string(kSha) +
                   R"(","identity":"00000000000000aa","format_version":1},)" +
                   R"({"file":"model.safetensors","sha256":")" + sha256_ + R"(","identity":")" +
                   identity_hex_ + R"(","format_version":1}])");
  WriteManifest(List({entry}));
  const auto manifest = Manifest::Load(directory_);
  ASSERT_TRUE(manifest.ok()) << manifest.status().message();
  const auto before = LoadModelForFile(*manifest, 3, identity_);
  ASSERT_TRUE(before.ok()) << before.status().message();
  EXPECT_EQ(before->weights->identity(), identity_);
  EXPECT_EQ(before->entry.identity, identity_hex_);
  EXPECT_EQ(before->entry.name, "ae-x");
  EXPECT_EQ(LoadModelForFile(*manifest, 3, now->identity())->weights->identity(), now->identity());
  // What is made is made with those of now.
  EXPECT_EQ(LoadModel(*manifest, "ae-x")->weights->identity(), now->identity());
  std::array<std::uint8_t, 8> other{};
  ExpectStatus(LoadModelForFile(*manifest, 3, other).status(), StatusCode::kModelMismatch,
               {"0000000000000000", now->identity_hex()});
  other[7] = 0xaa;
  ExpectStatus(LoadModelForFile(*manifest, 3, other).status(), StatusCode::kModelMissing,
               {"gone.safetensors"});
}

TEST(Manifest, PreviousWeightsAreChecked) {
  const auto with = [](const std::string& previous) {
    std::string entry = Entry("3", "a");
    entry.insert(entry.size() - 1, ",\"previous\":" + previous);
    return List({entry});
  };
  ExpectRefused(with("3"), "not a list");
  ExpectRefused(with("[3]"), "not of objects");
  ExpectRefused(with("[{}]"), "previous weights lacks the text \"file\"");
  const std::string sha = kSha;
  ExpectRefused(with(R"([{"file":"../a","sha256":")" + sha +
                     R"(","identity":"0123456789abcdef","format_version":1}])"),
                "plain file name");
  EXPECT_TRUE(Manifest::Parse(with("[]"), "dir").ok());
}

TEST_F(ModelsDirectory, NewerWeightsFormatIsSaidSo) {
  WriteManifest(List({Entry("3", "ae-x", sha256_, identity_hex_, "model.safetensors", "5")}));
  const auto manifest = Manifest::Load(directory_);
  ASSERT_TRUE(manifest.ok());
  ExpectStatus(LoadModel(*manifest, "3").status(), StatusCode::kUnsupportedVersion, {"format 5"});
}

TEST_F(ModelsDirectory, NoManifestIsModelMissing) {
  ExpectStatus(Manifest::Load(directory_).status(), StatusCode::kModelMissing, {"--models-dir"});
  WriteManifest("{");
  ExpectStatus(Manifest::Load(directory_).status(), StatusCode::kModelCorrupt,
               {directory_.string()});
}

TEST_F(ModelsDirectory, SearchOrderIsExplicitThenEnvironment) {
  ASSERT_EQ(setenv("HALFMOON_MODELS_DIR", directory_.c_str(), 1), 0);
  EXPECT_EQ(*FindModelsDirectory("elsewhere"), fs::path("elsewhere"));
  EXPECT_EQ(*FindModelsDirectory(), directory_);
  ASSERT_EQ(unsetenv("HALFMOON_MODELS_DIR"), 0);
  const auto found = FindModelsDirectory();
  if (found.ok()) {
    EXPECT_NE(*found, directory_);
    EXPECT_TRUE(fs::exists(*found / "manifest.json"));
  } else {
    ExpectStatus(found.status(), StatusCode::kModelMissing, {"weights", "--models-dir"});
  }
}

}  // namespace
}  // namespace halfmoon::runtime
