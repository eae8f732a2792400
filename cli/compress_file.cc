#include "cli/compress_file.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "bitstream/container.h"
#include "cli/console.h"
#include "cli/files.h"
#include "codec/imageio/image_io.h"
#include "codec/metrics/metrics.h"
#include "halfmoon/decoder.h"
#include "halfmoon/target.h"

namespace halfmoon::cli {
namespace {

// A code of warnings, beside those of picture files.
constexpr std::string_view kLargerThanInput = "larger-than-input";

// The decoder of what an encoder of these options makes.
Result<Decoder> MakeDecoder(const EncodeOptions& options) {
  DecodeOptions decode;
  decode.threads = options.threads;
  decode.models_dir = options.models_dir;
  decode.limits.max_pixels = options.max_pixels;
  return Decoder::Create(decode);
}

// A metric of pictures of any kind.
template <typename Metric>
FidelityMetric OfAnyKind(Metric metric) {
  return [metric](const ImageView& original, const ImageView& decoded) -> Result<double> {
    HALFMOON_ASSIGN_OR_RETURN(const Image a, metrics::Comparable(original));
    HALFMOON_ASSIGN_OR_RETURN(const Image b, metrics::Comparable(decoded));
    return metric(a.view(), b.view());
  };
}

// What the file just made gives back, against the picture as it was read.
Result<double> MeasurePsnr(std::span<const std::uint8_t> picture, const ImageReadOptions& read,
                           const std::vector<std::uint8_t>& file, const EncodeOptions& options) {
  HALFMOON_ASSIGN_OR_RETURN(Decoder decoder, MakeDecoder(options));
  HALFMOON_ASSIGN_OR_RETURN(const Image decoded, decoder.Decode(file));
  HALFMOON_ASSIGN_OR_RETURN(const Image image, ReadImage(picture, read));
  return OfAnyKind(metrics::Psnr)(image.view(), decoded.view());
}

// Of a fidelity, in dB; MS-SSIM's dB are -10 log10(1 - MS-SSIM).
constexpr double kToleranceDb = 0.05;

Result<TargetedFile> EncodeToTarget(const Target& target, const EncodeOptions& options,
                                    const ImageView& image, Encoder& encoder) {
  const double pixels = static_cast<double>(image.width) * image.height;
  switch (target.kind) {
    case Target::Kind::kBytes:
      return EncodeToSize(encoder, image, static_cast<std::uint64_t>(target.value));
    case Target::Kind::kBitsPerPixel:
      return EncodeToSize(encoder, image, static_cast<std::uint64_t>(target.value * pixels / 8));
    default: break;
  }
  HALFMOON_ASSIGN_OR_RETURN(Decoder decoder, MakeDecoder(options));
  if (target.kind == Target::Kind::kPsnr) {
    return EncodeToFidelity(encoder, decoder, image, target.value, kToleranceDb,
                            OfAnyKind(metrics::Psnr));
  }
  const double tolerance = (1 - target.value) * (1 - std::pow(10, -kToleranceDb / 10));
  return EncodeToFidelity(encoder, decoder, image, target.value, tolerance,
                          OfAnyKind(metrics::MsSsim));
}

// Fills in `report` and returns the file. The picture is in memory meanwhile: it is encoded several
// times.
Result<std::vector<std::uint8_t>> MakeTargeted(std::span<const std::uint8_t> picture,
                                               const ImageReadOptions& read,
                                               const CompressSettings& settings, Encoder& encoder,
                                               CompressReport* report) {
  HALFMOON_ASSIGN_OR_RETURN(const Image image, ReadImage(picture, read));
  HALFMOON_ASSIGN_OR_RETURN(
      TargetedFile made, EncodeToTarget(settings.target, settings.encode, image.view(), encoder));
  report->quality = made.quality;
  report->encodes = made.encodes;
  report->stats = made.stats;
  if (settings.target.kind == Target::Kind::kMsSsim) report->ms_ssim = made.reached;
  return std::move(made.file);
}

// Refuses what the reader itself would need beyond the limit; the encoder counts only its own.
Status CheckReaderMemory(std::uint64_t reader_bytes, std::uint64_t file_bytes,
                         std::uint64_t limit) {
  if (limit == 0 || reader_bytes + file_bytes <= limit) return Status::Ok();
  return {
      StatusCode::kLimitExceeded,
      "reading it takes about " + Bytes(reader_bytes + file_bytes) +
          " of memory (interlaced, progressive and turned pictures are held whole), the limit is "
          "set to " +
          Bytes(limit) + "; raise the memory limit"};
}

// The sense in which a VAE's KL is a rate; empty for other models.
std::string KlText(const EncodeStats& stats) {
  if (!(stats.kl_bits > 0)) return "";
  return "  latent " + Fixed(stats.estimated_bits, 1) + " bits; KL " + Fixed(stats.kl_bits, 1) +
         " bits, and coding the mean in bins is expected to cost " +
         Fixed(stats.expected_excess_bits, 1) + " bits more\n";
}

std::string TargetText(const CompressReport& r, const CompressSettings& settings) {
  if (settings.target.kind == Target::Kind::kNone) return "";
  return ", quality " + Fixed(r.quality, 2) +
         (settings.target.kind == Target::Kind::kMsSsim ? ", MS-SSIM " + Fixed(r.ms_ssim, 4) : "");
}

}  // namespace

Status Target::Validate() const {
  const auto error = [](const char* option, const char* range) {
    return Status(StatusCode::kInvalidArgument, std::string(option) + " must be " + range);
  };
  switch (kind) {
    case Kind::kNone: return Status::Ok();
    case Kind::kBytes: return value >= 1 ? Status::Ok() : error("--target-size", "at least 1 byte");
    case Kind::kBitsPerPixel:
      return value > 0 && value <= 1000 ? Status::Ok()
                                        : error("--target-bpp", "above 0, up to 1000");
    case Kind::kPsnr:
      return value > 0 && value <= 200 ? Status::Ok()
                                       : error("--target-psnr", "above 0, up to 200 (dB)");
    case Kind::kMsSsim:
      return value > 0 && value < 1 ? Status::Ok()
                                    : error("--target-msssim", "above 0 and below 1");
  }
  return Status::Ok();
}

Result<CompressReport> CompressFile(const std::string& input, const std::string& output,
                                    const CompressSettings& settings,
                                    std::optional<Encoder>* encoder) {
  const Timer timer;
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> bytes, ReadInput(input));
  HALFMOON_RETURN_IF_ERROR(CheckTarget(input, output, settings.force));
  if (bytes.size() >= kMagic.size() && std::equal(kMagic.begin(), kMagic.end(), bytes.begin())) {
    return Status(StatusCode::kNotHalfmoon,
                  input + ": is a Halfmoon file already; 'halfmoon decompress' gives the picture");
  }
  ImageReadOptions read;
  read.max_pixels = settings.encode.max_pixels;
  read.lenient = settings.lenient;
  read.skip_metadata = settings.encode.strip_metadata;
  auto reader = OpenRows(bytes, read);
  if (!reader.ok()) return reader.status().WithContext(input);
  RowReader& rows = **reader;
  HALFMOON_RETURN_IF_ERROR(
      CheckReaderMemory(rows.memory_bytes(), bytes.size(), settings.encode.max_memory)
          .WithContext(input));

