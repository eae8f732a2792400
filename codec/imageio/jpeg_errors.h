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

#include <csetjmp>
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
  int code = 0;  // JERR_ or JWRN_ of the failure
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

// Warnings that say nothing about the pixels being damaged.
inline bool IsHarmless(int code) {
  return code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR || code == JWRN_BOGUS_ICC;
}

inline void OnMessage(j_common_ptr jpeg, int level) {
  if (level >= 0) return;  // traces
  auto* errors = reinterpret_cast<ErrorManager*>(jpeg->err);
  const int code = errors->base.msg_code;
  if (!errors->lenient && !IsHarmless(code)) OnError(jpeg);
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
