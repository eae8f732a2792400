#include "bitstream/frequency_coder.h"

#include <algorithm>
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
  intervals_.reserve(intervals_.size() + symbols.size());
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
    const std::uint16_t frequency = row[symbols[i]];
    intervals_.push_back({static_cast<std::uint16_t>(start), frequency});
    cost_q16_ += rans::BitsQ16(frequency);
  }
  return Status::Ok();
}

Result<std::vector<std::uint8_t>> FrequencyEncoder::Finish() {
  Result<std::vector<std::uint8_t>> result = status_;
  if (status_.ok()) {
    try {
      std::vector<std::uint8_t> stream;
      if (!intervals_.empty()) {
        // A symbol emits at most half a word; the rest is the lanes' share and Offer's.
        std::vector<std::uint32_t> words(intervals_.size() / 2 + intervals_.size() / 1024 +
                                         std::size_t{2} * rans::kMaxLanes + 2);
        std::array<std::uint64_t, rans::kMaxLanes> states;
        states.fill(rans::kLowerBound);
        const auto lanes = static_cast<std::size_t>(LaneCount(intervals_.size()));
        rans::WordSink sink(words.data());
        for (std::size_t i = intervals_.size(); i > 0; --i) {
          const Interval& at = intervals_[i - 1];
          std::uint64_t& state = states[(i - 1) % lanes];
          state = rans::Push(state, rans::MakeEncodeEntry(at.start, at.frequency), sink);
        }
        const auto count = static_cast<std::size_t>(sink.next() - words.data());
        HALFMOON_ENSURE(count < words.size());
        stream = rans::WriteStream(std::span(states).first(lanes), std::span(words).first(count));
      }
      result = std::move(stream);
    } catch (const std::bad_alloc&) {
      result = NoMemory();
    }
  }
  status_ = Status::Ok();
  intervals_.clear();
  cost_q16_ = 0;
  return result;
}

// --- Decoder -------------------------------------------------------------------------------------

Result<FrequencyDecoder> FrequencyDecoder::Create(std::span<const std::uint8_t> stream,
                                                  std::uint64_t symbol_count) {
  FrequencyDecoder decoder(symbol_count);
  if (symbol_count == 0) {
    if (stream.empty()) return decoder;
    return Status(StatusCode::kCorrupt, "latent stream: " + std::to_string(stream.size()) +
                                            " byte(s) for no symbols; the file is damaged, get a "
                                            "fresh copy");
  }
  try {
    HALFMOON_ASSIGN_OR_RETURN(rans::StreamHead head,
                              rans::ReadStream(stream, static_cast<int>(decoder.lanes_)));
    std::copy(head.states.begin(), head.states.end(), decoder.states_.begin());
    decoder.words_ = std::move(head.words);
    decoder.word_count_ = decoder.words_.size() - rans::StreamWords::kPadding;
    decoder.next_word_ = head.words_taken;
    return decoder;
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
}

Result<FrequencyDecoder> FrequencyDecoder::FromRandom(std::span<const std::uint64_t> states,
                                                      std::vector<std::uint32_t> words,
                                                      std::uint64_t symbol_count) {
  FrequencyDecoder decoder(symbol_count);
  if (states.size() != decoder.lanes_) {
    return Invalid(std::to_string(states.size()) + " coder states for " +
                   std::to_string(decoder.lanes_) + " lane(s)");
  }
  for (std::size_t lane = 0; lane < states.size(); ++lane) {
    if (states[lane] < rans::kLowerBound ||
        states[lane] >= (rans::kLowerBound << rans::kWordBits)) {
      return Invalid("coder state of lane " + std::to_string(lane) +
                     " is not in [2^31, 2^63); draw it there");
    }
    decoder.states_[lane] = states[lane];
  }
  try {
    decoder.words_ = std::move(words);
    decoder.word_count_ = decoder.words_.size();
    decoder.words_.resize(decoder.word_count_ + rans::StreamWords::kPadding, 0);
    return decoder;
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
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
  if (symbols.size() > symbol_count_ - decoded_) {
    return Fail(Invalid(std::to_string(symbols.size()) + " symbols asked for after " +
                        std::to_string(decoded_) + " of " + std::to_string(symbol_count_) +
                        "; ask for no more than were announced"));
  }
  rans::StreamWords words(words_.data() + next_word_, words_.data() + word_count_);
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const auto row = frequencies.subspan(i * alphabet, alphabet);
    std::uint64_t& state = states_[decoded_ % lanes_];
    const std::uint32_t slot = rans::Slot(state);
    std::uint32_t start = 0;
    std::size_t s = 0;
    while (s < alphabet && slot - start >= row[s]) start += row[s++];
    if (s == alphabet) return Fail(BadRow(decoded_));
    symbols[i] = static_cast<std::uint8_t>(s);
    state = rans::Pop(state, slot - start, row[s], words);
    if (words.ran_dry()) {
      return Fail({StatusCode::kTruncated,
                   "latent stream: no word left after symbol " + std::to_string(decoded_) + " of " +
                       std::to_string(symbol_count_) + "; the file is damaged, get a fresh copy"});
    }
    ++decoded_;
  }
  next_word_ = static_cast<std::size_t>(words.next() - words_.data());
  return Status::Ok();
}

Status FrequencyDecoder::Finish() {
  if (!status_.ok()) return status_;
  if (decoded_ != symbol_count_) {
    return Fail(Invalid("finished after " + std::to_string(decoded_) + " of " +
                        std::to_string(symbol_count_) +
                        " symbols; decode all that were announced"));
  }
  if (next_word_ != word_count_) {
    return Fail({StatusCode::kCorrupt,
                 "latent stream: " + std::to_string(word_count_ - next_word_) +
                     " word(s) left over at its end; the file is damaged, get a fresh copy"});
  }
  for (std::size_t lane = 0; lane < lanes_ && symbol_count_ != 0; ++lane) {
    if (states_[lane] != rans::kLowerBound) {
      return Fail(
          {StatusCode::kCorrupt,
           "latent stream: lane " + std::to_string(lane) +
               " does not end in its initial state; the file is damaged, get a fresh copy"});
    }
  }
  return Status::Ok();
}

}  // namespace halfmoon