  CompressReport report;
  report.input = input;
  report.output = output;
  report.shape = rows.shape();
  report.input_bytes = bytes.size();
  std::uint32_t read_rows = 0;
  const RowSource source = [&](std::span<std::uint8_t> row) -> Status {
    HALFMOON_RETURN_IF_ERROR(rows.ReadRow(row));
    // What is behind the pixels is checked with the last row, before anything is written.
    return ++read_rows == rows.shape().height ? rows.Finish() : Status::Ok();
  };
  std::uint64_t held = bytes.size() + rows.memory_bytes();
  // For a target the picture is encoded several times, and held whole meanwhile.
  if (settings.target.kind != Target::Kind::kNone)
    held += report.shape.row_bytes() * report.shape.height;
  if (!encoder->has_value() || settings.encode.max_memory != 0) {
    EncodeOptions options = settings.encode;
    // What is left for the encoder, of this file; hence a new one for each.
    if (options.max_memory != 0)
      options.max_memory = std::max<std::uint64_t>(1, options.max_memory - held);
    HALFMOON_ASSIGN_OR_RETURN(Encoder made, Encoder::Create(options));
    encoder->emplace(std::move(made));
  }
  report.quality = settings.encode.quality;
  const auto file = settings.target.kind == Target::Kind::kNone
                        ? (*encoder)->EncodeRows(rows.shape(), rows.metadata(), source,
                                                 report.quality, &report.stats)
                        : MakeTargeted(bytes, read, settings, **encoder, &report);
  if (!file.ok()) return file.status().WithContext(input);
  report.stats.memory_bytes += held;
  report.output_bytes = file->size();
  report.warnings = rows.warnings();
  if (settings.encode.strip_metadata && !rows.metadata().icc.empty()) {
    Warn(&report.warnings, warning_code::kIcc,
         "the ICC profile is left out; colours will be taken for sRGB");
  }
  if (file->size() > bytes.size()) {
    Warn(&report.warnings, kLargerThanInput,
         "the .hmn file (" + Bytes(file->size()) + ") is larger than the input (" +
             Bytes(bytes.size()) + "); a lower quality makes it smaller");
  }
  report.seconds = timer.seconds();
  if (settings.psnr) {
    const auto psnr = MeasurePsnr(bytes, read, *file, settings.encode);
    if (!psnr.ok()) return psnr.status().WithContext(input);
    report.psnr = *psnr;
  }
  HALFMOON_RETURN_IF_ERROR(settings.defers_interrupt ? WriteFile(output, *file, settings.force)
                                                     : WriteOutput(output, *file, settings.force));
  return report;
}

