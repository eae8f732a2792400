#include "models/runtime/weights/safetensors.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "models/training/export/safetensors_writer.h"
#include "models/training/export/weights_update.h"

namespace halfmoon::runtime {
namespace {

using training::SafetensorsWriter;
using Bytes = std::vector<std::uint8_t>;

// A file with this JSON header and `data_size` bytes 0,1,2,...
Bytes FileWith(const std::string& header, std::size_t data_size) {
  Bytes bytes(8 + header.size() + data_size);
  const std::uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  std::copy(header.begin(), header.end(), bytes.begin() + 8);
  for (std::size_t i = 0; i < data_size; ++i) bytes[8 + header.size() + i] = std::uint8_t(i);
  return bytes;
}

SafetensorsWriter SmallWriter() {
  SafetensorsWriter writer;
  writer.SetMetadata("levels", "64");
  EXPECT_TRUE(writer.Add("prior.w", {2, 3}, std::vector<std::int16_t>{1, -2, 3, -4, 5, -6}).ok());
  EXPECT_TRUE(writer.Add("g_a.w", {1}, std::vector<float>{1.5F}).ok());
  EXPECT_TRUE(writer.Add("tables.t", {}, std::vector<std::int64_t>{-7}).ok());
  EXPECT_TRUE(writer.Add("gain.empty", {0, 4}, std::vector<std::uint8_t>{}).ok());
  EXPECT_TRUE(writer.Add("a.bytes", {3}, std::vector<std::int8_t>{-1, 0, 1}).ok());
  EXPECT_TRUE(writer.AddBytes("g_s.half", DType::kF16, {2}, Bytes{0x00, 0x3c, 0x00, 0xc0}).ok());
  return writer;
}

// Expects failure with this code and a message that contains `part`.
void ExpectRefused(const Bytes& bytes, const std::string& part) {
  const auto file = WeightsFile::FromBytes(bytes);
  ASSERT_FALSE(file.ok()) << part;
  EXPECT_EQ(file.status().code(), StatusCode::kModelCorrupt);
  EXPECT_NE(file.status().message().find(part), std::string::npos) << file.status().message();
}

std::string IdentityOf(const SafetensorsWriter& writer) {
  return WeightsFile::FromBytes(*writer.ToBytes())->identity_hex();
}

TEST(Safetensors, RoundTripsValuesMetadataAndShapes) {
  const auto file = WeightsFile::FromBytes(*SmallWriter().ToBytes());
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(file->metadata().at("levels"), "64");
  EXPECT_EQ(*file->MetadataInt("levels", 1, 64), 64);
  EXPECT_EQ(file->names(), (std::vector<std::string>{"a.bytes", "g_a.w", "g_s.half", "gain.empty",
                                                     "prior.w", "tables.t"}));
  const auto w = file->Get("prior.w", DType::kI16, {2, 3});
  ASSERT_TRUE(w.ok()) << w.status().message();
  EXPECT_EQ(w->Values<std::int16_t>(), (std::vector<std::int16_t>{1, -2, 3, -4, 5, -6}));
  EXPECT_EQ(w->element_count(), 6u);
  EXPECT_TRUE(file->Get("prior.w", DType::kI16, {kAnySize, 3}).ok());
  EXPECT_EQ(file->Get("tables.t", DType::kI64, {})->Values<std::int64_t>(),
            std::vector<std::int64_t>{-7});
  EXPECT_EQ(file->Get("g_a.w")->Values<float>(), std::vector<float>{1.5F});
  EXPECT_EQ(file->Get("gain.empty", DType::kU8, {0, 4})->element_count(), 0u);
  EXPECT_EQ(file->Get("g_s.half", DType::kF16, {2})->bytes[1], 0x3c);
}

TEST(Safetensors, WriterIsDeterministicAndAligned) {
  SafetensorsWriter other;  // the same content, added in another order
  EXPECT_TRUE(other.Add("b", {1}, std::vector<std::int32_t>{2}).ok());
  EXPECT_TRUE(other.Add("a", {1}, std::vector<std::int32_t>{1}).ok());
  SafetensorsWriter writer;
  EXPECT_TRUE(writer.Add("a", {1}, std::vector<std::int32_t>{1}).ok());
  EXPECT_TRUE(writer.Add("b", {1}, std::vector<std::int32_t>{2}).ok());
  EXPECT_EQ(*writer.ToBytes(), *other.ToBytes());
  std::uint64_t header = 0;
  std::memcpy(&header, writer.ToBytes()->data(), 8);
  EXPECT_EQ(header % 8, 0u);
}

TEST(Safetensors, WriterRefusesWhatDoesNotFit) {
  SafetensorsWriter writer;
  EXPECT_EQ(writer.Add("x", {3}, std::vector<std::int32_t>{1, 2}).code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(writer.Add("x", {-1}, std::vector<std::int32_t>{}).code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(writer.Add("__metadata__", {0}, std::vector<std::int32_t>{}).code(),
            StatusCode::kInvalidArgument);
  writer.SetMetadata("x", "\xff\xfe");
  EXPECT_EQ(writer.ToBytes().status().code(), StatusCode::kInvalidArgument);
}

TEST(Safetensors, FilesRoundTripAndMissingOnesAreIo) {
  const auto path =
      std::filesystem::temp_directory_path() / "halfmoon_safetensors_test.safetensors";
  ASSERT_TRUE(SmallWriter().ToFile(path).ok());
  const auto file = WeightsFile::FromFile(path);
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(file->size(), std::filesystem::file_size(path));
  EXPECT_EQ(WeightsFile::FromFile(path, std::string(64, '0')).status().code(),
            StatusCode::kModelMismatch);
  EXPECT_TRUE(WeightsFile::FromFile(path, file->sha256()).ok());
  std::filesystem::remove(path);
  EXPECT_EQ(WeightsFile::FromFile(path).status().code(), StatusCode::kIo);
  EXPECT_EQ(WeightsFile::FromFile(std::filesystem::temp_directory_path()).status().code(),
            StatusCode::kIo);
}

// A base and what is to become of it, in a folder of their own.
class WeightsUpdate : public ::testing::Test {
 protected:
  WeightsUpdate() : folder_(::testing::TempDir() + "weights_update_" + std::to_string(getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    EXPECT_TRUE(writer_.Add("prior.w", {2, 3}, whole16_).ok());
    EXPECT_TRUE(writer_.Add("g_s.w", {4}, whole8_).ok());
    EXPECT_TRUE(writer_.Add("g_s.w.step", {4}, std::vector<float>{1, 2, 3, 4}).ok());
    EXPECT_TRUE(writer_.Add("g_s.same", {2}, std::vector<std::int8_t>{5, 6}).ok());
    EXPECT_TRUE(writer_.Add("gain.g", {2}, std::vector<float>{0.5F, 0.25F}).ok());
    EXPECT_TRUE(writer_.ToFile(Path("base")).ok());
    writer_.SetMetadata("levels", "64");
    EXPECT_TRUE(writer_.Add("prior.w", {2, 3}, new16_).ok());
    EXPECT_TRUE(writer_.Add("g_s.w", {4}, new8_).ok());
    EXPECT_TRUE(writer_.Add("gain.g", {2}, std::vector<float>{0.5F, 0.75F}).ok());
    EXPECT_TRUE(writer_.Add("gain.new", {1}, std::vector<std::int8_t>{9}).ok());
  }
  ~WeightsUpdate() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path Path(const std::string& name) const { return folder_ + "/" + name; }
  void Write(const std::string& name, const Bytes& bytes) const {
    std::ofstream(Path(name), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  Bytes Update(const std::string& base_name = "base") const {
    return *training::MakeUpdate(*WeightsFile::FromBytes(*writer_.ToBytes()),
                                 *WeightsFile::FromFile(Path("base")), base_name);
  }
  // What FromFile says of this update.
  Status Refusal(const Bytes& update) const {
    Write("update", update);
    return WeightsFile::FromFile(Path("update")).status();
  }

  const std::vector<std::int16_t> whole16_ = {1, -2, 3, -4, 32767, -32768},
                                  new16_ = {1, -3, 300, 32767, -32768, 5};
  const std::vector<std::int8_t> whole8_ = {1, -2, 127, -128}, new8_ = {2, -2, -128, 127};
  std::string folder_;
  SafetensorsWriter writer_;  // of what the base becomes
};

TEST_F(WeightsUpdate, MakesOfItsBaseWhatItWasMadeFrom) {
  const Bytes whole = *writer_.ToBytes(), update = Update();
  Write("update", update);
  const auto expected = WeightsFile::FromBytes(whole);
  const auto file = WeightsFile::FromFile(Path("update"));
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(file->names(), expected->names());
  for (const std::string& name : file->names()) {
    const auto a = file->Get(name), b = expected->Get(name);
    EXPECT_EQ(a->dtype, b->dtype) << name;
    EXPECT_EQ(a->shape, b->shape) << name;
    EXPECT_TRUE(std::equal(a->bytes.begin(), a->bytes.end(), b->bytes.begin(), b->bytes.end()))
        << name;
  }
  // A decoder can't tell which of the two it has; the file itself is another one.
  EXPECT_EQ(file->identity_hex(), expected->identity_hex());
  EXPECT_EQ(file->metadata().at("levels"), "64");
  EXPECT_NE(file->sha256(), expected->sha256());
  EXPECT_TRUE(WeightsFile::FromFile(Path("update"), file->sha256()).ok());
  EXPECT_EQ(WeightsFile::FromFile(Path("update"), expected->sha256()).status().code(),
            StatusCode::kModelMismatch);
}

TEST_F(WeightsUpdate, HoldsWhatDiffersAlone) {
  const Bytes update = Update();
  const std::string text(update.begin(), update.end());
  EXPECT_EQ(text.find("g_s.same"), std::string::npos);
  EXPECT_EQ(text.find("g_s.w.step"), std::string::npos);
  EXPECT_NE(text.find("gain.g"), std::string::npos);
  // g_s.w: differences, which wrap around.
  const Bytes differences = {1, 0, 1, 255};
  EXPECT_NE(std::search(update.begin(), update.end(), differences.begin(), differences.end()),
            update.end());
}

TEST_F(WeightsUpdate, SaysWhatIsWrong) {
  const Bytes update = Update();
  // Alone it is nothing.
  EXPECT_EQ(WeightsFile::FromBytes(update).status().code(), StatusCode::kModelCorrupt);
  EXPECT_NE(WeightsFile::FromBytes(update).status().message().find("update of \"base\""),
            std::string::npos);
  // Its base is another file, or none, or elsewhere.
  EXPECT_EQ(Refusal(Update("gone")).code(), StatusCode::kIo);
  EXPECT_NE(Refusal(Update("gone")).message().find("gone"), std::string::npos);
  for (const char* name : {"../base", "/etc/passwd", "a/base", "..", ".", ""}) {
    const Status status = Refusal(Update(name));
    EXPECT_EQ(status.code(), StatusCode::kModelCorrupt) << name;
    EXPECT_NE(status.message().find("plain file name"), std::string::npos) << status.message();
  }
  Write("other", *SmallWriter().ToBytes());
  EXPECT_EQ(Refusal(Update("other")).code(), StatusCode::kModelMismatch);
  // Updates of updates are not read.
  SafetensorsWriter chained;
  chained.SetMetadata(kBaseKey, "update");
  Write("update", update);
  chained.SetMetadata(kBaseHashKey, WeightsFile::FromFile(Path("update"))->sha256());
  Write("chained", *chained.ToBytes());
  const Status chain = WeightsFile::FromFile(Path("chained")).status();
  EXPECT_EQ(chain.code(), StatusCode::kModelCorrupt);
  EXPECT_NE(chain.message().find("an update itself"), std::string::npos) << chain.message();
  // No hash, and tensors that don't fit.
  SafetensorsWriter bad;
  bad.SetMetadata(kBaseKey, "base");
  EXPECT_NE(Refusal(*bad.ToBytes()).message().find(kBaseHashKey), std::string::npos);
  bad.SetMetadata(kBaseHashKey, WeightsFile::FromFile(Path("base"))->sha256());
  EXPECT_TRUE(Refusal(*bad.ToBytes()).ok());  // changes nothing
  EXPECT_TRUE(bad.Add("g_s.w", {2, 2}, whole8_).ok());
  EXPECT_NE(Refusal(*bad.ToBytes()).message().find("I8 [2,2], its base's is I8 [4]"),
            std::string::npos);
  EXPECT_TRUE(bad.Add("g_s.w", {4}, std::vector<std::int16_t>(4)).ok());
  EXPECT_NE(Refusal(*bad.ToBytes()).message().find("I16 [4], its base's is I8"), std::string::npos);
}

TEST_F(WeightsUpdate, IsRefusedWhereTensorsDoNotCorrespond) {
  const auto base = WeightsFile::FromFile(Path("base"));
  writer_.Remove("g_s.same");
  auto update = training::MakeUpdate(*WeightsFile::FromBytes(*writer_.ToBytes()), *base, "base");
  EXPECT_EQ(update.status().code(), StatusCode::kModelMismatch);
  EXPECT_NE(update.status().message().find("g_s.same"), std::string::npos);
  EXPECT_TRUE(writer_.Add("g_s.same", {2, 1}, std::vector<std::int8_t>{5, 6}).ok());
  update = training::MakeUpdate(*WeightsFile::FromBytes(*writer_.ToBytes()), *base, "base");
  EXPECT_EQ(update.status().code(), StatusCode::kModelMismatch);
}

TEST_F(WeightsUpdate, SurvivesEveryTruncationAndByteFlip) {
  const Bytes update = Update();
  for (std::size_t i = 0; i < update.size(); ++i) {
    EXPECT_FALSE(
        Refusal(Bytes(update.begin(), update.begin() + static_cast<std::ptrdiff_t>(i))).ok());
    Bytes flipped = update;
    flipped[i] ^= 0x41;
    (void)Refusal(flipped).ok();  // an error or another valid file, never a crash
  }
}

TEST(Safetensors, Sha256IsTheKnownOne) {
  // sha256sum of the bytes 02 00 00 00 00 00 00 00 '{' '}'.
  const auto file = WeightsFile::FromBytes(FileWith("{}", 0));
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(file->sha256(), "411a485216e432ece6b9af94fa32154cf79a2a56d4f81266baa50063f45092bd");
  // No tensor counts: SHA-256 of nothing begins e3b0c44298fc1c14.
  EXPECT_EQ(file->identity_hex(), "e3b0c44298fc1c14");
}

TEST(Safetensors, IdentityCoversWhatADecoderComputesWithAndNothingElse) {
  const std::string identity = IdentityOf(SmallWriter());
  EXPECT_EQ(identity.size(), 16u);

  SafetensorsWriter same = SmallWriter();
  same.SetMetadata("note", "retitled");
  ASSERT_TRUE(same.Add("g_a.w", {1}, std::vector<float>{2.5F}).ok());
  ASSERT_TRUE(same.Add("h_a.new", {1}, std::vector<float>{2.5F}).ok());
  EXPECT_EQ(IdentityOf(same), identity);

  SafetensorsWriter value = SmallWriter();
  ASSERT_TRUE(value.Add("prior.w", {2, 3}, std::vector<std::int16_t>{1, -2, 3, -4, 5, -7}).ok());
  EXPECT_NE(IdentityOf(value), identity);
  SafetensorsWriter shape = SmallWriter();
  ASSERT_TRUE(shape.Add("prior.w", {3, 2}, std::vector<std::int16_t>{1, -2, 3, -4, 5, -6}).ok());
  EXPECT_NE(IdentityOf(shape), identity);
  SafetensorsWriter name = SmallWriter();
  name.Remove("prior.w");
  ASSERT_TRUE(name.Add("prior.v", {2, 3}, std::vector<std::int16_t>{1, -2, 3, -4, 5, -6}).ok());
  EXPECT_NE(IdentityOf(name), identity);
  SafetensorsWriter dtype = SmallWriter();
  ASSERT_TRUE(dtype.AddBytes("g_s.half", DType::kI16, {2}, Bytes{0x00, 0x3c, 0x00, 0xc0}).ok());
  EXPECT_NE(IdentityOf(dtype), identity);
  SafetensorsWriter gone = SmallWriter();
  gone.Remove("gain.empty");
  EXPECT_NE(IdentityOf(gone), identity);
}

TEST(Safetensors, GetNamesTensorFoundAndExpected) {
  const auto file = WeightsFile::FromBytes(*SmallWriter().ToBytes());
  ASSERT_TRUE(file.ok());
  const auto missing = file->Get("prior.nope", DType::kI16, {1, kAnySize});
  EXPECT_EQ(missing.status().code(), StatusCode::kModelCorrupt);
  EXPECT_NE(missing.status().message().find("\"prior.nope\" is missing, expected I16 [1,any]"),
            std::string::npos)
      << missing.status().message();
  const auto shape = file->Get("prior.w", DType::kI16, {3, 2});
  EXPECT_NE(shape.status().message().find("\"prior.w\" is I16 [2,3], expected I16 [3,2]"),
            std::string::npos)
      << shape.status().message();
  EXPECT_FALSE(file->Get("prior.w", DType::kI16, {2, 3, 1}).ok());
  const auto dtype = file->Get("prior.w", DType::kI32, {2, 3});
  EXPECT_NE(dtype.status().message().find("is I16 [2,3], expected I32 [2,3]"), std::string::npos);
  EXPECT_FALSE(file->Metadata("nope").ok());
  EXPECT_FALSE(file->MetadataInt("levels", 65, 70).ok());
}

TEST(Safetensors, MetadataIntegersAreStrict) {
  for (const char* text : {"", "x", "6 4", "64 ", "0x40", "64.0", "99999999999999999999"}) {
    SafetensorsWriter writer;
    writer.SetMetadata("levels", text);
    const auto file = WeightsFile::FromBytes(*writer.ToBytes());
    ASSERT_TRUE(file.ok());
    EXPECT_FALSE(file->MetadataInt("levels", -1000, 1000).ok()) << text;
  }
}

TEST(Safetensors, EachDefectHasItsOwnError) {
  const auto tensor = [](const std::string& dtype, const std::string& shape,
                         const std::string& offsets) {
    return R"({"t":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets +
           "}}";
  };
  ExpectRefused({}, "only 0 bytes");
  ExpectRefused(Bytes(7), "only 7 bytes");
  ExpectRefused(Bytes(8, 0xff), "exceeds the limit");
  Bytes cut = FileWith("{}", 0);
  cut.pop_back();
  ExpectRefused(cut, "truncated");
  ExpectRefused(FileWith("", 0), "not a JSON object");
  ExpectRefused(FileWith("[]", 0), "not a JSON object");
  ExpectRefused(FileWith("{\"t\":", 0), "not a JSON object");
  ExpectRefused(FileWith("{\"t\":\xff}", 0), "not a JSON object");
  ExpectRefused(FileWith(R"({"t":1})", 0), "lacks dtype");
  ExpectRefused(FileWith(R"({"t":{"dtype":"U8","shape":[1]}})", 1), "lacks dtype");
  ExpectRefused(FileWith(tensor("\"F64\"", "[1]", "[0,8]"), 8), "dtype other than");
  ExpectRefused(FileWith(tensor("3", "[1]", "[0,8]"), 8), "dtype other than");
  ExpectRefused(FileWith(tensor("\"U8\"", "4", "[0,4]"), 4), "not a list");
  ExpectRefused(FileWith(tensor("\"U8\"", "[1,1,1,1,1,1,1,1,1]", "[0,1]"), 1), "not a list");
  ExpectRefused(FileWith(tensor("\"U8\"", "[-1]", "[0,1]"), 1), "illegal size");
  ExpectRefused(FileWith(tensor("\"U8\"", "[1.5]", "[0,1]"), 1), "illegal size");
  ExpectRefused(FileWith(tensor("\"U8\"", "[99999999999999]", "[0,1]"), 1), "illegal size");
  ExpectRefused(FileWith(tensor("\"U8\"", "[4294967296,4294967296]", "[0,0]"), 0), "larger than");
  ExpectRefused(FileWith(tensor("\"U8\"", "[4294967296,2]", "[0,0]"), 0), "larger than");
  ExpectRefused(FileWith(tensor("\"U8\"", "[4]", "[0]"), 4), "not two numbers");
  ExpectRefused(FileWith(tensor("\"U8\"", "[4]", "[4,0]"), 4), "outside the data section");
  ExpectRefused(FileWith(tensor("\"U8\"", "[4]", "[0,5]"), 4), "outside the data section");
  ExpectRefused(FileWith(tensor("\"U8\"", "[4]", "[-4,0]"), 4), "outside the data section");
  ExpectRefused(FileWith(tensor("\"I16\"", "[4]", "[0,4]"), 4), "needs 8");
  ExpectRefused(FileWith(tensor("\"U8\"", "[4]", "[0,4]"), 5), "unused bytes after");
  ExpectRefused(FileWith(tensor("\"U8\"", "[4]", "[1,5]"), 5), "unused bytes before");
  ExpectRefused(FileWith(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                         R"("b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
                         6),
                "overlaps");
  ExpectRefused(FileWith(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                         R"("b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
                         4),
                "overlaps");
  ExpectRefused(FileWith(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                         R"("a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}})",
                         1),
                "\"a\" twice");
  ExpectRefused(
      FileWith(R"({"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})", 1),
      "\"dtype\" twice");
  ExpectRefused(FileWith(R"({"__metadata__":3})", 0), "__metadata__");
  ExpectRefused(FileWith(R"({"__metadata__":{"a":3}})", 0), "not a string");
}

TEST(Safetensors, DeepNestingIsAnErrorNotACrash) {
  std::string header(1 << 20, '[');
  ExpectRefused(FileWith(header, 0), "not a JSON object");
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  ExpectRefused(FileWith(objects, 0), "not a JSON object");
}

TEST(Safetensors, SurvivesEveryTruncationAndByteFlip) {
  const Bytes whole = *SmallWriter().ToBytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto file = WeightsFile::FromBytes(Bytes(whole.begin(), whole.begin() + long(size)));
    EXPECT_FALSE(file.ok()) << size;
  }
  std::uint64_t header = 0;
  std::memcpy(&header, whole.data(), 8);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const int flip : {0x01, 0x80, 0x10, 0xff}) {
      Bytes damaged = whole;
      damaged[i] = std::uint8_t(damaged[i] ^ flip);
      const auto file = WeightsFile::FromBytes(damaged);
      if (!file.ok()) {
        EXPECT_EQ(file.status().code(), StatusCode::kModelCorrupt);
      } else {
        for (const auto& name : file->names()) EXPECT_TRUE(file->Get(name).ok());
      }
      if (i >= 8 + header) {
        EXPECT_TRUE(file.ok());  // data alone is not checked, the hash is
      }
    }
  }
}

}  // namespace
}  // namespace halfmoon::runtime
