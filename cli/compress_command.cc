#include "cli/compress_command.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "bitstream/container.h"
#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/files.h"
#include "cli/options.h"
#include "codec/imageio/image_io.h"
#include "eval/metrics.h"
#include "halfmoon/decoder.h"
#include "halfmoon/encoder.h"

namespace halfmoon::cli {
namespace {

struct Options {
  std::string input, output;
  EncodeOptions encode;
  ReportOptions report;
  bool force = false;
  bool psnr = false;
};

Result<Image> ReadPicture(const std::string& path, const std::vector<std::uint8_t>& bytes,
                          const ReportOptions& report) {
  if (bytes.size() >= kMagic.size() && std::equal(kMagic.begin(), kMagic.end(), bytes.begin())) {
    return Status(StatusCode::kNotHalfmoon,
                  path + ": is a Halfmoon file already; 'halfmoon decompress' gives the picture");
  }
  std::vector<std::string> warnings;
  auto image = ReadImage(bytes, {}, &warnings);
  if (!image.ok()) return image.status().WithContext(path);
  if (!report.quiet) PrintWarnings(path, warnings);
  return image;
}

// What the file just made gives back.
Result<double> MeasurePsnr(const Image& image, const std::vector<std::uint8_t>& file,
                           const EncodeOptions& options) {
  DecodeOptions decode;
  decode.threads = options.threads;
  decode.models_dir = options.models_dir;
  HALFMOON_ASSIGN_OR_RETURN(Decoder decoder, Decoder::Create(decode));
  HALFMOON_ASSIGN_OR_RETURN(const Image decoded, decoder.Decode(file));
  return eval::Psnr(image.view(), decoded.view());
}

Status Run(const Options& o) {
  const Timer timer;
  HALFMOON_RETURN_IF_ERROR(o.encode.Validate());
  HALFMOON_ASSIGN_OR_RETURN(const std::string output, OutputPath(o.input, o.output, ".hmn"));
  HALFMOON_RETURN_IF_ERROR(CheckEnding(output, ".hmn"));
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> bytes, ReadInput(o.input));
  HALFMOON_RETURN_IF_ERROR(CheckTarget(o.input, output, o.force));
  HALFMOON_ASSIGN_OR_RETURN(const Image image, ReadPicture(o.input, bytes, o.report));
  WarnIfSlowBlas(o.report.quiet);

  HALFMOON_ASSIGN_OR_RETURN(Encoder encoder, Encoder::Create(o.encode));
  EncodeStats stats;
  const auto file = encoder.Encode(image.view(), &stats);
  if (!file.ok()) return file.status().WithContext(o.input);
  const double seconds = timer.seconds();
  double psnr = 0;
  if (o.psnr) {
    const auto measured = MeasurePsnr(image, *file, o.encode);
    if (!measured.ok()) return measured.status().WithContext(o.input);
    psnr = *measured;
  }
  HALFMOON_RETURN_IF_ERROR(WriteOutput(output, *file, o.force));

  // When the file itself went to standard output, the report must not.
  const bool to_stderr = output == kStandardStream;
  const auto pixels = static_cast<double>(image.pixels());
  const double bpp = 8 * static_cast<double>(file->size()) / pixels;
  if (o.report.json) {
    nlohmann::ordered_json json = {
        {"input", o.input},
        {"output", output},
        {"width", image.width()},
        {"height", image.height()},
        {"channels", image.channels()},
        {"quality", o.encode.quality},
        {"model", o.encode.model},
        {"input_bytes", bytes.size()},
        {"output_bytes", file->size()},
        {"bits_per_pixel", bpp},
        {"estimated_bits_per_pixel", stats.estimated_bits / pixels},
        {"seconds", seconds},
        {"analysis_seconds", stats.analysis_seconds},
        {"prior_seconds", stats.prior_seconds},
        {"entropy_seconds", stats.entropy_seconds},
        {"latent_bytes", stats.latent_bytes},
        {"symbols", stats.symbols},
    };
    if (o.psnr) json["psnr"] = psnr;
    if (stats.kl_bits > 0) {
      json["latent_bits"] = stats.estimated_bits;
      json["kl_bits"] = stats.kl_bits;
      json["expected_excess_bits"] = stats.expected_excess_bits;
    }
    PrintJson(json, to_stderr);
  } else if (!o.report.quiet) {
    PrintText(o.input + " -> " + output + ": " + std::to_string(image.width()) + "x" +
                  std::to_string(image.height()) + ", " + Bytes(bytes.size()) + " -> " +
                  Bytes(file->size()) + " (1:" +
                  Fixed(static_cast<double>(bytes.size()) / static_cast<double>(file->size()), 1) +
                  "), " + Fixed(bpp, 3) + " bpp" +
                  (o.psnr ? ", PSNR " + Fixed(psnr, 2) + " dB" : "") + ", " + Duration(seconds) +
                  "\n",
              to_stderr);
    if (stats.kl_bits > 0) {
      PrintText("  latent " + Fixed(stats.estimated_bits, 1) + " bits; KL " + Fixed(stats.kl_bits, 1) +
                    " bits, and coding the mean in bins is expected to cost " +
                    Fixed(stats.expected_excess_bits, 1) + " bits more\n",
                to_stderr);
    }
  }
  return Status::Ok();
}

}  // namespace

void AddCompressCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* command =
      AddSubcommand(app, "compress", "Compress a PNG, JPEG, PPM, PGM or PAM picture to a .hmn file",
                    "  halfmoon compress photo.png                     makes photo.hmn\n"
                    "  halfmoon compress photo.jpg -o small.hmn -q 20  a smaller file\n"
                    "  halfmoon compress photo.png -q 80 --psnr        and how close it came\n"
                    "  halfmoon compress - -o - < photo.png > photo.hmn");
  command->add_option("input", o->input, "PNG, JPEG, PPM, PGM or PAM file; - reads standard input")
      ->type_name("IN")
      ->required();
  AddOutput(command, &o->output, "The .hmn file (default: the input's name with .hmn); - writes "
                                 "standard output");
  command
      ->add_option("-q,--quality", o->encode.quality,
                   "0 (smallest file) to 100 (best picture); default 50")
      ->type_name("Q");
  command->add_option("--model", o->encode.model, "Name or id of a model; default ae-photo")
      ->type_name("NAME");
  command->add_flag("--resize", o->encode.resize,
                    "For models of one picture size: fit the picture to it");
  command->add_flag("--psnr", o->psnr, "Decode again and print the PSNR (RGB, 8 bit)");
  AddModelsDir(command, &o->encode.models_dir);
  AddThreads(command, &o->encode.threads);
  AddForce(command, &o->force);
  AddJson(command, &o->report.json);
  AddQuiet(command, &o->report.quiet);
  command->callback([o, exit_code] {
    if (const Status status = Run(*o); !status.ok()) *exit_code = PrintError(status);
  });
}

}  // namespace halfmoon::cli
