#include "eval/peers/peer_options.h"

#include <charconv>
#include <sstream>

namespace halfmoon::eval {
namespace {

bool IsWholeNumber(const std::string& text, int* number) {
  const auto end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, *number);
  return error == std::errc() && last == end;
}

bool IsLegal(const std::string& value, const std::string& legal) {
  if (legal == "NAME") return !value.empty();
  if (const auto dots = legal.find(".."); dots != std::string::npos) {
    int number = 0;
    return IsWholeNumber(value, &number) && number >= std::stoi(legal.substr(0, dots)) &&
           number <= std::stoi(legal.substr(dots + 2));
  }
  std::istringstream choices(legal);
  for (std::string choice; std::getline(choices, choice, '|');) {
    if (choice == value) return true;
  }
  return false;
}

}  // namespace

std::string DescribeRules(const std::vector<OptionRule>& rules) {
  std::string text;
  for (const OptionRule& rule : rules) {
    if (!text.empty()) text += ", ";
    text += rule.key;
    if (!rule.legal.empty()) text.append("=").append(rule.legal);
    if (!rule.initial.empty()) text.append(" (").append(rule.initial).append(")");
  }
  return text.empty() ? "none" : text;
}

Result<PeerOptions> PeerOptions::Parse(const std::string& adapter, const std::string& text,
                                       const std::vector<OptionRule>& rules) {
  auto bad = [&](const std::string& what) {
    return Status(StatusCode::kInvalidArgument,
                  adapter + ": " + what + "; valid options: " + DescribeRules(rules));
  };
  PeerOptions options;
  for (const OptionRule& rule : rules) options.values_[rule.key] = rule.initial;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const auto equals = part.find('=');
    const std::string key = part.substr(0, equals);
    const OptionRule* rule = nullptr;
    for (const OptionRule& r : rules) {
      if (r.key == key) rule = &r;
    }
    if (!rule) return bad("unknown option '" + key + "'");
    options.given_.insert(key);
    if (rule->legal.empty()) {
      if (equals != std::string::npos) return bad("option '" + key + "' takes no value");
      options.values_[key] = "1";
      continue;
    }
    const std::string value = equals == std::string::npos ? "" : part.substr(equals + 1);
    if (!IsLegal(value, rule->legal)) {
      return bad("option '" + key + "' can't be '" + value + "'");
    }
    options.values_[key] = value;
  }
  return options;
}

}  // namespace halfmoon::eval
