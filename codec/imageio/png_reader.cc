#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "codec/imageio/c_boundary.h"
#include "codec/imageio/exif.h"
#include "codec/imageio/formats.h"
#include "codec/imageio/icc.h"
#include "codec/imageio/png_chunks.h"
#include "codec/imageio/png_decoder.h"

namespace halfmoon::imageio {
namespace {

constexpr std::array<std::uint8_t, 8> kSignature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

constexpr std::uint64_t kLeastChunkLimit = 1 << 16;
// deflate cannot expand more than 1032 times (zlib's technical notes): 258 bytes from 2 bits.
constexpr std::uint64_t kMaxDeflateRatio = 1032;

bool StartsWith(std::span<const std::uint8_t> bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

Status CheckSignature(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < kSignature.size()) {
    return {StatusCode::kTruncated, "PNG: the file ends within its signature"};
  }
  if (!std::equal(kSignature.begin(), kSignature.end(), bytes.begin())) {
    return {StatusCode::kCorrupt,
            "PNG: damaged signature, as left by a transfer in text mode; copy the file as binary"};
  }
  return Status::Ok();
}

// A few bytes can claim a huge picture. Refuse before memory is taken.
Status CheckEnoughData(const PngDecoder& reader, const PngSurvey& survey) {
  std::uint64_t samples_per_pixel = 1;  // palette and grey
  if (reader.color_type == PNG_COLOR_TYPE_GRAY_ALPHA) samples_per_pixel = 2;
  if (reader.color_type == PNG_COLOR_TYPE_RGB) samples_per_pixel = 3;
  if (reader.color_type == PNG_COLOR_TYPE_RGB_ALPHA) samples_per_pixel = 4;
  const std::uint64_t row_bits =
      std::uint64_t{reader.width} * samples_per_pixel * static_cast<unsigned>(reader.bit_depth);
  const std::uint64_t unpacked = (row_bits + 7) / 8 * reader.height;
  if (unpacked / kMaxDeflateRatio <= survey.idat_bytes) return Status::Ok();
  return {StatusCode::kTruncated,
          "PNG: " + std::to_string(survey.idat_bytes) + " bytes of packed pixels cannot hold " +
              std::to_string(reader.width) + " x " + std::to_string(reader.height) + " pixels"};
}

std::string CicpText(const std::array<std::uint8_t, 4>& cicp, const std::string& name) {
  std::string numbers;
  for (const std::uint8_t number : cicp) {
    numbers += (numbers.empty() ? "" : "/") + std::to_string(number);
  }
  return "PNG colour space (cICP " + numbers + (name.empty() ? "" : ", " + name) + ")";
}

// What cICP says, which outranks all else. True when it settles the matter.
// Errors: kUnsupportedFeature for what neither sRGB nor an ICC profile can say.
Result<bool> TakeCicp(const PngSurvey& survey, const ImageReadOptions& options, bool grey,
                      Metadata* metadata, Warnings* warnings) {
  if (!survey.cicp) return false;
  CodedColour coded = FromCicp(*survey.cicp, grey);
  const std::string text = CicpText(*survey.cicp, coded.name);
  metadata->colour.source = FileColour::Source::kCicp;
  switch (coded.kind) {
    case CodedColour::Kind::kSrgb: return true;
    case CodedColour::Kind::kProfile:
      if (!options.skip_metadata) {
        Warn(warnings, warning_code::kColour, text + " is kept as an ICC profile");
      }
      metadata->icc = std::move(coded.icc);
      return true;
    case CodedColour::Kind::kNotSupported:
      if (!options.skip_metadata) {
        return Status(StatusCode::kUnsupportedFeature,
                      text +
                          " is not supported, and would be shown wrongly as sRGB; convert the "
                          "picture to sRGB, or leave out its metadata (--strip) to take the "
                          "samples as they are");
      }
      Warn(warnings, warning_code::kColour,
           text + " is left out; the samples are taken as sRGB, and look wrong");
      return true;
    case CodedColour::Kind::kUnknown: break;
  }
  metadata->colour.source = FileColour::Source::kUnstated;
  Warn(warnings, warning_code::kColour, text + " says nothing known and is ignored");
  return false;
}

// What the file says of colour; a profile of its own, or one made from its other words.
Status TakeColour(const PngDecoder& reader, const PngSurvey& survey,
                  const ImageReadOptions& options, Metadata* metadata, Warnings* warnings) {
  FileColour& colour = metadata->colour;
  HALFMOON_ASSIGN_OR_RETURN(const bool settled,
                            TakeCicp(survey, options, IsGrey(reader), metadata, warnings));
  if (settled) return Status::Ok();
  if (reader.icc != nullptr && reader.icc_size > options.max_metadata_bytes) {
    // More than was in its chunk.
    if (!options.skip_metadata) WarnTooLarge(warning_code::kIcc, "ICC profile", options, warnings);
    return Status::Ok();
  }
  if (reader.icc != nullptr) {
    metadata->icc.assign(reader.icc, reader.icc + reader.icc_size);
    colour.source = FileColour::Source::kIcc;
    return Status::Ok();
  }
  if (reader.has_srgb) {
    colour.source = FileColour::Source::kSrgb;
    return Status::Ok();
  }
  if (reader.has_gamma && reader.gamma > 0) colour.gamma = static_cast<std::uint32_t>(reader.gamma);
  colour.has_primaries = reader.has_primaries;
  if (reader.has_primaries) {
    std::copy(reader.primaries.begin(), reader.primaries.end(), colour.primaries.begin());
  }
  if (colour.gamma == 0 && !colour.has_primaries) {
    if (!options.skip_metadata && !IsGrey(reader)) TakeExifColour(survey.exif, metadata, warnings);
    return Status::Ok();
  }
  colour.source = FileColour::Source::kGammaChroma;
  if (SaysSrgb(colour)) return Status::Ok();
  metadata->icc = ProfileFromGammaChroma(colour, IsGrey(reader));
  if (metadata->icc.empty()) {
    Warn(warnings, warning_code::kColour,
         "PNG gamma or primaries (gAMA, cHRM) describe no possible colours and are ignored; the "
         "samples are taken as sRGB");
  }
  return Status::Ok();
}

void WarnOfDropped(const PngSurvey& survey, std::size_t file_bytes, const ImageReadOptions& options,
                   Warnings* warnings) {
  if (survey.animated) {
    Warn(warnings, warning_code::kAnimation,
         survey.still_is_frame
             ? "animated PNG: only the first frame is read"
             : "animated PNG: only the still picture is read, which is no part of the "
               "animation");
  }
  if (survey.end != 0 && file_bytes > survey.end) {
    Warn(warnings, warning_code::kSurplus,
         "PNG: " + std::to_string(file_bytes - survey.end) +
             " bytes behind the picture are not kept");
  }
  if (options.skip_metadata) return;
  for (const std::string& type : survey.bad_chunks) {
    Warn(warnings, warning_code::kBadChunk,
         "PNG chunk " + type + " has a wrong checksum (CRC) and is left out");
  }
  if (survey.icc_too_large) WarnTooLarge(warning_code::kIcc, "ICC profile", options, warnings);
  if (survey.has_text_exif) {
    Warn(warnings, warning_code::kExif, "EXIF metadata in PNG text is not kept");
  }
  if (survey.has_text) Warn(warnings, warning_code::kText, "text metadata is not kept");
}

class PngRowReader : public RowReader {
 public:
  Status Open(std::span<const std::uint8_t> bytes, const ImageReadOptions& options,
              bool check_limits);
  Status DoReadRow(std::span<std::uint8_t> row) override;
  Status DoReadRows(Image* image) override;
  Status DoFinish() override;

