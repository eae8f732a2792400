// Any bytes as a JPEG file: see fuzz_picture.h. Being lenient, the reader goes on after wrong
// checksums and damaged data, so a fuzzer reaches what is behind them.
#include "codec/imageio/formats.h"
#include "tests/fuzz/fuzz_picture.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> file(data, size);
  if (halfmoon::imageio::HasJpegSignature(file)) halfmoon::fuzz::CheckPicture(file);
  return 0;
}
