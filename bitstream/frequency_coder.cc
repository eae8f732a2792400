#include "bitstream/frequency_coder.h"

#include <new>
#include <string>
#include <utility>

namespace halfmoon {
namespace {

Status Invalid(const std::string& what) {
  return {StatusCode::kInvalidArgument, "frequency coder: " + what};
}

Status CheckSizes(std::size_t frequencies, std::size_t alphabet, std::size_t symbols) {
  if (alphabet >= 2 && alphabet <= kMaxAlphabet && frequencies / alphabet == symbols &&
      frequencies % alphabet == 0) {
    return Status::Ok();
  }
  return Invalid(std::to_string(frequencies) + " frequencies do not fit " +
                 std::to_string(symbols) + " symbols of an alphabet of " +
                 std::to_string(alphabet) + "; pass one row of 2 to 256 frequencies per symbol");
}

Status BadRow(std::uint64_t position) {
  return Invalid("frequencies of symbol " + std::to_string(position) +
                 " are not all at least 1 with sum 65536; use those of an integer prior");
}

Status NoMemory() {
  return {StatusCode::kOutOfMemory, "frequency coder: not enough memory; code a smaller picture"};
}

}  // namespace

// --- Encoder -------------------------------------------------------------------------------------

void FrequencyEncoder::Append(std::span<const std::uint16_t> frequencies, std::size_t alphabet,
                              std::span<const std::uint8_t> symbols) {
  if (!status_.ok()) return;
  try {
    status_ = AppendChecked(frequencies, alphabet, symbols);
  } catch (const std::bad_alloc&) {
    status_ = NoMemory();
  }
}

Status FrequencyEncoder::AppendChecked(std::span<const std::uint16_t> frequencies,
                                       std::size_t alphabet,
                                       std::span<const std::uint8_t> symbols) {
  HALFMOON_RETURN_IF_ERROR(CheckSizes(frequencies.size(), alphabet, symbols.size()));
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    if (symbols[i] >= alphabet) {
      return Invalid("symbol " + std::to_string(intervals_.size()) + " is " +
                     std::to_string(symbols[i]) + ", but its alphabet has " +
                     std::to_string(alphabet) + " symbols");
    }
    const auto row = frequencies.subspan(i * alphabet, alphabet);
    std::uint32_t start = 0, sum = 0;
    bool legal = true;
    for (std::size_t s = 0; s < alphabet; ++s) {
      if (s == symbols[i]) start = sum;
      sum += row[s];
      legal = legal && row[s] != 0;
    }
    if (!legal || sum != rans::kProbabilityTotal) return BadRow(intervals_.size());
    intervals_.Append(start, row[symbols[i]]);
  }
  return Status::Ok();
}

Result<std::vector<std::uint8_t>> FrequencyEncoder::Finish() {
  const Status status = std::exchange(status_, Status::Ok());
  auto stream = intervals_.Finish();
  if (!status.ok()) return status;
  return stream;
}

// --- Decoder -------------------------------------------------------------------------------------

Result<FrequencyDecoder> FrequencyDecoder::Create(std::span<const std::uint8_t> stream,
                                                  std::uint64_t symbol_count) {
  HALFMOON_ASSIGN_OR_RETURN(IntervalDecoder intervals,
                            IntervalDecoder::Create(stream, symbol_count));
  return FrequencyDecoder(std::move(intervals));
}

Result<FrequencyDecoder> FrequencyDecoder::FromRandom(std::span<const std::uint64_t> states,
                                                      std::vector<std::uint32_t> words,
                                                      std::uint64_t symbol_count) {
  HALFMOON_ASSIGN_OR_RETURN(IntervalDecoder intervals,
                            IntervalDecoder::FromRandom(states, std::move(words), symbol_count));
  return FrequencyDecoder(std::move(intervals));
}

Status FrequencyDecoder::Fail(Status status) {
  status_ = std::move(status);
  return status_;
}

Status FrequencyDecoder::Decode(std::span<const std::uint16_t> frequencies, std::size_t alphabet,
                                std::span<std::uint8_t> symbols) {
  if (!status_.ok()) return status_;
  if (Status status = CheckSizes(frequencies.size(), alphabet, symbols.size()); !status.ok()) {
    return Fail(std::move(status));
  }
  if (symbols.size() > intervals_.symbol_count() - intervals_.decoded()) {
    return Fail(Invalid(std::to_string(symbols.size()) + " symbols asked for after " +
                        std::to_string(intervals_.decoded()) + " of " +
                        std::to_string(intervals_.symbol_count()) +
                        "; ask for no more than were announced"));
  }
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const auto row = frequencies.subspan(i * alphabet, alphabet);
    const std::uint32_t slot = intervals_.Slot();
    std::uint32_t start = 0;
    std::size_t s = 0;
    while (s < alphabet && slot - start >= row[s]) start += row[s++];
    if (s == alphabet) return Fail(BadRow(intervals_.decoded()));
    symbols[i] = static_cast<std::uint8_t>(s);
    if (!intervals_.Take(start, row[s])) return Fail(intervals_.Truncated());
  }
  return Status::Ok();
}

Status FrequencyDecoder::Finish() {
  if (!status_.ok()) return status_;
  const Status status = intervals_.Finish();
  return status.ok() ? status : Fail(status);
}

}  // namespace halfmoon
