// Runs another program with a time limit and measures it. POSIX; knows nothing about codecs.
#pragma once

#include <string>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon::eval {

struct ProcessResult {
  int exit_code = 0;  // 128 + signal when a signal ended it
  std::string out;    // standard output
  std::string err;    // standard error
  double seconds = 0;
  long long peak_memory_bytes = 0;  // resident
};

// Runs `command` (found by PATH, no shell) to its end. Standard input is empty. A program that is
// still running after `timeout_seconds` is ended with all it started.
// Errors: kIo when it can't be started; kLimitExceeded naming the program when the time is over.
// An exit code other than 0 is no error here. Thread-safe.
Result<ProcessResult> RunProcess(const std::vector<std::string>& command, double timeout_seconds);

// The last line of a text that is not blank, for messages.
std::string LastLine(const std::string& text);

}  // namespace halfmoon::eval
