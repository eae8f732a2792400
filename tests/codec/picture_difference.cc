// Prints the largest difference of a sample between two pictures: picture_difference A B.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "codec/imageio/image_io.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: picture_difference A B\n");
    return 2;
  }
  const auto a = halfmoon::ReadImageFile(argv[1]);
  const auto b = halfmoon::ReadImageFile(argv[2]);
  for (const auto* r : {&a, &b}) {
    if (!r->ok()) {
      std::fprintf(stderr, "%s\n", r->status().message().c_str());
      return 1;
    }
  }
  if (a->samples().size() != b->samples().size() || a->width() != b->width()) {
    std::fprintf(stderr, "the pictures differ in size or channels\n");
    return 1;
  }
  int worst = 0;
  for (std::size_t i = 0; i < a->samples().size(); ++i) {
    worst = std::max(worst, std::abs(int{a->samples()[i]} - int{b->samples()[i]}));
  }
  std::printf("%d\n", worst);
  return 0;
}
