// Numbers over a picture or a grid, laid out so that vectors need no care at the edges. std only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

#include "models/overfitted/architecture.h"

namespace halfmoon::overfitted {

// Zeroed floats, aligned to 64 bytes. May throw std::bad_alloc.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t size)
      : data_(new (std::align_val_t{64}) float[size]()), size_(size) {}

  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  float& operator[](std::size_t i) { return data_[i]; }
  float operator[](std::size_t i) const { return data_[i]; }
  void Clear() { std::fill_n(data_.get(), size_, 0.0F); }

 private:
  struct Delete {
    void operator()(float* p) const { ::operator delete[](p, std::align_val_t{64}); }
  };
  std::unique_ptr<float[], Delete> data_;
  std::size_t size_ = 0;
};

// Rows lie behind one another with three columns between them, which belong to the row before (on
// its right) and to the row behind (on its left). So position (y, x) is number y * stride + x, a
// neighbour is always the same number away, and a plane can be walked through in blocks that know
// nothing of rows.
struct PlaneShape {
  int width = 0, height = 0;
  std::size_t stride = 0;  // width + kReach
  std::size_t lead = 0;    // floats ahead of position 0: three rows and columns, whole vectors
  std::size_t count = 0;   // height * stride
  std::size_t size = 0;    // of a buffer: as many rows behind, and a block that may be overrun

  PlaneShape() = default;
  PlaneShape(int w, int h)
      : width(w),
        height(h),
        stride(static_cast<std::size_t>(w) + kReach),
        lead((kReach * stride + kReach + 15) / 16 * 16),
        count(static_cast<std::size_t>(h) * stride),
        size((lead + count + kReach * stride + 256 + 15) / 16 * 16) {}
};

class Plane {
 public:
  Plane() = default;
  explicit Plane(const PlaneShape& shape) : shape_(shape), buffer_(shape.size) {}

  const PlaneShape& shape() const { return shape_; }
  // Position (0, 0).
  float* at() { return buffer_.data() + shape_.lead; }
  const float* at() const { return buffer_.data() + shape_.lead; }
  float* row(int y) { return at() + static_cast<std::size_t>(y) * shape_.stride; }
  const float* row(int y) const { return at() + static_cast<std::size_t>(y) * shape_.stride; }

  void Clear() { buffer_.Clear(); }

  // Makes everything 0 that belongs to no position: ahead of row `from`, between rows, and behind
  // the last row when `to` is the height.
  void ClearBeside(int from, int to) {
    if (from == 0) std::fill(buffer_.data(), at(), 0.0F);
    for (int y = from; y < to; ++y) std::fill_n(row(y) + shape_.width, kReach, 0.0F);
    if (to == shape_.height) std::fill(at() + shape_.count, buffer_.data() + buffer_.size(), 0.0F);
  }

 private:
  PlaneShape shape_;
  Buffer buffer_;
};

}  // namespace halfmoon::overfitted
