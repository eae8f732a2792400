#include "cli/option_values.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/runtime/weights/number_text.h"

namespace halfmoon::cli {
namespace {

constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 62;

Status Illegal(const std::string& name, std::string_view text, const std::string& why,
               const std::string& legal) {
  return {StatusCode::kInvalidArgument,
          name + " " + std::string(text) + " is " + why + "; legal are " + legal};
}

// Thrown out of CLI11's parsing, and shown as it is.
template <typename T>
T ValueOrThrow(Result<T> result) {
  if (!result.ok()) throw CLI::ValidationError(result.status().message());
  return std::move(*result);
}

// "--quality" of "-q,--quality".
std::string LongName(const std::string& names) { return names.substr(names.rfind(',') + 1); }

// Says in its own words what an empty value should have been.
CLI::Option* NotEmpty(CLI::Option* option, const std::string& legal) {
  return option->check(CLI::Validator(
      [legal](const std::string& text) {
        return text.empty() ? "is empty; legal are " + legal : std::string();
      },
      ""));
}

std::string Quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return out;
}

constexpr char kLegalSizes[] =
    "1 and more, with k, M, G (powers of 1000) or KiB, MiB, GiB (powers of 1024)";

std::vector<std::string> Split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == at) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// 0: no such unit.
double UnitOf(const std::string& unit) {
  static constexpr std::pair<const char*, double> kUnits[] = {
      {"", 1},     {"b", 1},     {"k", 1e3},        {"m", 1e6},           {"g", 1e9},
      {"t", 1e12}, {"ki", 1024}, {"mi", 1048576.0}, {"gi", 1073741824.0}, {"ti", 1099511627776.0}};
  std::string name = Lower(unit);
  if (name.size() > 1 && name.back() == 'b') name.pop_back();
  for (const auto& [known, factor] : kUnits) {
    if (name == known) return factor;
  }
  return 0;
}

}  // namespace

template <typename T>
std::string Range<T>::Text() const {
  if (!text.empty()) return text;
  const auto show = [](T value) {
    if constexpr (std::is_floating_point_v<T>) return NumberText(value);
    return std::to_string(value);
  };
  if (least == std::numeric_limits<T>::lowest() && least < 0) {
    return std::is_floating_point_v<T> ? "numbers" : "whole numbers";
  }
  const std::string from = (above ? "above " : "") + show(least);
  if (most == std::numeric_limits<T>::max()) return above ? from : from + " and more";
  return from + (below ? " and below " : above ? ", up to " : " to ") + show(most);
}

template <typename T>
Result<T> ParseNumber(const std::string& name, std::string_view text, const Range<T>& range) {
  T value{};
  const char* const end = text.data() + text.size();
  const std::from_chars_result read = std::from_chars(text.data(), end, value);
  const bool whole = read.ptr == end && read.ec != std::errc::invalid_argument;
  const char* const kind = std::is_floating_point_v<T> ? "no number" : "no whole number";
  // from_chars of an unsigned type knows no sign.
  std::int64_t negative = 0;
  const bool below_zero = std::is_unsigned_v<T> && text.starts_with('-') &&
                          std::from_chars(text.data(), end, negative).ptr == end;
  if (!whole && !below_zero) return Illegal(name, Quoted(text), kind, range.Text());
  if constexpr (std::is_floating_point_v<T>) {
    if (read.ec == std::errc() && !std::isfinite(value)) {
      return Illegal(name, Quoted(text), kind, range.Text());
    }
  }
  const bool legal = !below_zero && read.ec == std::errc() &&
                     (range.above ? value > range.least : value >= range.least) &&
                     (range.below ? value < range.most : value <= range.most);
  if (!legal) return Illegal(name, text, "out of range", range.Text());
  return value;
}

Result<std::uint64_t> ParseSize(const std::string& name, std::string_view text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const std::from_chars_result read = std::from_chars(text.data(), end, value);
  std::string_view unit(read.ptr, static_cast<std::size_t>(end - read.ptr));
  unit.remove_prefix(std::min(unit.size(), unit.find_first_not_of(' ')));
  const double factor = UnitOf(std::string(unit));
  if (read.ec == std::errc::invalid_argument || factor == 0 ||
      (read.ec == std::errc() && !std::isfinite(value))) {
    return Illegal(name, Quoted(text), "no size", kLegalSizes);
  }
  // Beyond what a double holds, on either side.
  if (read.ec != std::errc()) value = Lower(text).find("e-") == std::string::npos ? HUGE_VAL : 0;
  if (text.starts_with('-')) value = -std::abs(value);
  const double size = std::floor(value * factor + 0.5);
  if (!(size >= 1)) return Illegal(name, text, "out of range", kLegalSizes);
  return size < static_cast<double>(kNoLimit) ? static_cast<std::uint64_t>(size) : kNoLimit;
}

