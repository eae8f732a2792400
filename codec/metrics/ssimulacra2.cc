#include "codec/metrics/ssimulacra2.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "codec/metrics/recursive_gaussian.h"

namespace halfmoon::metrics {
namespace {

constexpr int kScales = 6;
// The definition stops halving below 8 pixels, and its weights belong to six scales: smaller
// pictures have no score.
constexpr std::size_t kMinSide = 7 * 16 + 1;
constexpr float kC2 = 0.0009f;  // SSIM's second constant, for samples of about 0..1

// --- XYB: cube roots of cone responses ----------------------------------------------------------

// Of linear sRGB, from JPEG XL's definition of XYB; each row sums to one.
constexpr float kAbsorbance[3][3] = {
    {0.30f, 0.622f, 0.078f},
    {0.23f, 0.692f, 0.078f},
    {0.24342268924547819f, 0.20476744424496821f, 0.55180986650955360f},
};
constexpr float kBias = 0.0037930732552754493f;

double Linear(double srgb) {  // IEC 61966-2-1, 0..1
  return srgb <= 0.04045 ? srgb / 12.92 : std::pow((srgb + 0.055) / 1.055, 2.4);
}

// Three planes of single precision (see RecursiveGaussian for why).
struct Planes {
  Planes(std::size_t w, std::size_t h) : width(w), height(h) {
    for (auto& p : plane) p.resize(w * h);
  }
  std::size_t width, height;
  std::array<std::vector<float>, 3> plane;
};

Planes ToLinear(const RgbPicture& picture) {
  std::array<float, 256> linear;
  for (int i = 0; i < 256; ++i) linear[i] = static_cast<float>(Linear(i / 255.0));
  Planes out(picture.width(), picture.height());
  for (std::uint32_t y = 0; y < picture.height(); ++y) {
    const std::uint8_t* p = picture.row(y);
    const std::size_t row = std::size_t{y} * picture.width();
    for (std::uint32_t x = 0; x < picture.width(); ++x, p += 3) {
      for (std::uint32_t c = 0; c < 3; ++c) out.plane[c][row + x] = linear[p[c]];
    }
  }
  return out;
}

// X, Y and B - Y, scaled and shifted to about 0..1, so that SSIM meets no negative samples.
Planes ToPositiveXyb(const Planes& rgb) {
  const float root_of_bias = std::cbrt(kBias);
  Planes out(rgb.width, rgb.height);
  for (std::size_t i = 0; i < rgb.plane[0].size(); ++i) {
    float cone[3];
    for (int k = 0; k < 3; ++k) {
      const float* m = kAbsorbance[k];
      const float response =
          m[0] * rgb.plane[0][i] + m[1] * rgb.plane[1][i] + m[2] * rgb.plane[2][i];
      cone[k] = std::cbrt(response + kBias) - root_of_bias;
    }
    const float luma = 0.5f * (cone[0] + cone[1]);
    out.plane[0][i] = 0.5f * (cone[0] - cone[1]) * 14.0f + 0.42f;
    out.plane[1][i] = luma + 0.01f;
    out.plane[2][i] = cone[2] - luma + 0.55f;
  }
  return out;
}

// Means of 2x2 pixels; the last row and column of an odd side are repeated.
Planes Halve(const Planes& in) {
  Planes out((in.width + 1) / 2, (in.height + 1) / 2);
  for (int c = 0; c < 3; ++c) {
    for (std::size_t y = 0; y < out.height; ++y) {
      const float* top = in.plane[c].data() + 2 * y * in.width;
      const float* bottom = in.plane[c].data() + std::min(2 * y + 1, in.height - 1) * in.width;
      for (std::size_t x = 0; x < out.width; ++x) {
        const std::size_t right = std::min(2 * x + 1, in.width - 1);
        out.plane[c][y * out.width + x] =
            (top[2 * x] + top[right] + bottom[2 * x] + bottom[right]) * 0.25f;
      }
    }
  }
  return out;
}

// --- The error maps ------------------------------------------------------------------------------

// Mean and 4-norm of each error map of one channel at one scale.
struct Norms {
  // [0]: mean, [1]: fourth root of the mean fourth power; of: 1 - SSIM; edges that the distorted
  // picture has and the original lacks (ringing, blocks); edges that got lost (blur).
  std::array<std::array<double, 3>, 2> of{};
};

// Buffers of one picture's calculation, kept from scale to scale.
struct Workspace {
  RecursiveGaussian window{1.5};
  std::vector<float> product, a, b, aa, bb, ab;

