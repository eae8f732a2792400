// PBM, PGM, PPM (text and binary) and PAM, read here: the formats take less code than a library's
// use, and Debian's libnetpbm ends the program on errors.
#include <algorithm>
#include <cstring>
#include <vector>

#include "codec/imageio/c_boundary.h"
#include "codec/imageio/formats.h"
#include "codec/imageio/pnm_header.h"

namespace halfmoon::imageio {
namespace {

class PnmRowReader : public RowReader {
 public:
  Status Open(std::span<const std::uint8_t> bytes, const ImageReadOptions& options,
              bool check_limits);
  Status DoReadRow(std::span<std::uint8_t> row) override;
  Status DoFinish() override;

 private:
  Status ReadBinary(std::uint8_t* row);
  Status ReadText(std::uint8_t* row);
  void ReadBitmap(const std::uint8_t* in, std::uint8_t* row) const;
  Status Put(std::uint32_t value, std::size_t index, std::uint8_t* row) const;

  std::span<const std::uint8_t> bytes_;
  PnmHeader header_;
  PnmText text_{{}, 0};
  std::size_t at_ = 0;                // binary: the next row
  std::vector<std::uint8_t> scaled_;  // 8-bit sample for each value up to maxval
  bool lenient_ = false;
  bool gave_up_ = false;
  std::uint32_t next_ = 0;
};

Status PnmRowReader::Open(std::span<const std::uint8_t> bytes, const ImageReadOptions& options,
                          bool check_limits) {
  bytes_ = bytes;
  lenient_ = options.lenient;
  HALFMOON_ASSIGN_OR_RETURN(header_, ParsePnmHeader(bytes));
  shape_.width = static_cast<std::uint32_t>(header_.width);
  shape_.height = static_cast<std::uint32_t>(header_.height);
  shape_.channels = header_.channels;
  shape_.bit_depth = header_.maxval > 255 ? 16 : 8;
  if (!check_limits) return Status::Ok();
  HALFMOON_RETURN_IF_ERROR(shape_.Validate(options.max_pixels));
  // A text holds a digit for each sample, at least. Compared before anybody takes memory for
  // pixels.
  const std::uint64_t samples = shape_.pixels() * shape_.channels;
  const std::uint64_t needed =
      header_.is_text() ? samples : StoredRowBytes(header_) * shape_.height;
  const std::uint64_t there = bytes.size() - header_.start;
  if (there < needed && !lenient_) {
    return {StatusCode::kTruncated, "PNM: " + std::to_string(shape_.width) + " x " +
                                        std::to_string(shape_.height) + " pixels need " +
                                        std::to_string(needed) + " bytes, the file has " +
                                        std::to_string(there) + "; the rest is missing"};
  }
  if (header_.line_end_guessed) {
    Warn(&warnings_, warning_code::kColour,
         "PNM: the header ends with CR LF, which is taken as one line end; where LF was meant as a "
         "sample, the picture is shifted by one");
  }
  at_ = header_.start;
  text_ = PnmText(bytes, header_.start);
  if (header_.maxval <= 255) {
    scaled_.resize(header_.maxval + 1);
    for (std::uint32_t v = 0; v <= header_.maxval; ++v) {
      scaled_[v] = static_cast<std::uint8_t>((v * 255 + header_.maxval / 2) / header_.maxval);
    }
  }
  return Status::Ok();
}

// Scales to the whole range of 8 or 16 bit.
Status PnmRowReader::Put(std::uint32_t value, std::size_t index, std::uint8_t* row) const {
  if (value > header_.maxval) {
    return {StatusCode::kCorrupt, "PNM: row " + std::to_string(next_) + " has a sample of " +
                                      std::to_string(value) + " above the maxval of " +
                                      std::to_string(header_.maxval) + "; the file is damaged"};
  }
  if (header_.maxval <= 255) {
    row[index] = scaled_[value];
    return Status::Ok();
  }
  // 65535 * 65535 + 32767 fits 32 bits.
  const auto sample = static_cast<std::uint16_t>(
      header_.maxval == 65535 ? value : (value * 65535u + header_.maxval / 2) / header_.maxval);
  std::memcpy(row + 2 * index, &sample, 2);
  return Status::Ok();
}

void PnmRowReader::ReadBitmap(const std::uint8_t* in, std::uint8_t* row) const {
  for (std::uint32_t x = 0; x < shape_.width; ++x) {
    const bool black = (in[x / 8] >> (7 - x % 8) & 1) != 0;
    row[x] = black ? 0 : 255;
  }
}

Status PnmRowReader::ReadBinary(std::uint8_t* row) {
  const auto stored = static_cast<std::size_t>(StoredRowBytes(header_));
  if (bytes_.size() - at_ < stored) {
    return {StatusCode::kTruncated,
            "PNM: the file ends within row " + std::to_string(next_) + "; the rest is missing"};
  }
  const std::uint8_t* in = bytes_.data() + at_;
  at_ += stored;
  if (header_.kind == 4) {
    ReadBitmap(in, row);
    return Status::Ok();
  }
  if (header_.maxval == 255) {
    std::memcpy(row, in, stored);
    return Status::Ok();
  }
  const std::size_t samples = std::size_t{shape_.width} * shape_.channels;
  const bool wide = header_.maxval > 255;
  for (std::size_t i = 0; i < samples; ++i) {
    const std::uint32_t value = wide ? in[2 * i] * 256u + in[2 * i + 1] : in[i];
    HALFMOON_RETURN_IF_ERROR(Put(value, i, row));
  }
  return Status::Ok();
}

Status PnmRowReader::ReadText(std::uint8_t* row) {
  const std::size_t samples = std::size_t{shape_.width} * shape_.channels;
  for (std::size_t i = 0; i < samples; ++i) {
    if (header_.kind == 1) {
      HALFMOON_ASSIGN_OR_RETURN(const std::uint32_t bit, text_.Bit());
      row[i] = bit != 0 ? 0 : 255;
    } else {
      HALFMOON_ASSIGN_OR_RETURN(const std::uint32_t value, text_.Number("the last pixel"));
      HALFMOON_RETURN_IF_ERROR(Put(value, i, row));
    }
  }
  at_ = text_.position();
  return Status::Ok();
}

Status PnmRowReader::DoReadRow(std::span<std::uint8_t> row) {
  HALFMOON_RETURN_IF_ERROR(CheckRow(shape_, next_, row.size()));
  if (!gave_up_) {
    const Status status = header_.is_text() ? ReadText(row.data()) : ReadBinary(row.data());
    if (!status.ok()) {
      if (!lenient_ || next_ == 0) return status;
      gave_up_ = true;
      Warn(&warnings_, warning_code::kDamage, status.message() + "; rows from there on are black");
    }
  }
  if (gave_up_) std::fill_n(row.data(), shape_.row_bytes(), std::uint8_t{0});
  ++next_;
  return Status::Ok();
}

Status PnmRowReader::DoFinish() {
  HALFMOON_RETURN_IF_ERROR(CheckAllRows(shape_, next_));
  if (gave_up_) return Status::Ok();
  // Text ends with white space; binary samples may be followed by another picture.
  if (header_.is_text()) {
    text_.SkipSpace();
    at_ = text_.position();
  }
  const std::span<const std::uint8_t> rest = bytes_.subspan(at_);
  if (HasPnmSignature(rest)) {
    Warn(&warnings_, warning_code::kSurplus,
         "several pictures in one file: only the first is read");
  } else if (!rest.empty()) {
    Warn(&warnings_, warning_code::kSurplus,
         "PNM: " + std::to_string(rest.size()) + " bytes after the picture are ignored");
  }
  return Status::Ok();
}

}  // namespace

Result<std::unique_ptr<RowReader>> OpenPnm(std::span<const std::uint8_t> bytes,
                                           const ImageReadOptions& options, bool check_limits) {
  auto reader = std::make_unique<PnmRowReader>();
  HALFMOON_RETURN_IF_ERROR(reader->Open(bytes, options, check_limits));
  return std::unique_ptr<RowReader>(std::move(reader));
}

}  // namespace halfmoon::imageio
