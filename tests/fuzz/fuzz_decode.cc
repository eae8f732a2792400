// Whole decoding with the tiny model of tests/golden/model: strict, in part, of a region. The
// model's id, its hash and all checksums are put into the input first, so that a fuzzer need not
// guess them.
#include <algorithm>
#include <span>
#include <vector>

#include "bitstream/byte_io.h"
#include "bitstream/checksum.h"
#include "bitstream/container.h"
#include "codec/io/read_file.h"
#include "halfmoon/decoder.h"

namespace {

using namespace halfmoon;  // NOLINT: a small tool

void Require(bool condition) {
  if (!condition) __builtin_trap();
}

Decoder MakeDecoder(bool allow_partial) {
  DecodeOptions options;
  options.threads = 1;
  options.models_dir = HALFMOON_GOLDEN_DIR "/model";
  options.limits.max_pixels = 1 << 15;
  options.limits.max_metadata_bytes = 1 << 16;
  options.allow_partial = allow_partial;
  auto made = Decoder::Create(options);
  Require(made.ok());
  return std::move(*made);
}

// Id and hash of the tiny model that has both quantisers, from a file made with it; the input's own
// flag says which of them it means.
Header TinyHeader() {
  const auto file = ReadFile(HALFMOON_GOLDEN_DIR "/picture/dependent_q30.hmn");
  Require(file.ok());
  const auto header = ParseHeader(*file);
  Require(header.ok());
  return *header;
}

void PutChecksum(std::span<std::uint8_t> file, std::size_t at, std::size_t from) {
  const std::uint32_t sum = Checksum32(file.subspan(from, at - from));
  for (std::size_t i = 0; i < 4; ++i) file[at + i] = static_cast<std::uint8_t>(sum >> (8 * i));
}

// Makes every checksum right that has a place; a fuzzer can't guess one.
void Seal(std::span<std::uint8_t> file, const Header& tiny) {
  if (file.size() < kHeaderBytes) return;
  file[10] = static_cast<std::uint8_t>(tiny.model_id & 0xFF);
  file[11] = static_cast<std::uint8_t>(tiny.model_id >> 8);
  std::copy(tiny.model_hash.begin(), tiny.model_hash.end(), file.begin() + 12);
  PutChecksum(file, kHeaderBytes - 4, 0);
  for (std::size_t at = kHeaderBytes; at + 9 <= file.size();) {
    ByteReader reader(file.subspan(at + 4));
    const std::size_t size = reader.VarU32();
    const std::size_t end = at + 4 + reader.position() + size;
    if (!reader.ok() || end + 4 > file.size()) return;
    PutChecksum(file, end, at);
    at = end + 4;
  }
}

void RequireSane(const Status& status) {
  if (status.ok()) return;
  Require(status.code() != StatusCode::kInternal && !status.message().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Decoder strict = MakeDecoder(false), partial = MakeDecoder(true);
  static const Header tiny = TinyHeader();
  std::vector<std::uint8_t> file(data, data + size);
  Seal(file, tiny);
  const auto image = strict.Decode(file);
  RequireSane(image.status());
  DecodeStats stats;
  const auto left = partial.Decode(file, &stats);
  RequireSane(left.status());
  if (image.ok()) Require(left.ok() && !stats.damaged() && left->shape() == image->shape());
  if (left.ok()) {
    const auto part = partial.DecodeRegion(file, {left->width() / 2, left->height() / 2, 1, 1});
    Require(part.ok() && part->pixels() == 1);
  }
  return 0;
}
