#include "models/training/data/pack.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

namespace halfmoon::training {
namespace {

constexpr char kMagic[7] = {'H', 'M', 'N', 'P', 'A', 'C', 'K'};  // then the version's digit
constexpr std::size_t kHeaderSize1 = 16, kHeaderSize2 = 24, kEntrySize = 24;
constexpr std::uint32_t kValidation = 1, kGrey = 2;  // flags
constexpr std::uint32_t kMaxSide = 65535;

template <typename T>
T LoadLittle(const std::uint8_t* p) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value |= static_cast<T>(static_cast<T>(p[i]) << (8 * i));
  return value;
}

template <typename T>
void StoreLittle(T value, std::uint8_t* p) {
  for (std::size_t i = 0; i < sizeof(T); ++i) p[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

}  // namespace

Result<std::vector<Pack>> Pack::ReadAll(const std::vector<std::string>& paths) {
  std::vector<Pack> packs;
  for (const std::string& path : paths) {
    HALFMOON_ASSIGN_OR_RETURN(Pack pack, Read(path));
    packs.push_back(std::move(pack));
  }
  return packs;
}

Result<Pack> Pack::Read(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return Status(StatusCode::kIo, path + ": cannot open the pixel pack");
  Pack pack;
  pack.bytes.resize(static_cast<std::size_t>(in.tellg()));
  in.seekg(0);
  if (!in.read(reinterpret_cast<char*>(pack.bytes.data()),
               static_cast<std::streamsize>(pack.bytes.size()))) {
    return Status(StatusCode::kIo, path + ": cannot read the pixel pack");
  }
  auto corrupt = [&](const std::string& what) {
    return Status(StatusCode::kCorrupt,
                  path + ": " + what + "; make it again with 'halfmoon pack'");
  };
  const std::uint8_t* start = pack.bytes.data();
  if (pack.bytes.size() < kHeaderSize1 || std::memcmp(start, kMagic, sizeof kMagic) != 0 ||
      (start[7] != '1' && start[7] != '2')) {
    return corrupt("not a pixel pack (no HMNPACK1 or HMNPACK2 at the start)");
  }
  const bool has_text = start[7] == '2';
  const std::size_t header = has_text ? kHeaderSize2 : kHeaderSize1;
  if (pack.bytes.size() < header) return corrupt("header is cut off");
  const std::uint64_t pixels_end =
      has_text ? LoadLittle<std::uint64_t>(start + 16) : pack.bytes.size();
  if (pixels_end > pack.bytes.size()) return corrupt("text lies outside the file");
  const auto count = LoadLittle<std::uint32_t>(start + 8);
  if (count > (pack.bytes.size() - header) / kEntrySize) return corrupt("directory is cut off");
  if (has_text) {
    const auto text =
        nlohmann::json::parse(start + pixels_end, start + pack.bytes.size(), nullptr, false);
    if (!text.is_object()) return corrupt("text is no JSON object");
    try {
      text.at("classes").get_to(pack.classes);
      text.at("captions").get_to(pack.captions);
    } catch (const nlohmann::json::exception& e) {
      return corrupt(std::string("text: ") + e.what());
    }
    if (!pack.captions.empty() && pack.captions.size() != count) {
      return corrupt("there are " + std::to_string(pack.captions.size()) + " captions for " +
                     std::to_string(count) + " pictures");
    }
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint8_t* p = start + header + std::size_t{i} * kEntrySize;
    PackEntry e;
    e.width = LoadLittle<std::uint32_t>(p);
    e.height = LoadLittle<std::uint32_t>(p + 4);
    e.offset = LoadLittle<std::uint64_t>(p + 8);
    const auto flags = LoadLittle<std::uint32_t>(p + 16);
    e.validation = (flags & kValidation) != 0;
    e.grey = (flags & kGrey) != 0;
    const auto label = LoadLittle<std::uint32_t>(p + 20);
    if (label > pack.classes.size()) {
      return corrupt("picture " + std::to_string(i) + " has class " + std::to_string(label - 1) +
                     " of " + std::to_string(pack.classes.size()));
    }
    e.label = static_cast<int>(label) - 1;
    const bool sides = e.width >= 1 && e.height >= 1 && e.width <= kMaxSide && e.height <= kMaxSide;
    const std::uint64_t size = std::uint64_t{e.width} * e.height * e.channels();
    if (!sides || e.offset > pixels_end || size > pixels_end - e.offset) {
      return corrupt("picture " + std::to_string(i) + " lies outside the file");
    }
    pack.entries.push_back(e);
  }
  return pack;
}

Status PackWriter::Add(std::uint32_t width, std::uint32_t height, std::span<const std::uint8_t> rgb,
                       bool validation) {
  return Add(PackEntry{.width = width, .height = height, .validation = validation}, rgb, "");
}

Status PackWriter::Add(const PackEntry& entry, std::span<const std::uint8_t> samples,
                       const std::string& caption) {
  if (samples.size() != std::size_t{entry.width} * entry.height * entry.channels()) {
    return {StatusCode::kInvalidArgument, "pack: picture size and sample count differ"};
  }
  if (!entries_.empty() && caption.empty() != captions_.empty()) {
    return {StatusCode::kInvalidArgument, "pack: some pictures have a caption and some have none"};
  }
  if (!caption.empty()) captions_.push_back(caption);
  entries_.push_back(entry);
  entries_.back().offset = pixels_.size();
  pixels_.insert(pixels_.end(), samples.begin(), samples.end());
  return Status::Ok();
}

std::vector<std::uint8_t> PackWriter::Finish() {
  const bool version2 = !classes_.empty() || !captions_.empty() ||
                        std::any_of(entries_.begin(), entries_.end(),
                                    [](const PackEntry& e) { return e.grey || e.label >= 0; });
  const std::size_t header = version2 ? kHeaderSize2 : kHeaderSize1;
  const std::size_t base = header + entries_.size() * kEntrySize;
  std::vector<std::uint8_t> file(base, 0);
  std::memcpy(file.data(), kMagic, sizeof kMagic);
  file[7] = version2 ? '2' : '1';
  StoreLittle(static_cast<std::uint32_t>(entries_.size()), file.data() + 8);
  if (version2) StoreLittle(static_cast<std::uint64_t>(base + pixels_.size()), file.data() + 16);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const PackEntry& e = entries_[i];
    std::uint8_t* p = file.data() + header + i * kEntrySize;
    StoreLittle(e.width, p);
    StoreLittle(e.height, p + 4);
    StoreLittle(static_cast<std::uint64_t>(base + e.offset), p + 8);
    StoreLittle((e.validation ? kValidation : 0) | (e.grey ? kGrey : 0), p + 16);
    StoreLittle(static_cast<std::uint32_t>(e.label + 1), p + 20);
  }
  file.insert(file.end(), pixels_.begin(), pixels_.end());
  if (version2) {
    const std::string text = nlohmann::json{{"classes", classes_}, {"captions", captions_}}.dump();
    file.insert(file.end(), text.begin(), text.end());
  }
  *this = PackWriter();
  return file;
}

}  // namespace halfmoon::training
