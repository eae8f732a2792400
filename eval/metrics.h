// Distortion between two pictures, on 8-bit samples. std only.
#pragma once

#include "halfmoon/image.h"
#include "halfmoon/status.h"

namespace halfmoon::eval {

// PSNR in dB of the mean squared error over all samples of all channels, peak 255; infinity for
// equal pictures. Errors: kInvalidArgument when sizes or channels differ.
Result<double> Psnr(const ImageView& a, const ImageView& b);

}  // namespace halfmoon::eval
