#include "cli/commands/compress_file.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "bitstream/container.h"
#include "bitstream/saturating.h"
#include "cli/console.h"
#include "cli/files.h"
#include "codec/imageio/image_io.h"
#include "codec/metrics/metrics.h"
#include "halfmoon/decoder.h"
#include "halfmoon/target.h"
#include "models/runtime/weights/number_text.h"

namespace halfmoon::cli {
namespace {

// A code of warnings, beside those of picture files.
constexpr std::string_view kLargerThanInput = "larger-than-input";

// The decoder of what an encoder of these options makes.
Result<Decoder> MakeDecoder(const EncodeOptions& options) {
  DecodeOptions decode;
  decode.threads = options.threads;
  decode.models_dir = options.models_dir;
  decode.model = options.model;
  decode.limits.max_pixels = options.max_pixels;
  return Decoder::Create(decode);
}

// What the file just made gives back, against the picture as it was read.
Status MeasureFile(std::span<const std::uint8_t> picture, const ImageReadOptions& read,
                   const std::vector<std::uint8_t>& file, const CompressSettings& settings,
                   CompressReport* report) {
  HALFMOON_ASSIGN_OR_RETURN(Decoder decoder, MakeDecoder(settings.encode));
  HALFMOON_ASSIGN_OR_RETURN(const Image decoded, decoder.Decode(file));
  HALFMOON_ASSIGN_OR_RETURN(const Image image, ReadImage(picture, read));
  if (!settings.metrics) {
    HALFMOON_ASSIGN_OR_RETURN(report->psnr, metrics::Psnr(image.view(), decoded.view()));
    return Status::Ok();
  }
  HALFMOON_ASSIGN_OR_RETURN(const metrics::MetricValues values,
                            metrics::Measure(image.view(), decoded.view()));
  report->psnr = values[metrics::Metric::kPsnrRgb];
  report->ms_ssim = values[metrics::Metric::kMsSsim];
  report->ssimulacra2 = values[metrics::Metric::kSsimulacra2];
  return Status::Ok();
}

// How a target is called, which metric it is of, and by how much it may be surpassed.
struct TargetMetric {
  Target::Kind kind;
  const char *option, *key;  // key: in JSON
  FidelityMetric metric;     // none: the size of the file counts
  double tolerance;
};

TargetMetric MetricOf(const Target& target) {
  constexpr double kToleranceDb = 0.05;  // MS-SSIM's dB are -10 log10(1 - MS-SSIM)
  switch (target.kind) {
    case Target::Kind::kPsnr:
      return {target.kind, "--target-psnr", "psnr", metrics::Psnr, kToleranceDb};
    case Target::Kind::kMsSsim:
      return {target.kind, "--target-msssim", "ms_ssim", metrics::MsSsim,
              (1 - target.value) * (1 - std::pow(10, -kToleranceDb / 10))};
    case Target::Kind::kSsimulacra2:
      return {target.kind, "--target-ssimulacra2", "ssimulacra2", metrics::Ssimulacra2Score, 0.1};
    case Target::Kind::kBytes: return {target.kind, "--target-size", "bytes", nullptr, 0};
    default: return {target.kind, "--target-bpp", "bits_per_pixel", nullptr, 0};
  }
}

Result<TargetedFile> EncodeToTarget(const Target& target, const EncodeOptions& options,
                                    const ImageView& image, Encoder& encoder) {
  const TargetMetric of = MetricOf(target);
  if (of.metric) {
    HALFMOON_ASSIGN_OR_RETURN(Decoder decoder, MakeDecoder(options));
    auto made = EncodeToFidelity(encoder, decoder, image, target.value, of.tolerance, of.metric);
    if (!made.ok() && made.status().code() == StatusCode::kInvalidArgument) {
      return made.status().WithContext(of.option);
    }
    return made;
  }
  const double pixels = static_cast<double>(image.width) * image.height;
  const bool is_rate = target.kind == Target::Kind::kBitsPerPixel;
  auto made =
      EncodeToSize(encoder, image,
                   static_cast<std::uint64_t>(is_rate ? target.value * pixels / 8 : target.value));
  if (made.ok() && is_rate) made->reached *= 8 / pixels;
  return made;
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
  report->reached = made.reached;
  return std::move(made.file);
}

// Refuses what the reader itself would need beyond the limit; the encoder counts only its own.
Status CheckReaderMemory(std::uint64_t reader_bytes, std::uint64_t file_bytes,
                         std::uint64_t limit) {
  if (limit == 0 || SaturatingSum(reader_bytes, file_bytes) <= limit) return Status::Ok();
  return {
      StatusCode::kLimitExceeded,
      "reading it takes about " + Bytes(reader_bytes + file_bytes) +
          " of memory (interlaced, progressive and turned pictures are held whole), the limit is "
          "set to " +
          Bytes(limit) + "; raise the memory limit"};
}

// The sense in which a VAE's KL is a rate; empty for other models.
std::string KlText(const EncodeStats& stats) {
  if (!(stats.coding.kl_bits > 0)) return "";
  return "  latent " + Fixed(stats.coding.estimated_bits, 1) + " bits; KL " +
         Fixed(stats.coding.kl_bits, 1) +
         " bits, and coding the mean in bins is expected to cost " +
         Fixed(stats.coding.expected_excess_bits, 1) + " bits more\n";
}

// "PSNR 36.02 dB", of numbers that exist.
std::string MetricText(Target::Kind kind, std::optional<double> value) {
  if (!value) return "";
  switch (kind) {
    case Target::Kind::kPsnr: return ", PSNR " + Fixed(*value, 2) + " dB";
    case Target::Kind::kMsSsim: return ", MS-SSIM " + Fixed(*value, 4);
    default: return ", SSIMULACRA 2 " + Fixed(*value, 2);
  }
}

// What was reached of a target; sizes are in the report anyway.
std::string TargetText(const CompressReport& r, const CompressSettings& settings) {
  const Target& target = settings.target;
  const std::string quality = ", quality " + Fixed(r.quality, 2);
  switch (target.kind) {
    case Target::Kind::kNone: return "";
    case Target::Kind::kBytes:
      return quality + " for at most " + Bytes(static_cast<std::uint64_t>(target.value));
    case Target::Kind::kBitsPerPixel:
      return quality + " for at most " + NumberText(target.value) + " bpp";
    default: return quality + (settings.metrics ? "" : MetricText(target.kind, r.reached));
  }
}

}  // namespace

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
    if (options.max_memory != 0) {
      options.max_memory =
          std::max<std::uint64_t>(1, SaturatingDifference(options.max_memory, held));
    }
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
  if (settings.psnr || settings.metrics) {
    HALFMOON_RETURN_IF_ERROR(MeasureFile(bytes, read, *file, settings, &report).WithContext(input));
  }
  HALFMOON_RETURN_IF_ERROR(settings.defers_interrupt ? WriteFile(output, *file, settings.force)
                                                     : WriteOutput(output, *file, settings.force));
  return report;
}

