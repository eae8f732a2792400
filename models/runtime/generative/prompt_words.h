// PromptWords: the words a generative model knows, and prompts as their numbers. No LibTorch.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon::runtime {

// Words of a text in lower case: runs of ASCII letters and digits and of bytes above 127, so UTF-8
// survives. "O'Neill's Red-hot 2nd" -> o, neill, s, red, hot, 2nd.
std::vector<std::string> SplitWords(const std::string& text);

class PromptWords {
 public:
  static constexpr std::int64_t kNothing = 0;  // no word here; everywhere: no condition
  static constexpr std::int64_t kUnknown = 1;  // a word never seen

  PromptWords() = default;
  // The words of training captions that occur in at least `least` of them, by falling frequency,
  // then alphabetically.
  static PromptWords FromCaptions(std::span<const std::string> captions, int least);
  // ToText's inverse. Errors: kCorrupt (a word twice, or none between two spaces).
  static Result<PromptWords> FromText(const std::string& text);
  // All words, separated by spaces: what a weights file keeps.
  std::string ToText() const;

  // Word numbers in all: words, and the two above.
  std::int64_t size() const { return static_cast<std::int64_t>(words_.size()) + 2; }

  struct Prompt {
    std::vector<std::int64_t> words;    // exactly `length`, filled up with kNothing
    std::vector<std::string> unknown;   // words the model never saw
    std::vector<std::string> left_out;  // words beyond `length`
  };
  Prompt Encode(const std::string& text, std::size_t length) const;

 private:
  void Add(const std::string& word);

  std::vector<std::string> words_;
  std::map<std::string, std::int64_t> numbers_;
};

}  // namespace halfmoon::runtime
