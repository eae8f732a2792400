#include "bitstream/laplace_coder.h"

#include <algorithm>
#include <array>
#include <new>
#include <string>
#include <utility>

#include "bitstream/byte_io.h"

namespace halfmoon {
namespace laplace {
namespace {

// exp(-i / 32) in 1 / 2^24, i = 0 .. 384, by repeated multiplication, so that everybody has the
// same numbers. Below exp(-12) a tail is taken for nothing.
constexpr int kStepsPerE = 32;
constexpr std::size_t kSteps = 12 * kStepsPerE;
constexpr int kOneBits = 24;
constexpr std::array<std::uint32_t, kSteps + 1> kExp = [] {
  constexpr std::uint64_t kRatio = 4162825044;  // 2^32 exp(-1 / 32)
  std::array<std::uint32_t, kSteps + 1> table{};
  std::uint64_t value = std::uint64_t{1} << 32;
  for (std::uint32_t& entry : table) {
    entry = static_cast<std::uint32_t>(value >> (32 - kOneBits));
    value = (value * kRatio) >> 32;
  }
  return table;
}();

// 64 / b in 1 / 2^12.
constexpr int kInverseBits = 12;
constexpr std::array<std::uint32_t, kScales> kInverse = [] {
  constexpr std::uint64_t kRatio = 3790295335;  // 2^32 exp(-1 / 8)
  std::array<std::uint32_t, kScales> table{};
  std::uint64_t value = 1709127528588;  // 2^28 * 64 exp(4.6)
  for (std::uint32_t& entry : table) {
    entry = static_cast<std::uint32_t>(value >> 16);
    value = ((value >> 16) * kRatio >> 16) + (((value & 0xFFFF) * kRatio) >> 32);
  }
  return table;
}();

// The share of a distribution that lies below a point `distance` from its mean, in 1 / 2^24.
std::uint64_t Below(std::int64_t distance, std::uint64_t inverse) {
  const auto far = static_cast<std::uint64_t>(distance < 0 ? -distance : distance);
  // In 1 / 256 of a step of the table: far / kUnit / b * 32 * 256 = far * 64 / b.
  const std::uint64_t at = (far * inverse) >> kInverseBits;
  const std::uint64_t step = at >> 8, fraction = at & 255;
  std::uint64_t tail = 0;
  if (step < kSteps) tail = kExp[step] - (((kExp[step] - kExp[step + 1]) * fraction) >> 8);
  return distance < 0 ? tail >> 1 : (std::uint64_t{1} << kOneBits) - (tail >> 1);
}

// A window reaches to where a tail has less than exp(-10), and to these at the most.
constexpr std::int32_t kMostReach = 510;

}  // namespace

Distribution::Distribution(int scale, std::int32_t mean)
    : mean_(mean),
      middle_((mean + kUnit / 2) >> 7),
      reach_(static_cast<std::int32_t>(std::min<std::uint32_t>(
          kMostReach, (640U << kInverseBits) / kInverse[static_cast<std::size_t>(scale)] + 2))),
      inverse_(kInverse[static_cast<std::size_t>(scale)]),
      shared_(rans::kProbabilityTotal - static_cast<std::uint64_t>(2 * reach_ + 3)) {}

std::uint32_t Distribution::Start(std::int32_t index) const {
  const std::int64_t boundary = std::int64_t{kUnit} * (first() + index) - kUnit / 2 - mean_;
  return static_cast<std::uint32_t>(1 + index) +
         static_cast<std::uint32_t>((Below(boundary, inverse_) * shared_) >> kOneBits);
}

Interval Distribution::Slots(std::int32_t symbol) const {
  const std::int32_t index = symbol - first();
  const std::uint32_t start = index < 0 ? 0 : Start(index);
  const std::uint32_t end = index > 2 * reach_ ? rans::kProbabilityTotal : Start(index + 1);
  return {start, end - start};
}

std::int32_t Distribution::Find(std::uint32_t slot, Interval* interval) const {
  // From the middle outwards, by ever wider steps, then by halves between.
  std::int32_t low = reach_, high = reach_ + 1;  // Start(low) <= slot < Start(high) is sought
  const std::int32_t end = 2 * reach_ + 1;
  std::int32_t stride = 1;
  while (high <= end && slot >= Start(high)) {
    low = high;
    high = low == end ? end + 1 : std::min(end, low + stride);
    stride *= 2;
  }
  if (low == reach_) {
    while (low >= 0 && slot < Start(low)) {
      high = low;
      low = high == 0 ? -1 : std::max(0, high - stride);
      stride *= 2;
    }
  }
  while (high - low > 1) {
    const std::int32_t middle = low + (high - low) / 2;
    (slot >= Start(middle) ? low : high) = middle;
  }
  *interval = Slots(first() + low);
  return first() + low;
}

}  // namespace laplace

namespace {

int VarintBits(std::uint32_t value) {
  int bits = 8;
  for (; value >= 0x80; value >>= 7) bits += 8;
  return bits;
}

}  // namespace

void LaplaceEncoder::Append(int scale, std::int32_t mean, std::int32_t symbol) {
  const laplace::Distribution distribution(scale, mean);
  const std::int32_t coded = std::clamp(symbol, distribution.first() - 1, distribution.last() + 1);
  const laplace::Interval slots = distribution.Slots(coded);
  intervals_.Append(slots.start, slots.frequency);
  if (coded >= distribution.first() && coded <= distribution.last()) return;
  escapes_.push_back(static_cast<std::uint32_t>(symbol < coded ? coded - symbol : symbol - coded));
  escape_bits_ += static_cast<std::uint64_t>(VarintBits(escapes_.back()));
}

Result<std::vector<std::uint8_t>> LaplaceEncoder::Finish() {
  const std::vector<std::uint32_t> escapes = std::exchange(escapes_, {});
  escape_bits_ = 0;
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> coded, intervals_.Finish());
  try {
    ByteWriter out;
    out.VarU32(static_cast<std::uint32_t>(escapes.size()));
    for (std::uint32_t e : escapes) out.VarU32(e);
    out.Bytes(coded);
    return std::move(out).Take();
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory,
                  "entropy coder: not enough memory; code a smaller picture");
  }
}

