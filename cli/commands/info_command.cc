#include "cli/commands/info_command.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/files.h"
#include "cli/options.h"
#include "halfmoon/decoder.h"
#include "models/runtime/weights/manifest.h"

namespace halfmoon::cli {
namespace {

struct Options {
  std::vector<std::string> files;
  bool json = false;
  bool tiles = false;
};

struct Described {
  FileInfo info;
  std::string model;  // its name; empty: not installed
  std::uint64_t bytes = 0;

  std::string format() const {
    return std::to_string(info.format_major) + "." + std::to_string(info.format_minor);
  }
  std::string hash() const { return Hex(info.model_hash.data(), info.model_hash.size()); }
  double bpp() const {
    return 8 * static_cast<double>(bytes) /
           static_cast<double>(std::uint64_t{info.width} * info.height);
  }
};

const char* ChannelsText(int channels) {
  switch (channels) {
    case 1: return "grey";
    case 2: return "grey + alpha";
    case 3: return "RGB";
    default: return "RGB + alpha";
  }
}

// One tile: its place in the picture and the bytes of its chunks.
struct TileInfo {
  std::uint64_t x = 0, y = 0, width = 0, height = 0, latent_bytes = 0, alpha_bytes = 0;
};

// Empty for a file that is damaged behind its header.
std::vector<TileInfo> Tiles(const FileInfo& i) {
  std::vector<TileInfo> tiles;
  if (i.chunks.empty()) return tiles;
  const std::uint64_t size = static_cast<std::uint64_t>(i.tile_size);
  for (std::uint64_t row = 0; row < i.tile_rows; ++row) {
    for (std::uint64_t column = 0; column < i.tile_columns; ++column) {
      TileInfo t;
      t.x = column * size;
      t.y = row * size;
      t.width = size == 0 ? i.width : std::min(size, i.width - t.x);
      t.height = size == 0 ? i.height : std::min(size, i.height - t.y);
      tiles.push_back(t);
    }
  }
  std::size_t latents = 0, alphas = 0;
  for (const FileInfo::Chunk& c : i.chunks) {
    if (c.type == "LATT") tiles[latents++].latent_bytes = c.bytes;
    if (c.type == "ALPH") tiles[alphas++].alpha_bytes = c.bytes;
  }
  return tiles;
}

// Chunks by type: of a file of many tiles one line, not thousands.
std::string ChunksText(const FileInfo& i) {
  std::vector<std::pair<std::string, std::pair<std::uint64_t, std::uint64_t>>> sums;
  for (const FileInfo::Chunk& c : i.chunks) {
    auto it =
        std::find_if(sums.begin(), sums.end(), [&](const auto& s) { return s.first == c.type; });
    if (it == sums.end()) it = sums.insert(it, {c.type, {0, 0}});
    ++it->second.first;
    it->second.second += c.bytes;
  }
  std::string text;
  for (const auto& [type, sum] : sums) {
    text += (text.empty() ? "" : ", ") + type + " " +
            (sum.first > 1 ? "x " + std::to_string(sum.first) + " " : "") + Bytes(sum.second);
  }
  return text.empty() ? "unknown" : text;
}

std::string TilesText(const FileInfo& i) {
  Table table({">tile", ">x", ">y", ">width", ">height", ">latents", ">alpha"});
  std::size_t k = 0;
  for (const TileInfo& t : Tiles(i)) {
    table.Add({std::to_string(k++), std::to_string(t.x), std::to_string(t.y),
               std::to_string(t.width), std::to_string(t.height), Bytes(t.latent_bytes),
               Bytes(t.alpha_bytes)});
  }
  return table.ToText();
}

// By the list of installed models, if there is one. No weights are read.
std::string ModelName(const FileInfo& info) {
  if (info.has_own_networks) return "overfitted";
  const auto manifest = runtime::OpenModels({});
  if (!manifest.ok()) return "";
  const runtime::ModelEntry* entry =
      manifest->FindByIdentity(Hex(info.model_hash.data(), info.model_hash.size()));
  return entry == nullptr ? "" : entry->name;
}

Result<Described> Describe(const std::string& path) {
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> bytes, ReadInput(path));
  auto info = ReadInfo(bytes);
  if (!info.ok()) return info.status().WithContext(path);
  if (info->chunks.empty()) {
    PrintWarning(path +
                 ": the header is good, what follows is damaged or cut off; 'halfmoon "
                 "verify' says where");
  }
  std::string model = ModelName(*info);
  return Described{std::move(*info), std::move(model), bytes.size()};
}

// Of PixelDensity::Unit.
constexpr const char* kUnits[] = {"pixel shape", "inch", "centimetre", "metre"};

// ", 300 x 300 pixels per inch", or nothing.
std::string DensityText(const FileInfo& i) {
  if (!i.density) return "";
  const std::string numbers = std::to_string(i.density->x) + " x " + std::to_string(i.density->y);
  if (i.density->unit == PixelDensity::Unit::kNone) {
    return ", pixels " + std::to_string(i.density->y) + " wide, " + std::to_string(i.density->x) +
           " high";
  }
  return ", " + numbers + " pixels per " + kUnits[static_cast<int>(i.density->unit)];
}

nlohmann::ordered_json ToJson(const std::string& path, const Described& d, bool tiles) {
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
      {"model", d.model.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(d.model)},
      {"model_id", d.info.model_id},
      {"model_hash", d.hash()},
      {"quality", d.info.quality},
      {"q", d.info.q},
      {"quantiser", d.info.dependent ? "dependent" : "plain"},
      {"tile_size", d.info.tile_size},
      {"tile_columns", d.info.tile_columns},
      {"tile_rows", d.info.tile_rows},
  };
  if (d.info.density) {
    json["density"] = {{"x", d.info.density->x},
                       {"y", d.info.density->y},
                       {"unit", kUnits[static_cast<int>(d.info.density->unit)]}};
  }
  json["chunks"] = nullptr;  // null: damaged
  for (const FileInfo::Chunk& c : d.info.chunks) {
    json["chunks"].push_back({{"type", c.type}, {"bytes", c.bytes}});
  }
  if (tiles) {
    json["tiles"] = nlohmann::ordered_json::array();
    for (const TileInfo& t : Tiles(d.info)) {
      json["tiles"].push_back({{"x", t.x},
                               {"y", t.y},
                               {"width", t.width},
                               {"height", t.height},
                               {"latent_bytes", t.latent_bytes},
                               {"alpha_bytes", t.alpha_bytes}});
    }
  }
  return json;
}