  // out = the windowed mean of p * q; of p alone when q is null.
  void Mean(const std::vector<float>& p, const std::vector<float>* q, const Planes& size,
            std::vector<float>* out) {
    out->resize(p.size());
    product.resize(p.size());
    if (q) {
      for (std::size_t i = 0; i < p.size(); ++i) product[i] = p[i] * (*q)[i];
    }
    window.Blur(q ? product.data() : p.data(), size.width, size.height, out->data());
  }
};

Norms NormsOfScale(const Planes& original, const Planes& distorted, int channel, Workspace* w) {
  const std::vector<float>&p = original.plane[channel], &q = distorted.plane[channel];
  w->Mean(p, nullptr, original, &w->a);
  w->Mean(q, nullptr, original, &w->b);
  w->Mean(p, &p, original, &w->aa);
  w->Mean(q, &q, original, &w->bb);
  w->Mean(p, &q, original, &w->ab);
  Norms norms;
  auto add = [&](double error, int map) {
    norms.of[0][map] += error;
    norms.of[1][map] += (error * error) * (error * error);
  };
  for (std::size_t i = 0; i < p.size(); ++i) {
    const float a = w->a[i], b = w->b[i];
    // SSIM divides this by the squared means; the samples are perceptually uniform already.
    const float luminance = 1.0f - (a - b) * (a - b);
    const float covariance = 2.0f * (w->ab[i] - a * b) + kC2;
    const float variances = (w->aa[i] - a * a) + (w->bb[i] - b * b) + kC2;
    add(std::max(0.0, 1.0 - double{luminance * covariance / variances}), 0);
    const double edge = (1.0 + std::abs(q[i] - b)) / (1.0 + std::abs(p[i] - a)) - 1.0;
    add(std::max(0.0, edge), 1);
    add(std::max(0.0, -edge), 2);
  }
  const double count = static_cast<double>(p.size());
  for (int map = 0; map < 3; ++map) {
    norms.of[0][map] /= count;
    norms.of[1][map] = std::sqrt(std::sqrt(norms.of[1][map] / count));
  }
  return norms;
}

// Weights of version 2.1, fitted to opinion scores: [channel][scale][norm][map].
constexpr double kWeights[3][kScales][2][3] = {
    {
        // X
        {{0, 0.0007376606707406586, 0}, {0, 0.0007793481682867309, 0}},
        {{0, 0.0004371155730107379, 0},
         {1.1041726426657346, 0.00066284834129271, 0.00015231632783718752}},
        {{0, 0.0016406437456599754, 0}, {1.8422455520539298, 11.441172603757666, 0}},
        {{0.0007989109436015163, 0.000176816438078653, 0},
         {1.8787594979546387, 10.94906990605142, 0}},
        {{0.0007289346991508072, 0.9677937080626833, 0},
         {0.00014003424285435884, 0.9981766977854967, 0.00031949755934435053}},
        {{0.0004550992113792063, 0, 0}, {0.0013648766163243398, 0, 0}},
    },
    {
        // Y
        {{0, 0, 0}, {7.466890328078848, 0, 17.445833984131262}},
        {{0.0006235601634041466, 0, 0},
         {6.683678146179332, 0.00037724407979611296, 1.027889937768264}},
        {{225.20515300849274, 0, 0},
         {19.213238186143016, 0.0011401524586618361, 0.001237755635509985}},
        {{176.39317598450694, 0, 0},
         {24.43300999870476, 0.28520802612117757, 0.0004485436923833408}},
        {{0, 0, 0}, {34.77906344483772, 44.835625328877896, 0}},
        {{0, 0, 0}, {0, 0, 0}},
    },
    {
        // B - Y
        {{0, 0.0008680556573291698, 0}, {0, 0, 0}},
        {{0, 0.0005313191874358747, 0}, {0.00016533814161379112, 0, 0}},
        {{0, 0, 0}, {0.0004179171803251336, 0.0017290828234722833, 0}},
        {{0.0020827005846636437, 0, 0}, {8.826982764996862, 23.19243343998926, 0}},
        {{95.1080498811086, 0.9863978034400682, 0.9834382792465353},
         {0.0012286405048278493, 171.2667255897307, 0.9807858872435379}},
        {{0, 0, 0}, {0.0005130064588990679, 0, 0.00010854057858411537}},
    },
};

}  // namespace

std::optional<double> Ssimulacra2(const RgbPicture& original, const RgbPicture& distorted) {
  if (std::min(original.width(), original.height()) < kMinSide) return std::nullopt;
  Planes a = ToLinear(original), b = ToLinear(distorted);
  Workspace workspace;
  double error = 0;
  for (int scale = 0; scale < kScales; ++scale) {
    if (scale > 0) {  // light adds up before it is perceived
      a = Halve(a);
      b = Halve(b);
    }
    const Planes xyb_a = ToPositiveXyb(a), xyb_b = ToPositiveXyb(b);
    for (int c = 0; c < 3; ++c) {
      const Norms norms = NormsOfScale(xyb_a, xyb_b, c, &workspace);
      for (int n = 0; n < 2; ++n) {
        for (int map = 0; map < 3; ++map) error += kWeights[c][scale][n][map] * norms.of[n][map];
      }
    }
  }
  // The fitted map from the weighted error to the scale of opinion scores.
  const double e = error * 0.9562382616834844;
  const double x =
      2.326765642916932 * e - 0.020884521182843837 * e * e + 6.248496625763138e-05 * e * e * e;
  return x > 0 ? 100 - 10 * std::pow(x, 0.6276336467831387) : 100.0;
}

}  // namespace halfmoon::metrics