 private:
  // EXIF and XMP. Errors: kOutOfMemory.
  Status TakeBlocks(const ImageReadOptions& options);
  // After libpng failed: an error, or a warning when lenient and there is something to show.
  Status Failed();

  PngSurvey survey_;
  PngDecoder reader_;
  std::uint32_t next_ = 0;
  bool gave_up_ = false;  // lenient: the rest of the rows is black
  bool interlaced_ = false;
  Image picture_;  // interlaced only
};

Status PngRowReader::Open(std::span<const std::uint8_t> bytes, const ImageReadOptions& options,
                          bool check_limits) {
  HALFMOON_RETURN_IF_ERROR(CheckSignature(bytes));
  survey_ = SurveyPng(bytes, options.max_metadata_bytes);
  const PngSurvey& survey = survey_;
  if (survey.apple) {
    return {StatusCode::kUnsupportedFeature,
            "Apple's CgBI variant of PNG is not supported; convert to standard PNG"};
  }
  if (check_limits && survey.width != 0 && survey.height != 0) {
    HALFMOON_RETURN_IF_ERROR(CheckImageSize(survey.width, survey.height, options.max_pixels));
  }
  reader_.bytes = bytes;
  reader_.hidden = survey.hidden;
  reader_.lenient = options.lenient;
  // The limit holds for palettes, too, and 0 would mean none.
  reader_.max_chunk_bytes =
      static_cast<png_alloc_size_t>(std::max(options.max_metadata_bytes, kLeastChunkLimit));
  if (check_limits) reader_.max_side = kMaxImageSide;
  if (!ReadPngHeader(&reader_)) return PngFailure(reader_);
  shape_.width = reader_.width;
  shape_.height = reader_.height;
  shape_.channels = (IsGrey(reader_) ? 1u : 3u) + (HasAlpha(reader_) ? 1u : 0u);
  shape_.bit_depth = reader_.bit_depth == 16 ? 16 : 8;
  orientation_ = ExifOrientation(survey.exif);
  if (!options.skip_metadata) metadata_.density = survey.density;
  // A description is not refused for its colours.
  const Status colour = TakeColour(reader_, survey, options, &metadata_, &warnings_);
  if (!check_limits) {  // for a description only
    metadata_.exif.assign(survey.exif.begin(), survey.exif.end());
    metadata_.xmp.assign(survey.xmp.begin(), survey.xmp.end());
    return Status::Ok();
  }
  HALFMOON_RETURN_IF_ERROR(shape_.Validate(options.max_pixels));
  if (!options.lenient) HALFMOON_RETURN_IF_ERROR(CheckEnoughData(reader_, survey));
  HALFMOON_RETURN_IF_ERROR(colour);
  WarnOfLinearLight(metadata_, options, &warnings_);
  if (!options.skip_metadata) HALFMOON_RETURN_IF_ERROR(TakeBlocks(options));
  WarnOfDropped(survey, bytes.size(), options, &warnings_);
  if (!StartPngRows(&reader_, shape_.row_bytes())) return PngFailure(reader_);
  interlaced_ = reader_.passes > 1;
  if (interlaced_) memory_bytes_ = shape_.row_bytes() * shape_.height;
  return Status::Ok();
}

Status PngRowReader::TakeBlocks(const ImageReadOptions& options) {
  TakeBlock(survey_.exif, warning_code::kExif, "EXIF block", options, &metadata_.exif, &warnings_);
  Result<std::vector<std::uint8_t>> xmp = XmpPacket(survey_, options.max_metadata_bytes);
  if (xmp.ok()) {
    metadata_.xmp = std::move(xmp).value();
  } else if (xmp.status().code() == StatusCode::kLimitExceeded) {
    WarnTooLarge(warning_code::kXmp, "XMP packet", options, &warnings_);
  } else if (xmp.status().code() == StatusCode::kOutOfMemory) {
    return xmp.status();
  } else {
    Warn(&warnings_, warning_code::kXmp, xmp.status().message() + "; left out");
  }
  return Status::Ok();
}

Status PngRowReader::Failed() {
  const Status failure = PngFailure(reader_);
  if (!reader_.lenient || reader_.rows_read == 0) return failure;
  gave_up_ = true;
  Warn(&warnings_, warning_code::kDamage,
       failure.message() + "; pixels after that are black or coarse");
  return Status::Ok();
}

Status PngRowReader::DoReadRow(std::span<std::uint8_t> row) {
  HALFMOON_RETURN_IF_ERROR(CheckRow(shape_, next_, row.size()));
  if (interlaced_) {
    if (next_ == 0) {
      HALFMOON_ASSIGN_OR_RETURN(picture_, Image::Create(shape_, shape_.pixels()));
      if (!ReadPngPasses(&reader_, &picture_)) HALFMOON_RETURN_IF_ERROR(Failed());
    }
    std::memcpy(row.data(), picture_.row(next_++), shape_.row_bytes());
    return Status::Ok();
  }
  if (!gave_up_ && !ReadPngRow(&reader_, row.data())) HALFMOON_RETURN_IF_ERROR(Failed());
  if (gave_up_) std::fill_n(row.data(), shape_.row_bytes(), std::uint8_t{0});
  ++next_;
  return Status::Ok();
}

Status PngRowReader::DoReadRows(Image* image) {
  if (!interlaced_ || next_ > 0) return RowReader::DoReadRows(image);
  HALFMOON_ENSURE(image->shape() == shape_);
  next_ = shape_.height;
  return ReadPngPasses(&reader_, image) ? Status::Ok() : Failed();
}

Status PngRowReader::DoFinish() {
  HALFMOON_RETURN_IF_ERROR(CheckAllRows(shape_, next_));
  if (!gave_up_ && !ReadPngEnd(&reader_)) HALFMOON_RETURN_IF_ERROR(Failed());
  WarnOf(&warnings_, "PNG: ", reader_.log);
  return Status::Ok();
}

}  // namespace

bool HasPngSignature(std::span<const std::uint8_t> bytes) {
  // The first four bytes suffice: damage to the other four, which are there to reveal transfers in
  // text mode, is reported as such. A first byte that lost its top bit is such damage, too.
  return StartsWith(bytes, "\x89PNG") || StartsWith(bytes, "\x09PNG");
}

Result<std::unique_ptr<RowReader>> OpenPng(std::span<const std::uint8_t> bytes,
                                           const ImageReadOptions& options, bool check_limits) {
  auto reader = std::make_unique<PngRowReader>();
  HALFMOON_RETURN_IF_ERROR(reader->Open(bytes, options, check_limits));
  return std::unique_ptr<RowReader>(std::move(reader));
}

}  // namespace halfmoon::imageio
