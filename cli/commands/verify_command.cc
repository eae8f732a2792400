#include "cli/commands/verify_command.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/files.h"
#include "cli/options.h"
#include "halfmoon/decoder.h"

namespace halfmoon::cli {
namespace {

struct Options {
  std::vector<std::string> files;
  DecodeOptions decode;
  ReportOptions report;
  bool symbols = false;
};

// `decoder` is made at the first file that deserves one and kept: loading a model costs more than
// checking a picture.
Status VerifyFile(const std::string& path, const DecodeOptions& options,
                  std::optional<Decoder>* decoder, DecodeStats* stats) {
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> bytes, ReadInput(path));
  if (const auto header = ReadHeader(bytes, options.limits); !header.ok())
    return header.status().WithContext(path);
  if (!decoder->has_value()) {
    HALFMOON_ASSIGN_OR_RETURN(Decoder made, Decoder::Create(options));
    decoder->emplace(std::move(made));
  }
  return (*decoder)->Verify(bytes, stats).WithContext(path);
}

int Run(const Options& o) {
  if (const Status status = o.decode.Validate(); !status.ok()) return PrintError(status);
  int exit_code = kExitOk;
  std::optional<Decoder> decoder;
  nlohmann::ordered_json json = {{"files", nlohmann::ordered_json::array()}};
  ProgressLine line(o.report.quiet || o.report.json);
  std::size_t done = 0;
  DecodeOptions options = o.decode;
  options.progress = [&](double share) {
    line.ShowShare("verifying",
                   (static_cast<double>(done) + share) / static_cast<double>(o.files.size()));
  };
  for (const std::string& path : o.files) {
    if (StdoutIsClosed()) break;
    DecodeStats stats;
    const Status status = VerifyFile(path, options, &decoder, &stats);
    ++done;
    line.Clear();
    nlohmann::ordered_json entry = {{"file", path}, {"ok", status.ok()}};
    if (!status.ok()) {
      const int code = PrintError(status);
      if (exit_code == kExitOk) exit_code = code;
      entry["error"] = StatusCodeName(status.code());
      entry["message"] = status.message();
    } else {
      entry["symbols"] = stats.coding.symbols;
      entry["symbol_hash"] = Hex64(stats.symbol_hash);
      if (!o.report.json && !o.report.quiet) {
        PrintText(o.symbols ? Hex64(stats.symbol_hash) + "  " + path + "\n" : path + ": OK\n");
      }
    }
    json["files"].push_back(std::move(entry));
  }
  if (o.report.json) PrintJson(json);
  return exit_code;
}

}  // namespace

void AddVerifyCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* command = AddSubcommand(
      app, "verify", "Check .hmn files: checksums, and every symbol decoded",
      "  halfmoon verify *.hmn\n"
      "  halfmoon verify --symbols photo.hmn   a hash that is equal on every machine");
  command->add_option("files", o->files, "The .hmn files; - reads standard input")
      ->type_name("FILE")
      ->required();
  command->add_flag("--symbols", o->symbols,
                    "Print the XXH3-64 hash of the decoded symbols before each name");
  AddModel(command, &o->decode.model,
           "Weights file (.safetensors) that the files were made with, if it is not installed")
      ->group(kExpertGroup);
  AddModelsDir(command, &o->decode.models_dir);
  AddThreads(command, &o->decode.threads);
  AddJson(command, &o->report.json);
  AddQuiet(command, &o->report.quiet);
  command->callback([o, exit_code] { *exit_code = Run(*o); });
}

}  // namespace halfmoon::cli
