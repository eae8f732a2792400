#include "bitstream/alpha_plane.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>
#include <string>

#include "bitstream/metadata.h"

namespace halfmoon {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Numbers as in PNG, section 9 of the standard.
enum Filter : std::uint8_t { kNone, kSub, kUp, kAverage, kPaeth, kFilters };

// For the choice among candidates: quick, and ranks them nearly as the dense level does.
constexpr int kTrialLevel = 4;
// Below it every candidate is compressed densely: small planes are where a byte counts.
constexpr std::size_t kDenseTrialBytes = std::size_t{1} << 16;

std::uint8_t Paeth(int a, int b, int c) {
  const int p = a + b - c;
  const int pa = std::abs(p - a), pb = std::abs(p - b), pc = std::abs(p - c);
  return static_cast<std::uint8_t>(pa <= pb && pa <= pc ? a : pb <= pc ? b : c);
}

// What filter `f` expects at byte i of a row: from the bytes left of it (`row`), above (`up`) and
// above left. Outside the tile everything is 0.
std::uint8_t Predict(std::uint8_t f, const std::uint8_t* row, const std::uint8_t* up, std::size_t i,
                     std::size_t step) {
  const int left = i >= step ? row[i - step] : 0;
  const int above = up != nullptr ? up[i] : 0;
  const int corner = up != nullptr && i >= step ? up[i - step] : 0;
  switch (f) {
    case kSub: return static_cast<std::uint8_t>(left);
    case kUp: return static_cast<std::uint8_t>(above);
    case kAverage: return static_cast<std::uint8_t>((left + above) / 2);
    case kPaeth: return Paeth(left, above, corner);
    default: return 0;
  }
}

void FilterRow(std::uint8_t f, const std::uint8_t* row, const std::uint8_t* up, std::size_t bytes,
               std::size_t step, std::uint8_t* out) {
  for (std::size_t i = 0; i < bytes; ++i) {
    out[i] = static_cast<std::uint8_t>(row[i] - Predict(f, row, up, i, step));
  }
}

// libpng's heuristic: differences as signed numbers, the smallest sum wins.
std::uint64_t Roughness(const Bytes& filtered) {
  std::uint64_t sum = 0;
  for (const std::uint8_t b : filtered) sum += b < 128 ? b : 256u - b;
  return sum;
}

// All rows, each with its filter before it. filter == kFilters: the best of each row.
Bytes FilterPlane(std::uint8_t filter, std::span<const std::uint8_t> samples, std::size_t row_bytes,
                  std::size_t rows, std::size_t step) {
  Bytes out;
  out.reserve(rows * (row_bytes + 1));
  Bytes trial(row_bytes), best(row_bytes);
  for (std::size_t y = 0; y < rows; ++y) {
    const std::uint8_t* row = samples.data() + y * row_bytes;
    const std::uint8_t* up = y > 0 ? row - row_bytes : nullptr;
    std::uint8_t chosen = filter;
    if (filter < kFilters) {
      FilterRow(filter, row, up, row_bytes, step, best.data());
    } else {
      std::uint64_t least = ~std::uint64_t{0};
      for (std::uint8_t f = 0; f < kFilters; ++f) {
        FilterRow(f, row, up, row_bytes, step, trial.data());
        if (const std::uint64_t cost = Roughness(trial); cost < least) {
          least = cost;
          chosen = f;
          best.swap(trial);
        }
      }
    }
    out.push_back(chosen);
    out.insert(out.end(), best.begin(), best.end());
  }
  return out;
}

Result<Bytes> Encode(std::span<const std::uint8_t> samples, std::size_t row_bytes, std::size_t rows,
                     std::size_t step) {
  const bool dense = samples.size() <= kDenseTrialBytes;
  Bytes smallest;
  std::uint8_t winner = 0;
  for (std::uint8_t f = 0; f <= kFilters; ++f) {
    const Bytes plane = FilterPlane(f, samples, row_bytes, rows, step);
    HALFMOON_ASSIGN_OR_RETURN(Bytes block,
                              CompressBlock(plane, dense ? kMetadataLevel : kTrialLevel));
    if (f == 0 || block.size() < smallest.size()) {
      smallest = std::move(block);
      winner = f;
    }
  }
  if (dense) return smallest;
  HALFMOON_ASSIGN_OR_RETURN(
      Bytes block,
      CompressBlock(FilterPlane(winner, samples, row_bytes, rows, step), kMetadataLevel));
  return block.size() < smallest.size() ? std::move(block) : std::move(smallest);
}

Status Corrupt(const std::string& what) {
  return {StatusCode::kCorrupt, "alpha: " + what + "; the file is damaged, get a fresh copy"};
}

Status CheckArguments(std::uint32_t width, std::uint32_t height, int sample_bytes) {
  if (width > 0 && height > 0 && (sample_bytes == 1 || sample_bytes == 2)) return Status::Ok();
  return {StatusCode::kInvalidArgument,
          "alpha: " + std::to_string(width) + " x " + std::to_string(height) + " samples of " +
              std::to_string(sample_bytes) + " bytes; legal are sides from 1 and 1 or 2 bytes"};
}

Result<Bytes> Unfilter(std::span<const std::uint8_t> plane, std::size_t row_bytes, std::size_t rows,
                       std::size_t step) {
  Bytes samples(rows * row_bytes);
  for (std::size_t y = 0; y < rows; ++y) {
    const std::uint8_t filter = plane[y * (row_bytes + 1)];
    if (filter >= kFilters) {
      return Corrupt("row " + std::to_string(y) + " has filter " + std::to_string(filter) +
                     ", legal are 0..4");
    }
    const std::uint8_t* in = plane.data() + y * (row_bytes + 1) + 1;
    std::uint8_t* row = samples.data() + y * row_bytes;
    const std::uint8_t* up = y > 0 ? row - row_bytes : nullptr;
    for (std::size_t i = 0; i < row_bytes; ++i) {
      row[i] = static_cast<std::uint8_t>(in[i] + Predict(filter, row, up, i, step));
    }
  }
  return samples;
}

}  // namespace

