#include "bitstream/rans.h"

#include <bit>
#include <string>

#include "bitstream/byte_io.h"

namespace halfmoon::rans {
namespace {

constexpr std::size_t kMinStateBytes = 4;
constexpr std::size_t kMaxStateBytes = 7;

// A state of 8 bytes is stored as a word and a rest of 24..31 bits.
constexpr std::uint64_t kSplitFrom = std::uint64_t{1} << (8 * kMaxStateBytes);
constexpr std::uint64_t kMinSplitRest = kSplitFrom >> kWordBits;

std::size_t StateBytes(std::uint64_t state) {
  const std::size_t bytes = (static_cast<std::size_t>(std::bit_width(state)) + 7) / 8;
  return bytes < kMinStateBytes ? kMinStateBytes : bytes;
}

Status Corrupt(int lane, const char* what) {
  return {StatusCode::kCorrupt, "latent stream: state of lane " + std::to_string(lane) + " " +
                                    what + "; the file is damaged, get a fresh copy"};
}

// log2(value) in units of 2^-16, rounded to nearest. REQUIRES: 1 <= value <= 2^16.
//
// Repeated squaring of the mantissa yields the logarithm bit by bit. With 31 fractional bits the
// error of all steps together is below 2^-26.
std::uint32_t Log2Q16(std::uint32_t value) {
  constexpr int kFractionBits = 17;  // one more than asked for, to round with
  const int integer = static_cast<int>(std::bit_width(value)) - 1;
  std::uint64_t mantissa = std::uint64_t{value} << (31 - integer);  // [2^31, 2^32): 1..2
  std::uint32_t fraction = 0;
  for (int i = 0; i < kFractionBits; ++i) {
    mantissa = (mantissa * mantissa) >> 31;
    const std::uint32_t bit = mantissa >> 32 != 0 ? 1 : 0;
    mantissa >>= bit;
    fraction = (fraction << 1) | bit;
  }
  return (static_cast<std::uint32_t>(integer) << 16) + ((fraction + 1) >> 1);
}

}  // namespace

std::uint32_t BitsQ16(std::uint32_t frequency) {
  return (static_cast<std::uint32_t>(kProbabilityBits) << 16) - Log2Q16(frequency);
}

EncodeEntry MakeEncodeEntry(std::uint32_t start, std::uint32_t frequency) {
  EncodeEntry entry{};
  entry.frequency = static_cast<std::uint16_t>(frequency);
  if (frequency < 2) {
    // Division by 1 has no reciprocal below 2^64. Multiplying by 2^64 - 1 gives state - 1, and the
    // bias makes up for the difference: state + start + 2^16 - 1 + (state - 1) (2^16 - 1).
    entry.reciprocal = ~std::uint64_t{0};
    entry.shift = 0;
    entry.bias = start + kProbabilityTotal - 1;
    return entry;
  }
  // Alverson, "Integer division using reciprocals" (1991): with shift = ceil(log2 f) the reciprocal
  // ceil(2^(63 + shift) / f) gives exact quotients for all states below 2^63.
  const int shift = std::bit_width(frequency - 1);
  const std::uint64_t high = std::uint64_t{1} << (shift + 31);  // numerator = high * 2^32 + f - 1
  const std::uint64_t quotient_high = high / frequency;
  const std::uint64_t rest = ((high % frequency) << 32) + frequency - 1;
  entry.reciprocal = (quotient_high << 32) + rest / frequency;
  entry.shift = static_cast<std::uint16_t>(shift - 1);
  entry.bias = start;
  return entry;
}

std::vector<std::uint8_t> WriteStream(std::span<const std::uint64_t> states,
                                      std::span<const std::uint32_t> words) {
  std::uint64_t stored[kMaxLanes] = {};
  std::uint32_t split[kMaxLanes] = {};
  std::uint32_t split_count = 0;
  std::uint8_t lengths = 0;
  for (std::size_t lane = 0; lane < states.size(); ++lane) {
    stored[lane] = states[lane];
    if (states[lane] >= kSplitFrom) {
      split[split_count++] = static_cast<std::uint32_t>(states[lane] & 0xFFFFFFFFu);
      stored[lane] >>= kWordBits;
    }
    const std::size_t code = StateBytes(stored[lane]) - kMinStateBytes;
    lengths = static_cast<std::uint8_t>(lengths | (code << (2 * lane)));
  }
  ByteWriter writer;
  writer.Reserve(1 + states.size() * kMaxStateBytes + 4 * (words.size() + split_count));
  writer.U8(lengths);
  for (std::size_t lane = 0; lane < states.size(); ++lane) {
    writer.Fixed(stored[lane], StateBytes(stored[lane]));
  }
  for (std::uint32_t i = 0; i < split_count; ++i) writer.U32(split[i]);
  for (std::size_t i = words.size(); i > 0; --i) writer.U32(words[i - 1]);
  return std::move(writer).Take();
}

Result<StreamHead> ReadStream(std::span<const std::uint8_t> stream, int lanes) {
  ByteReader reader(stream);
  const unsigned lengths = reader.U8();
  if ((lengths >> (2 * lanes)) != 0) {
    return Status(StatusCode::kCorrupt, "latent stream: length byte at offset 0 is " +
                                            std::to_string(lengths) + ", but " +
                                            std::to_string(lanes) + " lane(s) use its low " +
                                            std::to_string(2 * lanes) +
                                            " bits only; the file is damaged, get a fresh copy");
  }
  StreamHead head;
  head.states.resize(static_cast<std::size_t>(lanes));
  for (int lane = 0; lane < lanes; ++lane) {
    const std::size_t bytes = kMinStateBytes + ((lengths >> (2 * lane)) & 3u);
    const std::uint64_t state = reader.Fixed(bytes);
    if (!reader.ok()) break;
    if (bytes > kMinStateBytes && StateBytes(state) != bytes) {
      return Corrupt(lane, "is not stored in its shortest form");
    }
    if (state < kMinSplitRest) return Corrupt(lane, "is below its least value");
    head.states[static_cast<std::size_t>(lane)] = state;
  }
  if (!reader.ok()) {
    return Status(
        StatusCode::kTruncated,
        "latent stream: " + std::to_string(stream.size()) +
            " byte(s) end inside the coder's states; the file is damaged, get a fresh copy");
  }
  if (reader.remaining() % 4 != 0) {
    return Status(StatusCode::kTruncated,
                  "latent stream: " + std::to_string(reader.remaining()) +
                      " bytes of words at offset " + std::to_string(reader.position()) +
                      " are no multiple of 4; the file is damaged, get a fresh copy");
  }
  const std::size_t count = reader.remaining() / 4;
  head.words.reserve(count + StreamWords::kPadding);
  for (std::size_t i = 0; i < count; ++i) head.words.push_back(reader.U32());
  head.words.resize(count + StreamWords::kPadding, 0);
  StreamWords words(head.words.data(), head.words.data() + count);
  for (std::uint64_t& state : head.states) state = Refill(state, words);
  if (words.ran_dry()) {
    return Status(
        StatusCode::kTruncated,
        "latent stream: no word left to complete the coder's states; the file is damaged, "
        "get a fresh copy");
  }
  head.words_taken = static_cast<std::size_t>(words.next() - head.words.data());
  return head;
}

}  // namespace halfmoon::rans
