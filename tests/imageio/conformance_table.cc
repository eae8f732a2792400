// Writes docs/conformance.md: what the readers make of every file of the public test pictures.
//   conformance_table FOLDER docs/conformance.md
// The folder has the parts listed below. Fails when a part is missing or a file is not read, or
// refused, as its part says.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "codec/imageio/image_io.h"
#include "codec/io/atomic_file.h"

namespace {

using namespace halfmoon;  // NOLINT: a program
namespace fs = std::filesystem;

enum class Expect { kRead, kError, kRefused };

struct Part {
  const char* folder;
  const char* title;
  Expect expect;
};
constexpr Part kParts[] = {
    {"pngsuite/primary", "PngSuite: basic kinds, sizes, backgrounds, transparency", Expect::kRead},
    {"pngsuite/primary_check", "PngSuite: the same, recompressed", Expect::kRead},
    {"pngsuite/16bit", "PngSuite: 16 bit", Expect::kRead},
    {"pngsuite/unused", "PngSuite: gamma, filters, chunks, palettes", Expect::kRead},
    {"pngsuite/corrupt", "PngSuite: corrupt files", Expect::kError},
    {"pngsuite/iphone", "Apple's CgBI files, which are no PNG by the standard", Expect::kRefused},
    {"exif_orientation", "EXIF orientation examples", Expect::kRead},
    {"libjxl_testdata", "libjxl's test data", Expect::kRead},
};

bool AsExpected(const Status& status, Expect expect) {
  switch (expect) {
    case Expect::kRead: return status.ok();
    case Expect::kRefused: return status.code() == StatusCode::kUnsupportedFeature;
    case Expect::kError: break;
  }
  return status.code() == StatusCode::kCorrupt || status.code() == StatusCode::kTruncated ||
         status.code() == StatusCode::kNotHalfmoon;
}

std::string Colour(const Metadata& metadata) {
  switch (metadata.colour.source) {
    case FileColour::Source::kUnstated: return "unstated";
    case FileColour::Source::kSrgb: return "sRGB";
    case FileColour::Source::kIcc: return "ICC";
    case FileColour::Source::kGammaChroma:
      return metadata.icc.empty() ? "gAMA/cHRM: sRGB" : "gAMA/cHRM: profile made";
    case FileColour::Source::kCicp:
      return metadata.icc.empty() ? "cICP: sRGB" : "cICP: profile made";
    case FileColour::Source::kExif: return "EXIF: profile made";
  }
  return "";
}

std::string Row(const std::string& name, const Result<Image>& image, int orientation,
                const Warnings& warnings) {
  std::string row = "| " + name + " | ";
  if (!image.ok()) {
    std::string message = image.status().message();
    std::replace(message.begin(), message.end(), '|', '/');
    return row + "| | | | | " + std::string(StatusCodeName(image.status().code())) + ": " +
           message + " |\n";
  }
  constexpr const char* kChannels[] = {"", "grey", "grey + alpha", "RGB", "RGB + alpha"};
  const Metadata& metadata = image->metadata();
  row += std::to_string(image->width()) + " x " + std::to_string(image->height()) + " | " +
         kChannels[image->channels()] + " | " + std::to_string(image->bit_depth()) + " | " +
         (orientation != 1 ? std::to_string(orientation) + ", applied" : "") + " | " +
         Colour(metadata);
  if (!metadata.exif.empty()) row += ", EXIF";
  if (!metadata.xmp.empty()) row += ", XMP";
  row += " | ok";
  for (const Warning& warning : warnings) row += "; " + warning.text;
  return row + " |\n";
}

int Run(const fs::path& folder, const std::string& output) {
  std::string body, summary;
  int unexpected = 0;
  for (const Part& part : kParts) {
    std::vector<fs::path> files;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder / part.folder, error)) {
      const std::string ending = entry.path().extension().string();
      if (ending == ".png" || ending == ".jpg") files.push_back(entry.path());
    }
    if (files.empty()) {
      std::fprintf(stderr, "%s: no pictures\n", (folder / part.folder).c_str());
      return 1;
    }
    std::sort(files.begin(), files.end());
    body += std::string("\n## ") + part.title + "\n\n" +
            "| file | size | channels | bits | orientation | colour, metadata | result |\n"
            "|---|---|---|---|---|---|---|\n";
    int good = 0;
    for (const fs::path& file : files) {
      Warnings warnings;
      Result<Image> image = ReadImageFile(file.string(), {}, &warnings);
      const Result<ImageInfo> info = ReadImageInfoFile(file.string());
      const bool as_expected = AsExpected(image.status(), part.expect);
      good += as_expected;
      if (!as_expected) {
        ++unexpected;
        std::fprintf(stderr, "%s: not as expected: %s\n", file.c_str(),
                     image.status().message().c_str());
      }
      if (!image.ok()) {  // without the folder, which is this machine's
        const std::string prefix = file.string() + ": ";
        std::string message = image.status().message();
        if (message.rfind(prefix, 0) == 0) message.erase(0, prefix.size());
        image = Status(image.status().code(), message);
      }
      body += Row(file.filename().string(), image, info.ok() ? info->orientation : 1, warnings);
    }
    constexpr const char* kExpected[] = {"read", "an error", "refused by name"};
    summary += std::string("| ") + part.title + " | " + std::to_string(files.size()) + " | " +
               kExpected[static_cast<int>(part.expect)] + " | " + std::to_string(good) + " |\n";
  }
  const std::string text =
      "# Conformance of the picture readers\n\n"
      "Made by `build/release/tests/imageio/conformance_table FOLDER docs/conformance.md`; don't "
      "edit. The pictures\n"
      "are not part of the repository: PngSuite (Willem van Schaik; with the recompressed, 16-bit "
      "and Apple sets of\n"
      "stb_image's tests), the EXIF orientation examples (Dave Perrett) and libjxl's test data. "
      "`imageio_conformance_test`\n"
      "(label `shared-data`) compares the pixels with an independent decoder's. What becomes of "
      "them in\n"
      "`.hmn` files: [conformance-codec.md](conformance-codec.md).\n\n"
      "| part | files | expected | as expected |\n|---|---|---|---|\n" +
      summary + body;
  const Status written =
      WriteFile(output, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, true);
  if (!written.ok()) {
    std::fprintf(stderr, "%s\n", written.message().c_str());
    return 1;
  }
  return unexpected == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s FOLDER OUT.md\n", argv[0]);
    return 2;
  }
  return Run(argv[1], argv[2]);
}