Result<Bytes> EncodeAlpha(std::span<const std::uint8_t> samples, std::uint32_t width,
                          std::uint32_t height, int sample_bytes) {
  HALFMOON_RETURN_IF_ERROR(CheckArguments(width, height, sample_bytes));
  const std::uint64_t row_bytes = std::uint64_t{width} * static_cast<std::uint64_t>(sample_bytes);
  // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): CheckArguments has refused 0
  if (samples.size() / row_bytes != height || samples.size() % row_bytes != 0) {
    return Status(StatusCode::kInvalidArgument, "alpha: " + std::to_string(samples.size()) +
                                                    " bytes for " + std::to_string(height) +
                                                    " rows of " + std::to_string(row_bytes));
  }
  try {
    return Encode(samples, row_bytes, height, static_cast<std::size_t>(sample_bytes));
  } catch (const std::bad_alloc&) {
    return Status(
        StatusCode::kOutOfMemory,
        "alpha: no memory for " + std::to_string(samples.size()) + " bytes; use smaller tiles");
  }
}

Result<Bytes> DecodeAlpha(std::span<const std::uint8_t> payload, std::uint32_t width,
                          std::uint32_t height, int sample_bytes) {
  HALFMOON_RETURN_IF_ERROR(CheckArguments(width, height, sample_bytes));
  const std::uint64_t row_bytes = std::uint64_t{width} * static_cast<std::uint64_t>(sample_bytes);
  // Sides have 32 bits, so this needs more than 64 only for pictures beyond every limit.
  if (row_bytes + 1 > 0xFFFFFFFFu / height) {
    return Corrupt("a tile of " + std::to_string(width) + " x " + std::to_string(height) +
                   " samples has more bytes than a block can hold");
  }
  const std::uint64_t plane_bytes = (row_bytes + 1) * height;
  auto plane = DecompressBlock(payload, plane_bytes);
  if (!plane.ok()) {
    // More than the tile needs is damage here, not a limit that a user could raise.
    return plane.status().code() == StatusCode::kLimitExceeded
               ? Corrupt("the block declares more than the " + std::to_string(plane_bytes) +
                         " bytes of its tile")
               : plane.status().WithContext("alpha");
  }
  if (plane->size() != plane_bytes) {
    return Corrupt("the block holds " + std::to_string(plane->size()) + " bytes, its tile needs " +
                   std::to_string(plane_bytes));
  }
  try {
    return Unfilter(*plane, row_bytes, height, static_cast<std::size_t>(sample_bytes));
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "alpha: no memory for " + std::to_string(plane_bytes) +
                                                " bytes; free some memory");
  }
}

}  // namespace halfmoon
