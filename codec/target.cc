#include "halfmoon/target.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>

#include "bitstream/limits.h"

namespace halfmoon {
namespace {

// A search over Q, 0..kMaxQuality, for a measure that rises with it, but for small dents.
class Search {
 public:
  // Encodes at Q and returns the measure.
  using Evaluate = std::function<Result<double>(int q, TargetedFile* made)>;

  Search(double target, double tolerance, Evaluate evaluate)
      : target_(target), tolerance_(tolerance), evaluate_(std::move(evaluate)) {}

  double lowest() const { return at_low_; }
  double highest() const { return at_high_; }

  // The last Q whose measure is at most the target; the measure at Q = 0 may be above it.
  Result<bool> FromBelow() { return Run(true); }
  // The first Q whose measure is at least the target; the measure at the highest Q may be below it.
  Result<bool> FromAbove() { return Run(false); }

  TargetedFile Take() {
    best_.encodes = encodes_;
    return std::move(best_);
  }

 private:
  // False: out of range. Keeps measure(low) <= target <= measure(high); `best_` is that of the end
  // that will be taken.
  Result<bool> Run(bool below) {
    int low = 0, high = kMaxQuality;
    HALFMOON_ASSIGN_OR_RETURN(at_low_, Try(low));
    TargetedFile first = std::move(made_);
    HALFMOON_ASSIGN_OR_RETURN(at_high_, Try(high));
    TargetedFile last = std::move(made_);
    if (below ? at_low_ > target_ : at_high_ < target_) return false;
    if (below ? at_high_ <= target_ : at_low_ >= target_) {
      best_ = std::move(below ? last : first);
      return true;
    }
    best_ = std::move(below ? first : last);
    double m_low = at_low_, m_high = at_high_;
    // False position on the side that counts, aimed at the middle of what is accepted; a bisection
    // whenever two steps did not halve the interval.
    int width_before = high - low;
    for (int step = 0; high - low > 1; ++step) {
      if (below ? target_ - m_low <= tolerance_ : m_high - target_ <= tolerance_) break;
      int q = (low + high) / 2;
      const bool slow = step % 2 == 1 && high - low > width_before / 2;
      if (step % 2 == 1) width_before = high - low;
      if (!slow && m_high > m_low) {
        const double aim = target_ + (below ? -0.5 : 0.5) * tolerance_;
        q = low + static_cast<int>(std::lround((aim - m_low) / (m_high - m_low) * (high - low)));
      }
      q = std::clamp(q, low + 1, high - 1);
      HALFMOON_ASSIGN_OR_RETURN(const double m, Try(q));
      const bool is_low = below ? m <= target_ : m < target_;
      if (is_low == below) best_ = std::move(made_);
      (is_low ? low : high) = q;
      (is_low ? m_low : m_high) = m;
    }
    return true;
  }

  Result<double> Try(int q) {
    ++encodes_;
    made_ = {};
    made_.quality = 100.0 * q / kMaxQuality;
    return evaluate_(q, &made_);
  }

  double target_, tolerance_;
  Evaluate evaluate_;
  TargetedFile best_, made_;
  double at_low_ = 0, at_high_ = 0;
  int encodes_ = 0;
};

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", value < 10 ? 4 : 2, value);
  return text;
}

}  // namespace

Result<TargetedFile> EncodeToSize(Encoder& encoder, const ImageView& image,
                                  std::uint64_t max_bytes) {
  // In logarithms the tolerance is the same at all sizes, and sizes are nearly straight in Q.
  Search search(std::log(static_cast<double>(max_bytes)), std::log(1 / 0.99),
                [&](int, TargetedFile* made) -> Result<double> {
                  HALFMOON_ASSIGN_OR_RETURN(made->file,
                                            encoder.Encode(image, made->quality, &made->stats));
                  made->reached = static_cast<double>(made->file.size());
                  return std::log(made->reached);
                });
  HALFMOON_ASSIGN_OR_RETURN(const bool found, search.FromBelow());
  if (found) return search.Take();
  const auto bytes = [](double logarithm) {
    return std::to_string(std::llround(std::exp(logarithm)));
  };
  return Status(StatusCode::kInvalidArgument,
                "this picture can't be made as small as " + std::to_string(max_bytes) +
                    " bytes; it takes " + bytes(search.lowest()) + " to " +
                    bytes(search.highest()) + " bytes with this model");
}

Result<TargetedFile> EncodeToFidelity(Encoder& encoder, Decoder& decoder, const ImageView& image,
                                      double target, double tolerance,
                                      const FidelityMetric& metric) {
  Search search(target, tolerance, [&](int, TargetedFile* made) -> Result<double> {
    HALFMOON_ASSIGN_OR_RETURN(made->file, encoder.Encode(image, made->quality, &made->stats));
    HALFMOON_ASSIGN_OR_RETURN(const Image decoded, decoder.Decode(made->file));
    HALFMOON_ASSIGN_OR_RETURN(made->reached, metric(image, decoded.view()));
    return made->reached;
  });
  HALFMOON_ASSIGN_OR_RETURN(const bool found, search.FromAbove());
  if (found) return search.Take();
  return Status(StatusCode::kInvalidArgument,
                Number(target) +
                    " can't be reached for this picture with this model, which gives " +
                    Number(search.lowest()) + " to " + Number(search.highest()));
}

}  // namespace halfmoon