nlohmann::ordered_json ResultOptions(const CompressSettings& settings) {
  const EncodeOptions& e = settings.encode;
  nlohmann::ordered_json json = {{"model", e.model}, {"effort", e.effort}};
  if (settings.target.kind == Target::Kind::kNone) {
    json["quality"] = e.quality;
  } else {
    json["target"] = {settings.target.kind, settings.target.value};
  }
  if (e.tile_size != EncodeOptions::kAutomaticTiles) json["tile_size"] = e.tile_size;
  if (e.resize) json["resize"] = true;
  if (e.strip_metadata) json["strip"] = true;
  if (e.exact_transparent) json["exact"] = true;
  if (settings.lenient) json["lenient"] = true;
  return json;
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
      {"estimated_bits_per_pixel", r.stats.coding.estimated_bits / pixels},
      {"seconds", r.seconds},
      {"analysis_seconds", r.stats.analysis_seconds},
      {"prior_seconds", r.stats.coding.prior_seconds},
      {"entropy_seconds", r.stats.coding.entropy_seconds},
      {"latent_bytes", r.stats.latent_bytes},
      {"alpha_bytes", r.stats.alpha_bytes},
      {"tiles", r.stats.tiles},
      {"symbols", r.stats.coding.symbols},
      {"estimated_memory_bytes", r.stats.memory_bytes},
  };
  if (settings.target.kind != Target::Kind::kNone) {
    const TargetMetric of = MetricOf(settings.target);
    if (of.metric) json[of.key] = r.reached;
    json["target"] = {{"of", of.key}, {"asked", settings.target.value}, {"reached", r.reached}};
    json["encodes"] = r.encodes;
  }
  if (r.psnr) json["psnr"] = *r.psnr;
  if (r.ms_ssim) json["ms_ssim"] = *r.ms_ssim;
  if (r.ssimulacra2) json["ssimulacra2"] = *r.ssimulacra2;
  if (r.stats.coding.kl_bits > 0) {
    json["latent_bits"] = r.stats.coding.estimated_bits;
    json["kl_bits"] = r.stats.coding.kl_bits;
    json["expected_excess_bits"] = r.stats.coding.expected_excess_bits;
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
         MetricText(Target::Kind::kPsnr, r.psnr) + MetricText(Target::Kind::kMsSsim, r.ms_ssim) +
         MetricText(Target::Kind::kSsimulacra2, r.ssimulacra2) + ", " + Duration(r.seconds) + "\n" +
         KlText(r.stats);
}

std::string Details(const CompressReport& r, const CompressSettings& settings) {
  const EncodeStats& t = r.stats;
  return "  model " + settings.encode.model + ", effort " + std::to_string(settings.encode.effort) +
         ", " + std::to_string(t.tiles) + " tile(s), " + std::to_string(t.coding.symbols) +
         " symbols\n" + "  latent " + Bytes(t.latent_bytes) + " (by the model's probabilities " +
         Bytes(static_cast<std::uint64_t>(std::ceil(t.coding.estimated_bits / 8))) + "), alpha " +
         Bytes(t.alpha_bytes) + ", the rest " +
         Bytes(r.output_bytes - t.latent_bytes - t.alpha_bytes) + "\n" + "  analysis " +
         Duration(t.analysis_seconds) + ", prior " + Duration(t.coding.prior_seconds) +
         ", entropy coding " + Duration(t.coding.entropy_seconds) + "; memory estimated at " +
         Bytes(t.memory_bytes) + "\n";
}

}  // namespace halfmoon::cli
