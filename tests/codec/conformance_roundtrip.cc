// Writes docs/conformance-codec.md: every file of the public test pictures through .hmn and back.
//   conformance_roundtrip FOLDER MODELS_DIR MODEL docs/conformance-codec.md
// Fails unless every picture that can be read comes back with its size, channels, depth, alpha and
// metadata, and none that can't is compressed.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "codec/imageio/image_io.h"
#include "codec/io/atomic_file.h"
#include "halfmoon/decoder.h"
#include "halfmoon/encoder.h"

namespace {

using namespace halfmoon;  // NOLINT: a program
namespace fs = std::filesystem;

constexpr const char* kParts[] = {"pngsuite/primary", "pngsuite/primary_check", "pngsuite/16bit",
                                  "pngsuite/unused",  "pngsuite/corrupt",       "pngsuite/iphone",
                                  "exif_orientation", "libjxl_testdata"};

// The alpha samples as a grey picture.
Image AlphaOf(const Image& image) {
  Image alpha = *Image::Create(PictureShape{image.width(), image.height(), 1, image.bit_depth()});
  const std::size_t pixel = image.shape().bytes_per_pixel(), sample = image.bit_depth() / 8;
  for (std::uint32_t y = 0; y < image.height(); ++y) {
    for (std::uint32_t x = 0; x < image.width(); ++x) {
      std::memcpy(alpha.row(y) + x * sample, image.row(y) + (x + std::size_t{1}) * pixel - sample,
                  sample);
    }
  }
  return alpha;
}

// Bytes of the IDAT chunks' data.
std::uint64_t IdatBytes(const std::vector<std::uint8_t>& png) {
  std::uint64_t sum = 0;
  for (std::size_t at = 8; at + 12 <= png.size();) {
    const std::size_t size =
        (std::size_t{png[at]} << 24) | (png[at + 1] << 16) | (png[at + 2] << 8) | png[at + 3];
    if (std::memcmp(png.data() + at + 4, "IDAT", 4) == 0) sum += size;
    at += 12 + size;
  }
  return sum;
}

// PSNR of what is seen, 8-bit units; fully transparent pixels do not count.
double Psnr(const Image& a, const Image& b) {
  const std::uint32_t colours = a.shape().is_grey() ? 1 : 3;
  const auto at = [](const Image& i, std::uint32_t x, std::uint32_t y, std::uint32_t c) {
    const std::size_t k = std::size_t{x} * i.channels() + c;
    return i.bit_depth() == 16 ? i.row16(y)[k] / 65535.0 : i.row(y)[k] / 255.0;
  };
  double sum = 0, count = 0;
  for (std::uint32_t y = 0; y < a.height(); ++y) {
    for (std::uint32_t x = 0; x < a.width(); ++x) {
      if (a.has_alpha() && at(a, x, y, colours) == 0) continue;
      for (std::uint32_t c = 0; c < colours; ++c) {
        const double d = at(a, x, y, c) - at(b, x, y, c);
        sum += d * d;
        ++count;
      }
    }
  }
  return count == 0 || sum == 0 ? 99.0 : std::min(99.0, -10 * std::log10(sum / count));
}

struct Totals {
  int read = 0, good = 0, refused = 0;
  int with_alpha = 0, above_file = 0, above_idat = 0;
  std::uint64_t alpha = 0, png_file = 0, png_idat = 0;
};

std::string Fixed(double v, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, v);
  return text;
}

Result<std::string> RoundTrip(const Image& image, Encoder* encoder, Decoder* decoder,
                              Totals* totals) {
  EncodeStats stats;
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> file,
                            encoder->Encode(image.view(), &stats));
  HALFMOON_ASSIGN_OR_RETURN(const Image back, decoder->Decode(file));
  std::string row = std::to_string(file.size()) + " | " + Fixed(Psnr(image, back), 1) + " | ";
  std::string wrong;
  if (image.shape() != back.shape()) return Status(StatusCode::kInternal, "another shape");
  if (image.icc() != back.icc()) wrong += " ICC";
  if (image.metadata().exif != back.metadata().exif) wrong += " EXIF";
  if (image.metadata().xmp != back.metadata().xmp) wrong += " XMP";
  if (image.has_alpha()) {
    const Image alpha = AlphaOf(image), again = AlphaOf(back);
    if (!std::equal(alpha.samples().begin(), alpha.samples().end(), again.samples().begin()))
      wrong += " alpha";
    ImageWriteOptions smallest;
    smallest.png_level = 9;
    HALFMOON_ASSIGN_OR_RETURN(const auto png, WriteImage(alpha, ImageFormat::kPng, smallest));
    ++totals->with_alpha;
    totals->alpha += stats.alpha_bytes;
    totals->png_file += png.size();
    totals->png_idat += IdatBytes(png);
    totals->above_file += stats.alpha_bytes > png.size();
    totals->above_idat += stats.alpha_bytes > IdatBytes(png);
    row += std::to_string(stats.alpha_bytes) + " / " + std::to_string(IdatBytes(png));
  }
  if (!wrong.empty()) return Status(StatusCode::kInternal, "differs:" + wrong);
  return row;
}

