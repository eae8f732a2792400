#include "codec/imageio/rows.h"

#include <cstring>
#include <limits>
#include <new>

#include "codec/imageio/detect.h"
#include "codec/imageio/exif.h"
#include "codec/imageio/formats.h"
#include "codec/imageio/turn.h"
#include "codec/imageio/xmp.h"

namespace halfmoon {
namespace {

using imageio::CheckAllRows;
using imageio::CheckRow;

// Nothing thrown leaves this library: strings and lists of messages can run out of memory, too.
template <typename T, typename F>
Result<T> Guard(F&& function) {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "no memory left");
  }
}

template <typename F>
Status GuardStatus(F&& function) {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return {StatusCode::kOutOfMemory, "no memory left"};
  }
}

imageio::OpenReader* ReaderOf(ImageFormat format) {
  switch (format) {
    case ImageFormat::kPng: return &imageio::OpenPng;
    case ImageFormat::kJpeg: return &imageio::OpenJpeg;
    case ImageFormat::kPnm:
    case ImageFormat::kPgm:
    case ImageFormat::kPpm:
    case ImageFormat::kPam: return &imageio::OpenPnm;
  }
  return &imageio::OpenPng;  // not reached: the switch names all
}

imageio::OpenWriter* WriterOf(ImageFormat format) {
  switch (format) {
    case ImageFormat::kPng: return &imageio::CreatePng;
    case ImageFormat::kJpeg: return &imageio::CreateJpeg;
    case ImageFormat::kPnm: return &imageio::CreatePnm;
    case ImageFormat::kPgm: return &imageio::CreatePgm;
    case ImageFormat::kPpm: return &imageio::CreatePpm;
    case ImageFormat::kPam: return &imageio::CreatePam;
  }
  return &imageio::CreatePng;  // not reached: the switch names all
}

// Once the pixels are upright, metadata must not turn them again.
void MakeUpright(Metadata* metadata, int orientation) {
  imageio::ResetExifOrientation(metadata->exif, imageio::OrientationSwapsSides(orientation));
  imageio::ResetXmpOrientation(metadata->xmp);
  if (metadata->density && imageio::OrientationSwapsSides(orientation)) {
    std::swap(metadata->density->x, metadata->density->y);
  }
}

// Rows of a picture that must be turned before its first row is known.
class TurnedRowReader : public RowReader {
 public:
  TurnedRowReader(Image image, Warnings warnings) : image_(std::move(image)) {
    shape_ = image_.shape();
    metadata_ = image_.metadata();
    memory_bytes_ = image_.samples().size();
    warnings_ = std::move(warnings);
  }

  Status DoReadRow(std::span<std::uint8_t> row) override {
    HALFMOON_RETURN_IF_ERROR(CheckRow(shape_, next_, row.size()));
    std::memcpy(row.data(), image_.row(next_++), shape_.row_bytes());
    return Status::Ok();
  }

  Status DoFinish() override { return CheckAllRows(shape_, next_); }

 private:
  Image image_;
  std::uint32_t next_ = 0;
};

// The whole picture, upright if the options say so.
Result<Image> ReadAll(RowReader* reader, const ImageReadOptions& options) {
  HALFMOON_ASSIGN_OR_RETURN(Image image, Image::Create(reader->shape(), options.max_pixels));
  HALFMOON_RETURN_IF_ERROR(reader->ReadRows(&image));
  HALFMOON_RETURN_IF_ERROR(reader->Finish());
  Metadata metadata = reader->TakeMetadata();
  const int orientation = options.apply_orientation ? reader->orientation() : 1;
  if (orientation != 1) MakeUpright(&metadata, orientation);
  image.set_metadata(std::move(metadata));
  return imageio::ApplyOrientation(std::move(image), orientation);
}

Result<std::unique_ptr<RowReader>> OpenStored(std::span<const std::uint8_t> bytes,
                                              const ImageReadOptions& options, bool check_limits) {
  HALFMOON_ASSIGN_OR_RETURN(const ImageFormat format, imageio::DetectFormat(bytes));
  return ReaderOf(format)(bytes, options, check_limits);
}

}  // namespace

Status RowReader::DoReadRows(Image* image) {
  HALFMOON_ENSURE(image->shape() == shape_);
  for (std::uint32_t y = 0; y < shape_.height; ++y) {
    HALFMOON_RETURN_IF_ERROR(DoReadRow({image->row(y), shape_.row_bytes()}));
  }
  return Status::Ok();
}

Status RowReader::ReadRow(std::span<std::uint8_t> row) {
  return GuardStatus([&] { return DoReadRow(row); });
}
Status RowReader::ReadRows(Image* image) {
  return GuardStatus([&] { return DoReadRows(image); });
}
Status RowReader::Finish() {
  return GuardStatus([&] { return DoFinish(); });
}
Status RowWriter::WriteRow(std::span<const std::uint8_t> row) {
  return GuardStatus([&] { return DoWriteRow(row); });
}
Status RowWriter::Finish() {
  return GuardStatus([&] { return DoFinish(); });
}

