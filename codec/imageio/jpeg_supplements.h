// What a JPEG file holds beside its picture, behind the picture's end: gain maps of HDR pictures,
// further pictures (MPF), the films of motion photos. Internal to codec/imageio; must not include
// libjpeg.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "codec/imageio/warning.h"

namespace halfmoon::imageio {

// The number of bytes up to and with the end-of-image marker of the JPEG that begins at the first
// byte; 0 when there is none. Walks over segments, and over packed data by its markers alone.
std::size_t JpegBytes(std::span<const std::uint8_t> file);

// Warns of what is lost with the bytes behind the picture, each kind by its name, and makes the XMP
// packet true where it promises that. Padding is no loss.
void DropSupplements(std::span<const std::uint8_t> file, std::span<std::uint8_t> xmp,
                     Warnings* warnings);

}  // namespace halfmoon::imageio
