#include "codec/imageio/icc.h"

#include <lcms2.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace halfmoon::imageio {
namespace {

constexpr std::size_t kIccHeaderBytes = 128;

// Values of sRGB in units of 1/100000, and how far a writer's rounding may be off.
constexpr std::uint32_t kSrgbGamma = 45455;
constexpr std::int64_t kGammaTolerance = 500;
constexpr std::array<std::int32_t, 8> kSrgbPrimaries = {31270, 32900, 64000, 33000,
                                                        30000, 60000, 15000, 6000};
constexpr std::int64_t kPrimaryTolerance = 1000;
// Exponents outside this have no use but to break arithmetic. PngSuite goes from 0.35 to 2.5.
constexpr std::uint32_t kMinGamma = 5000, kMaxGamma = 2'000'000;

bool Starts(std::span<const std::uint8_t> bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

struct CloseContext {
  void operator()(cmsContext context) const { cmsDeleteContext(context); }
};
struct CloseProfile {
  void operator()(void* profile) const { cmsCloseProfile(profile); }
};
struct CloseCurve {
  void operator()(cmsToneCurve* curve) const { cmsFreeToneCurve(curve); }
};
using Context = std::unique_ptr<std::remove_pointer_t<cmsContext>, CloseContext>;
using Profile = std::unique_ptr<void, CloseProfile>;
using Curve = std::unique_ptr<cmsToneCurve, CloseCurve>;

// A context of its own, so that other users of lcms2 in the process keep their error handlers.
// lcms2's default handler is silent.
Context NewContext() { return Context(cmsCreateContext(nullptr, nullptr)); }

Curve MakeCurve(cmsContext context, std::uint32_t gamma) {
  if (gamma != 0) return Curve(cmsBuildGamma(context, 100000.0 / gamma));
  const cmsFloat64Number srgb[5] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
  return Curve(cmsBuildParametricToneCurve(context, 4, srgb));
}

// Points inside the diagram, and a triangle with an area.
bool Plausible(const std::array<std::int32_t, 8>& p) {
  for (std::size_t i = 0; i < p.size(); i += 2) {
    if (p[i] < 0 || p[i] > 100000 || p[i + 1] < 100 || p[i + 1] > 100000) return false;
  }
  const auto side = [&](std::size_t a, std::size_t b) {
    return std::int64_t{p[a] - p[2]} * (p[b] - p[3]);
  };
  const std::int64_t doubled_area = side(4, 7) - side(6, 5);
  return std::abs(doubled_area) > 100'000'000;  // 0.01 of the unit square
}

cmsCIExyY Point(const std::array<std::int32_t, 8>& p, std::size_t at) {
  return {p[at] / 100000.0, p[at + 1] / 100000.0, 1.0};
}

}  // namespace

bool IccFits(std::span<const std::uint8_t> icc, std::uint32_t channels) {
  if (icc.size() < kIccHeaderBytes + 4 || !Starts(icc.subspan(36), "acsp")) return false;
  return Starts(icc.subspan(16), channels <= 2 ? "GRAY" : "RGB ");
}

bool SaysSrgb(const FileColour& colour) {
  if (colour.gamma != 0 && std::abs(std::int64_t{colour.gamma} - kSrgbGamma) > kGammaTolerance) {
    return false;
  }
  if (!colour.has_primaries) return true;
  for (std::size_t i = 0; i < kSrgbPrimaries.size(); ++i) {
    const auto distance = std::abs(std::int64_t{colour.primaries[i]} - kSrgbPrimaries[i]);
    if (distance > kPrimaryTolerance) return false;
  }
  return true;
}

std::vector<std::uint8_t> ProfileFromGammaChroma(const FileColour& colour, bool grey) {
  if (colour.gamma != 0 && (colour.gamma < kMinGamma || colour.gamma > kMaxGamma)) return {};
  const auto& primaries = colour.has_primaries ? colour.primaries : kSrgbPrimaries;
  if (!Plausible(primaries)) return {};
  const Context context = NewContext();
  if (context == nullptr) return {};
  const Curve curve = MakeCurve(context.get(), colour.gamma);
  if (curve == nullptr) return {};
  Profile profile;
  if (grey) {
    profile.reset(cmsCreateGrayProfileTHR(context.get(), cmsD50_xyY(), curve.get()));
  } else {
    const cmsCIExyY white = Point(primaries, 0);
    const cmsCIExyYTRIPLE rgb = {Point(primaries, 2), Point(primaries, 4), Point(primaries, 6)};
    cmsToneCurve* curves[3] = {curve.get(), curve.get(), curve.get()};
    profile.reset(cmsCreateRGBProfileTHR(context.get(), &white, &rgb, curves));
  }
  if (profile == nullptr) return {};
  cmsUInt32Number size = 0;
  if (!cmsSaveProfileToMem(profile.get(), nullptr, &size) || size < kIccHeaderBytes) return {};
  std::vector<std::uint8_t> icc(size);
  if (!cmsSaveProfileToMem(profile.get(), icc.data(), &size)) return {};
  // lcms2 writes the time of day. The same picture must always give the same file.
  constexpr std::array<std::uint8_t, 12> kDate = {0x07, 0xD0, 0, 1, 0, 1};  // 2000-01-01
  std::copy(kDate.begin(), kDate.end(), icc.begin() + 24);
  return icc;
}

struct CmykToSrgb::Transform {
  Context context;
  cmsHTRANSFORM handle = nullptr;
  ~Transform() {
    if (handle != nullptr) cmsDeleteTransform(handle);
  }
};

CmykToSrgb::CmykToSrgb(std::span<const std::uint8_t> icc, bool inverted) : inverted_(inverted) {
  if (icc.size() < kIccHeaderBytes || icc.size() > UINT32_MAX) return;
  auto transform = std::make_unique<Transform>();
  transform->context = NewContext();
  cmsContext context = transform->context.get();
  if (context == nullptr) return;
  const Profile cmyk(
      cmsOpenProfileFromMemTHR(context, icc.data(), static_cast<cmsUInt32Number>(icc.size())));
  if (cmyk == nullptr || cmsGetColorSpace(cmyk.get()) != cmsSigCmykData) return;
  const Profile srgb(cmsCreate_sRGBProfileTHR(context));
  if (srgb == nullptr) return;
  transform->handle =
      cmsCreateTransformTHR(context, cmyk.get(), inverted ? TYPE_CMYK_8_REV : TYPE_CMYK_8,
                            srgb.get(), TYPE_RGB_8, INTENT_PERCEPTUAL, 0);
  if (transform->handle != nullptr) transform_ = std::move(transform);
}

CmykToSrgb::~CmykToSrgb() = default;

bool CmykToSrgb::by_profile() const { return transform_ != nullptr; }

void CmykToSrgb::Convert(const std::uint8_t* cmyk, std::uint8_t* rgb, std::uint32_t pixels) const {
  if (transform_ != nullptr) {
    cmsDoTransform(transform_->handle, cmyk, rgb, pixels);
    return;
  }
  const unsigned flip = inverted_ ? 0 : 255;
  for (std::uint32_t i = 0; i < pixels; ++i, cmyk += 4, rgb += 3) {
    const unsigned light = cmyk[3] ^ flip;
    for (int c = 0; c < 3; ++c) {
      rgb[c] = static_cast<std::uint8_t>(((cmyk[c] ^ flip) * light + 127) / 255);
    }
  }
}

}  // namespace halfmoon::imageio
