// links: headscope_figure
// Ticks, colour maps, text and the three writers.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <pugixml.hpp>
#include <string>

#include "core/base/file.h"
#include "core/figure/axes.h"
#include "core/figure/paint.h"
#include "core/figure/ticks.h"
#include "core/figure/type.h"
#include "core/figure/write.h"
#include "tests/figure_samples.h"
#include "tests/resources.h"
#include "tests/skip.h"

using namespace headscope;
using namespace headscope::figure;

namespace {

std::string labels(const std::vector<Tick>& ticks) {
  std::string out;
  for (const Tick& tick : ticks) out += tick.label + " ";
  return out;
}

float linear(float v) {
  return v <= 0.04045f ? v / 12.92f : std::pow((v + 0.055f) / 1.055f, 2.4f);
}

using Matrix = std::array<std::array<float, 3>, 3>;

// Dichromacy as Machado, Oliveira and Fernandes (2009) model it, severity 1, in linear RGB.
constexpr Matrix kProtanopia = {{{0.152286f, 1.052583f, -0.204868f},
                                 {0.114503f, 0.786281f, 0.099216f},
                                 {-0.003882f, -0.048116f, 1.051998f}}};
constexpr Matrix kDeuteranopia = {{{0.367322f, 0.860646f, -0.227968f},
                                   {0.280085f, 0.672501f, 0.047413f},
                                   {-0.011820f, 0.042940f, 0.968881f}}};
constexpr Matrix kNormal = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};

// CIE L*a*b* (D65) of the colour as somebody sees it.
std::array<double, 3> seen(Rgb color, const Matrix& m) {
  const std::array<float, 3> in = {linear(color.r), linear(color.g), linear(color.b)};
  std::array<double, 3> rgb{};
  for (std::size_t i = 0; i < 3; ++i) {
    rgb[i] = std::clamp(m[i][0] * in[0] + m[i][1] * in[1] + m[i][2] * in[2], 0.0f, 1.0f);
  }
  const auto f = [](double t) {
    return t > 216.0 / 24389 ? std::cbrt(t) : (24389.0 / 27 * t + 16) / 116;
  };
  const double x = f((0.4124 * rgb[0] + 0.3576 * rgb[1] + 0.1805 * rgb[2]) / 0.95047);
  const double y = f(0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]);
  const double z = f((0.0193 * rgb[0] + 0.1192 * rgb[1] + 0.9505 * rgb[2]) / 1.08883);
  return {116 * y - 16, 500 * (x - y), 200 * (y - z)};
}

double distance(Rgb a, Rgb b, const Matrix& m) {
  const auto p = seen(a, m), q = seen(b, m);
  return std::hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
}

// Four rows and five columns of rising values with room around them.
Scene grid_scene(double gap) {
  Scene scene;
  scene.width = 70;
  scene.height = 60;
  scene.magnification = 2;
  scene.title = "Grid";
  Cells cells;
  cells.box = {10, 10, 50, 40};
  cells.rows = 4;
  cells.columns = 5;
  for (int i = 0; i < 20; ++i) cells.values.push_back(static_cast<float>(i) / 19);
  cells.values[7] = std::nanf("");
  cells.gap = gap;
  scene.add(cells);
  Text text{{10, 56}, "Wörter & <Zahlen>"};
  text.size = 5;
  scene.add(text);
  return scene;
}

struct Decoded {
  Surface surface;
  int width = 0, height = 0;

  Rgb at(int x, int y) const {
    std::uint32_t pixel = 0;
    std::memcpy(&pixel,
                cairo_image_surface_get_data(surface.get()) +
                    static_cast<std::ptrdiff_t>(y) * cairo_image_surface_get_stride(surface.get()) +
                    4 * x,
                sizeof pixel);
    const auto channel = [pixel](int shift) {
      return static_cast<float>(pixel >> shift & 255) / 255;
    };
    return {channel(16), channel(8), channel(0)};
  }
};

struct Reading {
  const std::string* bytes;
  std::size_t at = 0;
};