int Run(const fs::path& folder, const EncodeOptions& encode, const std::string& output) {
  auto encoder = Encoder::Create(encode);
  DecodeOptions decode;
  decode.models_dir = encode.models_dir;
  auto decoder = Decoder::Create(decode);
  if (!encoder.ok() || !decoder.ok()) {
    std::fprintf(stderr, "%s\n",
                 (encoder.ok() ? decoder.status() : encoder.status()).message().c_str());
    return 1;
  }
  Totals t;
  std::string body;
  int wrong = 0;
  for (const char* part : kParts) {
    std::vector<fs::path> files;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder / part, error)) {
      const std::string ending = entry.path().extension().string();
      if (ending == ".png" || ending == ".jpg") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    if (files.empty()) {
      std::fprintf(stderr, "%s: no pictures\n", (folder / part).c_str());
      return 1;
    }
    body += std::string("\n## ") + part +
            "\n\n| file | kind | .hmn bytes | PSNR | alpha / IDAT | result |\n"
            "|---|---|---|---|---|---|\n";
    for (const fs::path& path : files) {
      body += "| " + path.filename().string() + " | ";
      const auto image = ReadImageFile(path.string());
      if (!image.ok()) {
        ++t.refused;
        body += "| | | | " + std::string(StatusCodeName(image.status().code())) + " |\n";
        continue;
      }
      ++t.read;
      constexpr const char* kChannels[] = {"", "grey", "grey + alpha", "RGB", "RGB + alpha"};
      body += std::to_string(image->width()) + " x " + std::to_string(image->height()) + ", " +
              kChannels[image->channels()] + ", " + std::to_string(image->bit_depth()) + " bit | ";
      const auto row = RoundTrip(*image, &*encoder, &*decoder, &t);
      if (row.ok()) {
        ++t.good;
        body += *row + " | ok |\n";
      } else {
        ++wrong;
        body += "| | | " + row.status().message() + " |\n";
        std::fprintf(stderr, "%s: %s\n", path.c_str(), row.status().message().c_str());
      }
    }
  }
  const std::string text =
      "# Conformance of the codec\n\n"
      "Made by `build/release/tests/codec/conformance_roundtrip FOLDER MODELS_DIR " +
      encode.model +
      " docs/conformance-codec.md`; don't edit.\nEvery file of [the test pictures](conformance.md) "
      "that "
      "can be read is compressed with quality " +
      Fixed(encode.quality, 0) +
      " and decompressed; it must\ncome back with its size, channels, depth, every alpha sample, "
      "and ICC, "
      "EXIF and XMP byte for byte. PSNR is in dB over the\npixels that are not fully transparent "
      "(99: "
      "equal). \"alpha / IDAT\": bytes of alpha in the file, and of the pixel data when "
      "libpng\nwrites the same "
      "samples as a grey PNG with level 9.\n\n"
      "| | |\n|---|---|\n"
      "| files read | " +
      std::to_string(t.read) + " |\n| of them back as they must be | " + std::to_string(t.good) +
      " |\n| files refused by the readers | " + std::to_string(t.refused) +
      " |\n| pictures with alpha | " + std::to_string(t.with_alpha) +
      " |\n| bytes of alpha; PNG's pixel data; whole PNG files | " + std::to_string(t.alpha) +
      "; " + std::to_string(t.png_idat) + "; " + std::to_string(t.png_file) +
      " |\n| alpha larger than the PNG file | " + std::to_string(t.above_file) +
      " |\n| alpha larger than the PNG's pixel data | " + std::to_string(t.above_idat) + " |\n" +
      body;
  const Status written =
      WriteFile(output, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, true);
  if (!written.ok()) std::fprintf(stderr, "%s\n", written.message().c_str());
  return wrong == 0 && written.ok() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: %s FOLDER MODELS_DIR MODEL OUT.md\n", argv[0]);
    return 2;
  }
  EncodeOptions encode;
  encode.models_dir = argv[2];
  encode.model = argv[3];
  encode.quality = 60;
  return Run(argv[1], encode, argv[4]);
}
