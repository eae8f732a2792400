// The pictures of a data set, as all codecs get them: 8-bit RGB. No codecs.
#pragma once

#include <string>
#include <vector>

#include "eval/evaluation.h"
#include "halfmoon/image.h"

namespace halfmoon::eval {

// PNG and JPEG files of a folder (not of folders in it), sorted by name; only name, path and the
// hash of the bytes are set. Errors: kInvalidArgument when there are none, kIo.
Result<std::vector<DatasetPicture>> ListDataset(const std::string& folder);

// A picture as RGB, without its ICC profile: no codec shall pay for it.
Result<Image> ReadRgb(const std::string& path);

}  // namespace halfmoon::eval
