#include "models/overfitted/network_coder.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

#include "bitstream/byte_io.h"
#include "bitstream/laplace_coder.h"

namespace halfmoon::overfitted {
namespace {

constexpr std::size_t kShiftBytes = kTensorCount / 2;
static_assert(kTensorCount % 2 == 0 && kShifts == 16);

// A tensor without any other number than 0.
constexpr int kLeastScale = 0;

std::uint64_t CostQ16(std::span<const std::int16_t> values, int scale) {
  LaplaceEncoder coder;
  for (std::int16_t v : values) coder.Append(scale, 0, v);
  return coder.CostQ16();
}

}  // namespace

TensorCost CostOf(std::span<const std::int16_t> values) {
  double sum = 0;
  for (std::int16_t v : values) sum += std::abs(v);
  int guess = kLeastScale;
  if (sum > 0) {
    const double b = sum / static_cast<double>(values.size());
    guess = std::clamp(static_cast<int>(std::lround((std::log(b) + 4.6) * laplace::kScalesPerE)), 0,
                       laplace::kScales - 1);
  }
  TensorCost best;
  for (int scale = std::max(0, guess - 4); scale <= std::min(laplace::kScales - 1, guess + 4);
       ++scale) {
    const double bits = static_cast<double>(CostQ16(values, scale)) / 65536;
    if (best.bits == 0 || bits < best.bits) best = {scale, bits};
  }
  return best;
}

Result<std::vector<std::uint8_t>> WriteNetworks(const IntegerNetworks& networks) {
  ByteWriter out;
  out.U8(static_cast<std::uint8_t>(networks.hidden_bits()));
  for (std::size_t t = 0; t < kTensorCount; t += 2) {
    out.U8(static_cast<std::uint8_t>(networks.shift(static_cast<TensorId>(t)) |
                                     networks.shift(static_cast<TensorId>(t + 1)) << 4));
  }
  LaplaceEncoder coder;
  for (std::size_t t = 0; t < kTensorCount; ++t) {
    const auto values = networks.of(static_cast<TensorId>(t));
    const int scale = CostOf(values).scale;
    out.U8(static_cast<std::uint8_t>(scale));
    for (std::int16_t v : values) coder.Append(scale, 0, v);
  }
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> stream, coder.Finish());
  out.Bytes(stream);
  return std::move(out).Take();
}

Result<IntegerNetworks> ReadNetworks(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t kHead = 1 + kShiftBytes + kTensorCount;
  if (bytes.size() < kHead) {
    return Status(StatusCode::kTruncated,
                  "the picture's networks: " + std::to_string(bytes.size()) + " bytes, at least " +
                      std::to_string(kHead) + " are needed; the file is damaged, get a fresh copy");
  }
  IntegerNetworks networks;
  if (bytes[0] > 15) {
    return Status(StatusCode::kCorrupt, "the picture's networks: " + std::to_string(bytes[0]) +
                                            " fraction bits; legal are 0 to 15");
  }
  networks.set_hidden_bits(bytes[0]);
  for (std::size_t t = 0; t < kTensorCount; ++t)
    networks.set_shift(static_cast<TensorId>(t), bytes[1 + t / 2] >> (t % 2 * 4) & 15);
  HALFMOON_ASSIGN_OR_RETURN(
      LaplaceDecoder coder,
      LaplaceDecoder::Create(bytes.subspan(kHead), static_cast<std::uint64_t>(kParameters)));
  for (std::size_t t = 0; t < kTensorCount; ++t) {
    const int scale = bytes[1 + kShiftBytes + t];
    const std::string name = std::string("the picture's networks: ") + kTensors[t].name;
    if (scale >= laplace::kScales) {
      return Status(StatusCode::kCorrupt, name + ": scale " + std::to_string(scale) +
                                              "; legal are 0 to " +
                                              std::to_string(laplace::kScales - 1));
    }
    for (std::int16_t& v : networks.of(static_cast<TensorId>(t))) {
      const std::optional<std::int32_t> number = coder.Decode(scale, 0);
      if (!number) return coder.status();
      if (*number < -kMaxParameter || *number > kMaxParameter) {
        return Status(StatusCode::kCorrupt, name + ": a number is " + std::to_string(*number) +
                                                "; legal are +-" + std::to_string(kMaxParameter));
      }
      v = static_cast<std::int16_t>(*number);
    }
  }
  HALFMOON_RETURN_IF_ERROR(coder.Finish());
  HALFMOON_RETURN_IF_ERROR(networks.Check());
  return networks;
}

}  // namespace halfmoon::overfitted
