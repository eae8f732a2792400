#include "codec/store/network_models.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

namespace halfmoon {
namespace {

namespace fs = std::filesystem;

constexpr char kFile[] = "halfmoon_networks.so";
constexpr char kVariable[] = "HALFMOON_NETWORKS";

const NetworkModels* linked = nullptr;

// Beside the program, as in a build folder; or where an installation has it.
std::vector<fs::path> Places() {
  if (const char* file = std::getenv(kVariable); file != nullptr && *file != '\0') return {file};
  std::vector<fs::path> places;
  std::error_code error;
  if (const fs::path program = fs::read_symlink("/proc/self/exe", error); !error) {
    places.push_back(program.parent_path() / kFile);
    places.push_back(program.parent_path().parent_path() / HALFMOON_LIBDIR "/halfmoon" / kFile);
  }
  places.push_back(fs::path(HALFMOON_FULL_LIBDIR "/halfmoon") / kFile);
  return places;
}

Status CheckBuild(void* library, const fs::path& path) {
  const auto build = reinterpret_cast<const char* (*)()>(dlsym(library, "halfmoon_networks_build"));
  const std::string theirs = build == nullptr ? "none" : build();
  if (theirs == HALFMOON_BUILD) return Status::Ok();
  return {StatusCode::kModelMissing, path.string() + ": is of build '" + theirs +
                                         "', the program of '" +
                                         HALFMOON_BUILD "'; install both from one version"};
}

Result<void*> Open() {
  std::string sought;
  for (const fs::path& path : Places()) {
    std::error_code error;
    if (!fs::exists(path, error)) {
      sought += (sought.empty() ? "" : ", ") + path.string();
      continue;
    }
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      return Status(StatusCode::kModelMissing, path.string() + ": cannot be loaded: " + dlerror());
    }
    HALFMOON_RETURN_IF_ERROR(CheckBuild(library, path));
    return library;
  }
  return Status(
      StatusCode::kModelMissing,
      "this needs Halfmoon's LibTorch part, which is not installed (not found: " + sought +
          "); install the package halfmoon-networks, build with LibTorch, or name the file in " +
          kVariable);
}

}  // namespace

Result<void*> NetworkSymbol(const char* name) {
  static const Result<void*> library = Open();  // never closed: its threads may outlive any use
  if (!library.ok()) return library.status();
  void* symbol = dlsym(*library, name);
  HALFMOON_ENSURE(symbol != nullptr);
  return symbol;
}

Result<const NetworkModels*> GetNetworkModels() {
  if (linked != nullptr) return linked;
  HALFMOON_ASSIGN_OR_RETURN(void* symbol, NetworkSymbol("halfmoon_network_models"));
  return reinterpret_cast<const NetworkModels* (*)()>(symbol)();
}

void UseNetworkModels(const NetworkModels* models) { linked = models; }

}  // namespace halfmoon
