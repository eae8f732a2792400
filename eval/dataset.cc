#include "eval/dataset.h"

#include <algorithm>
#include <filesystem>

#include "bitstream/checksum.h"
#include "codec/imageio/image_io.h"
#include "codec/io/read_file.h"

namespace halfmoon::eval {

namespace fs = std::filesystem;

Result<std::vector<DatasetPicture>> ListDataset(const std::string& folder) {
  std::error_code error;
  std::vector<DatasetPicture> pictures;
  fs::directory_iterator it(folder, error), end;
  for (; !error && it != end; it.increment(error)) {
    if (!it->is_directory(error) && ImageFormatFromPath(it->path().string()).ok()) {
      DatasetPicture picture;
      picture.name = it->path().filename().string();
      picture.path = it->path().string();
      pictures.push_back(std::move(picture));
    }
  }
  if (error) return Status(StatusCode::kIo, folder + ": cannot list: " + error.message());
  if (pictures.empty()) {
    return Status(StatusCode::kInvalidArgument,
                  folder + ": no PNG or JPEG file in this folder; name another one");
  }
  std::sort(pictures.begin(), pictures.end(),
            [](const DatasetPicture& a, const DatasetPicture& b) { return a.name < b.name; });
  for (DatasetPicture& picture : pictures) {
    const auto bytes = ReadFile(picture.path);
    if (bytes.ok()) {
      picture.hash = XXH3_64bits(bytes->data(), bytes->size());
    } else {
      picture.error.Set(bytes.status());
    }
  }
  return pictures;
}

Result<RgbPicture> ReadRgb(const std::string& path, std::string* note) {
  HALFMOON_ASSIGN_OR_RETURN(Image image, ReadImageFile(path));
  if (note) *note = metrics::ConversionNote(image.shape());
  return RgbPicture::From(std::move(image));
}

}  // namespace halfmoon::eval
