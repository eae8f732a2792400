// Which of the arguments of `compress` and `decompress` are inputs, and which is the output; and
// names for results that were not named.
#pragma once

#include <string>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon::cli {

// Whether the file begins as a .hmn file does.
bool IsHalfmoonFile(const std::string& path);

// `path` when nothing is there. Otherwise the first of photo.decoded.png, photo.decoded-2.png and
// so on that is free: what is there may be the original.
std::string UnusedName(const std::string& path);

struct Arguments {
  std::vector<std::string> inputs;
  std::string output;  // empty: named after the input
};

// What the result of a command is called and what it is made of.
struct ResultKind {
  std::string ending;                // of results, ".hmn"
  std::vector<std::string> sources;  // endings of what is read, lower case
  bool reads_halfmoon = false;       // .hmn files are sources, not results
};

// Of two arguments and no -o the second is the output, as of cp, cjxl and cwebp, unless it is a
// file that is there and can be a source. A folder that is there receives the result under the
// input's name. Other numbers of arguments are all inputs.
// Errors: kInvalidArgument where that would be a guess: two folders, a folder and a name, a source
// that is not there.
Result<Arguments> SplitArguments(Arguments given, const ResultKind& kind);

}  // namespace halfmoon::cli
