// Pictures <-> tensors, for models that run on LibTorch. Internal.
#pragma once

#include <torch/torch.h>

#include "codec/tiling/float_picture.h"
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

}  // namespace halfmoon
