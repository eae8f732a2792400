#include "cli/decompress_command.h"

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "cli/files.h"
#include "cli/options.h"
#include "codec/imageio/image_io.h"
#include "halfmoon/decoder.h"

namespace halfmoon::cli {
namespace {

struct Options {
  std::string input, output;
  DecodeOptions decode;
  ImageWriteOptions write;
  ReportOptions report;
  bool force = false;
};

Status Run(const Options& o) {
  const Timer timer;
  HALFMOON_RETURN_IF_ERROR(o.decode.Validate());
  HALFMOON_RETURN_IF_ERROR(o.write.Validate());
  HALFMOON_ASSIGN_OR_RETURN(const std::string output, OutputPath(o.input, o.output, ".png"));
  ImageFormat format = ImageFormat::kPng;
  if (output != kStandardStream) {
    HALFMOON_ASSIGN_OR_RETURN(format, ImageFormatFromPath(output));
  }
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> bytes, ReadInput(o.input));
  HALFMOON_RETURN_IF_ERROR(CheckTarget(o.input, output, o.force));
  // Before anything heavy: is it a file of ours at all?
  if (const auto info = ReadInfo(bytes, o.decode.limits); !info.ok()) {
    return info.status().WithContext(o.input);
  }
  WarnIfSlowBlas(o.report.quiet);

  HALFMOON_ASSIGN_OR_RETURN(Decoder decoder, Decoder::Create(o.decode));
  DecodeStats stats;
  const auto image = decoder.Decode(bytes, &stats);
  if (!image.ok()) return image.status().WithContext(o.input);
  const double decode_seconds = timer.seconds();
  std::vector<std::string> warnings;
  const auto file = WriteImage(*image, format, o.write, &warnings);
  if (!file.ok()) return file.status().WithContext(output);
  if (!o.report.quiet) PrintWarnings(output, warnings);
  HALFMOON_RETURN_IF_ERROR(WriteOutput(output, *file, o.force));
  const double seconds = timer.seconds();

  const bool to_stderr = output == kStandardStream;
  if (o.report.json) {
    PrintJson(
        {
            {"input", o.input},
            {"output", output},
            {"width", image->width()},
            {"height", image->height()},
            {"channels", image->channels()},
            {"input_bytes", bytes.size()},
            {"output_bytes", file->size()},
            {"seconds", seconds},
            {"decode_seconds", decode_seconds},
            {"model_seconds", stats.model_seconds},
            {"prior_seconds", stats.prior_seconds},
            {"entropy_seconds", stats.entropy_seconds},
            {"synthesis_seconds", stats.synthesis_seconds},
            {"write_seconds", seconds - decode_seconds},
            {"symbols", stats.symbols},
            {"symbol_hash", Hex64(stats.symbol_hash)},
        },
        to_stderr);
  } else if (!o.report.quiet) {
    PrintText(o.input + " -> " + output + ": " + std::to_string(image->width()) + "x" +
                  std::to_string(image->height()) + ", " + Bytes(bytes.size()) + " -> " +
                  Bytes(file->size()) + ", " + Duration(seconds) + "\n",
              to_stderr);
  }
  return Status::Ok();
}

}  // namespace

void AddDecompressCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* command =
      AddSubcommand(app, "decompress", "Restore the picture of a .hmn file as PNG, JPEG, PPM, PGM or PAM",
                    "  halfmoon decompress photo.hmn                  makes photo.png\n"
                    "  halfmoon decompress photo.hmn -o photo.jpg --jpeg-quality 90\n"
                    "  halfmoon decompress - -o - < photo.hmn > photo.png");
  command->add_option("input", o->input, "The .hmn file; - reads standard input")
      ->type_name("IN")
      ->required();
  AddOutput(command, &o->output,
            "Picture file, .png, .jpg, .jpeg, .ppm, .pgm, .pnm or .pam (default: the input's name "
            "with .png); - writes a "
            "PNG to standard output");
  command
      ->add_option("--jpeg-quality", o->write.jpeg_quality,
                   "Quality of a JPEG output, 1 to 100; default 95")
      ->type_name("Q");
  command
      ->add_option("--png-level", o->write.png_level,
                   "Compression of a PNG output, 0 (fast) to 9 (small); default 4")
      ->type_name("L");
  command
      ->add_option("--max-pixels", o->decode.limits.max_pixels,
                   "Refuse pictures of more pixels; default 268435456")
      ->type_name("N");
  AddModelsDir(command, &o->decode.models_dir);
  AddThreads(command, &o->decode.threads);
  AddForce(command, &o->force);
  AddJson(command, &o->report.json);
  AddQuiet(command, &o->report.quiet);
  command->callback([o, exit_code] {
    if (const Status status = Run(*o); !status.ok()) *exit_code = PrintError(status);
  });
}

}  // namespace halfmoon::cli
