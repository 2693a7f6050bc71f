#include "core/figure/write.h"

#include <cairo-pdf.h>

#include <cmath>

#include "core/base/file.h"
#include "core/figure/paint.h"
#include "core/figure/svg.h"
#include "core/figure/ticks.h"
#include "core/figure/type.h"

namespace headscope::figure {
namespace {

constexpr double kPngMagnification = 3;  // 216 dots an inch

double magnification_of(const Scene& scene, Format format) {
  if (scene.magnification > 0) return scene.magnification;
  return format == Format::png ? kPngMagnification : 1;
}

Result<> check_size(double width, double height) {
  const bool good = width >= 1 && height >= 1 && width <= kMostPixelsAlong &&
                    height <= kMostPixelsAlong && width * height <= kMostPixels;
  if (good) return {};
  return fail(ErrorKind::usage, "figure: a page of " + shortest(width, 6) + " x " +
                                    shortest(height, 6) + " is too small or too large; at most " +
                                    fixed(kMostPixelsAlong, 0) + " along a side and " +
                                    fixed(kMostPixels / 1e6, 0) + " million in all");
}

Result<std::string> png(const Scene& scene, double magnification) {
  const Surface surface(cairo_image_surface_create(
      CAIRO_FORMAT_RGB24, static_cast<int>(std::lround(scene.width * magnification)),
      static_cast<int>(std::lround(scene.height * magnification))));
  HEADSCOPE_TRY(check(cairo_surface_status(surface.get())));
  HEADSCOPE_TRY(paint(scene, *surface, magnification));
  return png_bytes(*surface);
}

void set_metadata(cairo_surface_t* surface, cairo_pdf_metadata_t field, const std::string& text) {
  cairo_pdf_surface_set_metadata(surface, field, clean_text(text).c_str());
}

Result<std::string> pdf(const Scene& scene, double magnification) {
  std::string bytes;
  {
    const Surface surface(cairo_pdf_surface_create_for_stream(
        append_bytes, &bytes, scene.width * magnification, scene.height * magnification));
    HEADSCOPE_TRY(check(cairo_surface_status(surface.get())));
    set_metadata(surface.get(), CAIRO_PDF_METADATA_TITLE, scene.title);
    set_metadata(surface.get(), CAIRO_PDF_METADATA_SUBJECT, scene.description);
    set_metadata(surface.get(), CAIRO_PDF_METADATA_CREATOR, "Headscope");
    // Empty: no date at all, so that the same figure is the same file.
    cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_CREATE_DATE, "");
    HEADSCOPE_TRY(paint(scene, *surface, magnification));
    cairo_surface_finish(surface.get());
    HEADSCOPE_TRY(check(cairo_surface_status(surface.get())));
  }
  return bytes;
}

}  // namespace

Result<Format> format_of(const std::filesystem::path& path) {
  std::string ending = path.extension().string();
  for (char& c : ending) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (ending == ".png") return Format::png;
  if (ending == ".svg") return Format::svg;
  if (ending == ".pdf") return Format::pdf;
  return fail(ErrorKind::usage,
              path.string() + ": expected a name that ends in .png, .svg or .pdf");
}

Result<std::string> encode(const Scene& scene, Format format) {
  const double magnification = magnification_of(scene, format);
  HEADSCOPE_TRY(check_size(scene.width * magnification, scene.height * magnification));
  switch (format) {
    case Format::png:
      return png(scene, magnification);
    case Format::svg:
      return svg_document(scene, magnification);
    case Format::pdf:
      return pdf(scene, magnification);
  }
  return fail(ErrorKind::internal, "figure: unknown format");
}

Result<> write_figure(const std::filesystem::path& path, const Scene& scene) {
  HEADSCOPE_ASSIGN(const Format format, format_of(path));
  HEADSCOPE_ASSIGN(const std::string bytes, encode(scene, format));
  return write_file_atomically(path, bytes);
}

}  // namespace headscope::figure
