// A temporary folder of its own, which goes away with the object.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "halfmoon/status.h"

namespace halfmoon::eval {

class WorkFolder {
 public:
  // Errors: kIo.
  static Result<std::unique_ptr<WorkFolder>> Create() {
    std::error_code error;
    const auto parent = std::filesystem::temp_directory_path(error);
    std::string path = (parent / "halfmoon-eval-XXXXXX").string();
    if (error || !::mkdtemp(path.data())) {
      return Status(StatusCode::kIo, path + ": cannot make a temporary folder");
    }
    return std::unique_ptr<WorkFolder>(new WorkFolder(path));
  }
  ~WorkFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  explicit WorkFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace halfmoon::eval
