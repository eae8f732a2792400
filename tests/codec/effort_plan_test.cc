// The table of efforts is the one that docs/effort.md prints.
#include "codec/common/effort_plan.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace halfmoon {
namespace {

std::string Name(Quantiser quantiser) {
  switch (quantiser) {
    case Quantiser::kPlain: return "plain";
    case Quantiser::kDependent: return "dependent";
    default: return "dependent, for searched latents";
  }
}

std::string Row(int effort) {
  const EffortPlan& p = EffortPlanOf(effort);
  std::ostringstream row;
  row << "| " << effort << " | " << Name(p.quantiser) << " | " << (p.correct ? "yes" : "") << " | "
      << (p.search_steps > 0 ? std::to_string(p.search_steps) : "") << " | "
      << (p.check ? "yes" : "") << " | " << p.iterations << " |";
  return row.str();
}

TEST(EffortPlan, IsTheTableOfTheDocumentation) {
  std::ifstream page(HALFMOON_DOCS_DIR "/effort.md");
  ASSERT_TRUE(page.good());
  std::vector<std::string> rows;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    const bool is_row = line.starts_with("|");
    if (inside && is_row && !line.starts_with("|---")) rows.push_back(line);
    if (line.starts_with("| effort | quantiser |")) inside = true;
    if (!is_row) inside = false;
  }
  std::vector<std::string> expected;
  for (int effort = kLowestEffort; effort <= kHighestEffort; ++effort)
    expected.push_back(Row(effort));
  EXPECT_EQ(rows, expected);
}

}  // namespace
}  // namespace halfmoon
