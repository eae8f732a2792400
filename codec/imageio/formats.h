// The formats behind image_io.h: opening a row reader or writer of each. Internal to
// codec/imageio; callers use image_io.h. No type of a C library here.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/imageio/image_io.h"
#include "codec/imageio/rows.h"

namespace halfmoon::imageio {

// All errors and options as in image_io.h. May throw std::bad_alloc. Rows come as they are stored:
// the reader only tells the orientation. Without `check_limits` the result serves only to describe
// the file: shape, metadata present or not, orientation.
using OpenReader = Result<std::unique_ptr<RowReader>>(std::span<const std::uint8_t> bytes,
                                                      const ImageReadOptions& options,
                                                      bool check_limits);
OpenReader OpenPng, OpenJpeg, OpenPnm;

bool HasPngSignature(std::span<const std::uint8_t> bytes);
bool HasJpegSignature(std::span<const std::uint8_t> bytes);
// P1 to P7, followed by white space.
bool HasPnmSignature(std::span<const std::uint8_t> bytes);

// REQUIRES: shape and options are valid. `metadata` is needed only during the call.
struct WriterSetup {
  PictureShape shape;
  std::span<const std::uint8_t> icc, exif, xmp;
  std::optional<PixelDensity> density;
  ImageWriteOptions options;
  ByteSink sink;
};
using OpenWriter = Result<std::unique_ptr<RowWriter>>(const WriterSetup& setup);
OpenWriter CreatePng, CreateJpeg, CreatePnm, CreatePgm, CreatePpm, CreatePam;

// --- What all readers and writers check ----------------------------------------------------------
inline Status CheckRow(const PictureShape& shape, std::uint32_t next, std::size_t bytes) {
  if (next >= shape.height) {
    return {StatusCode::kInvalidArgument,
            "all " + std::to_string(shape.height) + " rows were read or written before"};
  }
  if (bytes < shape.row_bytes()) {
    return {StatusCode::kInvalidArgument, "a row has " + std::to_string(shape.row_bytes()) +
                                              " bytes, not " + std::to_string(bytes)};
  }
  return Status::Ok();
}

inline Status CheckAllRows(const PictureShape& shape, std::uint32_t next) {
  if (next == shape.height) return Status::Ok();
  return {StatusCode::kInvalidArgument, "only " + std::to_string(next) + " of " +
                                            std::to_string(shape.height) +
                                            " rows were read or written"};
}

// Metadata never refuses a picture: what is too large is left out.
inline void WarnTooLarge(std::string_view code, std::string_view what,
                         const ImageReadOptions& options, Warnings* warnings) {
  Warn(warnings, code,
       "the " + std::string(what) + " has more than " + std::to_string(options.max_metadata_bytes) +
           " bytes, the limit, and is not kept");
}

// Copies a block that is within the limit.
inline void TakeBlock(std::span<const std::uint8_t> block, std::string_view code,
                      std::string_view what, const ImageReadOptions& options,
                      std::vector<std::uint8_t>* to, Warnings* warnings) {
  if (block.size() > options.max_metadata_bytes) {
    WarnTooLarge(code, what, options, warnings);
  } else {
    to->assign(block.begin(), block.end());
  }
}

}  // namespace halfmoon::imageio
