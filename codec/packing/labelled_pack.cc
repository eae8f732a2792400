#include "codec/packing/labelled_pack.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "codec/imageio/image_io.h"
#include "codec/io/atomic_file.h"
#include "codec/io/gunzip.h"
#include "codec/io/read_file.h"
#include "codec/packing/csv.h"
#include "models/training/data/pack.h"

namespace halfmoon {
namespace {

namespace fs = std::filesystem;

std::uint8_t OverWhite(std::uint8_t sample, std::uint8_t alpha) {
  return static_cast<std::uint8_t>((sample * alpha + 255 * (255 - alpha) + 127) / 255);
}

// Grey or RGB samples; alpha over white.
Result<std::vector<std::uint8_t>> Samples(const Image& image) {
  if (image.bit_depth() != 8) {
    return Status(StatusCode::kUnsupportedFeature,
                  "the picture has 16 bits per sample; convert it to 8");
  }
  const std::size_t channels = image.channels(), colours = image.shape().is_grey() ? 1 : 3;
  std::vector<std::uint8_t> out;
  out.reserve(static_cast<std::size_t>(image.pixels()) * colours);
  for (std::uint32_t y = 0; y < image.height(); ++y) {
    const std::uint8_t* p = image.row(y);
    for (std::uint32_t x = 0; x < image.width(); ++x, p += channels) {
      const std::uint8_t alpha = image.has_alpha() ? p[colours] : 255;
      for (std::size_t c = 0; c < colours; ++c) out.push_back(OverWhite(p[c], alpha));
    }
  }
  return out;
}

Result<std::string> ReadText(const std::string& path) {
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> bytes, ReadFile(path));
  return std::string(bytes.begin(), bytes.end());
}

// --- IDX ---------------------------------------------------------------------------------------

struct Idx {
  std::vector<std::uint32_t> sizes;  // 1 for labels, 3 for pictures: count, height, width
  std::vector<std::uint8_t> values;
};

// Path of `name` or name.gz in the folder; empty when there is neither.
std::string FindIdx(const std::string& directory, const std::string& name) {
  std::error_code error;
  for (const char* ending : {".gz", ""}) {
    const std::string path = (fs::path(directory) / (name + ending)).string();
    if (fs::exists(path, error)) return path;
  }
  return "";
}

// Magic: two zeros, 8 (unsigned bytes), number of dimensions; then sizes, big-endian; then values.
Result<Idx> ReadIdx(const std::string& path, std::size_t dimensions) {
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> file, ReadFile(path));
  auto unpacked = Gunzip(file);
  if (!unpacked.ok()) return unpacked.status().WithContext(path);
  const std::vector<std::uint8_t>& bytes = *unpacked;
  const std::size_t head = 4 + 4 * dimensions;
  if (bytes.size() < head || bytes[0] != 0 || bytes[1] != 0 || bytes[2] != 8 ||
      bytes[3] != dimensions) {
    return Status(StatusCode::kCorrupt, path + ": is not an IDX file of bytes with " +
                                            std::to_string(dimensions) + " dimensions");
  }
  Idx idx;
  std::uint64_t total = 1;
  for (std::size_t d = 0; d < dimensions; ++d) {
    const std::uint8_t* p = bytes.data() + 4 + 4 * d;
    const std::uint32_t size = std::uint32_t{p[0]} << 24 | p[1] << 16 | p[2] << 8 | p[3];
    idx.sizes.push_back(size);
    if (size != 0 && total > (std::uint64_t{1} << 40) / size)
      total = std::uint64_t{1} << 40;
    else
      total *= size;
  }
  if (total != bytes.size() - head) {
    return Status(StatusCode::kCorrupt, path + ": announces " + std::to_string(total) +
                                            " values and holds " +
                                            std::to_string(bytes.size() - head));
  }
  idx.values.assign(bytes.begin() + static_cast<std::ptrdiff_t>(head), bytes.end());
  return idx;
}

// Adds one pair of files; `classes`: how many names there are, 0 when unknown. Raises *label_count.
Status AddIdx(const std::string& images_path, const std::string& labels_path, bool validation,
              training::PackWriter* writer, int* label_count) {
  HALFMOON_ASSIGN_OR_RETURN(const Idx images, ReadIdx(images_path, 3));
  Idx labels;
  if (!labels_path.empty()) {
    HALFMOON_ASSIGN_OR_RETURN(labels, ReadIdx(labels_path, 1));
    if (labels.sizes[0] != images.sizes[0]) {
      return {StatusCode::kCorrupt, labels_path + ": holds " + std::to_string(labels.sizes[0]) +
                                        " labels for " + std::to_string(images.sizes[0]) +
                                        " pictures"};
    }
  }
  const std::size_t size = std::size_t{images.sizes[1]} * images.sizes[2];
  if (size == 0) return {StatusCode::kCorrupt, images_path + ": pictures without pixels"};
  for (std::size_t i = 0; i < images.sizes[0]; ++i) {
    training::PackEntry entry;
    entry.height = images.sizes[1];
    entry.width = images.sizes[2];
    entry.grey = true;
    entry.validation = validation;
    if (!labels.values.empty()) entry.label = labels.values[i];
    *label_count = std::max(*label_count, entry.label + 1);
    HALFMOON_RETURN_IF_ERROR(
        writer->Add(entry, std::span(images.values).subspan(i * size, size), ""));
  }
  return Status::Ok();
}

}  // namespace

