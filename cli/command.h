// Command: how a subcommand plugs into the program. No codec headers.
#pragma once

namespace CLI {
class App;
}

namespace halfmoon::cli {

// Adds one subcommand with its options to `app`. When the user chose it, it runs during parsing,
// reports on stdout and stderr, and stores one of exit_codes.h in `*exit_code`.
// Lifetime: `exit_code` must outlive the parsing.
using AddCommand = void (*)(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
