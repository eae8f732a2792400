#include "codec/generate/picture_grid.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string>
#include <string_view>

#include "codec/imageio/image_io.h"

namespace halfmoon {
namespace {

// Small pictures are worth the time.
ImageWriteOptions PngOptions() {
  ImageWriteOptions options;
  options.png_level = 9;
  return options;
}

Status CheckPictures(const std::vector<Image>& pictures, const char* what) {
  if (pictures.empty()) return {StatusCode::kInvalidArgument, std::string(what) + ": no pictures"};
  for (const Image& p : pictures) {
    if (p.width() != pictures[0].width() || p.height() != pictures[0].height()) {
      return {StatusCode::kInvalidArgument, std::string(what) + ": pictures of different sizes"};
    }
    if (p.has_alpha() || p.bit_depth() != 8) {
      return {StatusCode::kInvalidArgument, std::string(what) + ": takes 8-bit grey or RGB"};
    }
  }
  return Status::Ok();
}

void PutBig32(std::uint32_t value, std::vector<std::uint8_t>* out) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out->push_back(static_cast<std::uint8_t>(value >> shift));
}

void PutBig16(std::uint32_t value, std::vector<std::uint8_t>* out) {
  out->push_back(static_cast<std::uint8_t>(value >> 8));
  out->push_back(static_cast<std::uint8_t>(value));
}

void PutChunk(std::string_view type, std::span<const std::uint8_t> data,
              std::vector<std::uint8_t>* out) {
  PutBig32(static_cast<std::uint32_t>(data.size()), out);
  const std::size_t start = out->size();
  out->insert(out->end(), type.begin(), type.end());
  out->insert(out->end(), data.begin(), data.end());
  const uLong crc = crc32(0, out->data() + start, static_cast<uInt>(out->size() - start));
  PutBig32(static_cast<std::uint32_t>(crc), out);
}

// Weights of the input samples that make up each output sample of one direction.
struct Taps {
  std::vector<std::size_t> first;
  std::vector<std::vector<double>> weights;
};

Taps MakeTaps(std::uint32_t from, std::uint32_t to) {
  Taps taps;
  const double scale = static_cast<double>(from) / to, radius = std::max(1.0, scale);
  for (std::uint32_t i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * scale - 0.5;
    const auto low = static_cast<std::int64_t>(std::ceil(centre - radius));
    const auto high = static_cast<std::int64_t>(std::floor(centre + radius));
    const std::int64_t first = std::clamp<std::int64_t>(low, 0, from - 1);
    const std::int64_t last = std::clamp<std::int64_t>(high, 0, from - 1);
    std::vector<double> w(static_cast<std::size_t>(last - first + 1), 0.0);
    double sum = 0;
    for (std::int64_t k = low; k <= high; ++k) {  // a triangle; what lies outside repeats the edge
      const double weight = std::max(0.0, 1 - std::abs(static_cast<double>(k) - centre) / radius);
      w[static_cast<std::size_t>(std::clamp(k, first, last) - first)] += weight;
      sum += weight;
    }
    for (double& v : w) v /= sum;
    taps.first.push_back(static_cast<std::size_t>(first));
    taps.weights.push_back(std::move(w));
  }
  return taps;
}

}  // namespace

Result<Image> PictureGrid(const std::vector<Image>& pictures, std::uint32_t columns,
                          std::uint32_t gap) {
  HALFMOON_RETURN_IF_ERROR(CheckPictures(pictures, "grid"));
  if (pictures.size() == 1) return pictures[0].Clone();
  const bool rgb = std::any_of(pictures.begin(), pictures.end(),
                               [](const Image& p) { return p.channels() == 3; });
  const std::uint32_t channels = rgb ? 3 : 1, w = pictures[0].width(), h = pictures[0].height();
  const auto count = static_cast<std::uint32_t>(pictures.size());
  const std::uint32_t across = std::min(columns, count), down = (count + columns - 1) / columns;
  HALFMOON_RETURN_IF_ERROR(CheckImageSize(std::uint64_t{across} * (w + gap) + gap,
                                          std::uint64_t{down} * (h + gap) + gap));
  HALFMOON_ASSIGN_OR_RETURN(
      Image grid, Image::Create(across * (w + gap) + gap, down * (h + gap) + gap, channels));
  std::fill(grid.samples().begin(), grid.samples().end(), std::uint8_t{255});
  for (std::uint32_t i = 0; i < count; ++i) {
    const Image& p = pictures[i];
    const std::uint32_t left = i % columns * (w + gap) + gap, top = i / columns * (h + gap) + gap;
    for (std::uint32_t y = 0; y < h; ++y) {
      std::uint8_t* to = grid.row(top + y) + std::size_t{left} * channels;
      const std::uint8_t* from = p.row(y);
      for (std::uint32_t x = 0; x < w; ++x) {
        for (std::uint32_t c = 0; c < channels; ++c) {
          *to++ = from[x * p.channels() + (p.channels() == 1 ? 0 : c)];
        }
      }
    }
  }
  return grid;
}

