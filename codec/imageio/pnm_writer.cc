#include <cstring>
#include <string>
#include <vector>

#include "codec/imageio/c_boundary.h"
#include "codec/imageio/formats.h"

namespace halfmoon::imageio {
namespace {

std::string PnmHead(const PictureShape& shape, bool grey) {
  return std::string(grey ? "P5\n" : "P6\n") + std::to_string(shape.width) + " " +
         std::to_string(shape.height) + (shape.bit_depth == 16 ? "\n65535\n" : "\n255\n");
}

std::string PamHead(const PictureShape& shape) {
  return "P7\nWIDTH " + std::to_string(shape.width) + "\nHEIGHT " + std::to_string(shape.height) +
         "\nDEPTH " + std::to_string(shape.channels) + "\nMAXVAL " +
         (shape.bit_depth == 16 ? "65535" : "255") + "\nTUPLTYPE " +
         (shape.is_grey() ? "GRAYSCALE" : "RGB") + (shape.has_alpha() ? "_ALPHA" : "") +
         "\nENDHDR\n";
}

class PnmRowWriter : public RowWriter {
 public:
  // `as_rgb`: grey samples are written three times.
  Status Open(const WriterSetup& setup, const std::string& head, bool as_rgb) {
    shape_ = setup.shape;
    if (as_rgb && shape_.is_grey()) rgb_.resize(3 * shape_.row_bytes());
    sink_.sink = setup.sink;
    const auto drop = [&](std::span<const std::uint8_t> block, std::string_view code,
                          const char* what) {
      if (!block.empty()) {
        Warn(&warnings_, code,
             std::string("PNM and PAM hold no metadata: the ") + what + " was not written");
      }
    };
    drop(setup.icc, warning_code::kIcc, "ICC profile");
    drop(setup.exif, warning_code::kExif, "EXIF block");
    drop(setup.xmp, warning_code::kXmp, "XMP packet");
    if (setup.density) {
      Warn(&warnings_, warning_code::kDensity,
           "PNM and PAM hold no metadata: the pixel density was not written");
    }
    if (shape_.bit_depth == 16) big_endian_.resize(shape_.row_bytes());
    sink_.Put(reinterpret_cast<const std::uint8_t*>(head.data()), head.size());
    return sink_.status;
  }

  Status DoWriteRow(std::span<const std::uint8_t> row) override {
    HALFMOON_RETURN_IF_ERROR(CheckRow(shape_, next_, row.size()));
    ++next_;
    const std::uint8_t* bytes = row.data();
    if (shape_.bit_depth == 16) {
      for (std::size_t i = 0; i < shape_.row_bytes(); i += 2) {
        std::uint16_t sample;
        std::memcpy(&sample, row.data() + i, 2);
        big_endian_[i] = static_cast<std::uint8_t>(sample >> 8);
        big_endian_[i + 1] = static_cast<std::uint8_t>(sample);
      }
      bytes = big_endian_.data();
    }
    std::size_t size = shape_.row_bytes();
    if (!rgb_.empty()) {
      const std::size_t sample = shape_.bytes_per_pixel();
      for (std::size_t i = 0; i < rgb_.size(); ++i) {
        rgb_[i] = bytes[i / (3 * sample) * sample + i % sample];
      }
      bytes = rgb_.data();
      size = rgb_.size();
    }
    sink_.Put(bytes, size);
    return sink_.status;
  }

  Status DoFinish() override { return CheckAllRows(shape_, next_); }

 private:
  SinkState sink_;
  std::uint32_t next_ = 0;
  std::vector<std::uint8_t> big_endian_;
  std::vector<std::uint8_t> rgb_;  // a row of grey as RGB; empty when rows are written as they come
};

Result<std::unique_ptr<RowWriter>> Create(const WriterSetup& setup, const std::string& head,
                                          bool as_rgb = false) {
  auto writer = std::make_unique<PnmRowWriter>();
  HALFMOON_RETURN_IF_ERROR(writer->Open(setup, head, as_rgb));
  return std::unique_ptr<RowWriter>(std::move(writer));
}

Result<std::unique_ptr<RowWriter>> CreateOpaque(const WriterSetup& setup, bool grey) {
  if (setup.shape.has_alpha()) {
    return Status(StatusCode::kInvalidArgument,
                  "PGM and PPM hold no transparency, and the picture has an alpha channel; write "
                  "PAM or PNG");
  }
  return Create(setup, PnmHead(setup.shape, grey), !grey);
}

}  // namespace

Result<std::unique_ptr<RowWriter>> CreatePnm(const WriterSetup& setup) {
  return CreateOpaque(setup, setup.shape.is_grey());
}

Result<std::unique_ptr<RowWriter>> CreatePgm(const WriterSetup& setup) {
  if (!setup.shape.is_grey()) {
    return Status(StatusCode::kInvalidArgument,
                  "PGM holds grey only, and the picture has colours; write .ppm, .pnm or .png");
  }
  return CreateOpaque(setup, true);
}

Result<std::unique_ptr<RowWriter>> CreatePpm(const WriterSetup& setup) {
  return CreateOpaque(setup, false);
}

Result<std::unique_ptr<RowWriter>> CreatePam(const WriterSetup& setup) {
  return Create(setup, PamHead(setup.shape));
}

}  // namespace halfmoon::imageio