std::string ToText(const std::string& path, const Described& d) {
  const FileInfo& i = d.info;
  return path + "\n" +  //
         "  picture  " + std::to_string(i.width) + "x" + std::to_string(i.height) + ", " +
         ChannelsText(i.channels) + ", " + std::to_string(i.bit_depth) + " bit, " +
         (i.has_icc ? "ICC profile" : "sRGB") + DensityText(i) + "\n" + "  file     " +
         Bytes(d.bytes) + ", " + Fixed(d.bpp(), 3) + " bpp\n" + "  quality  " +
         Fixed(i.quality, 1) + " (Q " + std::to_string(i.q) +
         (i.dependent ? ", dependent quantisation" : "") + ")\n" + "  model    " +
         (d.model.empty() ? "not installed" : d.model) + ", id " + std::to_string(i.model_id) +
         ", hash " + d.hash() + "\n" + "  tiles    " +
         (i.tile_size == 0 ? "one"
                           : std::to_string(i.tile_columns) + " x " + std::to_string(i.tile_rows) +
                                 " of " + std::to_string(i.tile_size) + " pixels") +
         "\n" + "  format   " + d.format() + "\n" +  //
         "  chunks   " + ChunksText(i) + "\n";
}

int Run(const Options& o) {
  int exit_code = kExitOk;
  nlohmann::ordered_json json = {{"files", nlohmann::ordered_json::array()}};
  for (const std::string& path : o.files) {
    if (StdoutIsClosed()) break;
    const auto described = Describe(path);
    if (!described.ok()) {  // the others are still wanted
      const int code = PrintError(described.status());
      if (exit_code == kExitOk) exit_code = code;
      json["files"].push_back({{"file", path},
                               {"error", StatusCodeName(described.status().code())},
                               {"message", described.status().message()}});
    } else if (o.json) {
      json["files"].push_back(ToJson(path, *described, o.tiles));
    } else {
      PrintText(ToText(path, *described) + (o.tiles ? TilesText(described->info) : ""));
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
                                    "  halfmoon info --tiles scan.hmn\n"
                                    "  halfmoon info --json *.hmn");
  command->add_option("files", o->files, "The .hmn files; - reads standard input")
      ->type_name("FILE")
      ->required();
  command->add_flag("--tiles", o->tiles, "Each tile: its place and its bytes");
  AddJson(command, &o->json);
  command->callback([o, exit_code] { *exit_code = Run(*o); });
}

}  // namespace halfmoon::cli
