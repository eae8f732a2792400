#include "cli/info_command.h"

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/files.h"
#include "cli/options.h"
#include "halfmoon/decoder.h"

namespace halfmoon::cli {
namespace {

struct Options {
  std::vector<std::string> files;
  bool json = false;
};

struct Described {
  FileInfo info;
  std::uint64_t bytes = 0;

  std::string format() const {
    return std::to_string(info.format_major) + "." + std::to_string(info.format_minor);
  }
  std::string hash() const { return Hex(info.model_hash.data(), info.model_hash.size()); }
  double bpp() const {
    return 8 * static_cast<double>(bytes) / static_cast<double>(std::uint64_t{info.width} * info.height);
  }
};

Result<Described> Describe(const std::string& path) {
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> bytes, ReadInput(path));
  auto info = ReadInfo(bytes);
  if (!info.ok()) return info.status().WithContext(path);
  if (info->chunks.empty()) {
    PrintWarning(path + ": the header is good, what follows is damaged or cut off; 'halfmoon "
                        "verify' says where");
  }
  return Described{std::move(*info), bytes.size()};
}

nlohmann::ordered_json ToJson(const std::string& path, const Described& d) {
  nlohmann::ordered_json json = {
      {"file", path},
      {"bytes", d.bytes},
      {"bits_per_pixel", d.bpp()},
      {"format", d.format()},
      {"width", d.info.width},
      {"height", d.info.height},
      {"channels", d.info.channels},
      {"bit_depth", d.info.bit_depth},
      {"icc_profile", d.info.has_icc},
      {"model_id", d.info.model_id},
      {"model_hash", d.hash()},
      {"quality", d.info.quality},
      {"q", d.info.q},
      {"tile_size", d.info.tile_size},
  };
  json["chunks"] = nullptr;  // null: damaged
  for (const FileInfo::Chunk& c : d.info.chunks) {
    json["chunks"].push_back({{"type", c.type}, {"bytes", c.bytes}});
  }
  return json;
}

std::string ToText(const std::string& path, const Described& d) {
  const FileInfo& i = d.info;
  std::string chunks;
  for (const FileInfo::Chunk& c : i.chunks) {
    chunks += (chunks.empty() ? "" : ", ") + c.type + " " + Bytes(c.bytes);
  }
  return path + "\n" +                                                                       //
         "  picture  " + std::to_string(i.width) + "x" + std::to_string(i.height) + ", " +
         (i.channels == 1 ? "grey" : "RGB") + ", " + std::to_string(i.bit_depth) + " bit, " +
         (i.has_icc ? "ICC profile" : "sRGB") + "\n" +
         "  file     " + Bytes(d.bytes) + ", " + Fixed(d.bpp(), 3) + " bpp\n" +
         "  quality  " + Fixed(i.quality, 1) + " (Q " + std::to_string(i.q) + ")\n" +
         "  model    id " + std::to_string(i.model_id) + ", hash " + d.hash() + "\n" +
         "  tiles    " +
         (i.tile_size == 0 ? "one" : std::to_string(i.tile_size) + " pixels wide and high") + "\n" +
         "  format   " + d.format() + "\n" +                                                 //
         "  chunks   " + (chunks.empty() ? "unknown" : chunks) + "\n";
}

int Run(const Options& o) {
  int exit_code = kExitOk;
  nlohmann::ordered_json json = {{"files", nlohmann::ordered_json::array()}};
  for (const std::string& path : o.files) {
    const auto described = Describe(path);
    if (!described.ok()) {  // the others are still wanted
      const int code = PrintError(described.status());
      if (exit_code == kExitOk) exit_code = code;
      json["files"].push_back({{"file", path},
                               {"error", StatusCodeName(described.status().code())},
                               {"message", described.status().message()}});
    } else if (o.json) {
      json["files"].push_back(ToJson(path, *described));
    } else {
      PrintText(ToText(path, *described));
    }
  }
  if (o.json) PrintJson(json);
  return exit_code;
}

}  // namespace

void AddInfoCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* command = AddSubcommand(app, "info", "Show what .hmn files contain; needs no model",
                                    "  halfmoon info photo.hmn\n"
                                    "  halfmoon info --json *.hmn");
  command->add_option("files", o->files, "The .hmn files; - reads standard input")
      ->type_name("FILE")
      ->required();
  AddJson(command, &o->json);
  command->callback([o, exit_code] { *exit_code = Run(*o); });
}

}  // namespace halfmoon::cli
