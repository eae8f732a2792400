#include "bitstream/interval_coder.h"

#include <algorithm>
#include <new>
#include <utility>

namespace halfmoon {
namespace {

Status NoMemory() {
  return {StatusCode::kOutOfMemory, "entropy coder: not enough memory; code a smaller picture"};
}

}  // namespace

Result<std::vector<std::uint8_t>> IntervalEncoder::Finish() {
  std::vector<Interval> intervals = std::exchange(intervals_, {});
  cost_q16_ = 0;
  if (intervals.empty()) return std::vector<std::uint8_t>();
  try {
    // A symbol emits at most half a word; the rest is the lanes' share and Offer's.
    std::vector<std::uint32_t> words(intervals.size() / 2 + intervals.size() / 1024 +
                                     std::size_t{2} * rans::kMaxLanes + 2);
    std::array<std::uint64_t, rans::kMaxLanes> states;
    states.fill(rans::kLowerBound);
    const auto lanes = static_cast<std::size_t>(LaneCount(intervals.size()));
    rans::WordSink sink(words.data());
    for (std::size_t i = intervals.size(); i > 0; --i) {
      const Interval& at = intervals[i - 1];
      std::uint64_t& state = states[(i - 1) % lanes];
      state = rans::Push(state, rans::MakeEncodeEntry(at.start, at.frequency), sink);
    }
    const auto count = static_cast<std::size_t>(sink.next() - words.data());
    HALFMOON_ENSURE(count < words.size());
    return rans::WriteStream(std::span(states).first(lanes), std::span(words).first(count));
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
}

Result<IntervalDecoder> IntervalDecoder::Create(std::span<const std::uint8_t> stream,
                                                std::uint64_t symbol_count) {
  IntervalDecoder decoder(symbol_count);
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

Result<IntervalDecoder> IntervalDecoder::FromRandom(std::span<const std::uint64_t> states,
                                                    std::vector<std::uint32_t> words,
                                                    std::uint64_t symbol_count) {
  IntervalDecoder decoder(symbol_count);
  if (states.size() != decoder.lanes_) {
    return Status(StatusCode::kInvalidArgument, "entropy coder: " + std::to_string(states.size()) +
                                                    " coder states for " +
                                                    std::to_string(decoder.lanes_) + " lane(s)");
  }
  for (std::size_t lane = 0; lane < states.size(); ++lane) {
    if (states[lane] < rans::kLowerBound ||
        states[lane] >= (rans::kLowerBound << rans::kWordBits)) {
      return Status(StatusCode::kInvalidArgument, "entropy coder: coder state of lane " +
                                                      std::to_string(lane) +
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

Status IntervalDecoder::Truncated() const {
  return {StatusCode::kTruncated,
          "latent stream: no word left after symbol " + std::to_string(decoded_ - 1) + " of " +
              std::to_string(symbol_count_) + "; the file is damaged, get a fresh copy"};
}

Status IntervalDecoder::Finish() const {
  if (decoded_ != symbol_count_) {
    return {StatusCode::kInvalidArgument,
            "entropy coder: finished after " + std::to_string(decoded_) + " of " +
                std::to_string(symbol_count_) + " symbols; decode all that were announced"};
  }
  if (next_word_ != word_count_) {
    return {StatusCode::kCorrupt, "latent stream: " + std::to_string(word_count_ - next_word_) +
                                      " word(s) left over at its end; the file is damaged, get a "
                                      "fresh copy"};
  }
  for (std::size_t lane = 0; lane < lanes_ && symbol_count_ != 0; ++lane) {
    if (states_[lane] != rans::kLowerBound) {
      return {StatusCode::kCorrupt,
              "latent stream: lane " + std::to_string(lane) +
                  " does not end in its initial state; the file is damaged, get a fresh copy"};
    }
  }
  return Status::Ok();
}

}  // namespace halfmoon
