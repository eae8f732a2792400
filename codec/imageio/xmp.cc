#include "codec/imageio/xmp.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace halfmoon::imageio {
namespace {

constexpr std::size_t kNone = std::string_view::npos;
// Values of interest are short, and a packet made to waste time has many that never end.
constexpr std::size_t kLongestValue = 64;
// The names of Ultra HDR (hdrgm), and of Google's container and camera schemas.
constexpr std::string_view kGainMapVersion = "hdrgm:Version";
constexpr std::string_view kGainMapItem = "GainMap";
constexpr std::string_view kFilmItem = "MotionPhoto";
constexpr std::array<std::string_view, 2> kFilmFlags = {":MotionPhoto", ":MicroVideo"};

std::string_view TextOf(std::span<const std::uint8_t> xmp) {
  return {reinterpret_cast<const char*>(xmp.data()), xmp.size()};
}

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Where a value stands, between its quotes or tags.
struct Value {
  std::size_t begin = kNone, end = kNone;
  explicit operator bool() const { return begin != kNone; }
};

// The value of the name that ends at `at`: name="value" or <name>value</name>, spaces trimmed.
Value ValueAfter(std::string_view text, std::size_t at) {
  const auto skip = [&] {
    while (at < text.size() && IsSpace(text[at])) ++at;
  };
  const auto next = [&] { return at < text.size() ? text[at] : '\0'; };
  skip();
  char close = '<';
  if (next() == '=') {
    ++at;
    skip();
    close = next();
    if (close != '"' && close != '\'') return {};
  } else if (next() != '>') {
    return {};
  }
  ++at;
  skip();
  const std::size_t length = text.substr(at, kLongestValue).find(close);
  if (length == kNone) return {};
  std::size_t end = at + length;
  while (end > at && IsSpace(text[end - 1])) --end;
  return {at, end};
}

// Sets each value of one digit from `low` to `high` behind `name`. Returns how many there were.
int SetDigits(std::span<std::uint8_t> xmp, std::string_view name, char low, char high, char digit) {
  const std::string_view text = TextOf(xmp);
  int found = 0;
  for (std::size_t at = text.find(name); at != kNone; at = text.find(name, at + 1)) {
    const Value value = ValueAfter(text, at + name.size());
    if (!value || value.end - value.begin != 1) continue;
    if (text[value.begin] < low || text[value.begin] > high) continue;
    xmp[value.begin] = static_cast<std::uint8_t>(digit);
    ++found;
  }
  return found;
}

void Blank(std::span<std::uint8_t> xmp, std::size_t begin, std::size_t end) {
  std::fill(xmp.begin() + static_cast<std::ptrdiff_t>(begin),
            xmp.begin() + static_cast<std::ptrdiff_t>(end), std::uint8_t{' '});
}

// Where, from `at` on, a Semantic of the container's directory has that value.
std::size_t FindItem(std::string_view text, std::string_view semantic, std::size_t at) {
  constexpr std::string_view kName = ":Semantic";
  for (at = text.find(kName, at); at != kNone; at = text.find(kName, at + 1)) {
    const Value value = ValueAfter(text, at + kName.size());
    if (value && text.substr(value.begin, value.end - value.begin) == semantic) return at;
  }
  return kNone;
}

// Spaces in place of the list entries that name the item.
void BlankItems(std::span<std::uint8_t> xmp, std::string_view semantic) {
  constexpr std::string_view kOpen = "<rdf:li", kClose = "</rdf:li>";
  const std::string_view text = TextOf(xmp);
  for (std::size_t at = FindItem(text, semantic, 0); at != kNone;
       at = FindItem(text, semantic, at + 1)) {
    const std::size_t open = text.rfind(kOpen, at);
    const std::size_t close = text.find(kClose, at);
    if (open == kNone || close == kNone) continue;
    // Another entry's end between the two: not an entry of its own.
    if (text.substr(open, at - open).find(kClose) != kNone) continue;
    Blank(xmp, open, close + kClose.size());
  }
}

bool HasFlag(std::string_view text, std::string_view name) {
  for (std::size_t at = text.find(name); at != kNone; at = text.find(name, at + 1)) {
    const Value value = ValueAfter(text, at + name.size());
    if (value && text.substr(value.begin, value.end - value.begin) == "1") return true;
  }
  return false;
}

}  // namespace

int ResetXmpOrientation(std::span<std::uint8_t> xmp) {
  return SetDigits(xmp, "tiff:Orientation", '1', '8', '1');
}

bool PromisesGainMap(std::span<const std::uint8_t> xmp) {
  const std::string_view text = TextOf(xmp);
  return text.find(kGainMapVersion) != kNone || FindItem(text, kGainMapItem, 0) != kNone;
}

bool PromisesFilm(std::span<const std::uint8_t> xmp) {
  const std::string_view text = TextOf(xmp);
  return FindItem(text, kFilmItem, 0) != kNone ||
         std::any_of(kFilmFlags.begin(), kFilmFlags.end(),
                     [&](std::string_view name) { return HasFlag(text, name); });
}

void TakeOutGainMap(std::span<std::uint8_t> xmp) {
  const std::string_view text = TextOf(xmp);
  for (std::size_t at = text.find(kGainMapVersion); at != kNone;
       at = text.find(kGainMapVersion, at + 1)) {
    const Value value = ValueAfter(text, at + kGainMapVersion.size());
    if (!value) continue;
    if (at > 0 && text[at - 1] == '<') {  // an element, with its closing tag
      const std::string close = "</" + std::string(kGainMapVersion) + ">";
      const std::size_t end = text.find(close, value.end);
      if (end != kNone) Blank(xmp, at - 1, end + close.size());
    } else {
      const std::size_t quote = text.find_first_of("\"'", value.end);
      if (quote != kNone) Blank(xmp, at, quote + 1);
    }
  }
  BlankItems(xmp, kGainMapItem);
}

void TakeOutFilm(std::span<std::uint8_t> xmp) {
  for (const std::string_view name : kFilmFlags) SetDigits(xmp, name, '1', '1', '0');
  BlankItems(xmp, kFilmItem);
}

}  // namespace halfmoon::imageio
