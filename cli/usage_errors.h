// What is said of a command line that can't be understood.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace halfmoon::cli {

// The one of `names` that `word` was probably meant to be; empty: none comes close.
std::string Nearest(const std::string& word, const std::vector<std::string>& names);

// Of a first argument that is no command.
std::string UnknownCommandText(const CLI::App& app, const std::string& word);

// Of an error that CLI11 threw while parsing.
std::string ParseErrorText(const CLI::App& app, const CLI::ParseError& error);

}  // namespace halfmoon::cli
