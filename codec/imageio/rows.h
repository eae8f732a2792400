// Pictures row by row: RowReader and RowWriter, for pictures that are too large to hold. Must not
// include LibTorch, libpng or libjpeg. image_io.h opens them, and has whole pictures on top.
//
// Thread-safety: one thread at a time per object; different objects are independent.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "codec/imageio/warning.h"
#include "halfmoon/image.h"
#include "halfmoon/status.h"

namespace halfmoon {

// Gives the rows of a picture from the top. Lifetime: no longer than the file's bytes.
class RowReader {
 public:
  RowReader() = default;
  RowReader(const RowReader&) = delete;
  RowReader& operator=(const RowReader&) = delete;
  virtual ~RowReader() = default;

  const PictureShape& shape() const { return shape_; }
  const Metadata& metadata() const { return metadata_; }
  Metadata TakeMetadata() { return std::move(metadata_); }
  // Bytes that reading takes beside the file and the caller's rows: whole pictures for interlaced
  // PNG and for pictures that are turned, coefficients for progressive JPEG, else little.
  std::uint64_t memory_bytes() const { return memory_bytes_; }
  // What was dropped or guessed so far; complete after Finish.
  Warnings& warnings() { return warnings_; }

  // The next row. REQUIRES: row has shape().row_bytes() bytes, at an even address for 16 bit.
  // Errors: kTruncated, kCorrupt, kLimitExceeded, kOutOfMemory; kInvalidArgument beyond the last
  // row. After an error only the destructor may be called.
  Status ReadRow(std::span<std::uint8_t> row);
  // All rows, into a picture of shape(), instead of ReadRow. Readers that cannot stream save memory
  // here.
  Status ReadRows(Image* image);
  // Reads what is behind the pixels and checks it. To be called once, after the last row.
  Status Finish();

  // EXIF orientation of the rows as they come; 1: upright. (Rows from OpenRows are upright unless
  // told otherwise.)
  int orientation() const { return orientation_; }

 protected:
  // The three above, which may throw std::bad_alloc.
  virtual Status DoReadRow(std::span<std::uint8_t> row) = 0;
  virtual Status DoReadRows(Image* image);
  virtual Status DoFinish() = 0;

  PictureShape shape_;
  Metadata metadata_;
  std::uint64_t memory_bytes_ = 0;
  Warnings warnings_;
  int orientation_ = 1;
};

// Where a RowWriter puts the bytes of the file, in order. A failure ends the writing and is what
// the writer returns. Must not throw.
using ByteSink = std::function<Status(std::span<const std::uint8_t>)>;

// Takes the rows of a picture from the top and writes a file.
class RowWriter {
 public:
  RowWriter() = default;
  RowWriter(const RowWriter&) = delete;
  RowWriter& operator=(const RowWriter&) = delete;
  virtual ~RowWriter() = default;

  const PictureShape& shape() const { return shape_; }
  // What the format cannot hold; complete after Finish.
  Warnings& warnings() { return warnings_; }

  // The next row. REQUIRES: shape().row_bytes() bytes, at an even address for 16 bit.
  // Errors: the sink's; kOutOfMemory; kInvalidArgument beyond the last row.
  Status WriteRow(std::span<const std::uint8_t> row);
  // Writes the end of the file. To be called once, after the last row. Errors: as WriteRow;
  // kInvalidArgument when rows are missing.
  Status Finish();

 protected:
  // The two above, which may throw std::bad_alloc.
  virtual Status DoWriteRow(std::span<const std::uint8_t> row) = 0;
  virtual Status DoFinish() = 0;

  PictureShape shape_;
  Warnings warnings_;
};

}  // namespace halfmoon
