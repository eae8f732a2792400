// Configurations of models: read from recipes and files, written, checked.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "models/config/ae_config.h"
#include "models/config/architectures.h"
#include "models/config/config_fields.h"
#include "models/config/index_transformer_config.h"
#include "models/config/small_picture_config.h"
#include "models/config/vqvae_config.h"
#include "models/runtime/weights/manifest.h"

namespace halfmoon {
namespace {

// A field of every kind.
struct Everything {
  std::int64_t whole = 3;
  double real = 0.1;
  bool flag = false;
  std::string word = "red";
  std::vector<std::int64_t> list = {1, 2};
  std::vector<std::string> names = {"cat", "sea dog"};

  void VisitFields(FieldVisitor& f) {
    f.Whole("whole", whole, 1, 10);
    f.Real("real", real, 0, 1);
    f.Flag("flag", flag, Presence::kOptional);
    f.Word("word", word, {"red", "green"});
    f.List("list", list);
    f.Names("names", names);
    f.Fixed("fixed", "64");
  }
  Status Rules() const {
    if (whole != 7) return Status::Ok();
    return {StatusCode::kInvalidArgument, "'whole' must not be 7"};
  }
};

TEST(ConfigFields, MetadataKeepsTheTextOfFiles) {
  Everything e;
  e.real = 0.0006;
  e.flag = true;
  const ModelMetadata expected = {{"whole", "3"},           {"real", "6e-04"}, {"flag", "1"},
                                  {"word", "red"},          {"list", "[1,2]"}, {"fixed", "64"},
                                  {"names", "cat\nsea dog"}};
  EXPECT_EQ(ToMetadata(e), expected);
  const auto back = FromMetadata<Everything>(ToMetadata(e));
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(ToMetadata(*back), expected);
}

TEST(ConfigFields, BadMetadataIsNamed) {
  const std::map<std::string, std::vector<const char*>> bad = {
      {"whole", {"0", "11", "-9223372036854775809", "3.5", "three", "", "7", "[1]"}},
      {"real", {"1.5", "-0.1", "nan", "much", ""}},
      {"flag", {"2", "yes", ""}},
      {"word", {"blue", "", "\"red\""}},
      {"list", {"1, 2", "[1, 2", "[1.5]", "[\"1\"]", "{}"}},
      {"names", {""}},
      {"fixed", {"63", ""}}};
  for (const auto& [key, values] : bad) {
    for (const char* value : values) {
      ModelMetadata m = ToMetadata(Everything());
      m[key] = value;
      const auto e = FromMetadata<Everything>(m);
      ASSERT_FALSE(e.ok()) << key << " = " << value;
      EXPECT_EQ(e.status().code(), StatusCode::kModelCorrupt);
      EXPECT_NE(e.status().message().find("'" + key + "'"), std::string::npos)
          << e.status().message();
    }
    ModelMetadata m = ToMetadata(Everything());
    m.erase(key);
    EXPECT_EQ(FromMetadata<Everything>(m).ok(), key == "flag") << key;
  }
}

TEST(ConfigFields, RecipesReplaceDefaultsAndBadFieldsAreNamed) {
  const auto e = FromJson<Everything>({{"whole", 10}, {"flag", 1}, {"list", {4}}, {"fixed", 64}});
  ASSERT_TRUE(e.ok()) << e.status().message();
  EXPECT_EQ(e->whole, 10);
  EXPECT_TRUE(e->flag);
  EXPECT_EQ(e->list, (std::vector<std::int64_t>{4}));
  EXPECT_EQ(e->word, "red");
  const nlohmann::json good = ToJson(*e);
  EXPECT_TRUE(FromJson<Everything>(good).ok());
  const std::pair<const char*, nlohmann::json> bad[] = {
      {"whole", 0},    {"whole", 2.5},     {"whole", "3"},  {"whole", 7},     {"real", 2},
      {"real", "0.1"}, {"flag", 2},        {"flag", "yes"}, {"word", "blue"}, {"word", 1},
      {"list", 3},     {"list", {1, 2.5}}, {"fixed", 63},   {"names", "cat"}, {"colour", 1}};
  for (const auto& [field, value] : bad) {
    const auto wrong = FromJson<Everything>({{field, value}});
    ASSERT_FALSE(wrong.ok()) << field << value;
    EXPECT_EQ(wrong.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(wrong.status().message().find(std::string("'") + field + "'"), std::string::npos)
        << wrong.status().message();
  }
  EXPECT_EQ(FromJson<Everything>({{"whole", 11}}).status().message(),
            "model field 'whole' is 11; legal are 1 to 10");
  EXPECT_EQ(FromJson<Everything>({{"word", "blue"}}, "loss").status().message(),
            "loss field 'word' is 'blue'; legal are \"red\", \"green\"");
}

// Keys and values of files are lasting: what a shipped file says is what is written today.
template <class Config>
void ExpectSameKeys(const runtime::WeightsFile& file, const std::string& name) {
  const auto config = FromMetadata<Config>(file.metadata());
  ASSERT_TRUE(config.ok()) << name << ": " << config.status().message();
  for (const auto& [key, value] : ToMetadata(*config)) {
    const auto it = file.metadata().find(key);
    if (it != file.metadata().end()) {
      EXPECT_EQ(value, it->second) << name << ", " << key;
    }
  }
}

TEST(Architectures, NamesAreUniqueAndFound) {
  std::set<std::string> names;
  for (const Architecture& a : Architectures()) {
    EXPECT_TRUE(names.insert(a.name).second) << a.name;
    EXPECT_EQ(FindArchitecture(a.name), &a);
    EXPECT_TRUE(a.codes_pictures || !a.has_search) << a.name;
  }
  EXPECT_EQ(FindArchitecture("gan"), nullptr);
  EXPECT_EQ(FindArchitecture(""), nullptr);
}

TEST(ShippedConfigs, AreReadAndWrittenTheSame) {
  const auto manifest = runtime::Manifest::Load(*runtime::FindModelsDirectory(""));
  ASSERT_TRUE(manifest.ok());
  int seen = 0;
  for (const runtime::ModelEntry& e : manifest->entries()) {
    const auto loaded = runtime::LoadModel(*manifest, e.id);
    ASSERT_TRUE(loaded.ok()) << loaded.status().message();
    const runtime::WeightsFile& file = *loaded->weights;
    const Architecture* architecture = FindArchitecture(e.architecture);
    ASSERT_NE(architecture, nullptr) << e.architecture;
    if (architecture->costs != nullptr) {
      EXPECT_GT(architecture->costs(file.metadata())->synthesis_kmac_per_pixel, 0) << e.name;
    }
    if (e.architecture == AeConfig::kArchitecture) ExpectSameKeys<AeConfig>(file, e.name);
    if (e.architecture == VqvaeConfig::kArchitecture) ExpectSameKeys<VqvaeConfig>(file, e.name);
    if (e.architecture == VaeConfig::kArchitecture) ExpectSameKeys<VaeConfig>(file, e.name);
    if (e.architecture == SmallVqvaeConfig::kArchitecture)
      ExpectSameKeys<SmallVqvaeConfig>(file, e.name);
    if (e.architecture == ClassifierConfig::kArchitecture)
      ExpectSameKeys<ClassifierConfig>(file, e.name);
    if (e.architecture == IndexTransformerConfig::kArchitecture)
      ExpectSameKeys<IndexTransformerConfig>(file, e.name);
    ++seen;
  }
  EXPECT_GT(seen, 5);
}

}  // namespace
}  // namespace halfmoon