Result<std::vector<std::uint8_t>> AnimatedPng(const std::vector<Image>& frames, int delay_ms) {
  HALFMOON_RETURN_IF_ERROR(CheckPictures(frames, "animation"));
  if (delay_ms < 1 || delay_ms > 65535) {
    return Status(StatusCode::kInvalidArgument, "animation: delay must be 1 to 65535 ms");
  }
  for (const Image& f : frames) {
    if (f.channels() != frames[0].channels()) {
      return Status(StatusCode::kInvalidArgument, "animation: grey and colour frames are mixed");
    }
  }
  // Each frame's packed pixels come from an ordinary PNG of it; only the chunks around them change.
  std::vector<std::uint8_t> out;
  std::uint32_t sequence = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> png,
                              WriteImage(frames[i], ImageFormat::kPng, PngOptions()));
    constexpr std::size_t kSignature = 8;
    if (i == 0) out.assign(png.begin(), png.begin() + kSignature);
    std::vector<std::uint8_t> control;
    PutBig32(sequence++, &control);
    PutBig32(frames[i].width(), &control);
    PutBig32(frames[i].height(), &control);
    PutBig32(0, &control);  // x and y offset
    PutBig32(0, &control);
    PutBig16(static_cast<std::uint32_t>(delay_ms), &control);
    PutBig16(1000, &control);
    control.push_back(0);  // leave the frame as it is; replace, do not blend
    control.push_back(0);
    bool controlled = false;
    for (std::size_t at = kSignature; at + 12 <= png.size();) {
      const std::size_t size = std::size_t{png[at]} << 24 | std::size_t{png[at + 1]} << 16 |
                               std::size_t{png[at + 2]} << 8 | png[at + 3];
      const std::string_view type(reinterpret_cast<const char*>(png.data() + at + 4), 4);
      const std::span data(png.data() + at + 8, size);
      if (type == "IDAT") {
        if (!controlled) PutChunk("fcTL", control, &out);
        controlled = true;
        if (i == 0) {
          PutChunk("IDAT", data, &out);
        } else {
          std::vector<std::uint8_t> body;
          PutBig32(sequence++, &body);
          body.insert(body.end(), data.begin(), data.end());
          PutChunk("fdAT", body, &out);
        }
      } else if (i == 0 && type != "IEND") {
        PutChunk(type, data, &out);
        if (type == "IHDR") {
          std::vector<std::uint8_t> animation;
          PutBig32(static_cast<std::uint32_t>(frames.size()), &animation);
          PutBig32(0, &animation);  // for ever
          PutChunk("acTL", animation, &out);
        }
      }
      at += size + 12;
    }
  }
  PutChunk("IEND", {}, &out);
  return out;
}

Result<Image> Enlarge(const Image& picture, std::uint32_t factor) {
  HALFMOON_RETURN_IF_ERROR(CheckImageSize(std::uint64_t{picture.width()} * factor,
                                          std::uint64_t{picture.height()} * factor));
  HALFMOON_ASSIGN_OR_RETURN(
      Image out,
      Image::Create(picture.width() * factor, picture.height() * factor, picture.channels()));
  const std::uint32_t channels = picture.channels();
  for (std::uint32_t y = 0; y < out.height(); ++y) {
    const std::uint8_t* from = picture.row(y / factor);
    std::uint8_t* to = out.row(y);
    for (std::uint32_t x = 0; x < out.width(); ++x) {
      std::memcpy(to + std::size_t{x} * channels, from + std::size_t{x / factor} * channels,
                  channels);
    }
  }
  return out;
}

Result<Image> FitTo(const ImageView& picture, const PictureShape& shape) {
  if (picture.bit_depth != 8) {
    return Status(StatusCode::kUnsupportedFeature,
                  "pictures of 16 bits can't be resized; convert to 8 bit");
  }
  HALFMOON_ASSIGN_OR_RETURN(Image out, Image::Create(shape));
  const std::uint32_t colours = picture.channels <= 2 ? 1 : 3, channels = out.channels();
  const Taps xs = MakeTaps(picture.width, shape.width), ys = MakeTaps(picture.height, shape.height);
  // First across, keeping all rows, then down.
  std::vector<double> rows(std::size_t{picture.height} * shape.width * channels);
  std::vector<double> line(std::size_t{picture.width} * channels);
  for (std::uint32_t y = 0; y < picture.height; ++y) {
    const std::uint8_t* p = picture.row(y);
    for (std::uint32_t x = 0; x < picture.width; ++x, p += picture.channels) {
      const double alpha = picture.has_alpha() ? p[colours] / 255.0 : 1;
      std::array<double, 3> c{};
      for (std::uint32_t k = 0; k < 3; ++k)
        c[k] = p[colours == 1 ? 0 : k] * alpha + 255 * (1 - alpha);
      for (std::uint32_t k = 0; k < channels; ++k) {
        line[std::size_t{x} * channels + k] = channels == 3 ? c[k] : (c[0] + c[1] + c[2]) / 3;
      }
    }
    for (std::uint32_t x = 0; x < shape.width; ++x) {
      for (std::uint32_t k = 0; k < channels; ++k) {
        double sum = 0;
        for (std::size_t i = 0; i < xs.weights[x].size(); ++i) {
          sum += xs.weights[x][i] * line[(xs.first[x] + i) * channels + k];
        }
        rows[(std::size_t{y} * shape.width + x) * channels + k] = sum;
      }
    }
  }
  const std::size_t row_size = std::size_t{shape.width} * channels;
  for (std::uint32_t y = 0; y < shape.height; ++y) {
    for (std::size_t x = 0; x < row_size; ++x) {
      double sum = 0;
      for (std::size_t i = 0; i < ys.weights[y].size(); ++i) {
        sum += ys.weights[y][i] * rows[(ys.first[y] + i) * row_size + x];
      }
      out.row(y)[x] = static_cast<std::uint8_t>(std::clamp(std::lround(sum), 0L, 255L));
    }
  }
  return out;
}

}  // namespace halfmoon
