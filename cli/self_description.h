// The program describes itself: man pages and shell completion, made from the same CLI::App as
// --help, so that they cannot disagree.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace halfmoon::cli {

// The man page of the program (command empty) or of one command, as roff. REQUIRES: it exists.
std::string ManPage(const CLI::App& program, const std::string& command,
                    const std::string& version);

enum class Shell { kBash, kZsh, kFish };

// A completion script: commands, options of each command, and files.
std::string Completion(const CLI::App& program, Shell shell);

}  // namespace halfmoon::cli
