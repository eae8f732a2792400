// Words of prompts: splitting, numbering, what was never seen.
#include "models/runtime/generative/prompt_words.h"

#include <gtest/gtest.h>

namespace halfmoon::runtime {
namespace {

using Words = std::vector<std::string>;

TEST(PromptWordsTest, SplitsAtWhatIsNeitherLetterNorDigit) {
  EXPECT_EQ(SplitWords("O'Neill's Red-hot  2nd!"), (Words{"o", "neill", "s", "red", "hot", "2nd"}));
  EXPECT_EQ(SplitWords("c\xC3\xA9sar, \xE6\x9C\x88"), (Words{"c\xC3\xA9sar", "\xE6\x9C\x88"}));
  EXPECT_EQ(SplitWords(" ,;- "), Words{});
  EXPECT_EQ(SplitWords(""), Words{});
}

class PromptWordsOfCats : public ::testing::Test {
 protected:
  const std::vector<std::string> captions_ = {"smiling cat", "cat cat cat", "crying cat",
                                              "blue heart", "smiling face"};
  const PromptWords words_ = PromptWords::FromCaptions(captions_, 2);
};

TEST_F(PromptWordsOfCats, KeepsWordsOfSeveralCaptions) {
  EXPECT_EQ(words_.ToText(), "cat smiling");  // in 3 and in 2 captions, however often in one
  EXPECT_EQ(words_.size(), 4);
  EXPECT_EQ(PromptWords::FromCaptions(captions_, 1).ToText(), "cat smiling blue crying face heart");
  EXPECT_EQ(PromptWords::FromCaptions(captions_, 9).size(), 2);
}

TEST_F(PromptWordsOfCats, EncodesInOrderAndSaysWhatItNeverSaw) {
  const auto prompt = words_.Encode("A Smiling CAT, please", 6);
  EXPECT_EQ(prompt.words,
            (std::vector<std::int64_t>{PromptWords::kUnknown, 3, 2, PromptWords::kUnknown,
                                       PromptWords::kNothing, PromptWords::kNothing}));
  EXPECT_EQ(prompt.unknown, (Words{"a", "please"}));
  EXPECT_EQ(prompt.left_out, Words{});
}

TEST_F(PromptWordsOfCats, LongPromptsLoseTheirEnd) {
  const auto prompt = words_.Encode("cat cat smiling cat", 2);
  EXPECT_EQ(prompt.words, (std::vector<std::int64_t>{2, 2}));
  EXPECT_EQ(prompt.left_out, (Words{"smiling", "cat"}));
}

TEST_F(PromptWordsOfCats, NoWordsAreNoCondition) {
  EXPECT_EQ(words_.Encode(" ", 3).words, std::vector<std::int64_t>(3, PromptWords::kNothing));
}

TEST_F(PromptWordsOfCats, TextAndBack) {
  const auto again = PromptWords::FromText(words_.ToText());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->ToText(), words_.ToText());
  EXPECT_EQ(again->Encode("smiling", 1).words, words_.Encode("smiling", 1).words);
  EXPECT_EQ(PromptWords::FromText("")->size(), 2);
  for (const char* bad : {"cat cat", "cat  dog", " cat"}) {
    EXPECT_EQ(PromptWords::FromText(bad).status().code(), StatusCode::kCorrupt) << bad;
  }
}

}  // namespace
}  // namespace halfmoon::runtime
