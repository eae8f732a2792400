#include "codec/imageio/pnm_header.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "codec/imageio/formats.h"

namespace halfmoon::imageio {
namespace {

// The header of a PAM, all lines together; no writer needs a fraction of it.
constexpr std::size_t kMaxPamHeader = 1 << 16;
constexpr std::uint32_t kMaxMaxval = 65535;

bool IsSpace(std::uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool IsDigit(std::uint8_t c) { return c >= '0' && c <= '9'; }

Status Truncated(const std::string& what) {
  return {StatusCode::kTruncated, "PNM: the file ends before " + what};
}

Status Corrupt(const std::string& what) {
  return {StatusCode::kCorrupt, "PNM: " + what + "; the file is damaged"};
}

Status CheckFields(const PnmHeader& header) {
  if (header.width == 0) return Corrupt("width is zero or missing");
  if (header.height == 0) return Corrupt("height is zero or missing");
  if (header.maxval == 0 || header.maxval > kMaxMaxval) {
    return Corrupt("maxval " + std::to_string(header.maxval) + " is outside 1..65535");
  }
  return Status::Ok();
}

struct TupleType {
  std::string_view name;
  std::uint32_t channels;
};
constexpr TupleType kTupleTypes[] = {
    {"BLACKANDWHITE", 1}, {"BLACKANDWHITE_ALPHA", 2}, {"GRAYSCALE", 1}, {"GRAYSCALE_ALPHA", 2},
    {"RGB", 3},           {"RGB_ALPHA", 4},
};

Status CheckTupleType(const std::string& name, std::uint32_t channels) {
  if (channels < 1 || channels > 4) {
    return {StatusCode::kUnsupportedFeature, "PAM with DEPTH " + std::to_string(channels) +
                                                 " is not supported; 1 to 4 channels are"};
  }
  if (name.empty()) return Status::Ok();  // the standard allows it; DEPTH tells
  for (const TupleType& known : kTupleTypes) {
    if (name != known.name) continue;
    if (channels == known.channels) return Status::Ok();
    return Corrupt("PAM of TUPLTYPE " + name + " with DEPTH " + std::to_string(channels));
  }
  return {StatusCode::kUnsupportedFeature,
          "PAM of TUPLTYPE '" + name.substr(0, 40) +
              "' is not supported; GRAYSCALE, RGB and BLACKANDWHITE are, each with _ALPHA or not"};
}

// A line of a PAM header without its end. Errors: kTruncated.
Result<std::string_view> NextLine(std::string_view text, std::size_t* at) {
  const std::size_t end = text.find('\n', *at);
  if (end == text.npos) return Truncated("the end of the PAM header");
  std::string_view line = text.substr(*at, end - *at);
  *at = end + 1;
  while (!line.empty() && IsSpace(static_cast<std::uint8_t>(line.back()))) line.remove_suffix(1);
  while (!line.empty() && IsSpace(static_cast<std::uint8_t>(line.front()))) line.remove_prefix(1);
  return line;
}

Result<PnmHeader> ParsePam(std::span<const std::uint8_t> bytes) {
  PnmHeader header;
  header.kind = 7;
  std::string tuple_type;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()),
                              std::min(bytes.size(), kMaxPamHeader));
  std::size_t at = 3;
  while (true) {
    HALFMOON_ASSIGN_OR_RETURN(const std::string_view line, NextLine(text, &at));
    if (line.empty() || line[0] == '#') continue;
    if (line == "ENDHDR") break;
    const std::size_t space = line.find_first_of(" \t");
    const std::string_view key = line.substr(0, space);
    if (key == "TUPLTYPE") {
      const std::size_t value = line.find_first_not_of(" \t", key.size());
      if (value == line.npos) continue;
      if (!tuple_type.empty()) tuple_type += ' ';  // lines are joined, says the standard
      tuple_type += line.substr(value);
      continue;
    }
    const char* const names[] = {"WIDTH", "HEIGHT", "DEPTH", "MAXVAL"};
    const auto* const name = std::find(std::begin(names), std::end(names), key);
    if (name == std::end(names)) {
      return Corrupt("unknown line '" + std::string(key.substr(0, 40)) + "' in the PAM header");
    }
    PnmText number(bytes.first(at - 1),
                   static_cast<std::size_t>(line.data() - text.data()) + key.size());
    HALFMOON_ASSIGN_OR_RETURN(const std::uint32_t value, number.Number(*name));
    switch (name - std::begin(names)) {
      case 0: header.width = value; break;
      case 1: header.height = value; break;
      case 2: header.channels = value; break;
      default: header.maxval = value; break;
    }
  }
  header.start = at;
  HALFMOON_RETURN_IF_ERROR(CheckFields(header));
  HALFMOON_RETURN_IF_ERROR(CheckTupleType(tuple_type, header.channels));
  return header;
}

// At the CR that ends the header of binary samples. By the standard the samples begin behind it.
// Programs that write text files with CR LF mean that they begin behind the LF, as the number of
// bytes shows then.
void SkipCarriageReturn(std::span<const std::uint8_t> bytes, PnmText* text, PnmHeader* header) {
  const std::size_t start = text->position() + 1;
  if (start >= bytes.size() || bytes[start] != '\n') return;
  if (header->width > kMaxImageSide || header->height > kMaxImageSide) return;  // refused later
  const std::uint64_t needed = StoredRowBytes(*header) * header->height;
  const std::uint64_t there = bytes.size() - start;
  if (there <= needed) return;
  const bool proved = there == needed + 1 ||
                      HasPnmSignature(bytes.subspan(start + 1 + static_cast<std::size_t>(needed)));
  header->line_end_guessed = !proved;
  text->Skip();
}

}  // namespace

