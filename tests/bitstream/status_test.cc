#include "halfmoon/status.h"

#include <gtest/gtest.h>

namespace halfmoon {
namespace {

Result<int> Half(int value) {
  if (value % 2 != 0) return Status(StatusCode::kInvalidArgument, "odd");
  return value / 2;
}

Status UsesMacros(int value, int* quarter) {
  HALFMOON_ASSIGN_OR_RETURN(const int half, Half(value));
  HALFMOON_ASSIGN_OR_RETURN(*quarter, Half(half));
  HALFMOON_ENSURE(*quarter != 3);
  return Status::Ok();
}

TEST(Status, MacrosPassOnErrors) {
  int quarter = 0;
  EXPECT_TRUE(UsesMacros(8, &quarter).ok());
  EXPECT_EQ(quarter, 2);
  EXPECT_EQ(UsesMacros(6, &quarter).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(UsesMacros(12, &quarter).code(), StatusCode::kInternal);
}

TEST(Status, ContextStandsBeforeTheMessage) {
  EXPECT_EQ(Half(1).status().WithContext("file").message(), "file: odd");
  EXPECT_TRUE(Status::Ok().WithContext("file").ok());
}

TEST(Status, NumbersArePinned) {
  EXPECT_EQ(static_cast<int>(StatusCode::kNotHalfmoon), 10);
  EXPECT_EQ(static_cast<int>(StatusCode::kCorrupt), 22);
  EXPECT_EQ(static_cast<int>(StatusCode::kLimitExceeded), 50);
  EXPECT_EQ(static_cast<int>(StatusCode::kInternal), 90);
  EXPECT_EQ(StatusCodeName(StatusCode::kChecksumMismatch), "checksum-mismatch");
}

}  // namespace
}  // namespace halfmoon
