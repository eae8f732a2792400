// Exit codes of the program, derived from the groups of StatusCode. Documented in cli/README.md.
#pragma once

#include "halfmoon/status.h"

namespace halfmoon::cli {

enum ExitCode : int {
  kExitOk = 0,
  kExitInternal = 1,      // a bug in Halfmoon
  kExitUsage = 2,         // wrong arguments
  kExitNotOurs = 3,       // not a file we can read, or newer, or of a kind not supported yet
  kExitDamaged = 4,       // cut off, wrong checksum, illegal values
  kExitModel = 5,         // model missing, other weights, damaged weights
  kExitLimit = 6,         // larger than a limit or than the memory
  kExitIo = 7,            // reading or writing failed, or the target exists
  kExitPartial = 8,       // decompress --allow-partial: a picture with losses was written
  kExitInterrupted = 130  // a batch or training was stopped by Ctrl-C; what is there is whole
};

inline constexpr char kExitCodesHelp[] =
    "Exit codes: 0 done, 1 bug in halfmoon, 2 wrong arguments, 3 not a file halfmoon can read,\n"
    "4 damaged file, 5 model missing or wrong, 6 limit or memory exceeded, 7 reading or writing\n"
    "failed (or the target exists), 8 a damaged file was decoded in part, 130 stopped by Ctrl-C.";

inline int ExitCodeOf(StatusCode code) {
  switch (static_cast<int>(code) / 10) {
    case 0: return kExitOk;
    case 1: return kExitNotOurs;
    case 2: return kExitDamaged;
    case 3: return kExitModel;
    case 4: return kExitUsage;
    case 5:
    case 6: return kExitLimit;
    case 7: return kExitIo;
    default: return kExitInternal;
  }
}

}  // namespace halfmoon::cli