std::uint64_t StoredRowBytes(const PnmHeader& header) {
  if (header.kind == 4) return (header.width + 7) / 8;
  return header.width * header.channels * (header.maxval > 255 ? 2 : 1);
}

void PnmText::SkipSpace() {
  while (!at_end()) {
    if (peek() == '#') {
      while (!at_end() && peek() != '\n' && peek() != '\r') Skip();
    } else if (IsSpace(peek())) {
      Skip();
    } else {
      return;
    }
  }
}

Result<std::uint32_t> PnmText::Number(const char* what) {
  SkipSpace();
  if (at_end()) return Truncated(what);
  if (!IsDigit(peek())) {
    return Corrupt(std::string(what) + " is no number, at byte " + std::to_string(at_));
  }
  std::uint64_t value = 0;
  while (!at_end() && IsDigit(peek())) {
    value = value * 10 + (peek() - '0');
    if (value > UINT32_MAX) return Corrupt(std::string(what) + " is too large for any picture");
    Skip();
  }
  return static_cast<std::uint32_t>(value);
}

Result<std::uint32_t> PnmText::Bit() {
  SkipSpace();
  if (at_end()) return Truncated("the last pixel");
  const std::uint8_t c = peek();
  if (c != '0' && c != '1') {
    return Corrupt("a pixel is neither 0 nor 1, at byte " + std::to_string(at_));
  }
  Skip();
  return std::uint32_t{c} - '0';
}

bool HasPnmSignature(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 3 || bytes[0] != 'P') return false;
  if (bytes[1] == '7') {
    return bytes[2] == '\n' || (bytes.size() > 3 && bytes[2] == '\r' && bytes[3] == '\n');
  }
  return bytes[1] >= '1' && bytes[1] <= '6' && (IsSpace(bytes[2]) || bytes[2] == '#');
}

Result<PnmHeader> ParsePnmHeader(std::span<const std::uint8_t> bytes) {
  HALFMOON_ENSURE(HasPnmSignature(bytes));
  if (bytes[1] == '7') return ParsePam(bytes);
  PnmHeader header;
  header.kind = bytes[1] - '0';
  header.channels = header.kind == 3 || header.kind == 6 ? 3 : 1;
  header.maxval = 1;
  PnmText text(bytes, 2);
  HALFMOON_ASSIGN_OR_RETURN(header.width, text.Number("the width"));
  HALFMOON_ASSIGN_OR_RETURN(header.height, text.Number("the height"));
  if (!header.is_bitmap()) {
    HALFMOON_ASSIGN_OR_RETURN(header.maxval, text.Number("the maxval"));
  }
  HALFMOON_RETURN_IF_ERROR(CheckFields(header));
  // One white space, or a comment up to the end of its line; the samples may look like either.
  if (text.at_end()) return Truncated("the first pixel");
  if (text.peek() == '#') {
    while (!text.at_end() && text.peek() != '\n') text.Skip();
    if (text.at_end()) return Truncated("the first pixel");
  } else if (!IsSpace(text.peek())) {
    return Corrupt("no white space before the pixels");
  } else if (text.peek() == '\r' && !header.is_text()) {
    SkipCarriageReturn(bytes, &text, &header);
  }
  text.Skip();
  header.start = text.position();
  return header;
}

}  // namespace halfmoon::imageio
