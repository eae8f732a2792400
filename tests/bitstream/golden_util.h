// Reading, comparing and regenerating committed files, for tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace halfmoon::testing {

inline std::string GoldenFolder() { return HALFMOON_SOURCE_DIR "/tests/golden"; }

// Whether committed files are to be written anew rather than compared.
inline bool& Regenerate() {
  static bool regenerate = [] {
    const char* wish = std::getenv("HALFMOON_REGENERATE_GOLDEN");
    return wish != nullptr && std::string(wish) == "1";
  }();
  return regenerate;
}

inline std::vector<std::uint8_t> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << "cannot read " << path
                         << "; if the case is new, run with HALFMOON_REGENERATE_GOLDEN=1";
  return std::vector<std::uint8_t>(std::istreambuf_iterator<char>(in), {});
}

inline void WriteFile(const std::string& path, const std::vector<std::uint8_t>& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(out.good()) << "cannot write " << path;
}

// The committed bytes. When `exact`, they must equal `made`; when regenerating, they become it.
inline std::vector<std::uint8_t> CompareOrRegenerate(const std::string& path,
                                                     const std::vector<std::uint8_t>& made,
                                                     bool exact) {
  if (Regenerate()) WriteFile(path, made);
  std::vector<std::uint8_t> committed = ReadFile(path);
  if (exact) {
    EXPECT_EQ(committed, made) << path
                               << " differs; if that is meant, run with "
                                  "HALFMOON_REGENERATE_GOLDEN=1 and have the diff reviewed";
  }
  return committed;
}

}  // namespace halfmoon::testing
