#include "bitstream/byte_io.h"

#include <gtest/gtest.h>

namespace halfmoon {
namespace {

TEST(ByteIo, RoundTripIsLittleEndian) {
  ByteWriter writer;
  writer.U8(0x01);
  writer.U16(0x2345);
  writer.U32(0x6789ABCDu);
  writer.U64(0x0123456789ABCDEFu);
  writer.Fixed(0x00AABBCCDDEEu, 5);
  const std::vector<std::uint8_t> bytes = std::move(writer).Take();
  const std::vector<std::uint8_t> expected = {0x01, 0x45, 0x23, 0xCD, 0xAB, 0x89, 0x67,
                                              0xEF, 0xCD, 0xAB, 0x89, 0x67, 0x45, 0x23,
                                              0x01, 0xEE, 0xDD, 0xCC, 0xBB, 0xAA};
  EXPECT_EQ(bytes, expected);
  ByteReader reader(bytes);
  EXPECT_EQ(reader.U8(), 0x01);
  EXPECT_EQ(reader.U16(), 0x2345);
  EXPECT_EQ(reader.U32(), 0x6789ABCDu);
  EXPECT_EQ(reader.U64(), 0x0123456789ABCDEFu);
  EXPECT_EQ(reader.Fixed(5), 0xAABBCCDDEEu);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.remaining(), 0u);
}

TEST(ByteIo, ReadPastTheEndIsStickyAndMovesNothing) {
  const std::uint8_t bytes[3] = {1, 2, 3};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.U32(), 0u);
  EXPECT_TRUE(reader.truncated());
  EXPECT_EQ(reader.position(), 0u);
  EXPECT_EQ(reader.U8(), 0);  // there would be a byte, but the error stays
  EXPECT_TRUE(reader.Bytes(1).empty());
  EXPECT_FALSE(reader.ok());
}

TEST(ByteIo, HugeCountDoesNotOverflow) {
  const std::uint8_t bytes[3] = {1, 2, 3};
  ByteReader reader(bytes);
  reader.U8();
  EXPECT_TRUE(reader.Bytes(~std::size_t{0}).empty());
  EXPECT_TRUE(reader.truncated());
}

TEST(ByteIo, VarintsRoundTrip) {
  for (const std::uint32_t value :
       {0u, 1u, 127u, 128u, 16383u, 16384u, 1u << 21, 1u << 28, 0x7FFFFFFFu, 0xFFFFFFFFu}) {
    ByteWriter writer;
    writer.VarU32(value);
    ByteReader reader(writer.view());
    EXPECT_EQ(reader.VarU32(), value);
    EXPECT_TRUE(reader.ok());
    EXPECT_EQ(reader.remaining(), 0u);
  }
}

TEST(ByteIo, VarintsHaveOneForm) {
  const auto malformed = [](std::vector<std::uint8_t> bytes) {
    ByteReader reader(bytes);
    reader.VarU32();
    return reader.malformed();
  };
  EXPECT_TRUE(malformed({0x80, 0x00}));                          // 0 in two bytes
  EXPECT_TRUE(malformed({0xFF, 0x80, 0x00}));                    // 127 in three
  EXPECT_TRUE(malformed({0xFF, 0xFF, 0xFF, 0xFF, 0x1F}));        // 33 bits
  EXPECT_TRUE(malformed({0x80, 0x80, 0x80, 0x80, 0x80, 0x01}));  // six bytes
  EXPECT_FALSE(malformed({0xFF, 0xFF, 0xFF, 0xFF, 0x0F}));
  const std::uint8_t cut[2] = {0x80, 0x80};
  ByteReader reader(cut);
  reader.VarU32();
  EXPECT_TRUE(reader.truncated());
}

}  // namespace
}  // namespace halfmoon
