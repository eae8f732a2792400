// JPEG <-> Image by libjpeg-turbo. Internal to codec/imageio; callers use image_io.h. No libjpeg
// type here.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "codec/imageio/image_io.h"

namespace halfmoon::imageio {

// All errors and options as in image_io.h. May throw std::bad_alloc.
bool HasJpegSignature(std::span<const std::uint8_t> bytes);
Result<ImageInfo> ReadJpegInfo(std::span<const std::uint8_t> bytes,
                               const ImageReadOptions& options);
Result<Image> ReadJpeg(std::span<const std::uint8_t> bytes, const ImageReadOptions& options,
                       std::vector<std::string>* warnings);

// REQUIRES: image and options are valid.
Result<std::vector<std::uint8_t>> WriteJpeg(const ImageView& image,
                                            const ImageWriteOptions& options,
                                            std::vector<std::string>* warnings);

}  // namespace halfmoon::imageio
