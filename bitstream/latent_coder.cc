#include "bitstream/latent_coder.h"

#include <algorithm>
#include <bit>
#include <new>
#include <string>

namespace halfmoon {
namespace {

constexpr std::uint32_t kEscapeFlag = std::uint32_t{1} << 31;  // entries number 2^20 at most
static_assert(kMaxTableEntries < kEscapeFlag);

// Bits of an escape code's suffix are coded in groups of at most this many.
constexpr int kMaxBitGroup = 16;

std::string SymbolCount(std::uint64_t at, std::uint64_t count) {
  return "symbol " + std::to_string(at) + " of " + std::to_string(count);
}

// First position whose table does not exist, or the length. Kept apart from the coding loop: the
// largest index is found with vector instructions.
std::size_t FirstBadIndex(std::span<const std::uint8_t> table_index, std::size_t table_count) {
  if (table_count >= kMaxTables) return table_index.size();
  std::uint8_t largest = 0;
  for (const std::uint8_t index : table_index) largest = std::max(largest, index);
  if (largest < table_count) return table_index.size();
  const auto bad = std::find_if(table_index.begin(), table_index.end(),
                                [&](std::uint8_t index) { return index >= table_count; });
  return static_cast<std::size_t>(bad - table_index.begin());
}

Status CheckIndexes(std::span<const std::uint8_t> table_index, std::size_t symbols,
                    std::size_t table_count, std::uint64_t position) {
  if (table_index.size() != symbols) {
    return {StatusCode::kInvalidArgument, "latent coder: " + std::to_string(table_index.size()) +
                                              " table indexes for " + std::to_string(symbols) +
                                              " symbols; pass one index per symbol"};
  }
  const std::size_t bad = FirstBadIndex(table_index, table_count);
  if (bad == table_index.size()) return Status::Ok();
  return {StatusCode::kInvalidArgument,
          "latent coder: table index of symbol " + std::to_string(position + bad) + " is " +
              std::to_string(table_index[bad]) + ", but there are " + std::to_string(table_count) +
              " tables; use the tables of the model that chose the index"};
}

// --- Escapes: rare, so kept out of line. States and words travel by value, because taking their
// --- address would force them out of registers in the loops around the call.

struct EncoderStep {
  std::uint64_t state;
  rans::WordSink sink;
};

[[gnu::noinline]] EncoderStep PushEscape(std::uint64_t state, rans::WordSink sink,
                                         EscapeCode code) {
  // Reverse of the decoder's order: suffix from its low end, then the one bit, then the zeros.
  const std::uint32_t suffix = code.value_plus_one ^ (1u << code.prefix);
  const int low_bits = std::min(code.prefix, kMaxBitGroup);
  const int high_bits = code.prefix - low_bits;
  if (low_bits > 0) state = rans::PushBits(state, low_bits, suffix & ((1u << low_bits) - 1), sink);
  if (high_bits > 0) state = rans::PushBits(state, high_bits, suffix >> low_bits, sink);
  state = rans::PushBits(state, 1, 1, sink);
  for (int i = 0; i < code.prefix; ++i) state = rans::PushBits(state, 1, 0, sink);
  return {state, sink};
}

struct DecoderStep {
  std::uint64_t state;
  rans::StreamWords words;
  std::int32_t symbol;
  bool legal;
};

[[gnu::noinline]] DecoderStep PopEscape(std::uint64_t state, rans::StreamWords words,
                                        const CdfTables::Info& info) {
  int prefix = 0;
  std::uint32_t bit = 0;
  for (;;) {
    state = rans::PopBits(state, 1, &bit, words);
    if (bit != 0) break;
    if (++prefix > kMaxEscapePrefix) return {state, words, 0, false};
  }
  std::uint32_t value_plus_one = 1;
  const int low_bits = std::min(prefix, kMaxBitGroup);
  for (const int group : {prefix - low_bits, low_bits}) {
    if (group == 0) continue;
    std::uint32_t bits = 0;
    state = rans::PopBits(state, group, &bits, words);
    value_plus_one = (value_plus_one << group) | bits;
  }
  const std::int32_t symbol = CdfTables::EscapedSymbol(info, value_plus_one - 1);
  const bool legal = symbol >= -kMaxSymbolMagnitude && symbol <= kMaxSymbolMagnitude;
  return {state, words, symbol, legal};
}

}  // namespace

// --- Encoder -------------------------------------------------------------------------------------

void LatentEncoder::Append(std::span<const std::uint8_t> table_index,
                           std::span<const std::int32_t> symbols) {
  if (!status_.ok()) return;
  try {
    status_ = AppendChecked(table_index, symbols);
  } catch (const std::bad_alloc&) {
    status_ = Status(StatusCode::kOutOfMemory, "latent coder: no memory for " +
                                                   std::to_string(symbols.size()) +
                                                   " more symbols; code a smaller picture");
  }
}

Status LatentEncoder::AppendChecked(std::span<const std::uint8_t> table_index,
                                    std::span<const std::int32_t> symbols) {
  const std::size_t position = entries_.size();
  HALFMOON_RETURN_IF_ERROR(CheckIndexes(table_index, symbols.size(), tables_->count(), position));
  entries_.resize(position + symbols.size());
  const CdfTables::Info* infos = tables_->infos().data();
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const CdfTables::Info& info = infos[table_index[i]];
    const std::uint32_t index = CdfTables::Relative(info, symbols[i]);
    if (index < info.escape) [[likely]] {
      entries_[position + i] = info.entry_base + index;
      continue;
    }
    if (symbols[i] < -kMaxSymbolMagnitude || symbols[i] > kMaxSymbolMagnitude) {
      return {StatusCode::kInvalidArgument,
              "latent coder: symbol " + std::to_string(position + i) + " is " +
                  std::to_string(symbols[i]) +
                  ", legal are -2^20..2^20; clamp latents before coding"};
    }
    entries_[position + i] = (info.entry_base + info.escape) | kEscapeFlag;
    escapes_.push_back(CdfTables::MakeEscape(info, symbols[i]));
  }
  return Status::Ok();
}