template <typename T>
CLI::Option* AddNumber(CLI::App* command, const std::string& names, const std::string& type,
                       std::function<void(T)> set, Range<T> range, const std::string& help) {
  const std::string legal = range.Text();
  const CLI::callback_t take = [name = LongName(names), set = std::move(set),
                                range = std::move(range)](const CLI::results_t& texts) {
    set(ValueOrThrow(ParseNumber<T>(name, texts.back(), range)));
    return true;
  };
  return NotEmpty(command->add_option(names, take, help)->type_name(type), legal);
}

template <typename T>
CLI::Option* AddNumbers(CLI::App* command, const std::string& names, const std::string& type,
                        std::vector<T>* values, Range<std::type_identity_t<T>> range,
                        const std::string& help) {
  const std::string legal = range.Text() + ", with commas between them";
  const CLI::callback_t take = [name = LongName(names), values,
                                range = std::move(range)](const CLI::results_t& texts) {
    values->clear();
    for (const std::string& text : texts) {
      for (const std::string& part : Split(text, ',')) {
        values->push_back(ValueOrThrow(ParseNumber<T>(name, part, range)));
      }
    }
    return true;
  };
  return NotEmpty(command->add_option(names, take, help)->type_name(type), legal);
}

CLI::Option* AddSize(CLI::App* command, const std::string& names,
                     std::function<void(std::uint64_t)> set, const std::string& help) {
  const CLI::callback_t take = [name = LongName(names),
                                set = std::move(set)](const CLI::results_t& texts) {
    set(ValueOrThrow(ParseSize(name, texts.back())));
    return true;
  };
  return NotEmpty(command->add_option(names, take, help)->type_name("SIZE"), kLegalSizes);
}

CLI::Option* AddSize(CLI::App* command, const std::string& names, std::uint64_t* value,
                     const std::string& help) {
  return AddSize(
      command, names, [value](std::uint64_t v) { *value = v; }, help);
}

CLI::Option* AddChoice(CLI::App* command, const std::string& names,
                       const std::vector<std::string>& words,
                       std::function<void(const std::string&)> set, const std::string& help) {
  std::string type, legal;
  for (const std::string& word : words) {
    type += (type.empty() ? "" : "|") + word;
    legal += (legal.empty() ? "" : ", ") + word;
  }
  const CLI::callback_t take = [name = LongName(names), words, legal,
                                set = std::move(set)](const CLI::results_t& texts) {
    const std::string& text = texts.back();
    if (std::find(words.begin(), words.end(), text) == words.end()) {
      throw CLI::ValidationError(Illegal(name, Quoted(text), "unknown", legal).message());
    }
    set(text);
    return true;
  };
  return NotEmpty(command->add_option(names, take, help)->type_name(type), legal);
}

CLI::Option* AddChoice(CLI::App* command, const std::string& names,
                       const std::vector<std::string>& words, std::string* value,
                       const std::string& help) {
  return AddChoice(
      command, names, words, [value](const std::string& v) { *value = v; }, help);
}

void RefuseEmptyValues(CLI::App* app) {
  for (CLI::Option* option : app->get_options()) {
    if (option->get_items_expected_max() == 0) continue;  // a flag
    option->check(CLI::Validator(
        [](const std::string& text) {
          return text.empty() ? "is empty; give a value, or leave it out" : std::string();
        },
        ""));
  }
  for (CLI::App* command : app->get_subcommands([](const CLI::App*) { return true; })) {
    RefuseEmptyValues(command);
  }
}

template struct Range<double>;
template struct Range<int>;
template struct Range<std::int64_t>;
template struct Range<std::uint32_t>;
template struct Range<std::uint64_t>;

#define HALFMOON_NUMBERS(T)                                                              \
  template Result<T> ParseNumber(const std::string&, std::string_view, const Range<T>&); \
  template CLI::Option* AddNumber(CLI::App*, const std::string&, const std::string&,     \
                                  std::function<void(T)>, Range<T>, const std::string&); \
  template CLI::Option* AddNumbers(CLI::App*, const std::string&, const std::string&,    \
                                   std::vector<T>*, Range<std::type_identity_t<T>>,      \
                                   const std::string&);
HALFMOON_NUMBERS(double)
HALFMOON_NUMBERS(int)
HALFMOON_NUMBERS(std::int64_t)
HALFMOON_NUMBERS(std::uint32_t)
HALFMOON_NUMBERS(std::uint64_t)
#undef HALFMOON_NUMBERS

}  // namespace halfmoon::cli
