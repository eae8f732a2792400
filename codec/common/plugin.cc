#include "codec/common/plugin.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace halfmoon {
namespace {

namespace fs = std::filesystem;

// Beside the program, as in a build folder; or where an installation has it.
std::vector<fs::path> Places(const PluginFile& file) {
  const char* named = std::getenv(file.variable);
  if (named != nullptr && *named != '\0') return {named};
  std::vector<fs::path> places;
  std::error_code error;
  if (const fs::path program = fs::read_symlink("/proc/self/exe", error); !error) {
    places.push_back(program.parent_path() / file.name);
    places.push_back(program.parent_path().parent_path() / HALFMOON_LIBDIR "/halfmoon" / file.name);
  }
  places.push_back(fs::path(HALFMOON_FULL_LIBDIR "/halfmoon") / file.name);
  return places;
}

}  // namespace

Status Plugin::Open() {
  std::string sought;
  for (const fs::path& path : Places(file_)) {
    std::error_code error;
    if (!fs::exists(path, error)) {
      sought += (sought.empty() ? "" : ", ") + path.string();
      continue;
    }
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
      return {file_.missing, path.string() + ": cannot be loaded: " + dlerror()};
    const auto build = reinterpret_cast<const char* (*)()>(dlsym(library, file_.build_symbol));
    const std::string theirs = build == nullptr ? "none" : build();
    if (theirs != HALFMOON_BUILD) {
      return {file_.missing, path.string() + ": is of build '" + theirs + "', the program of '" +
                                 HALFMOON_BUILD "'; install both from one version"};
    }
    library_ = library;
    return Status::Ok();
  }
  return {file_.missing, std::string("this needs ") + file_.what +
                             ", which is not installed (not found: " + sought + "); " +
                             file_.remedy + ", or name the file in " + file_.variable};
}

Result<void*> Plugin::Symbol(const char* name) {
  if (library_ == nullptr) HALFMOON_RETURN_IF_ERROR(Open());
  void* symbol = dlsym(library_, name);
  HALFMOON_ENSURE(symbol != nullptr);
  return symbol;
}

}  // namespace halfmoon