Result<LaplaceDecoder> LaplaceDecoder::Create(std::span<const std::uint8_t> stream,
                                              std::uint64_t symbol_count) {
  ByteReader in(stream);
  const std::uint32_t count = in.VarU32();
  std::vector<std::uint32_t> escapes;
  // Each takes a byte at least, so that the list is no longer than the stream.
  if (in.ok() && count > in.remaining()) {
    return Status(StatusCode::kCorrupt, "Laplace stream: " + std::to_string(count) +
                                            " escapes in " + std::to_string(in.remaining()) +
                                            " byte(s); the file is damaged, get a fresh copy");
  }
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) escapes.push_back(in.VarU32());
  if (!in.ok()) {
    return Status(in.truncated() ? StatusCode::kTruncated : StatusCode::kCorrupt,
                  "Laplace stream: its list of escapes is cut off or malformed; the file is "
                  "damaged, get a fresh copy");
  }
  HALFMOON_ASSIGN_OR_RETURN(IntervalDecoder intervals,
                            IntervalDecoder::Create(stream.subspan(in.position()), symbol_count));
  LaplaceDecoder decoder(std::move(intervals));
  decoder.escapes_ = std::move(escapes);
  return decoder;
}

std::optional<std::int32_t> LaplaceDecoder::Decode(int scale, std::int32_t mean) {
  const laplace::Distribution distribution(scale, mean);
  laplace::Interval interval;
  const std::int32_t coded = distribution.Find(intervals_.Slot(), &interval);
  if (!intervals_.Take(interval.start, interval.frequency)) {
    status_ = intervals_.Truncated();
    return std::nullopt;
  }
  const bool below = coded < distribution.first();
  if (!below && coded <= distribution.last()) return coded;
  if (next_escape_ == escapes_.size()) {
    status_ = {StatusCode::kCorrupt,
               "Laplace stream: symbol " + std::to_string(intervals_.decoded() - 1) +
                   " is an escape that its list lacks; the file is damaged, get a fresh copy"};
    return std::nullopt;
  }
  const std::int64_t distance = escapes_[next_escape_++];
  const std::int64_t symbol = below ? coded - distance : coded + distance;
  if (symbol < -laplace::kMaxSymbol || symbol > laplace::kMaxSymbol) {
    status_ = {StatusCode::kCorrupt, "Laplace stream: an escape stands for " +
                                         std::to_string(symbol) +
                                         "; the file is damaged, get a fresh copy"};
    return std::nullopt;
  }
  return static_cast<std::int32_t>(symbol);
}

Status LaplaceDecoder::Finish() const {
  if (next_escape_ != escapes_.size()) {
    return {StatusCode::kCorrupt,
            "Laplace stream: " + std::to_string(escapes_.size() - next_escape_) +
                " escape(s) left over; the file is damaged, get a fresh copy"};
  }
  return intervals_.Finish();
}

}  // namespace halfmoon
