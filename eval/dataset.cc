#include "eval/dataset.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "bitstream/checksum.h"
#include "codec/imageio/image_io.h"
#include "codec/io/read_file.h"

namespace halfmoon::eval {
namespace {

namespace fs = std::filesystem;

fs::path Normal(const std::string& path) {
  std::error_code ignored;
  return fs::absolute(path, ignored).lexically_normal();
}

// The pictures of a folder, by name.
Result<std::vector<std::string>> FilesOf(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> files;
  fs::directory_iterator it(folder, error), end;
  for (; !error && it != end; it.increment(error)) {
    if (!it->is_directory(error) && ImageFormatFromPath(it->path().string()).ok()) {
      files.push_back(it->path().string());
    }
  }
  if (error) return Status(StatusCode::kIo, folder + ": cannot list: " + error.message());
  if (files.empty()) {
    return Status(StatusCode::kInvalidArgument,
                  folder + ": no PNG or JPEG file in this folder; name another one");
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<std::vector<DatasetPicture>> ListPictures(const std::vector<std::string>& paths) {
  std::vector<DatasetPicture> pictures;
  std::set<fs::path> listed;
  std::map<std::string, int> names;
  for (const std::string& path : paths) {
    std::error_code error;
    const bool folder = fs::is_directory(path, error);
    std::vector<std::string> files = {path};
    if (folder) {
      HALFMOON_ASSIGN_OR_RETURN(files, FilesOf(path));
    }
    for (const std::string& file : files) {
      if (!listed.insert(Normal(file)).second) continue;
      DatasetPicture picture;
      picture.name = fs::path(file).filename().string();
      picture.path = file;
      const auto bytes = ReadFile(file);
      if (bytes.ok()) {
        picture.hash = XXH3_64bits(bytes->data(), bytes->size());
      } else if (folder) {
        picture.error.Set(bytes.status());
      } else {
        return bytes.status();  // most likely a typo, which should not cost minutes
      }
      ++names[picture.name];
      pictures.push_back(std::move(picture));
    }
  }
  if (pictures.empty()) {
    return Status(StatusCode::kInvalidArgument,
                  "no pictures; name PNG or JPEG files, or folders of them");
  }
  for (DatasetPicture& picture : pictures) {
    if (names[picture.name] > 1) picture.name = picture.path;
  }
  return pictures;
}

std::string DatasetTitle(const std::vector<std::string>& paths) {
  if (paths.empty()) return "";
  fs::path path = Normal(paths.front());
  if (!path.has_filename()) path = path.parent_path();
  const std::string parent = path.parent_path().filename().string();
  static const std::set<std::string> kSaysNothing = {"in",  "input", "inputs", "images",    "img",
                                                     "png", "data",  "test",   "originals", "src"};
  std::string title = path.filename().string();
  if (kSaysNothing.count(title) && !parent.empty()) title = parent + "/" + title;
  if (paths.size() > 1) title += " and " + std::to_string(paths.size() - 1) + " more";
  return title;
}

Result<RgbPicture> ReadRgb(const std::string& path, std::string* note) {
  HALFMOON_ASSIGN_OR_RETURN(Image image, ReadImageFile(path));
  if (note) *note = metrics::ConversionNote(image.shape());
  return RgbPicture::From(std::move(image));
}

}  // namespace halfmoon::eval
