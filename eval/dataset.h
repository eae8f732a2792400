// The pictures of a data set, as all codecs get them: 8-bit RGB. No codecs.
#pragma once

#include <string>
#include <vector>

#include "eval/evaluation.h"

namespace halfmoon::eval {

// The files that are named, and the PNG and JPEG files of the folders that are (not of folders in
// them, sorted by name), each once; only name, path and the hash of the bytes are set.
// Errors: kInvalidArgument when there are none, kIo (also of a file that is named).
Result<std::vector<DatasetPicture>> ListPictures(const std::vector<std::string>& paths);

// What to call a data set: the name of the folder or file, with that of the folder around it where
// it says nothing ("kodak/png"); of several, the first one's "and 2 more".
std::string DatasetTitle(const std::vector<std::string>& paths);

// A picture of any kind as codecs get it and as they are measured against. `note` (may be null)
// receives what was changed of it (metrics::ConversionNote). Errors: those of ReadImageFile.
Result<RgbPicture> ReadRgb(const std::string& path, std::string* note = nullptr);

}  // namespace halfmoon::eval
