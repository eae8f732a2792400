#include "codec/imageio/icc.h"

#include <lcms2.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "codec/imageio/exif.h"

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

Curve GammaCurve(cmsContext context, double exponent) {
  return Curve(cmsBuildGamma(context, exponent));
}

// light = (a v + b)^g from d on, c v below.
struct CameraCurve {
  double g, a, b, c, d;
};
constexpr CameraCurve kSrgbCurve = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
constexpr CameraCurve kBt709Curve = {1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081};
constexpr CameraCurve kSmpte240Curve = {1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4.0, 0.0912};

Curve ParametricCurve(cmsContext context, const CameraCurve& c) {
  const cmsFloat64Number parameters[5] = {c.g, c.a, c.b, c.c, c.d};
  return Curve(cmsBuildParametricToneCurve(context, 4, parameters));
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

// The bytes of a matrix profile; empty when lcms2 refuses.
std::vector<std::uint8_t> MakeProfile(cmsContext context, const Curve& curve,
                                      const std::array<std::int32_t, 8>& primaries, bool grey) {
  if (curve == nullptr) return {};
  Profile profile;
  if (grey) {
    profile.reset(cmsCreateGrayProfileTHR(context, cmsD50_xyY(), curve.get()));
  } else {
    const cmsCIExyY white = Point(primaries, 0);
    const cmsCIExyYTRIPLE rgb = {Point(primaries, 2), Point(primaries, 4), Point(primaries, 6)};
    cmsToneCurve* curves[3] = {curve.get(), curve.get(), curve.get()};
    profile.reset(cmsCreateRGBProfileTHR(context, &white, &rgb, curves));
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

// Numbers of ITU-T H.273 that PNG files may have.
struct Primaries {
  std::uint8_t code;
  const char* name;
  std::array<std::int32_t, 8> xy;  // as FileColour::primaries
};
constexpr std::uint8_t kSrgbPrimariesCode = 1, kDisplayP3 = 12;
constexpr Primaries kPrimaries[] = {
    {kSrgbPrimariesCode, "BT.709 primaries", kSrgbPrimaries},
    {4, "BT.470 M primaries", {31000, 31600, 67000, 33000, 21000, 71000, 14000, 8000}},
    {5, "BT.470 BG primaries", {31270, 32900, 64000, 33000, 29000, 60000, 15000, 6000}},
    {6, "BT.601 primaries", {31270, 32900, 63000, 34000, 31000, 59500, 15500, 7000}},
    {7, "SMPTE 240M primaries", {31270, 32900, 63000, 34000, 31000, 59500, 15500, 7000}},
    {8, "film primaries", {31000, 31600, 68100, 31900, 24300, 69200, 14500, 4900}},
    {9, "BT.2020 primaries", {31270, 32900, 70800, 29200, 17000, 79700, 13100, 4600}},
    {11, "DCI-P3 primaries", {31400, 35100, 68000, 32000, 26500, 69000, 15000, 6000}},
    {kDisplayP3, "P3-D65 primaries", {31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000}},
    {22, "EBU 3213 primaries", {31270, 32900, 63000, 34000, 29500, 60500, 15500, 7700}},
};

struct Transfer {
  enum class Curve { kSrgb, kBt709, kSmpte240, kGamma, kHdr };
  std::uint8_t code;
  const char* name;
  Curve curve;
  double gamma = 0;
};
constexpr std::uint8_t kSrgbTransfer = 13;
constexpr Transfer kTransfers[] = {
    {1, "BT.709 transfer", Transfer::Curve::kBt709},
    {4, "gamma 2.2", Transfer::Curve::kGamma, 2.2},
    {5, "gamma 2.8", Transfer::Curve::kGamma, 2.8},
    {6, "BT.601 transfer", Transfer::Curve::kBt709},
    {7, "SMPTE 240M transfer", Transfer::Curve::kSmpte240},
    {8, "linear light", Transfer::Curve::kGamma, 1.0},
    {kSrgbTransfer, "sRGB transfer", Transfer::Curve::kSrgb},
    {14, "BT.2020 transfer", Transfer::Curve::kBt709},
    {15, "BT.2020 transfer", Transfer::Curve::kBt709},
    {16, "PQ (HDR)", Transfer::Curve::kHdr},
    {18, "HLG (HDR)", Transfer::Curve::kHdr},
};

template <typename Entry, std::size_t kSize>
const Entry* FindCode(const Entry (&table)[kSize], std::uint8_t code) {
  const auto* found =
      std::find_if(table, table + kSize, [&](const Entry& e) { return e.code == code; });
  return found == table + kSize ? nullptr : found;
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
  return MakeProfile(context.get(),
                     colour.gamma != 0 ? GammaCurve(context.get(), 100000.0 / colour.gamma)
                                       : ParametricCurve(context.get(), kSrgbCurve),
                     primaries, grey);
}

CodedColour FromCicp(const std::array<std::uint8_t, 4>& cicp, bool grey) {
  CodedColour coded;
  const auto* primaries = FindCode(kPrimaries, cicp[0]);
  const auto* transfer = FindCode(kTransfers, cicp[1]);
  if (primaries == nullptr || transfer == nullptr || cicp[2] != 0 || cicp[3] > 1) return coded;
  coded.name = std::string(primaries->name) + ", " + transfer->name;
  if (cicp[0] == kDisplayP3 && cicp[1] == kSrgbTransfer) coded.name = "Display P3";
  if (cicp[3] == 0) coded.name += ", narrow range";
  if (transfer->curve == Transfer::Curve::kHdr || cicp[3] == 0) {
    coded.kind = CodedColour::Kind::kNotSupported;
    return coded;
  }
  // Grey pictures have no primaries.
  if (cicp[1] == kSrgbTransfer && (grey || cicp[0] == kSrgbPrimariesCode)) {
    coded.kind = CodedColour::Kind::kSrgb;
    return coded;
  }
  const Context context = NewContext();
  if (context == nullptr) return coded;
  const Curve made =
      transfer->curve == Transfer::Curve::kGamma
          ? GammaCurve(context.get(), transfer->gamma)
          : ParametricCurve(context.get(), transfer->curve == Transfer::Curve::kSrgb ? kSrgbCurve
                                           : transfer->curve == Transfer::Curve::kBt709
                                               ? kBt709Curve
                                               : kSmpte240Curve);
  coded.icc = MakeProfile(context.get(), made, primaries->xy, grey);
  if (!coded.icc.empty()) coded.kind = CodedColour::Kind::kProfile;
  return coded;
}

void TakeExifColour(std::span<const std::uint8_t> exif, Metadata* metadata, Warnings* warnings) {
  if (!ExifSaysAdobeRgb(exif)) return;
  FileColour& colour = metadata->colour;
  colour.gamma = 45471;  // exponent 2 + 51/256
  colour.has_primaries = true;
  colour.primaries = {31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000};
  metadata->icc = ProfileFromGammaChroma(colour, false);
  if (metadata->icc.empty()) return;
  colour.source = FileColour::Source::kExif;
  Warn(warnings, warning_code::kColour,
       "EXIF says that the colours are Adobe RGB; that is kept as an ICC profile");
}

void WarnOfLinearLight(const Metadata& metadata, const ImageReadOptions& options,
                       Warnings* warnings) {
  const std::vector<std::uint8_t>& icc = metadata.icc;
  if (options.skip_metadata || icc.empty() || icc.size() > UINT32_MAX) return;
  const Context context = NewContext();
  if (context == nullptr) return;
  const Profile profile(cmsOpenProfileFromMemTHR(context.get(), icc.data(),
                                                 static_cast<cmsUInt32Number>(icc.size())));
  if (profile == nullptr) return;
  const bool grey = cmsGetColorSpace(profile.get()) == cmsSigGrayData;
  // A curve that is missing or damaged is no linear one.
  const auto* curve = static_cast<const cmsToneCurve*>(
      cmsReadTag(profile.get(), grey ? cmsSigGrayTRCTag : cmsSigRedTRCTag));
  if (curve == nullptr || !cmsIsToneCurveLinear(curve)) return;
  Warn(warnings, warning_code::kColour,
       "the samples are linear light: shadows lose more than in a picture with the curve of sRGB; "
       "convert it to sRGB first");
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
