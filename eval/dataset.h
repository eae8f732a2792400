// The pictures of a data set, as all codecs get them: 8-bit RGB. No codecs.
#pragma once

#include <string>
#include <vector>

#include "eval/evaluation.h"

namespace halfmoon::eval {

// PNG and JPEG files of a folder (not of folders in it), sorted by name; only name, path and the
// hash of the bytes are set. Errors: kInvalidArgument when there are none, kIo.
Result<std::vector<DatasetPicture>> ListDataset(const std::string& folder);

// A picture of any kind as codecs get it and as they are measured against. `note` (may be null)
// receives what was changed of it (metrics::ConversionNote). Errors: those of ReadImageFile.
Result<RgbPicture> ReadRgb(const std::string& path, std::string* note = nullptr);

}  // namespace halfmoon::eval
