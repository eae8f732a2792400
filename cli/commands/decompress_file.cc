#include "cli/commands/decompress_file.h"

#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "cli/files.h"

namespace halfmoon::cli {
namespace {

// Messages of the file system name their path already.
Status Named(const Status& status, const std::string& path) {
  return status.code() == StatusCode::kIo || status.code() == StatusCode::kFileExists
             ? status
             : status.WithContext(path);
}

Status CheckBackground(const PictureShape& shape, ImageFormat format,
                       const ImageWriteOptions& write) {
  if (!shape.has_alpha() || format != ImageFormat::kJpeg || write.background) return Status::Ok();
  return {StatusCode::kInvalidArgument,
          "the picture has alpha, which JPEG can't hold; give --background R,G,B, or write a PNG"};
}

}  // namespace

Result<ImageFormat> OutputFormat(const std::string& output, std::optional<ImageFormat> asked) {
  if (output == kStandardStream) return asked.value_or(ImageFormat::kPng);
  const auto named = ImageFormatFromPath(output);
  if (!asked) {
    if (named.ok()) return named;
    return Status(StatusCode::kInvalidArgument, named.status().message() + ", or give --format");
  }
  if (named.ok() && *named != *asked) {
    return Status(StatusCode::kInvalidArgument,
                  output + ": the name says " + std::string(ImageFormatName(*named)) +
                      ", --format says " + std::string(ImageFormatName(*asked)) +
                      "; leave one of them out");
  }
  return *asked;
}

Result<DecompressReport> DecompressFile(const std::string& input, const std::string& output,
                                        const DecompressSettings& settings,
                                        std::optional<Decoder>* decoder) {
  const Timer timer;
  HALFMOON_ASSIGN_OR_RETURN(const ImageFormat format, OutputFormat(output, settings.format));
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> bytes, ReadInput(input));
  HALFMOON_RETURN_IF_ERROR(CheckTarget(input, output, settings.force));
  // Before anything heavy: is it a file of ours at all?
  if (const auto header = ReadHeader(bytes, settings.decode.limits); !header.ok())
    return header.status().WithContext(input);
  if (!decoder->has_value()) {
    HALFMOON_ASSIGN_OR_RETURN(Decoder made, Decoder::Create(settings.decode));
    decoder->emplace(std::move(made));
  }
  DecompressReport report;
  report.input = input;
  report.output = output;
  report.input_bytes = bytes.size();

  std::optional<OutputStream> stream;
  std::unique_ptr<RowWriter> writer;
  Status output_status;  // apart from the decoder's, to be named by the right file
  const Decoder::Begin begin = [&](const PictureShape& shape, const Metadata& metadata) -> Status {
    report.shape = shape;
    output_status = [&]() -> Status {
      HALFMOON_RETURN_IF_ERROR(CheckBackground(shape, format, settings.write));
      HALFMOON_ASSIGN_OR_RETURN(OutputStream made, OutputStream::Create(output, settings.force));
      stream.emplace(std::move(made));
      ImageView blocks;
      blocks.icc = metadata.icc;
      blocks.exif = metadata.exif;
      blocks.xmp = metadata.xmp;
      blocks.density = metadata.density;
      const ByteSink sink = [&](std::span<const std::uint8_t> b) { return stream->Write(b); };
      HALFMOON_ASSIGN_OR_RETURN(writer, CreateRows(shape, blocks, format, settings.write, sink));
      return Status::Ok();
    }();
    return output_status;
  };
  const RowSink sink = [&](std::span<const std::uint8_t> row) {
    if (settings.stop && settings.stop()) {
      return output_status = Status(StatusCode::kIo, output + ": interrupted, not written");
    }
    return output_status = writer->WriteRow(row);
  };
  const Status decoded = (*decoder)->DecodeRows(
      bytes, settings.region ? &*settings.region : nullptr, begin, sink, &report.stats);
  if (!output_status.ok()) return Named(output_status, output);
  if (!decoded.ok()) return decoded.WithContext(input);
  HALFMOON_RETURN_IF_ERROR(Named(writer->Finish(), output));
  report.warnings = writer->warnings();
  HALFMOON_RETURN_IF_ERROR(stream->Commit());
  report.output_bytes = stream->bytes();
  report.seconds = timer.seconds();
  return report;
}

nlohmann::ordered_json ToJson(const DecompressReport& r) {
  nlohmann::ordered_json json = {
      {"input", r.input},
      {"output", r.output},
      {"width", r.shape.width},
      {"height", r.shape.height},
      {"channels", r.shape.channels},
      {"bit_depth", r.shape.bit_depth},
      {"input_bytes", r.input_bytes},
      {"output_bytes", r.output_bytes},
      {"seconds", r.seconds},
      {"model_seconds", r.stats.model_seconds},
      {"prior_seconds", r.stats.coding.prior_seconds},
      {"entropy_seconds", r.stats.coding.entropy_seconds},
      {"synthesis_seconds", r.stats.synthesis_seconds},
      {"tiles", r.stats.tiles},
      {"symbols", r.stats.coding.symbols},
      {"symbol_hash", Hex64(r.stats.symbol_hash)},
      {"estimated_memory_bytes", r.stats.memory_bytes},
  };
  if (r.stats.damaged()) {
    json["lost_tiles"] = r.stats.lost_tiles;
    json["lost_chunks"] = r.stats.lost_chunks;
  }
  return json;
}

std::string ToText(const DecompressReport& r) {
  return r.input + " -> " + r.output + ": " + std::to_string(r.shape.width) + "x" +
         std::to_string(r.shape.height) + ", " + Bytes(r.input_bytes) + " -> " +
         Bytes(r.output_bytes) + ", " + Duration(r.seconds) + "\n";
}

std::string Details(const DecompressReport& r) {
  const DecodeStats& t = r.stats;
  return "  " + std::to_string(t.tiles) + " tile(s), " + std::to_string(t.coding.symbols) +
         " symbols, hash " + Hex64(t.symbol_hash) + "\n" + "  model read in " +
         Duration(t.model_seconds) + ", prior " + Duration(t.coding.prior_seconds) +
         ", entropy decoding " + Duration(t.coding.entropy_seconds) + ", synthesis " +
         Duration(t.synthesis_seconds) + "; memory estimated at " + Bytes(t.memory_bytes) + "\n";
}

std::string DamageText(const DecodeStats& stats) {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : "; ") + part; };
  if (!stats.lost_tiles.empty()) {
    // A long list helps nobody; --json has it all.
    constexpr std::size_t kNamed = 20;
    std::string tiles;
    for (std::size_t i = 0; i < stats.lost_tiles.size() && i < kNamed; ++i) {
      tiles += (i == 0 ? "" : ", ") + std::to_string(stats.lost_tiles[i]);
    }
    if (stats.lost_tiles.size() > kNamed) tiles += ", ...";
    add(std::to_string(stats.lost_tiles.size()) + " of " + std::to_string(stats.tiles) +
        " tile(s) lost and filled with grey: " + tiles);
  }
  for (const std::string& chunk : stats.lost_chunks) add(chunk + " lost");
  return text;
}

}  // namespace halfmoon::cli