cairo_status_t read_bytes(void* source, unsigned char* out, unsigned int size) {
  auto& reading = *static_cast<Reading*>(source);
  if (reading.at + size > reading.bytes->size()) return CAIRO_STATUS_READ_ERROR;
  std::memcpy(out, reading.bytes->data() + reading.at, size);
  reading.at += size;
  return CAIRO_STATUS_SUCCESS;
}

Decoded decode_png(const std::string& bytes) {
  Reading reading{&bytes};
  Decoded out;
  out.surface.reset(cairo_image_surface_create_from_png_stream(read_bytes, &reading));
  REQUIRE(cairo_surface_status(out.surface.get()) == CAIRO_STATUS_SUCCESS);
  out.width = cairo_image_surface_get_width(out.surface.get());
  out.height = cairo_image_surface_get_height(out.surface.get());
  return out;
}

bool close(Rgb a, Rgb b) {
  return std::abs(a.r - b.r) < 0.006f && std::abs(a.g - b.g) < 0.006f &&
         std::abs(a.b - b.b) < 0.006f;
}

std::filesystem::path scratch(const std::string& name) {
  const auto folder = test::build_folder() / "tests" / "figures";
  REQUIRE(create_folders(folder));
  return folder / name;
}

}  // namespace

TEST_CASE("linear ticks are round, inside the range, and equally precise") {
  CHECK(labels(linear_ticks(0, 1, 5)) == "0.0 0.2 0.4 0.6 0.8 1.0 ");
  CHECK(labels(linear_ticks(0, 0.27, 5)) == "0.0 0.1 0.2 ");
  CHECK(labels(linear_ticks(0, 0.5, 5)) == "0.0 0.1 0.2 0.3 0.4 0.5 ");
  CHECK(labels(linear_ticks(-0.3, 0.3, 6)) == "−0.3 −0.2 −0.1 0.0 0.1 0.2 0.3 ");
  CHECK(labels(linear_ticks(0, 1000, 4)) == "0 250 500 750 1000 ");
  CHECK(labels(linear_ticks(0.1201, 0.1209, 4)) == "0.1202 0.1204 0.1206 0.1208 ");
  CHECK(labels(linear_ticks(3, 3, 5)) == "3 ");
  CHECK(linear_ticks(1, 0, 5).empty());
  CHECK(linear_ticks(0, std::nan(""), 5).empty());
  CHECK(linear_ticks(0, INFINITY, 5).empty());
  CHECK(linear_ticks(0, 1, 0).empty());
}

TEST_CASE("linear ticks, for many ranges: sorted, inside, evenly spaced, never crowded") {
  Rng rng(5);
  for (int i = 0; i < 2000; ++i) {
    const double low = rng.normal() * std::pow(10, rng.uniform(-6, 6));
    const double high = low + std::pow(10, rng.uniform(-6, 6));
    const auto ticks = linear_ticks(low, high, 5);
    const double slack = 1e-6 * (high - low);
    REQUIRE(ticks.size() >= 1);
    REQUIRE(ticks.size() <= 7);
    for (std::size_t t = 0; t < ticks.size(); ++t) {
      REQUIRE(ticks[t].value >= low - slack);
      REQUIRE(ticks[t].value <= high + slack);
      if (t > 0) REQUIRE(ticks[t].label != ticks[t - 1].label);
    }
  }
}

TEST_CASE("whole and logarithmic ticks") {
  CHECK(labels(whole_ticks(0, 7, 8)) == "0 1 2 3 4 5 6 7 ");
  CHECK(labels(whole_ticks(0, 27, 8)) == "0 5 10 15 20 25 ");
  CHECK(labels(whole_ticks(0, 3000, 8)) == "0 500 1000 1500 2000 2500 3000 ");
  CHECK(labels(whole_ticks(3, 3, 8)) == "3 ");
  CHECK(whole_ticks(1, 0, 8).empty());
  CHECK(labels(log_ticks(1e-4, 1, 5)) == "10⁻⁴ 10⁻³ 10⁻² 10⁻¹ 10⁰ ");
  CHECK(labels(log_ticks(1, 672, 6)) == "1 10 100 ");
  CHECK(labels(log_ticks(1, 32, 6)) == "1 2 5 10 20 ");
  CHECK(log_ticks(0, 1, 5).empty());
}

