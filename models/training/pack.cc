#include "models/training/pack.h"

#include <cstring>
#include <fstream>

namespace halfmoon::training {
namespace {

constexpr char kMagic[8] = {'H', 'M', 'N', 'P', 'A', 'C', 'K', '1'};
constexpr std::size_t kHeaderSize = 16, kEntrySize = 24;
constexpr std::uint32_t kMaxSide = 65535;

template <typename T>
T LoadLittle(const std::uint8_t* p) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(static_cast<T>(p[i]) << (8 * i));
  return value;
}

template <typename T>
void StoreLittle(T value, std::uint8_t* p) {
  for (std::size_t i = 0; i < sizeof(T); ++i) p[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

}  // namespace

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
    return Status(StatusCode::kCorrupt, path + ": " + what + "; make it again with 'halfmoon pack'");
  };
  if (pack.bytes.size() < kHeaderSize || std::memcmp(pack.bytes.data(), kMagic, sizeof kMagic) != 0) {
    return corrupt("not a pixel pack (no HMNPACK1 at the start)");
  }
  const auto count = LoadLittle<std::uint32_t>(pack.bytes.data() + 8);
  if (count > (pack.bytes.size() - kHeaderSize) / kEntrySize) return corrupt("directory is cut off");
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint8_t* p = pack.bytes.data() + kHeaderSize + std::size_t{i} * kEntrySize;
    PackEntry e;
    e.width = LoadLittle<std::uint32_t>(p);
    e.height = LoadLittle<std::uint32_t>(p + 4);
    e.offset = LoadLittle<std::uint64_t>(p + 8);
    e.validation = (LoadLittle<std::uint32_t>(p + 16) & 1) != 0;
    const bool sides = e.width >= 1 && e.height >= 1 && e.width <= kMaxSide && e.height <= kMaxSide;
    const std::uint64_t size = std::uint64_t{e.width} * e.height * 3;
    if (!sides || e.offset > pack.bytes.size() || size > pack.bytes.size() - e.offset) {
      return corrupt("picture " + std::to_string(i) + " lies outside the file");
    }
    pack.entries.push_back(e);
  }
  return pack;
}

Status PackWriter::Add(std::uint32_t width, std::uint32_t height, std::span<const std::uint8_t> rgb,
                       bool validation) {
  if (rgb.size() != std::size_t{width} * height * 3) {
    return {StatusCode::kInvalidArgument, "pack: picture size and pixel count differ"};
  }
  entries_.push_back({width, height, pixels_.size(), validation});
  pixels_.insert(pixels_.end(), rgb.begin(), rgb.end());
  return Status::Ok();
}

std::vector<std::uint8_t> PackWriter::Finish() {
  const std::size_t base = kHeaderSize + entries_.size() * kEntrySize;
  std::vector<std::uint8_t> file(base, 0);
  std::memcpy(file.data(), kMagic, sizeof kMagic);
  StoreLittle(static_cast<std::uint32_t>(entries_.size()), file.data() + 8);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    std::uint8_t* p = file.data() + kHeaderSize + i * kEntrySize;
    StoreLittle(entries_[i].width, p);
    StoreLittle(entries_[i].height, p + 4);
    StoreLittle(static_cast<std::uint64_t>(base + entries_[i].offset), p + 8);
    StoreLittle(static_cast<std::uint32_t>(entries_[i].validation ? 1 : 0), p + 16);
  }
  file.insert(file.end(), pixels_.begin(), pixels_.end());
  entries_.clear();
  pixels_.clear();
  return file;
}

}  // namespace halfmoon::training
