// Numbers in messages, as people write them.
#pragma once

#include <charconv>
#include <string>

namespace halfmoon {

// The shortest text that means the number: "101", "0.5", "1e+30", "nan".
inline std::string NumberText(double value) {
  char text[64];
  const std::to_chars_result r = std::to_chars(text, text + sizeof(text), value);
  return {text, r.ptr};
}

}  // namespace halfmoon