TEST_CASE("numbers read the same everywhere") {
  CHECK(fixed(0.5, 2) == "0.50");
  CHECK(fixed(-0.5, 1) == "−0.5");
  CHECK(fixed(-1e-9, 1) == "0.0");
  CHECK(shortest(0.1) == "0.1");
  CHECK(shortest(1200) == "1200");
  CHECK(shortest(-0.25) == "−0.25");
  CHECK(shortest(3e-5) == "3×10⁻⁵");
  CHECK(shortest(0) == "0");
  CHECK(shortest(std::nan("")) == "–");
}

TEST_CASE("sequential colour maps rise in lightness") {
  for (int p = 0; p < sequential_palettes; ++p) {
    const auto palette = static_cast<Palette>(p);
    CAPTURE(palette_name(palette));
    CHECK(sequential_palette(palette_name(palette)) == palette);
    for (int i = 1; i <= 64; ++i) {
      const Rgb before = palette_color(palette, static_cast<float>(i - 1) / 64);
      const Rgb now = palette_color(palette, static_cast<float>(i) / 64);
      CHECK(seen(now, kNormal)[0] > seen(before, kNormal)[0]);
    }
    CHECK(seen(palette_color(palette, 1), kNormal)[0] -
              seen(palette_color(palette, 0), kNormal)[0] >
          60);
  }
  CHECK_FALSE(sequential_palette("jet"));
}

TEST_CASE("colour maps stay distinguishable for colour-blind readers") {
  for (const Matrix& eye : {kNormal, kProtanopia, kDeuteranopia}) {
    for (int p = 0; p < sequential_palettes; ++p) {
      const auto palette = static_cast<Palette>(p);
      CAPTURE(palette_name(palette));
      for (int i = 1; i <= 8;
           ++i) {  // eight steps, each well above the threshold of noticing (about 2)
        CHECK(distance(palette_color(palette, static_cast<float>(i - 1) / 8),
                       palette_color(palette, static_cast<float>(i) / 8), eye) > 5);
      }
    }
    for (const Palette palette : {Palette::diverging_light, Palette::diverging_dark}) {
      // The two sides differ, and each from the middle.
      CHECK(distance(palette_color(palette, 0), palette_color(palette, 1), eye) > 40);
      CHECK(distance(palette_color(palette, 0), palette_color(palette, 0.5f), eye) > 30);
      CHECK(distance(palette_color(palette, 1), palette_color(palette, 0.5f), eye) > 30);
    }
  }
  // The test can fail: red and green of equal lightness are one colour without one kind of cone.
  const Rgb red{0.80f, 0.35f, 0.25f}, green{0.45f, 0.55f, 0.15f};
  CHECK(distance(red, green, kNormal) > 40);
  CHECK(distance(red, green, kDeuteranopia) < 20);
}

TEST_CASE("series colours differ for every reader, on both pages") {
  for (const Theme theme : {Theme::light, Theme::dark}) {
    const Style style = make_style(theme, Palette::viridis);
    for (const Matrix& eye : {kNormal, kProtanopia, kDeuteranopia}) {
      for (std::size_t a = 0; a < 3; ++a) {
        for (std::size_t b = a + 1; b < 3; ++b)
          CHECK(distance(style.series[a], style.series[b], eye) > 12);
      }
      CHECK(distance(style.baseline, style.accent, eye) > 20);
    }
    for (const Rgb color : style.series) CHECK(distance(color, style.page, kNormal) > 40);
  }
}

TEST_CASE("colour scale: ends, logarithm, reversed, missing") {
  ColorScale scale{Palette::cividis, 0, 2, false, {1, 0, 1}};
  CHECK(scale.position(-1) == 0);
  CHECK(scale.position(1) == 0.5);
  CHECK(scale.position(3) == 1);
  CHECK(scale.color(std::nan("")) == Rgb{1, 0, 1});
  scale = {Palette::viridis, 1e-4, 1, true, {}};
  CHECK(scale.position(0.01) == doctest::Approx(0.5));
  CHECK(scale.position(0) == 0);
  scale = {Palette::viridis, 100, 1, true, {}};  // ranks: 1 is the brightest
  CHECK(scale.position(1) == 1);
  CHECK(scale.position(10) == doctest::Approx(0.5));
  CHECK(scale.position(1000) == 0);
}