template <int kLanes>
rans::WordSink LatentEncoder::EncodeLanes(std::span<std::uint64_t> states,
                                          rans::WordSink sink) const {
  const rans::EncodeEntry* const table = tables_->encode_entries();
  const EscapeCode* escape = escapes_.data() + escapes_.size();
  const auto push = [&](std::uint64_t state, std::uint32_t entry) {
    if ((entry & kEscapeFlag) != 0) [[unlikely]] {
      const EncoderStep step = PushEscape(state, sink, *--escape);
      state = step.state;
      sink = step.sink;
      entry &= ~kEscapeFlag;
    }
    return rans::Push(state, table[entry], sink);
  };

  std::size_t i = entries_.size();
  for (; i % kLanes != 0; --i)
    states[(i - 1) % kLanes] = push(states[(i - 1) % kLanes], entries_[i - 1]);
  std::array<std::uint64_t, kLanes> local;  // registers
  std::copy_n(states.begin(), kLanes, local.begin());
  const std::uint32_t* const entries = entries_.data();
  while (i > 0) {
    i -= kLanes;
#pragma GCC unroll 4
    for (int lane = kLanes - 1; lane >= 0; --lane) {
      local[static_cast<std::size_t>(lane)] =
          push(local[static_cast<std::size_t>(lane)], entries[i + static_cast<std::size_t>(lane)]);
    }
  }
  std::copy_n(local.begin(), kLanes, states.begin());
  return sink;
}

Result<std::vector<std::uint8_t>> LatentEncoder::Encode() const {
  std::vector<std::uint8_t> stream;
  if (entries_.empty()) return stream;
  // A symbol shrinks the room of a state by at most 16 bits and a rounding loss below 2^-14 bit, an
  // escape code by 45 bits: half a word and two words. The rest is the lanes' share and Offer's.
  const std::size_t capacity = entries_.size() / 2 + entries_.size() / 1024 + 2 * escapes_.size() +
                               std::size_t{2} * rans::kMaxLanes + 2;
  std::vector<std::uint32_t> words(capacity);
  std::array<std::uint64_t, rans::kMaxLanes> states;
  states.fill(rans::kLowerBound);
  const int lanes = LaneCount(entries_.size());
  rans::WordSink sink(words.data());
  if (lanes == 1) {
    sink = EncodeLanes<1>(states, sink);
  } else if (lanes == 2) {
    sink = EncodeLanes<2>(states, sink);
  } else {
    static_assert(rans::kMaxLanes == 4);
    sink = EncodeLanes<4>(states, sink);
  }
  const auto word_count = static_cast<std::size_t>(sink.next() - words.data());
  HALFMOON_ENSURE(word_count < capacity);
  return rans::WriteStream(std::span(states).first(static_cast<std::size_t>(lanes)),
                           std::span(words).first(word_count));
}

