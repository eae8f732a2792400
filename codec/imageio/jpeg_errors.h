// libjpeg's errors and warnings as Status; shared by reading and writing. Internal to the two
// jpeg_*.cc files: it includes libjpeg's headers.
#pragma once

#include <cstddef>
#include <cstdio>
// The order matters: jpeglib.h needs size_t and FILE, and jerror.h numbers its codes by the library
// version that jpeglib.h defines. Swapped, everything compiles and the codes are wrong.
#include <jpeglib.h>
//
#include <jerror.h>

#include <algorithm>
#include <csetjmp>
#include <cstdint>
#include <span>
#include <string>

#include "codec/imageio/c_boundary.h"

namespace halfmoon::imageio {

inline constexpr unsigned kExifMarker = JPEG_APP0 + 1;  // also XMP
inline constexpr unsigned kIccMarker = JPEG_APP0 + 2;
inline constexpr unsigned kPhotoshopMarker = JPEG_APP0 + 13;  // IPTC
// What APP1 segments begin with.
inline constexpr std::string_view kExifName("Exif\0\0", 6);
inline constexpr std::string_view kXmpName("http://ns.adobe.com/xap/1.0/\0", 29);
inline constexpr std::string_view kExtendedXmpName("http://ns.adobe.com/xmp/extension/\0", 35);

// libjpeg finds these by a cast from its own struct, which therefore comes first.
struct ErrorManager {
  jpeg_error_mgr base;
  std::jmp_buf jump;
  bool lenient = false;
  std::span<const std::uint8_t> file;  // reading only
  int code = 0;                        // JERR_ or JWRN_ of the failure
  char message[kMessageBytes] = {};
  WarningLog log;
};
static_assert(kMessageBytes >= JMSG_LENGTH_MAX);

[[noreturn]] inline void OnError(j_common_ptr jpeg) {
  auto* errors = reinterpret_cast<ErrorManager*>(jpeg->err);
  errors->code = errors->base.msg_code;
  errors->base.format_message(jpeg, errors->message);
  std::longjmp(errors->jump, 1);
}

// Whether bytes look like what devices put behind the packed data, and not like packed data, of
// which something remains when a damaged part was unpacked to fewer blocks than it held: zeros, one
// byte over and over, or text. One in 256 remainders looks so, at most.
inline bool LooksLikeFill(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t kFewestEqual = 4, kFewestLetters = 8;
  const auto all = [&](auto is) { return std::all_of(bytes.begin(), bytes.end(), is); };
  if (all([](std::uint8_t b) { return b == 0; })) return true;
  if (bytes.size() >= kFewestEqual && all([&](std::uint8_t b) { return b == bytes[0]; }))
    return true;
  return bytes.size() >= kFewestLetters && all([](std::uint8_t b) { return b < 0x80; });
}

// Whether the bytes that libjpeg passed over before a marker cost no pixel. Before the first scan
// there is no packed data; before a restart marker there is nothing else.
inline bool IsHarmlessSurplus(j_common_ptr jpeg) {
  if (jpeg->is_decompressor == 0) return false;
  const auto* decoder = reinterpret_cast<j_decompress_ptr>(jpeg);
  if (decoder->input_scan_number == 0) return true;
  const int* parameters = jpeg->err->msg_parm.i;
  if (parameters[1] >= JPEG_RST0 && parameters[1] <= JPEG_RST0 + 7) return false;
  const auto file = reinterpret_cast<ErrorManager*>(jpeg->err)->file;
  const auto end = static_cast<std::size_t>(decoder->src->next_input_byte - file.data());
  const std::size_t bytes = std::min(end, static_cast<std::size_t>(parameters[0]));
  return LooksLikeFill(file.subspan(end - bytes, bytes));
}

// Whether a warning says nothing about the pixels. README.md has the table.
inline bool IsHarmless(j_common_ptr jpeg) {
  switch (jpeg->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
    case JWRN_BOGUS_ICC:
    case JWRN_NOT_SEQUENTIAL: return true;
    case JWRN_EXTRANEOUS_DATA: return IsHarmlessSurplus(jpeg);
    case JWRN_BOGUS_PROGRESSION: {
      // Coefficient 0 of a scan without it: such a scan came before the DC scan, which may follow.
      // What is missing in the end is warned of then. Anything else is refined out of order.
      const bool before_dc = jpeg->is_decompressor != 0 && jpeg->err->msg_parm.i[1] == 0 &&
                             reinterpret_cast<j_decompress_ptr>(jpeg)->Ss != 0;
      return before_dc;
    }
    default: return false;
  }
}

inline void OnMessage(j_common_ptr jpeg, int level) {
  if (level >= 0) return;  // traces
  auto* errors = reinterpret_cast<ErrorManager*>(jpeg->err);
  if (!errors->lenient && !IsHarmless(jpeg)) OnError(jpeg);
  ++errors->base.num_warnings;
  char message[JMSG_LENGTH_MAX] = {};
  errors->base.format_message(jpeg, message);
  errors->log.Add(message);
}

inline void OnOutput(j_common_ptr) {}  // never print

inline void Install(ErrorManager* errors, jpeg_error_mgr** slot) {
  *slot = jpeg_std_error(&errors->base);
  errors->base.error_exit = &OnError;
  errors->base.emit_message = &OnMessage;
  errors->base.output_message = &OnOutput;
}

inline Status Failure(const ErrorManager& errors) {
  const std::string text = std::string("JPEG: ") + errors.message;
  switch (errors.code) {
    case JERR_OUT_OF_MEMORY: return {StatusCode::kOutOfMemory, text};
    case JERR_NO_BACKING_STORE:
      return {StatusCode::kLimitExceeded, "JPEG: decoding needs more memory than allowed"};
    case JERR_IMAGE_TOO_BIG: return {StatusCode::kLimitExceeded, text};
    case JERR_INPUT_EMPTY:
    case JERR_INPUT_EOF:
    case JWRN_JPEG_EOF: return {StatusCode::kTruncated, text + "; the rest of the file is missing"};
    case JWRN_HIT_MARKER:
      return {StatusCode::kTruncated, text + "; a part of the picture is missing"};
    case JWRN_EXTRANEOUS_DATA:
      return {StatusCode::kCorrupt,
              text +
                  ", which look like a part of the picture; the file is damaged (--lenient "
                  "takes what is there)"};
    case JERR_BAD_PRECISION:
      return {StatusCode::kUnsupportedFeature, text + "; only 8-bit JPEG is supported"};
    case JERR_SOF_UNSUPPORTED:
    case JERR_ARITH_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_NOT_COMPILED:
      return {StatusCode::kUnsupportedFeature,
              text + "; lossless, hierarchical and other rare kinds of JPEG are not supported"};
    default: return {StatusCode::kCorrupt, text + "; the file is damaged"};
  }
}

}  // namespace halfmoon::imageio