TEST_CASE("text is wrapped, shortened and cleaned") {
  const std::string text = "one two three four five six seven eight nine ten";
  std::string together;
  for (const auto& line : wrap_text(text, 8, 70)) {
    CHECK(text_width(line, 8) <= 70);
    together += (together.empty() ? "" : " ") + line;
  }
  CHECK(together == text);
  CHECK(wrap_text("", 8, 70).empty());
  CHECK(wrap_text("Donaudampfschifffahrtsgesellschaft", 8, 30).size() > 2);
  CHECK(shortened("short", 8, 100) == "short");
  const std::string cut = shortened("a rather long text", 8, 40);
  CHECK(cut.ends_with("…"));
  CHECK(text_width(cut, 8) <= 40);
  CHECK(text_width("wide", 16) == doctest::Approx(2 * text_width("wide", 8)).epsilon(0.02));
  CHECK(clean_text("a\tb\xFF") == "a b\xEF\xBF\xBD");
  CHECK(token_label(" word ") == "word");
  CHECK(token_label("  ") == "␣");
  CHECK(token_label("\n") == "⏎");
}

TEST_CASE("PNG: known cells have the colours of the map") {
  for (const double gap : {0.0, 1.0}) {
    const Scene scene = grid_scene(gap);
    const auto bytes = encode(scene, Format::png);
    REQUIRE(bytes);
    const Decoded png = decode_png(*bytes);
    CHECK(png.width == 140);
    CHECK(png.height == 120);
    for (int i = 0; i < 20; ++i) {
      const int x = 20 + (i % 5) * 20 + 10, y = 20 + (i / 5) * 20 + 10;
      const Rgb wanted = i == 7 ? ColorScale{}.missing
                                : palette_color(Palette::viridis, static_cast<float>(i) / 19);
      CHECK_MESSAGE(close(png.at(x, y), wanted), i);
    }
    CHECK(close(png.at(2, 2), {1, 1, 1}));
    CHECK(
        close(png.at(40, 30), gap > 0 ? Rgb{1, 1, 1} : palette_color(Palette::viridis, 1.0f / 19)));
  }
}

TEST_CASE("SVG: text is text, cells have their colours, large grids are one picture") {
  const auto text = encode(grid_scene(1), Format::svg);
  REQUIRE(text);
  pugi::xml_document document;
  REQUIRE(document.load_string(text->c_str()));
  const auto svg = document.child("svg");
  CHECK(svg.attribute("width").as_double() == 140);
  CHECK(std::string(svg.attribute("viewBox").value()) == "0 0 70 60");
  CHECK(std::string(svg.child("text").text().get()) == "Wörter & <Zahlen>");
  const std::string families = svg.attribute("font-family").value();
  CHECK(families.ends_with(", sans-serif"));
  CHECK(families.find_first_of("0123456789'\"") == std::string::npos);  // CSS would ignore the list
  const auto cells = svg.select_nodes("//rect[@class='cell']");
  REQUIRE(cells.size() == 20);
  CHECK(std::string(cells[0].node().attribute("fill").value()) == "#470155");
  CHECK(std::string(cells[19].node().attribute("fill").value()) != "#470155");

  const auto picture = encode(grid_scene(0), Format::svg);
  REQUIRE(picture);
  REQUIRE(document.load_string(picture->c_str()));
  CHECK(document.select_nodes("//rect[@class='cell']").empty());
  const std::string data = document.select_node("//image").node().attribute("xlink:href").value();
  CHECK(data.starts_with("data:image/png;base64,iVBORw0KGgo"));
}