Result<std::vector<std::uint8_t>> LatentEncoder::Finish() {
  Result<std::vector<std::uint8_t>> result = status_;
  if (status_.ok()) {
    try {
      result = Encode();
    } catch (const std::bad_alloc&) {
      result = Status(StatusCode::kOutOfMemory, "latent coder: no memory to code " +
                                                    std::to_string(entries_.size()) +
                                                    " symbols; code a smaller picture");
    }
  }
  status_ = Status::Ok();
  entries_.clear();
  escapes_.clear();
  return result;
}

// --- Decoder -------------------------------------------------------------------------------------

Result<LatentDecoder> LatentDecoder::Create(const CdfTables& tables,
                                            std::span<const std::uint8_t> stream,
                                            std::uint64_t symbol_count) {
  LatentDecoder decoder(tables, symbol_count);
  if (symbol_count == 0) {
    if (stream.empty()) return decoder;
    return Status(StatusCode::kCorrupt, "latent stream: " + std::to_string(stream.size()) +
                                            " byte(s) for no symbols; the file is damaged, get a "
                                            "fresh copy");
  }
  try {
    HALFMOON_ASSIGN_OR_RETURN(rans::StreamHead head, rans::ReadStream(stream, decoder.lanes_));
    std::copy(head.states.begin(), head.states.end(), decoder.states_.begin());
    decoder.words_ = std::move(head.words);
    decoder.word_count_ = decoder.words_.size() - rans::StreamWords::kPadding;
    decoder.next_word_ = head.words_taken;
    return decoder;
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "latent coder: no memory for a stream of " +
                                                std::to_string(stream.size()) +
                                                " bytes; free some memory");
  }
}

template <int kLanes, typename Path>
bool LatentDecoder::DecodeGroups(Path path, std::int32_t* symbols, std::size_t count) {
  const CdfTables::Info* const infos = tables_->infos().data();
  const std::uint16_t* const buckets = tables_->buckets();
  const CdfTables::DecodeEntry* const entries = tables_->decode_entries();
  rans::StreamWords words(words_.data() + next_word_, words_.data() + word_count_);
  bool legal = true;

  const auto pop = [&](std::uint64_t state, std::uint8_t table, std::int32_t* symbol) {
    const CdfTables::Info& info = infos[table];
    const std::uint32_t slot = rans::Slot(state);
    const CdfTables::DecodeEntry* const first = entries + info.entry_base;
    std::uint32_t index = buckets[info.bucket_base + (slot >> info.bucket_shift)];
    // Ends at the table's last entry at the latest: its slots reach to 2^16.
    while (slot - first[index].start >= first[index].frequency) ++index;
    *symbol = info.offset + static_cast<std::int32_t>(index);
    state = rans::Pop(state, slot - first[index].start, first[index].frequency, words);
    if (index == info.escape) [[unlikely]] {
      const DecoderStep step = PopEscape(state, words, info);
      state = step.state;
      words = step.words;
      *symbol = step.symbol;
      legal = legal && step.legal;
    }
    return state;
  };

  std::size_t i = 0;
  const auto single = [&] {
    std::uint64_t& state = states_[(decoded_ + i) % kLanes];
    state = pop(state, path.Table(i), &symbols[i]);
    path.Took(i, symbols[i]);
    ++i;
  };
  // Words are padded for one group: so the end is checked after every group and every odd symbol.
  while (i < count && (decoded_ + i) % kLanes != 0 && !words.ran_dry() && legal) single();
  std::array<std::uint64_t, kLanes> local;  // registers
  std::copy_n(states_.begin(), kLanes, local.begin());
  for (; count - i >= kLanes && !words.ran_dry() && legal; i += kLanes) {
#pragma GCC unroll 4
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      local[lane] = pop(local[lane], path.Table(i + lane), &symbols[i + lane]);
      path.Took(i + lane, symbols[i + lane]);
    }
  }
  std::copy_n(local.begin(), kLanes, states_.begin());
  while (i < count && !words.ran_dry() && legal) single();

  decoded_ += i;
  next_word_ = static_cast<std::size_t>(words.next() - words_.data());
  return legal;
}