Result<PackReport> MakeCsvPack(const CsvPackOptions& o, const std::string& out_file, bool overwrite,
                               const std::function<void(std::size_t, std::size_t)>& progress) {
  if (o.validation_every < 0) {
    return Status(StatusCode::kInvalidArgument, "pack: validation_every must be at least 0");
  }
  HALFMOON_ASSIGN_OR_RETURN(const std::string text, ReadText(o.csv));
  auto parsed = ParseCsv(text);
  if (!parsed.ok()) return parsed.status().WithContext(o.csv);
  CsvTable& table = *parsed;
  auto missing = [&](const std::string& what) {
    std::string have;
    for (const std::string& c : table.columns) have += (have.empty() ? "" : ", ") + c;
    return Status(StatusCode::kInvalidArgument,
                  o.csv + ": has no column " + what + "; it has: " + have);
  };
  const int file = table.Find({"file", "filename", "path"});
  std::vector<std::size_t> captions;
  for (const std::string& name : o.caption_columns) {
    const int column = table.Find({name});
    if (column < 0) return missing("'" + name + "'");
    captions.push_back(static_cast<std::size_t>(column));
  }
  if (const int column = table.Find({"caption", "name", "text"}); captions.empty() && column >= 0) {
    captions.push_back(static_cast<std::size_t>(column));
  }
  const int label = table.Find({o.class_column.empty() ? "class" : o.class_column});
  if (file < 0) return missing("'file'");
  if (label < 0 && !o.class_column.empty()) return missing("'" + o.class_column + "'");
  if (!o.only.empty()) {
    const std::size_t equals = o.only.find('=');
    if (equals == std::string::npos) {
      return Status(StatusCode::kInvalidArgument, "'" + o.only + "': write COLUMN=VALUE");
    }
    const int column = table.Find({o.only.substr(0, equals)});
    if (column < 0) return missing("'" + o.only.substr(0, equals) + "'");
    std::erase_if(table.rows, [&](const auto& row) {
      return row[static_cast<std::size_t>(column)] != o.only.substr(equals + 1);
    });
  }
  std::vector<std::string> classes;
  if (label >= 0) {
    std::set<std::string> names;
    for (const auto& row : table.rows) names.insert(row[static_cast<std::size_t>(label)]);
    classes.assign(names.begin(), names.end());
  }
  PackReport report;
  training::PackWriter writer;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    if (progress) progress(i, table.rows.size());
    const auto& row = table.rows[i];
    const std::string path = (fs::path(o.directory) / row[static_cast<std::size_t>(file)]).string();
    HALFMOON_ASSIGN_OR_RETURN(const Image image, ReadImageFile(path));
    const auto samples = Samples(image);
    if (!samples.ok()) return samples.status().WithContext(path);
    training::PackEntry entry;
    entry.width = image.width();
    entry.height = image.height();
    entry.grey = image.shape().is_grey();
    entry.validation =
        o.validation_every > 0 && (i + 1) % static_cast<std::size_t>(o.validation_every) == 0;
    if (label >= 0) {
      const auto it =
          std::lower_bound(classes.begin(), classes.end(), row[static_cast<std::size_t>(label)]);
      entry.label = static_cast<int>(it - classes.begin());
    }
    std::string words;
    for (const std::size_t column : captions) {
      if (!row[column].empty()) words += (words.empty() ? "" : "; ") + row[column];
    }
    HALFMOON_RETURN_IF_ERROR(writer.Add(entry, *samples, words).WithContext(o.csv));
    ++report.pictures;
    report.validation += entry.validation;
  }
  if (report.pictures == 0) {
    return Status(StatusCode::kInvalidArgument, o.csv + ": lists no picture that is wanted");
  }
  writer.SetClasses(classes);
  HALFMOON_RETURN_IF_ERROR(WriteFile(out_file, writer.Finish(), overwrite));
  return report;
}

bool IsIdxFolder(const std::string& directory) {
  return !FindIdx(directory, "train-images-idx3-ubyte").empty();
}

Result<PackReport> MakeIdxPack(const std::string& directory, const std::string& out_file,
                               bool overwrite) {
  training::PackWriter writer;
  int labels = 0;
  PackReport report;
  for (const bool validation : {false, true}) {
    const std::string part = validation ? "t10k" : "train";
    const std::string images = FindIdx(directory, part + "-images-idx3-ubyte");
    if (images.empty()) {
      if (validation) break;
      return Status(StatusCode::kIo, directory + ": holds no train-images-idx3-ubyte(.gz)");
    }
    HALFMOON_RETURN_IF_ERROR(AddIdx(images, FindIdx(directory, part + "-labels-idx1-ubyte"),
                                    validation, &writer, &labels));
    report.validation = static_cast<std::int64_t>(writer.count()) - report.pictures;
    report.pictures = static_cast<std::int64_t>(writer.count());
    if (!validation) report.validation = 0;
  }
  std::vector<std::string> classes;
  const std::string names = (fs::path(directory) / "classes.txt").string();
  std::error_code error;
  if (fs::exists(names, error)) {
    HALFMOON_ASSIGN_OR_RETURN(const std::string text, ReadText(names));
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      std::string name = text.substr(at, end - at);
      if (!name.empty() && name.back() == '\r') name.pop_back();
      if (!name.empty()) classes.push_back(name);
      at = end + 1;
    }
  } else {
    for (int i = 0; i < labels; ++i) classes.push_back(std::to_string(i));
  }
  if (labels > static_cast<int>(classes.size())) {
    return Status(StatusCode::kInvalidArgument,
                  names + ": names " + std::to_string(classes.size()) +
                      " classes, the labels have " + std::to_string(labels));
  }
  writer.SetClasses(classes);
  HALFMOON_RETURN_IF_ERROR(WriteFile(out_file, writer.Finish(), overwrite));
  return report;
}

}  // namespace halfmoon
