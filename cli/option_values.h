// Options with a value that is a number, a list of numbers, a size or one of some words. Every such
// option of every command is made here, so that all refuse the same texts in the same way: empty,
// not a number, nan, infinite, out of range. Errors are usage errors that say what is legal.
#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon::cli {

// The numbers an option takes. By default every one of its type.
template <typename T>
struct Range {
  T least = std::numeric_limits<T>::lowest();
  T most = std::numeric_limits<T>::max();
  bool above = false;     // `least` itself is illegal
  bool below = false;     // `most` itself is illegal
  std::string text = {};  // what is legal, in words; empty: made of the numbers

  std::string Text() const;
};

// The whole of `text` as a number. Errors: kInvalidArgument "NAME TEXT is ...; legal are RANGE".
template <typename T>
Result<T> ParseNumber(const std::string& name, std::string_view text, const Range<T>& range);

// Bytes, pixels and the like: "150k", "1.5 MB", "64MiB". k, M, G, T (kB, MB, GB, TB) are powers of
// 1000; Ki, Mi, Gi, Ti (KiB, MiB, GiB, TiB) of 1024; B alone is 1; in any case. More than 2^62 is
// 2^62: no limit in practice. Errors: kInvalidArgument; below 1 is out of range.
Result<std::uint64_t> ParseSize(const std::string& name, std::string_view text);

// `names` as of CLI::App::add_option; `type` stands for the value in --help.
template <typename T>
CLI::Option* AddNumber(CLI::App* command, const std::string& names, const std::string& type,
                       std::function<void(T)> set, Range<T> range, const std::string& help);
template <typename T>
CLI::Option* AddNumber(CLI::App* command, const std::string& names, const std::string& type,
                       T* value, Range<std::type_identity_t<T>> range, const std::string& help) {
  return AddNumber<T>(
      command, names, type, [value](T v) { *value = v; }, std::move(range), help);
}

// Numbers with commas between them.
template <typename T>
CLI::Option* AddNumbers(CLI::App* command, const std::string& names, const std::string& type,
                        std::vector<T>* values, Range<std::type_identity_t<T>> range,
                        const std::string& help);

CLI::Option* AddSize(CLI::App* command, const std::string& names,
                     std::function<void(std::uint64_t)> set, const std::string& help);
CLI::Option* AddSize(CLI::App* command, const std::string& names, std::uint64_t* value,
                     const std::string& help);

// One of some words, which --help and the completion of shells show.
CLI::Option* AddChoice(CLI::App* command, const std::string& names,
                       const std::vector<std::string>& words,
                       std::function<void(const std::string&)> set, const std::string& help);
CLI::Option* AddChoice(CLI::App* command, const std::string& names,
                       const std::vector<std::string>& words, std::string* value,
                       const std::string& help);

// Lets no option of any command take an empty value, which is an unset variable of a script.
void RefuseEmptyValues(CLI::App* app);

}  // namespace halfmoon::cli
