#include "codec/metrics/rgb_picture.h"

#include <algorithm>
#include <utility>

#include "codec/imageio/pixels.h"

namespace halfmoon::metrics {

Result<RgbPicture> RgbPicture::Create(std::uint32_t width, std::uint32_t height) {
  HALFMOON_ASSIGN_OR_RETURN(Image image, Image::Create(width, height, 3));
  return RgbPicture(std::move(image));
}

Result<RgbPicture> RgbPicture::From(const ImageView& picture) {
  HALFMOON_RETURN_IF_ERROR(picture.Validate());
  const PictureShape shape = picture.shape();
  HALFMOON_ASSIGN_OR_RETURN(
      Image image, Image::Create({shape.width, shape.height, 3, 8}, /*max_pixels=*/shape.pixels()));
  for (std::uint32_t y = 0; y < shape.height; ++y) {
    std::uint8_t* out = image.row(y);
    imageio::FlattenRow(shape, picture.row(y), kBackground, out);
    if (!shape.is_grey()) continue;
    for (std::size_t x = shape.width; x-- > 0;) std::fill_n(out + 3 * x, 3, out[x]);
  }
  return RgbPicture(std::move(image));
}

Result<RgbPicture> RgbPicture::From(Image picture) {
  if (picture.channels() != 3 || picture.bit_depth() != 8) return From(picture.view());
  picture.set_metadata({});
  return RgbPicture(std::move(picture));
}

std::string ConversionNote(const PictureShape& shape) {
  std::string note = shape.has_alpha() ? "transparency over mid-grey" : "";
  if (shape.bit_depth > 8) note += std::string(note.empty() ? "" : ", ") + "16 bits rounded to 8";
  return note;
}

Status CheckSameSize(const RgbPicture& a, const RgbPicture& b) {
  if (a.width() == b.width() && a.height() == b.height()) return Status::Ok();
  const auto size = [](const RgbPicture& p) {
    return std::to_string(p.width()) + "x" + std::to_string(p.height());
  };
  return {StatusCode::kInvalidArgument, "the pictures differ in size: " + size(a) + " and " +
                                            size(b) +
                                            "; only pictures of equal size can be compared"};
}

}  // namespace halfmoon::metrics
