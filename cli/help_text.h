// What --help prints: groups of options, at most kHelpColumns wide.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace halfmoon::cli {

inline constexpr std::size_t kHelpColumns = 100;

// Groups of options beside CLI11's own "Options". The last two are for experts: --help only names
// their options, --help-all describes them.
inline constexpr char kOutputGroup[] = "Output";
inline constexpr char kMetadataGroup[] = "Metadata";
inline constexpr char kBatchGroup[] = "Many files";
inline constexpr char kLimitsGroup[] = "Limits";
inline constexpr char kExpertGroup[] = "Expert";

// The groups of a command that have options, in the order of --help.
std::vector<std::string> OptionGroups(const CLI::App& app);
// The options of a group, in the order in which they were added.
std::vector<const CLI::Option*> OptionsOf(const CLI::App& app, const std::string& group);
// The arguments that are not options.
std::vector<const CLI::Option*> Positionals(const CLI::App& app);
// The commands of a program, without those that are for the program itself.
std::vector<const CLI::App*> Commands(const CLI::App& program);

bool IsFlag(const CLI::Option& option);
// {"-q", "--quality"}
std::vector<std::string> Names(const CLI::Option& option);
// "IN ..." of a required argument that may be many, "[START]" of one that may be left out.
std::string PositionalText(const CLI::Option& option);

// {"psnr", "ms-ssim"} of an option that takes one of these; empty: of any other.
std::vector<std::string> Choices(const CLI::Option& option);

class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
};

}  // namespace halfmoon::cli
