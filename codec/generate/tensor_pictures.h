// Pictures <-> tensors, for models that run on LibTorch. Internal.
#pragma once

#include <torch/torch.h>

#include "codec/families/picture_model.h"
#include "codec/tiling/window_pixels.h"
#include "halfmoon/image.h"
#include "halfmoon/status.h"

namespace halfmoon {

// [1, 3, H, W], a view of the picture's samples.
inline torch::Tensor ToTensor(const FloatPicture& x) {
  return torch::from_blob(
             const_cast<float*>(x.samples.data()),
             {1, static_cast<std::int64_t>(x.height), static_cast<std::int64_t>(x.width), 3})
      .permute({0, 3, 1, 2});
}

// A picture of that shape from [1, channels, H, W], 0 black and 1 white. Grey spreads over three
// channels.
inline Result<Image> ToImage(const torch::Tensor& x, const PictureShape& shape) {
  HALFMOON_ASSIGN_OR_RETURN(Image picture, Image::Create(shape));
  FloatPicture pixels(shape.width, shape.height);
  ToTensor(pixels).copy_(x);
  SamplesFromFloats(pixels, {0, 0, shape.width, shape.height}, shape, picture.stride(),
                    picture.samples().data());
  return picture;
}

// Of models of pictures of that shape, at most 64x64: one window, and one latent position.
inline ModelAttributes SmallPictureAttributes(const PictureShape& shape) {
  ModelAttributes a;
  a.stride = static_cast<int>(kTileAlignment);
  a.fixed_shape = shape;
  a.resident_bytes = std::uint64_t{280} << 20;  // LibTorch above all: measured 240 MB
  // Far above what they take.
  for (WindowNeeds* needs : {&a.analysis, &a.correction, &a.synthesis})
    needs->bytes_per_pixel = 4096;
  return a;
}

}  // namespace halfmoon
