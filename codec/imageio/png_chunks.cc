#include "codec/imageio/png_chunks.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include "codec/imageio/exif.h"

namespace halfmoon::imageio {
namespace {

constexpr std::size_t kSignatureBytes = 8;
constexpr std::size_t kChecksumBytes = 4;
constexpr std::string_view kXmpKeyword("XML:com.adobe.xmp\0", 18);

std::uint32_t BigEndian32(const std::uint8_t* bytes) {
  return (std::uint32_t{bytes[0]} << 24) | (std::uint32_t{bytes[1]} << 16) |
         (std::uint32_t{bytes[2]} << 8) | bytes[3];
}

bool StartsWith(std::span<const std::uint8_t> bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

Status BadXmp(const char* what) {
  return {StatusCode::kCorrupt, std::string("PNG: XMP chunk (iTXt): ") + what};
}

Result<std::vector<std::uint8_t>> Inflate(std::span<const std::uint8_t> packed,
                                          std::uint64_t max_bytes) {
  z_stream stream = {};
  if (inflateInit(&stream) != Z_OK) {
    return Status(StatusCode::kOutOfMemory, "PNG: no memory to unpack the XMP chunk");
  }
  std::vector<std::uint8_t> out;
  std::array<std::uint8_t, 1 << 14> block;
  stream.next_in = const_cast<Bytef*>(packed.data());  // zlib does not write to its input
  stream.avail_in = static_cast<uInt>(packed.size());  // a chunk has less than 2^31 bytes
  int code = Z_OK;
  while (code == Z_OK && out.size() <= max_bytes) {
    stream.next_out = block.data();
    stream.avail_out = static_cast<uInt>(block.size());
    code = inflate(&stream, Z_NO_FLUSH);
    out.insert(out.end(), block.data(), block.data() + (block.size() - stream.avail_out));
  }
  inflateEnd(&stream);
  if (out.size() <= max_bytes && code != Z_STREAM_END) return BadXmp("cannot be unpacked");
  return out;
}

bool IsAncillary(std::string_view type) { return (type[0] & 0x20) != 0; }

// Of the ancillary chunks, tRNS apart.
bool LibpngReads(std::string_view type) {
  return type == "iCCP" || type == "sRGB" || type == "gAMA" || type == "cHRM";
}

// `chunk`: type, body and checksum.
bool HasRightChecksum(std::span<const std::uint8_t> chunk) {
  const std::size_t covered = chunk.size() - kChecksumBytes;
  // A chunk has less than 2^31 bytes, or else libpng refuses the file.
  const uLong computed = crc32(0, chunk.data(), static_cast<uInt>(covered));
  return computed == BigEndian32(chunk.data() + covered);
}

void AddBadChunk(std::string_view type, PngSurvey* survey) {
  constexpr std::size_t kNamed = 8;  // of a file that is rubbish throughout
  auto& known = survey->bad_chunks;
  if (known.size() < kNamed && std::find(known.begin(), known.end(), type) == known.end()) {
    known.emplace_back(type);
  }
}

void Hide(const ByteRange& chunk, PngSurvey* survey) {
  if (!survey->hidden.empty() && survey->hidden.back().end == chunk.begin) {
    survey->hidden.back().end = chunk.end;
  } else {
    survey->hidden.push_back(chunk);
  }
}

std::optional<PixelDensity> DensityOf(std::span<const std::uint8_t> body) {
  constexpr std::uint8_t kUnknownUnit = 0, kMetre = 1;
  if (body.size() != 9 || body[8] > kMetre) return std::nullopt;
  PixelDensity density;
  density.x = BigEndian32(body.data());
  density.y = BigEndian32(body.data() + 4);
  density.unit = body[8] == kUnknownUnit ? PixelDensity::Unit::kNone : PixelDensity::Unit::kMetre;
  if (!density.IsLegal() || density.SaysNothing()) return std::nullopt;
  return density;
}

// REQUIRES: the chunk is intact.
void TakeAncillary(std::string_view type, std::span<const std::uint8_t> body, PngSurvey* survey) {
  if (type == "acTL") {
    survey->animated = true;
  } else if (type == "eXIf" && survey->exif.empty()) {
    survey->exif = WithoutExifName(body);
  } else if (type == "iTXt" && StartsWith(body, kXmpKeyword) && survey->xmp.empty()) {
    survey->xmp = body.subspan(kXmpKeyword.size());
  } else if (type == "tEXt" || type == "zTXt" || type == "iTXt") {
    const bool exif =
        StartsWith(body, "Raw profile type exif") || StartsWith(body, "Raw profile type APP1");
    (exif ? survey->has_text_exif : survey->has_text) = true;
  } else if (type == "cICP" && body.size() == 4) {
    survey->cicp.emplace();
    std::copy(body.begin(), body.end(), survey->cicp->begin());
  } else if (type == "pHYs") {
    survey->density = DensityOf(body);
  }
}

}  // namespace

PngSurvey SurveyPng(std::span<const std::uint8_t> bytes, std::uint64_t max_metadata_bytes) {
  PngSurvey survey;
  bool frame_seen = false;
  std::size_t at = kSignatureBytes;
  while (bytes.size() - at >= 8) {
    const std::size_t begin = at;
    const std::uint32_t length = BigEndian32(bytes.data() + at);
    const std::string_view type(reinterpret_cast<const char*>(bytes.data()) + at + 4, 4);
    at += 8;
    const std::size_t present = std::min<std::size_t>(length, bytes.size() - at);
    const std::span<const std::uint8_t> body = bytes.subspan(at, present);
    const bool whole = bytes.size() - at >= std::size_t{length} + kChecksumBytes;
    if (type == "IHDR" && begin == kSignatureBytes && present >= 8) {
      survey.width = BigEndian32(body.data());
      survey.height = BigEndian32(body.data() + 4);
    } else if (type == "IDAT") {
      survey.idat_bytes += present;
      survey.still_is_frame = survey.still_is_frame || frame_seen;
    } else if (type == "CgBI") {
      survey.apple = true;
    } else if (type == "fcTL") {
      frame_seen = frame_seen || survey.idat_bytes == 0;
    }
    if (!whole) {
      // A chunk that is cut short ends the walk. What its length says is not to be believed: libpng
      // would take as much memory for it, 2 GiB of a file of some bytes.
      if (IsAncillary(type)) Hide({begin, bytes.size()}, &survey);
      break;
    }
    at += std::size_t{length} + kChecksumBytes;
    if (IsAncillary(type) && type != "tRNS") {
      const bool good = HasRightChecksum(bytes.subspan(begin + 4, std::size_t{length} + 8));
      const bool too_large = type == "iCCP" && length > max_metadata_bytes;
      if (!good) AddBadChunk(type, &survey);
      if (good && too_large) survey.icc_too_large = true;
      if (!good || too_large || !LibpngReads(type)) Hide({begin, at}, &survey);
      if (good) TakeAncillary(type, body, &survey);
    }
    if (type == "IEND") {
      survey.end = at;
      break;
    }
  }
  return survey;
}

Result<std::vector<std::uint8_t>> XmpPacket(const PngSurvey& survey, std::uint64_t max_bytes) {
  std::span<const std::uint8_t> body = survey.xmp;
  if (body.empty()) return std::vector<std::uint8_t>();
  // Packed or not, how, language, NUL, translated keyword, NUL.
  if (body.size() < 4) return BadXmp("too short");
  const bool packed = body[0] != 0;
  if (packed && body[1] != 0) return BadXmp("unknown packing");
  body = body.subspan(2);
  for (int field = 0; field < 2; ++field) {
    const auto end = std::find(body.begin(), body.end(), 0);
    if (end == body.end()) return BadXmp("no end of its language or keyword");
    body = body.subspan(static_cast<std::size_t>(end - body.begin()) + 1);
  }
  std::vector<std::uint8_t> packet;
  if (packed) {
    HALFMOON_ASSIGN_OR_RETURN(packet, Inflate(body, max_bytes));
  } else if (body.size() <= max_bytes) {
    packet.assign(body.begin(), body.end());
  }
  if (packet.size() > max_bytes || body.size() > max_bytes) {
    return Status(StatusCode::kLimitExceeded, "PNG: XMP packet");
  }
  return packet;
}

}  // namespace halfmoon::imageio
