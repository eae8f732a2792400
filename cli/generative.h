// What the commands of generative models share: codes from the command line, pictures to files.
#pragma once

#include <string>
#include <vector>

#include "halfmoon/generator.h"
#include "halfmoon/image.h"
#include "halfmoon/status.h"

namespace halfmoon::cli {

// "8x4": columns and rows, each 1..256. Errors: kInvalidArgument.
struct GridSize {
  std::uint32_t columns = 0, rows = 0;
};
Result<GridSize> ParseGrid(const std::string& text);

// A picture file as the model takes it. Errors: those of reading it; kInvalidArgument naming
// --resize when it has another size, or colour where the model is grey, and not `resize`.
Result<Image> ReadFitting(const Generator& generator, const std::string& path, bool resize);

// The code of a picture (its posterior mean), of a .hmn file of this model, or, when `text` is a
// whole number and no file of that name exists, of a seed. Errors: those of reading it.
Result<std::vector<float>> ReadCode(Generator& generator, const std::string& text, bool resize);

// DIR/PREFIX-000.png and so on; the folder is made when missing. An existing file is kept unless
// `force`.
Status WritePictures(const std::string& directory, const std::string& prefix,
                     const std::vector<Image>& pictures, bool force);

// Grid of the pictures, enlarged so that small ones can be seen, as a PNG file.
Status WriteGrid(const std::string& path, const std::vector<Image>& pictures, std::uint32_t columns,
                 std::uint32_t enlarge, bool force);

}  // namespace halfmoon::cli