Status LatentDecoder::Fail(Status status) {
  status_ = std::move(status);
  return status_;
}

namespace {

// Of symbols whose tables are known.
struct FixedPath {
  const std::uint8_t* table_index;
  std::uint8_t Table(std::size_t i) const { return table_index[i]; }
  void Took(std::size_t, std::int32_t) {}
};

}  // namespace

Status LatentDecoder::CheckRoom(std::size_t symbols) const {
  if (symbols <= symbol_count_ - decoded_) return Status::Ok();
  return {StatusCode::kInvalidArgument,
          "latent coder: " + std::to_string(symbols) + " symbols asked for after " +
              SymbolCount(decoded_, symbol_count_) + "; ask for no more than were announced"};
}

Status LatentDecoder::Decode(std::span<const std::uint8_t> table_index,
                             std::span<std::int32_t> symbols) {
  if (!status_.ok()) return status_;
  if (Status status = CheckRoom(symbols.size()); !status.ok()) return Fail(std::move(status));
  if (Status status = CheckIndexes(table_index, symbols.size(), tables_->count(), decoded_);
      !status.ok()) {
    return Fail(std::move(status));
  }
  return DecodeAlong(FixedPath{table_index.data()}, symbols);
}

Status LatentDecoder::DecodeDependent(const DependentTables& tables,
                                      std::span<const std::uint8_t> scales,
                                      std::span<std::int32_t> symbols) {
  if (!status_.ok()) return status_;
  if (tables_->count() != static_cast<std::size_t>(tables.count())) {
    return Fail({StatusCode::kInvalidArgument,
                 "latent coder: dependent symbols need " + std::to_string(tables.count()) +
                     " tables, there are " + std::to_string(tables_->count())});
  }
  if (Status status = CheckRoom(symbols.size()); !status.ok()) return Fail(std::move(status));
  if (Status status =
          CheckIndexes(scales, symbols.size(), static_cast<std::size_t>(tables.scales), decoded_);
      !status.ok()) {
    return Fail(std::move(status));
  }
  return DecodeAlong(DependentPath(tables, scales), symbols);
}

template <typename Path>
Status LatentDecoder::DecodeAlong(Path path, std::span<std::int32_t> symbols) {
  bool legal = true;
  if (lanes_ == 1) {
    legal = DecodeGroups<1>(path, symbols.data(), symbols.size());
  } else if (lanes_ == 2) {
    legal = DecodeGroups<2>(path, symbols.data(), symbols.size());
  } else {
    legal = DecodeGroups<4>(path, symbols.data(), symbols.size());
  }
  if (next_word_ > word_count_) {
    return Fail({StatusCode::kTruncated, "latent stream: no word left before " +
                                             SymbolCount(decoded_, symbol_count_) +
                                             "; the file is damaged, get a fresh copy"});
  }
  if (!legal) {
    return Fail({StatusCode::kCorrupt, "latent stream: illegal escape code before " +
                                           SymbolCount(decoded_, symbol_count_) +
                                           "; the file is damaged, get a fresh copy"});
  }
  return Status::Ok();
}

Status LatentDecoder::Finish() {
  if (!status_.ok()) return status_;
  if (decoded_ != symbol_count_) {
    return Fail({StatusCode::kInvalidArgument, "latent coder: finished after " +
                                                   SymbolCount(decoded_, symbol_count_) +
                                                   "; decode all that were announced"});
  }
  if (next_word_ != word_count_) {
    return Fail({StatusCode::kCorrupt,
                 "latent stream: " + std::to_string(word_count_ - next_word_) +
                     " word(s) left over at its end; the file is damaged, get a fresh copy"});
  }
  for (int lane = 0; lane < lanes_ && symbol_count_ != 0; ++lane) {
    if (states_[static_cast<std::size_t>(lane)] != rans::kLowerBound) {
      return Fail(
          {StatusCode::kCorrupt,
           "latent stream: lane " + std::to_string(lane) +
               " does not end in its initial state; the file is damaged, get a fresh copy"});
    }
  }
  return Status::Ok();
}

}  // namespace halfmoon