nlohmann::ordered_json ToJson(const CompressReport& r, const CompressSettings& settings) {
  const auto pixels = static_cast<double>(r.shape.pixels());
  nlohmann::ordered_json json = {
      {"input", r.input},
      {"output", r.output},
      {"width", r.shape.width},
      {"height", r.shape.height},
      {"channels", r.shape.channels},
      {"bit_depth", r.shape.bit_depth},
      {"quality", r.quality},
      {"model", settings.encode.model},
      {"input_bytes", r.input_bytes},
      {"output_bytes", r.output_bytes},
      {"bits_per_pixel", 8 * static_cast<double>(r.output_bytes) / pixels},
      {"estimated_bits_per_pixel", r.stats.estimated_bits / pixels},
      {"seconds", r.seconds},
      {"analysis_seconds", r.stats.analysis_seconds},
      {"prior_seconds", r.stats.prior_seconds},
      {"entropy_seconds", r.stats.entropy_seconds},
      {"latent_bytes", r.stats.latent_bytes},
      {"alpha_bytes", r.stats.alpha_bytes},
      {"tiles", r.stats.tiles},
      {"symbols", r.stats.symbols},
      {"estimated_memory_bytes", r.stats.memory_bytes},
  };
  if (settings.psnr) json["psnr"] = r.psnr;
  if (settings.target.kind == Target::Kind::kMsSsim) json["ms_ssim"] = r.ms_ssim;
  if (settings.target.kind != Target::Kind::kNone) json["encodes"] = r.encodes;
  if (r.stats.kl_bits > 0) {
    json["latent_bits"] = r.stats.estimated_bits;
    json["kl_bits"] = r.stats.kl_bits;
    json["expected_excess_bits"] = r.stats.expected_excess_bits;
  }
  return json;
}

std::string ToText(const CompressReport& r, const CompressSettings& settings) {
  const double bpp =
      8 * static_cast<double>(r.output_bytes) / static_cast<double>(r.shape.pixels());
  return r.input + " -> " + r.output + ": " + std::to_string(r.shape.width) + "x" +
         std::to_string(r.shape.height) + ", " + Bytes(r.input_bytes) + " -> " +
         Bytes(r.output_bytes) + " (1:" +
         Fixed(static_cast<double>(r.input_bytes) / static_cast<double>(r.output_bytes), 1) +
         "), " + Fixed(bpp, 3) + " bpp" + TargetText(r, settings) +
         (settings.psnr ? ", PSNR " + Fixed(r.psnr, 2) + " dB" : "") + ", " + Duration(r.seconds) +
         "\n" + KlText(r.stats);
}

std::string Details(const CompressReport& r, const CompressSettings& settings) {
  const EncodeStats& t = r.stats;
  return "  model " + settings.encode.model + ", effort " + std::to_string(settings.encode.effort) +
         ", " + std::to_string(t.tiles) + " tile(s), " + std::to_string(t.symbols) + " symbols\n" +
         "  latent " + Bytes(t.latent_bytes) + " (by the model's probabilities " +
         Bytes(static_cast<std::uint64_t>(std::ceil(t.estimated_bits / 8))) + "), alpha " +
         Bytes(t.alpha_bytes) + ", the rest " +
         Bytes(r.output_bytes - t.latent_bytes - t.alpha_bytes) + "\n" + "  analysis " +
         Duration(t.analysis_seconds) + ", prior " + Duration(t.prior_seconds) +
         ", entropy coding " + Duration(t.entropy_seconds) + "; memory estimated at " +
         Bytes(t.memory_bytes) + "\n";
}

}  // namespace halfmoon::cli