Result<std::unique_ptr<RowReader>> OpenRows(std::span<const std::uint8_t> bytes,
                                            const ImageReadOptions& options) {
  return Guard<std::unique_ptr<RowReader>>([&]() -> Result<std::unique_ptr<RowReader>> {
    HALFMOON_ASSIGN_OR_RETURN(std::unique_ptr<RowReader> stored, OpenStored(bytes, options, true));
    if (!options.apply_orientation || stored->orientation() == 1) return stored;
    HALFMOON_ASSIGN_OR_RETURN(Image image, ReadAll(stored.get(), options));
    return std::unique_ptr<RowReader>(
        new TurnedRowReader(std::move(image), std::move(stored->warnings())));
  });
}

Result<Image> ReadImage(std::span<const std::uint8_t> bytes, const ImageReadOptions& options,
                        Warnings* warnings) {
  return Guard<Image>([&]() -> Result<Image> {
    HALFMOON_ASSIGN_OR_RETURN(std::unique_ptr<RowReader> reader, OpenStored(bytes, options, true));
    Result<Image> image = ReadAll(reader.get(), options);
    if (warnings != nullptr) {
      warnings->insert(warnings->end(), reader->warnings().begin(), reader->warnings().end());
    }
    return image;
  });
}

Result<ImageInfo> ReadImageInfo(std::span<const std::uint8_t> bytes,
                                const ImageReadOptions& options) {
  return Guard<ImageInfo>([&]() -> Result<ImageInfo> {
    HALFMOON_ASSIGN_OR_RETURN(const ImageFormat format, imageio::DetectFormat(bytes));
    HALFMOON_ASSIGN_OR_RETURN(const std::unique_ptr<RowReader> reader,
                              ReaderOf(format)(bytes, options, false));
    ImageInfo info;
    info.format = format;
    info.width = reader->shape().width;
    info.height = reader->shape().height;
    info.channels = reader->shape().channels;
    info.bit_depth = reader->shape().bit_depth;
    info.has_alpha = reader->shape().has_alpha();
    info.colour = reader->metadata().colour;
    info.has_icc = info.colour.source == FileColour::Source::kIcc;
    info.has_exif = !reader->metadata().exif.empty();
    info.has_xmp = !reader->metadata().xmp.empty();
    info.density = reader->metadata().density;
    info.orientation = reader->orientation();
    if (options.apply_orientation && imageio::OrientationSwapsSides(info.orientation)) {
      std::swap(info.width, info.height);
      if (info.density) std::swap(info.density->x, info.density->y);
    }
    return info;
  });
}

Result<std::unique_ptr<RowWriter>> CreateRows(const PictureShape& shape, const ImageView& metadata,
                                              ImageFormat format, const ImageWriteOptions& options,
                                              ByteSink sink) {
  return Guard<std::unique_ptr<RowWriter>>([&]() -> Result<std::unique_ptr<RowWriter>> {
    HALFMOON_RETURN_IF_ERROR(shape.Validate(std::uint64_t{kMaxImageSide} * kMaxImageSide));
    HALFMOON_RETURN_IF_ERROR(options.Validate());
    // The libraries count in 32 bits; XMP gets a few bytes more.
    constexpr std::size_t kMostBytes = std::numeric_limits<std::int32_t>::max() - 1024;
    if (metadata.icc.size() > kMostBytes || metadata.exif.size() > kMostBytes ||
        metadata.xmp.size() > kMostBytes) {
      return Status(StatusCode::kInvalidArgument,
                    "the ICC profile, EXIF block or XMP packet has more than 2 GiB; leave it out");
    }
    return WriterOf(format)({shape, metadata.icc, metadata.exif, metadata.xmp, metadata.density,
                             options, std::move(sink)});
  });
}

Result<std::vector<std::uint8_t>> WriteImage(const ImageView& image, ImageFormat format,
                                             const ImageWriteOptions& options, Warnings* warnings) {
  return Guard<std::vector<std::uint8_t>>([&]() -> Result<std::vector<std::uint8_t>> {
    HALFMOON_RETURN_IF_ERROR(image.Validate());
    std::vector<std::uint8_t> out;
    const auto append = [&out](std::span<const std::uint8_t> bytes) {
      out.insert(out.end(), bytes.begin(), bytes.end());
      return Status::Ok();
    };
    HALFMOON_RETURN_IF_ERROR(WriteRows(image, format, options, append, warnings));
    return out;
  });
}

Status WriteRows(const ImageView& image, ImageFormat format, const ImageWriteOptions& options,
                 const ByteSink& sink, Warnings* warnings) {
  return GuardStatus([&]() -> Status {
    HALFMOON_RETURN_IF_ERROR(image.Validate());
    HALFMOON_ASSIGN_OR_RETURN(const std::unique_ptr<RowWriter> writer,
                              CreateRows(image.shape(), image, format, options, sink));
    for (std::uint32_t y = 0; y < image.height; ++y) {
      HALFMOON_RETURN_IF_ERROR(writer->WriteRow({image.row(y), image.row_bytes()}));
    }
    HALFMOON_RETURN_IF_ERROR(writer->Finish());
    if (warnings != nullptr) {
      warnings->insert(warnings->end(), writer->warnings().begin(), writer->warnings().end());
    }
    return Status::Ok();
  });
}

}  // namespace halfmoon