TEST_CASE("PDF: starts and ends as one, keeps its text, carries no date") {
  const auto scene = draw_ranking(test::sample_ranking(28, 24), {});
  REQUIRE(scene);
  const auto bytes = encode(*scene, Format::pdf);
  REQUIRE(bytes);
  CHECK(bytes->starts_with("%PDF-1."));
  CHECK(bytes->find("%%EOF") != std::string::npos);
  CHECK(bytes->find("CreationDate") == std::string::npos);
  if (std::system("command -v pdftotext >/dev/null 2>&1") != 0)
    SKIP_TEST("pdftotext is not installed");
  const auto file = scratch("text-check.pdf");
  REQUIRE(write_figure(file, *scene));
  const auto out = scratch("text-check.txt");
  REQUIRE(std::system(("pdftotext -raw '" + file.string() + "' '" + out.string() + "'").c_str()) ==
          0);
  const auto text = read_text_file(out);
  REQUIRE(text);
  CHECK(text->find("Heads by contextual score") != std::string::npos);
  CHECK(text->find("Rank of head") != std::string::npos);
  CHECK(text->find("n = 441") != std::string::npos);
}

TEST_CASE("the same scene is the same file") {
  const auto scene = draw_head_map(test::sample_head_map(28, 24, 20), {});
  REQUIRE(scene);
  for (const Format format : {Format::png, Format::svg, Format::pdf}) {
    const auto first = encode(*scene, format),
               second = encode(*draw_head_map(test::sample_head_map(28, 24, 20), {}), format);
    REQUIRE(first);
    REQUIRE(second);
    CHECK(*first == *second);
  }
}

TEST_CASE(
    "size: pixels of the PNG, points of the others; larger magnifies, smaller lays out anew") {
  const auto figure = test::sample_ranking(4, 8);
  const auto at = [&](double w, double h) {
    Options options;
    options.size = Size{w, h};
    return draw_ranking(figure, options);
  };
  const auto large = at(1404, 960);
  REQUIRE(large);
  const auto png = encode(*large, Format::png);
  REQUIRE(png);
  CHECK(decode_png(*png).width == 1404);
  CHECK(decode_png(*png).height == 960);
  CHECK(large->magnification == doctest::Approx(3));
  const auto small = at(234, 200);
  REQUIRE(small);
  CHECK(small->magnification == doctest::Approx(1));
  CHECK(small->width == doctest::Approx(234));
  const auto natural = draw_ranking(figure, {});
  REQUIRE(natural);
  const auto natural_png = encode(*natural, Format::png);
  REQUIRE(natural_png);
  CHECK(decode_png(*natural_png).width == 3 * 468);
  const auto huge = encode(*at(30000, 400), Format::png);
  REQUIRE_FALSE(huge);
  CHECK(huge.error().kind == ErrorKind::usage);
}

TEST_CASE("writing: a page without area, or one that no memory holds, is a usage error") {
  for (const auto& [width, height] : {std::pair(0.0, 100.0), std::pair(100.0, kMostPixelsAlong + 1),
                                      std::pair(double(NAN), 100.0), std::pair(15000.0, 15000.0)}) {
    Scene scene = grid_scene(1);
    scene.width = width;
    scene.height = height;
    for (const char* name : {"page.png", "page.svg", "page.pdf"}) {
      const auto written = write_figure(scratch(name), scene);
      REQUIRE_FALSE(written);
      CHECK(written.error().kind == ErrorKind::usage);
      CHECK(written.error().message.find("too small or too large") != std::string::npos);
      CHECK_FALSE(std::filesystem::exists(scratch(name)));
    }
  }
}

TEST_CASE("writing: unknown endings and folders that are not there are errors") {
  const auto scene = grid_scene(1);
  CHECK(format_of("a/b.PNG").value() == Format::png);
  CHECK(format_of("x.svg").value() == Format::svg);
  const auto ending = write_figure(scratch("figure.jpeg"), scene);
  REQUIRE_FALSE(ending);
  CHECK(ending.error().kind == ErrorKind::usage);
  CHECK(ending.error().message.find(".pdf") != std::string::npos);
  const auto folder = write_figure(scratch("no-such-folder") / "x.png", scene);
  REQUIRE_FALSE(folder);
  CHECK(folder.error().message.find("x.png") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(scratch("no-such-folder")));
}
