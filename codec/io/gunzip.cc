#include "codec/io/gunzip.h"

#include <zlib.h>

#include <algorithm>
#include <new>
#include <string>

namespace halfmoon {
namespace {

// Ends the stream whatever happens.
struct Inflater {
  z_stream stream = {};
  bool ready = false;
  Inflater() { ready = inflateInit2(&stream, 15 + 16) == Z_OK; }  // 16: gzip
  ~Inflater() {
    if (ready) inflateEnd(&stream);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
};

Status InflateAll(std::span<const std::uint8_t> bytes, std::uint64_t max_bytes,
                  std::vector<std::uint8_t>* out) {
  Inflater inflater;
  if (!inflater.ready) return {StatusCode::kOutOfMemory, "gzip: not enough memory"};
  z_stream& z = inflater.stream;
  std::uint8_t buffer[1 << 16];
  std::size_t taken = 0;
  for (;;) {
    if (z.avail_in == 0 && taken < bytes.size()) {
      const std::size_t count = std::min<std::size_t>(bytes.size() - taken, std::size_t{1} << 30);
      z.next_in = const_cast<std::uint8_t*>(bytes.data() + taken);
      z.avail_in = static_cast<uInt>(count);
      taken += count;
    }
    z.next_out = buffer;
    z.avail_out = sizeof buffer;
    const int code = inflate(&z, Z_NO_FLUSH);
    const std::size_t made = sizeof buffer - z.avail_out;
    if (out->size() + made > max_bytes) {
      return {StatusCode::kLimitExceeded,
              "gzip: more than " + std::to_string(max_bytes) + " bytes when unpacked"};
    }
    out->insert(out->end(), buffer, buffer + made);
    const bool input_left = z.avail_in > 0 || taken < bytes.size();
    if (code == Z_STREAM_END) {
      if (!input_left) return Status::Ok();
      if (inflateReset(&z) != Z_OK) return {StatusCode::kCorrupt, "gzip: cannot read on"};
    } else if (code == Z_BUF_ERROR || (code == Z_OK && !input_left && made == 0)) {
      return {StatusCode::kTruncated, "gzip: the file is cut off"};
    } else if (code == Z_MEM_ERROR) {
      return {StatusCode::kOutOfMemory, "gzip: not enough memory"};
    } else if (code != Z_OK) {
      return {StatusCode::kCorrupt,
              std::string("gzip: damaged") + (z.msg ? std::string(" (") + z.msg + ")" : "")};
    }
  }
}

}  // namespace

Result<std::vector<std::uint8_t>> Gunzip(std::span<const std::uint8_t> bytes,
                                         std::uint64_t max_bytes) {
  try {
    if (bytes.size() < 2 || bytes[0] != 0x1F || bytes[1] != 0x8B) {
      return std::vector<std::uint8_t>(bytes.begin(), bytes.end());
    }
    std::vector<std::uint8_t> out;
    HALFMOON_RETURN_IF_ERROR(InflateAll(bytes, max_bytes, &out));
    return out;
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "gzip: not enough memory");
  }
}

}  // namespace halfmoon
