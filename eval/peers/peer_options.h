// The options in a codec's name ("avif:speed=6,yuv=444"): parsing and messages. std only.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon::eval {

// One option a codec knows.
struct OptionRule {
  std::string key;
  // Empty: a flag. "420|444": one of these. "0..10": a whole number. "NAME": any text.
  std::string legal;
  std::string initial;  // the value when it is not given; of a flag: empty
};

class PeerOptions {
 public:
  // `text`: what stands behind the colon. Errors: kInvalidArgument listing the valid options.
  static Result<PeerOptions> Parse(const std::string& adapter, const std::string& text,
                                   const std::vector<OptionRule>& rules);

  // Whether the name gives the option, if only its initial value.
  bool Given(const std::string& key) const { return given_.contains(key); }
  bool Has(const std::string& flag) const { return values_.at(flag) == "1"; }
  const std::string& Text(const std::string& key) const { return values_.at(key); }
  int Number(const std::string& key) const { return std::stoi(values_.at(key)); }

 private:
  std::map<std::string, std::string> values_;
  std::set<std::string> given_;
};

// "progressive, yuv=420|444 (420)"; "none".
std::string DescribeRules(const std::vector<OptionRule>& rules);

}  // namespace halfmoon::eval
