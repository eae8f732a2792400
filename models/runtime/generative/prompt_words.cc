#include "models/runtime/generative/prompt_words.h"

#include <algorithm>
#include <set>

namespace halfmoon::runtime {

std::vector<std::string> SplitWords(const std::string& text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || byte > 127) {
      words.back().push_back(upper ? static_cast<char>(c - 'A' + 'a') : c);
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

void PromptWords::Add(const std::string& word) {
  numbers_[word] = size();
  words_.push_back(word);
}

PromptWords PromptWords::FromCaptions(std::span<const std::string> captions, int least) {
  std::map<std::string, int> counts;
  for (const std::string& caption : captions) {
    const std::vector<std::string> words = SplitWords(caption);
    for (const std::string& word : std::set<std::string>(words.begin(), words.end()))
      ++counts[word];
  }
  std::vector<std::pair<int, std::string>> kept;  // of equal frequency in the map's order
  for (const auto& [word, count] : counts) {
    if (count >= least) kept.emplace_back(count, word);
  }
  std::stable_sort(kept.begin(), kept.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  PromptWords words;
  for (const auto& [count, word] : kept) words.Add(word);
  return words;
}

Result<PromptWords> PromptWords::FromText(const std::string& text) {
  PromptWords words;
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find(' ', start), text.size());
    const std::string word = text.substr(start, end - start);
    if (word.empty() || words.numbers_.contains(word)) {
      return Status(StatusCode::kCorrupt, "list of words: '" + word + "' is empty or there twice");
    }
    words.Add(word);
    start = end + 1;
  }
  return words;
}

std::string PromptWords::ToText() const {
  std::string text;
  for (const std::string& word : words_) text += (text.empty() ? "" : " ") + word;
  return text;
}

PromptWords::Prompt PromptWords::Encode(const std::string& text, std::size_t length) const {
  Prompt prompt;
  for (const std::string& word : SplitWords(text)) {
    if (prompt.words.size() == length) {
      prompt.left_out.push_back(word);
      continue;
    }
    const auto it = numbers_.find(word);
    if (it == numbers_.end()) prompt.unknown.push_back(word);
    prompt.words.push_back(it == numbers_.end() ? kUnknown : it->second);
  }
  prompt.words.resize(length, kNothing);
  return prompt;
}

}  // namespace halfmoon::runtime
