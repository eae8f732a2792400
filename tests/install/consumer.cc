// Uses the installed headers and libraries only. Exits with 0 when they behave.
#include <array>
#include <cstdint>
#include <cstdio>

#include "halfmoon/status.h"

#ifdef HAVE_CODEC
#include "halfmoon/decoder.h"
#include "halfmoon/encoder.h"
#include "halfmoon/image.h"

// README.md's.
halfmoon::Result<halfmoon::Image> ThereAndBack(const halfmoon::ImageView& picture);
#endif

int main() {
#ifdef HAVE_CODEC
  const std::array<std::uint8_t, 4> bytes = {1, 2, 3, 4};
  const auto info = halfmoon::ReadInfo(bytes);
  if (info.ok() || info.status().code() != halfmoon::StatusCode::kNotHalfmoon) return 1;
  if (halfmoon::EncodeOptions{.quality = 101}.Validate().ok()) return 2;
  auto image = halfmoon::Image::Create(3, 2, 3);
  if (!image.ok() || image->samples().size() != 18) return 3;
  const auto back = ThereAndBack(image->view());
  if (!back.ok()) {
    std::printf("%s\n", back.status().message().c_str());
    return 5;
  }
  if (back->width() != 3 || back->height() != 2 || back->channels() != 3) return 6;
#endif
  const auto name = halfmoon::StatusCodeName(halfmoon::StatusCode::kCorrupt);
  std::printf("%.*s\n", static_cast<int>(name.size()), name.data());
  return name == "corrupt" ? 0 : 4;
}
