#include "cli/commands/models_command.h"

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "cli/options.h"
#include "codec/model_report.h"

namespace halfmoon::cli {
namespace {

constexpr char kNotInstalled[] =
    "compress --model overfitted needs none of them: each file brings a decoder of its own.";

struct Options {
  std::string models_dir;
  bool json = false;
};

std::string Count(std::int64_t n) {
  if (n < 1000000) return Fixed(static_cast<double>(n) / 1e3, 0) + " k";
  return Fixed(static_cast<double>(n) / 1e6, 2) + " M";
}

// The manifest's free-form text; what is no JSON stays text.
nlohmann::ordered_json Embedded(const std::string& text) {
  if (text.empty()) return nullptr;
  auto json = nlohmann::ordered_json::parse(text, nullptr, false);
  if (json.is_discarded()) return text;
  return json;
}

// Cost per pixel is known of codecs for photographs; models of small pictures have none worth
// counting so.
bool HasCost(const ModelReport& m) { return m.costs.synthesis_kmac_per_pixel > 0; }

nlohmann::ordered_json ToJson(const ModelReport& m) {
  nlohmann::ordered_json json = {
      {"id", m.id},
      {"name", m.name},
      {"architecture", m.architecture},
      {"parameters", m.parameters},
      {"analysis_kmac_per_pixel", m.costs.analysis_kmac_per_pixel},
      {"synthesis_kmac_per_pixel", m.costs.synthesis_kmac_per_pixel},
      {"prior_kmac_per_pixel", m.costs.prior_kmac_per_pixel},
      {"receptive_field", m.costs.receptive_field},
      {"hash", m.hash},
      {"previous_hashes", m.previous_hashes},
      {"file", m.file},
      {"sha256", m.sha256},
      {"licence", m.licence},
      {"data", m.data},
      {"training", Embedded(m.training)},
      {"measured", Embedded(m.measured)},
  };
  if (!HasCost(m)) {
    for (const char* key : {"analysis_kmac_per_pixel", "synthesis_kmac_per_pixel",
                            "prior_kmac_per_pixel", "receptive_field"}) {
      json[key] = nullptr;
    }
  }
  return json;
}

Status Run(const Options& o) {
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<ModelReport> models, ReportModels(o.models_dir));
  if (o.json) {
    nlohmann::ordered_json json = {{"models", nlohmann::ordered_json::array()}};
    for (const ModelReport& m : models) json["models"].push_back(ToJson(m));
    PrintJson(json);
    return Status::Ok();
  }
  Table table({">id", "name", "architecture", ">parameters", ">KMAC/px", ">synthesis", ">prior",
               ">field", "hash", "licence"});
  for (const ModelReport& m : models) {
    const auto cost = [&](double kmac) { return HasCost(m) ? Fixed(kmac, 1) : "n/a"; };
    table.Add({std::to_string(m.id), m.name, m.architecture, Count(m.parameters),
               cost(m.costs.synthesis_kmac_per_pixel + m.costs.prior_kmac_per_pixel),
               cost(m.costs.synthesis_kmac_per_pixel), cost(m.costs.prior_kmac_per_pixel),
               HasCost(m) ? std::to_string(m.costs.receptive_field) : "n/a", m.hash, m.licence});
  }
  PrintText(table.ToText() + kNotInstalled + "\n");
  return Status::Ok();
}

}  // namespace

void AddModelsCommand(CLI::App& app, int* exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* command = AddSubcommand(
      app, "models", "List the installed models",
      "  halfmoon models\n"
      "  halfmoon models --json   with training data, measurements and file hashes\n\n"
      "KMAC/px: thousands of multiply-adds per pixel to decode, synthesis and prior together.\n"
      "field: pixels on a side that one block of 16x16 pixels depends on.\n"
      "hash: what a .hmn file stores of its model (frequency tables and decoder weights);\n"
      "--json lists those of earlier weights whose files are decoded as well.");
  AddModelsDir(command, &o->models_dir);
  AddJson(command, &o->json);
  command->callback([o, exit_code] {
    if (const Status status = Run(*o); !status.ok()) {
      *exit_code = ReportError(status, o->json);
    }
  });
}

}  // namespace halfmoon::cli
