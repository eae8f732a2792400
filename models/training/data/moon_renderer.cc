#include "models/training/data/moon_renderer.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "models/runtime/generative/philox.h"

namespace halfmoon::training {
namespace {

// A round spot on the near side, in units of the radius: where, how large, and what it does to the
// brightness there.
struct Spot {
  double x, y, size, factor;
};

// Dark plains first, then bright craters. Only vaguely the real moon.
constexpr Spot kSpots[] = {
    {-0.38, -0.45, 0.34, 0.55}, {0.22, -0.36, 0.25, 0.60},  {0.45, -0.08, 0.24, 0.58},
    {-0.62, 0.02, 0.26, 0.62},  {-0.20, 0.12, 0.20, 0.68},  {0.68, -0.38, 0.13, 0.55},
    {-0.12, 0.72, 0.09, 1.35},  {-0.33, -0.12, 0.08, 1.30}, {0.35, 0.46, 0.10, 1.20},
    {0.05, 0.40, 0.07, 1.22},   {-0.50, 0.52, 0.08, 1.22},  {0.62, 0.30, 0.06, 1.25},
};

constexpr double kRim = 1.15;         // where a spot's soft rim ends, in units of its size
constexpr double kSurface = 0.72;     // brightness of the fully lit surface
constexpr double kEarthshine = 0.04;  // of the dark side, as a share of the lit one

// Brightness of the surface at a point of the disc, (x, y) in units of the radius.
double Albedo(double x, double y) {
  double albedo = kSurface;
  for (const Spot& s : kSpots) {
    // Most spots are far from any point; the root is what takes the time.
    const double dx = x - s.x, dy = y - s.y, reach = kRim * s.size * (1 + 1e-9);
    if (dx * dx + dy * dy > reach * reach) continue;
    const double d = std::hypot(dx, dy) / s.size;
    const double inside = std::clamp((kRim - d) / 0.4, 0.0, 1.0);  // a soft rim
    albedo *= 1 + (s.factor - 1) * inside;
  }
  return std::min(albedo, 1.0);
}

// What one ray sees; (x, y) in pixels from the centre, y downwards.
double Ray(const Moon& m, double cosine, double sine, double x, double y) {
  const double u = (cosine * x + sine * y) / m.radius, v = (-sine * x + cosine * y) / m.radius;
  const double rr = u * u + v * v;
  if (rr >= 1) return 0;
  // The lit share of a disc is (1 - cos(elongation)) / 2.
  const double towards = 2 * m.lit - 1, aside = std::sqrt(std::max(0.0, 1 - towards * towards));
  const double light = u * aside + std::sqrt(1 - rr) * towards;
  // Dust scatters back: the lit part is almost flat, with a short fall at the edge of the night.
  const double shade = std::clamp(light * 5 + 0.5, 0.0, 1.0);
  return Albedo(u, v) * (kEarthshine + (1 - kEarthshine) * shade);
}

}  // namespace

std::vector<std::uint8_t> RenderMoon(const Moon& moon) {
  constexpr int kRays = 3;  // per direction
  const double cosine = std::cos(moon.tilt), sine = -std::sin(moon.tilt);
  std::vector<std::uint8_t> samples;
  samples.reserve(kMoonSide * kMoonSide);
  for (int y = 0; y < kMoonSide; ++y) {
    for (int x = 0; x < kMoonSide; ++x) {
      double sum = 0;
      for (int j = 0; j < kRays; ++j) {
        for (int i = 0; i < kRays; ++i) {
          sum += Ray(moon, cosine, sine, x + (i + 0.5) / kRays - kMoonSide / 2.0,
                     y + (j + 0.5) / kRays - kMoonSide / 2.0);
        }
      }
      samples.push_back(static_cast<std::uint8_t>(std::lround(255 * sum / (kRays * kRays))));
    }
  }
  return samples;
}

Moon DrawMoon(const MoonSetOptions& o, std::uint64_t index) {
  runtime::Philox random(o.seed, index);
  Moon moon;
  const double hole = o.hole_to - o.hole_from;
  moon.lit = random.Uniform() * (1 - hole);
  if (hole > 0 && moon.lit >= o.hole_from) moon.lit += hole;
  moon.radius = kMoonRadius + kRadiusJitter * (2 * random.Uniform() - 1);
  moon.tilt = kTiltJitter * (2 * random.Uniform() - 1);
  return moon;
}

Result<std::vector<std::uint8_t>> MakeMoonPack(const MoonSetOptions& o) {
  auto bad = [](const std::string& text) { return Status(StatusCode::kInvalidArgument, text); };
  if (o.count < 1 || o.count > 1000000) return bad("moons: the count must be 1 to 1000000");
  if (o.validation_every < 0) return bad("moons: validation_every must be at least 0");
  if (!(o.hole_from >= 0 && o.hole_from <= o.hole_to && o.hole_to <= 1)) {
    return bad("moons: what is left out must be a range of lit shares within 0 to 1");
  }
  PackWriter writer;
  std::vector<std::string> classes;
  for (int tenth = 0; tenth < 10; ++tenth) {
    classes.push_back(std::to_string(10 * tenth) + "-" + std::to_string(10 * tenth + 10) +
                      " % lit");
  }
  writer.SetClasses(std::move(classes));
  for (std::int64_t i = 0; i < o.count; ++i) {
    PackEntry entry;
    entry.width = entry.height = kMoonSide;
    entry.grey = true;
    entry.validation = o.validation_every > 0 && (i + 1) % o.validation_every == 0;
    const Moon moon = DrawMoon(o, static_cast<std::uint64_t>(i));
    entry.label = std::min(9, static_cast<int>(moon.lit * 10));
    HALFMOON_RETURN_IF_ERROR(writer.Add(entry, RenderMoon(moon), ""));
  }
  return writer.Finish();
}

}  // namespace halfmoon::training
