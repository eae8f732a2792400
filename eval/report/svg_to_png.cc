#include "eval/report/svg_to_png.h"

#ifdef HALFMOON_REPORT_HAS_RSVG
#include <cairo.h>
#include <librsvg/rsvg.h>

#include <cmath>
#include <exception>
#include <memory>
#endif

namespace halfmoon::eval {

#ifdef HALFMOON_REPORT_HAS_RSVG

namespace {

// Larger than any chart of ours, far below what cairo can't do (32767).
constexpr double kMaxSide = 16384;

cairo_status_t AppendPng(void* closure, const unsigned char* data, unsigned int size) noexcept {
  auto* bytes = static_cast<std::vector<std::uint8_t>*>(closure);
  try {
    bytes->insert(bytes->end(), data, data + size);
    return CAIRO_STATUS_SUCCESS;
  } catch (const std::exception&) {  // no C++ exception through cairo's frames
    return CAIRO_STATUS_NO_MEMORY;
  }
}

Status FromError(GError* error, const std::string& what) {
  std::string reason = "unknown reason";
  if (error != nullptr) {
    reason = error->message;
    g_error_free(error);
  }
  return {StatusCode::kInvalidArgument, "chart: " + what + ": " + reason};
}

}  // namespace

bool CanRenderPng() { return true; }

Result<std::vector<std::uint8_t>> SvgToPng(const std::string& svg, double scale) {
  GError* error = nullptr;
  const std::unique_ptr<RsvgHandle, void (*)(gpointer)> handle(
      rsvg_handle_new_from_data(reinterpret_cast<const guint8*>(svg.data()), svg.size(), &error),
      [](gpointer object) {
        if (object != nullptr) g_object_unref(object);
      });
  if (handle == nullptr) return FromError(error, "is no SVG");
  RsvgRectangle box{};
  gboolean has_box = FALSE, has_width = FALSE, has_height = FALSE;
  RsvgLength width{}, height{};
  rsvg_handle_get_intrinsic_dimensions(handle.get(), &has_width, &width, &has_height, &height,
                                       &has_box, &box);
  const double w = std::ceil(box.width * scale), h = std::ceil(box.height * scale);
  if (!has_box || !(w >= 1 && w <= kMaxSide && h >= 1 && h <= kMaxSide)) {
    return Status(StatusCode::kInvalidArgument, "chart: needs a viewBox of 1.." +
                                                    std::to_string(static_cast<int>(kMaxSide)) +
                                                    " pixels a side");
  }
  const std::unique_ptr<cairo_surface_t, void (*)(cairo_surface_t*)> surface(
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(w), static_cast<int>(h)),
      cairo_surface_destroy);
  const std::unique_ptr<cairo_t, void (*)(cairo_t*)> context(cairo_create(surface.get()),
                                                             cairo_destroy);
  const RsvgRectangle viewport{0, 0, w, h};
  if (!rsvg_handle_render_document(handle.get(), context.get(), &viewport, &error)) {
    return FromError(error, "cannot be drawn");
  }
  std::vector<std::uint8_t> png;
  const cairo_status_t status = cairo_surface_write_to_png_stream(surface.get(), AppendPng, &png);
  if (status != CAIRO_STATUS_SUCCESS) {
    return Status(StatusCode::kOutOfMemory, std::string("chart: cannot be written as PNG: ") +
                                                cairo_status_to_string(status));
  }
  return png;
}

#else

bool CanRenderPng() { return false; }

Result<std::vector<std::uint8_t>> SvgToPng(const std::string&, double) {
  return Status(StatusCode::kUnsupportedFeature,
                "PNG: this halfmoon was built without librsvg; use the SVG files, or install it "
                "(Debian: apt-get install librsvg2-dev) and build again");
}

#endif

}  // namespace halfmoon::eval
