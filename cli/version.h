// The text of 'halfmoon --version'.
#pragma once

#include <string>

namespace halfmoon::cli {

// halfmoon and its file format, LibTorch, BLAS, ISA, and the installed models.
std::string VersionText();

}  // namespace halfmoon::cli
