// Plugin: a shared object of the program that is loaded when something in it is asked for.
// Internal.
//
// It holds a copy of the static libraries of its own. Across the border go only types of their
// headers, so both sides must be of one build.
#pragma once

#include "halfmoon/status.h"

namespace halfmoon {

struct PluginFile {
  const char* name;          // of the file: beside the program, or in lib/halfmoon
  const char* variable;      // of the environment, which names another file
  const char* build_symbol;  // a function that returns the build's name
  StatusCode missing;        // the code of its errors
  // "Halfmoon's LibTorch part", and how to get it: "install the package ...".
  const char *what, *remedy;
};

class Plugin {
 public:
  // Nothing is loaded yet.
  explicit Plugin(const PluginFile& file) : file_(file) {}

  // A function of the object, which is loaded at the first call and never closed: its threads may
  // outlive any use. REQUIRES: it has that function. Errors: file.missing, saying where the object
  // was sought or what is wrong with it. One thread at a time.
  Result<void*> Symbol(const char* name);

 private:
  Status Open();

  PluginFile file_;
  void* library_ = nullptr;
};

}  // namespace halfmoon
