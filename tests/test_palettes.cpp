// links: headscope_app_testing
// timeout: 60
// The colours of maps and views, computed: lightness rises in CIELAB, and readers with any of the
// three dichromacies tell neighbouring steps and the roles of a theme apart.
//
// Oracle: CIELAB (CIE 15) from linear sRGB, D65; simulation of full deuteranopia, protanopia and
// tritanopia with the matrices of Machado, Oliveira and Fernandes (2009) in linear sRGB;
// differences as CIE76. A difference of 2.3 is just noticeable (Mahy et al. 1994).
#include <doctest/doctest.h>
#include <imgui.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "app/render/palettes.h"
#include "app/shell/theme.h"
#include "core/figure/colour_maps.h"

using namespace headscope;

namespace {

using Vec = std::array<double, 3>;
using Matrix = std::array<Vec, 3>;

Vec times(const Matrix& m, const Vec& v) {
  Vec out{};
  for (std::size_t i = 0; i < 3; ++i) out[i] = m[i][0] * v[0] + m[i][1] * v[1] + m[i][2] * v[2];
  return out;
}

struct Eye {
  const char* name;
  Matrix seen;
};
constexpr std::array<Eye, 4> kEyes = {{
    {"colour vision", {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}},
    {"protanopia",
     {{{0.152286, 1.052583, -0.204868},
       {0.114503, 0.786281, 0.099216},
       {-0.003882, -0.048116, 1.051998}}}},
    {"deuteranopia",
     {{{0.367322, 0.860646, -0.227968},
       {0.280085, 0.672501, 0.047413},
       {-0.011820, 0.042940, 0.968881}}}},
    {"tritanopia",
     {{{1.255528, -0.076749, -0.178779},
       {-0.078411, 0.930809, 0.147602},
       {0.004733, 0.691367, 0.303900}}}},
}};

double linear(double v) {
  return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
}

constexpr Matrix kToXyz = {{{0.4124564, 0.3575761, 0.1804375},
                            {0.2126729, 0.7151522, 0.0721750},
                            {0.0193339, 0.1191920, 0.9503041}}};

Vec lab_of(const Vec& srgb, const Eye& eye) {
  Vec light{};
  for (std::size_t i = 0; i < 3; ++i) light[i] = linear(srgb[i]);
  light = times(eye.seen, light);
  for (double& v : light) v = std::clamp(v, 0.0, 1.0);
  const Vec xyz = times(kToXyz, light), white = times(kToXyz, {1, 1, 1});
  Vec f{};
  for (std::size_t i = 0; i < 3; ++i) {
    const double t = xyz[i] / white[i];
    f[i] = t > 216.0 / 24389 ? std::cbrt(t) : (24389.0 / 27 * t + 16) / 116;
  }
  return {116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])};
}

double distance(const Vec& a, const Vec& b) {
  return std::sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) +
                   (a[2] - b[2]) * (a[2] - b[2]));
}

Vec colour(Palette palette, double t) {
  const Rgb c = palette_color(palette, static_cast<float>(t));
  return {double{c.r}, double{c.g}, double{c.b}};
}

Vec colour(ImU32 c) {
  const ImVec4 v = ImGui::ColorConvertU32ToFloat4(c);
  return {double{v.x}, double{v.y}, double{v.z}};
}

// Smallest difference between neighbours of `steps` colours, over all eyes.
double smallest_step(Palette palette, int steps, double from = 0, double to = 1) {
  double smallest = 1e9;
  for (const Eye& eye : kEyes) {
    for (int i = 0; i + 1 < steps; ++i) {
      const auto at = [&](int k) { return from + (to - from) * k / (steps - 1); };
      smallest = std::min(smallest, distance(lab_of(colour(palette, at(i)), eye),
                                             lab_of(colour(palette, at(i + 1)), eye)));
    }
  }
  return smallest;
}

bool lightness_rises(Palette palette, const Eye& eye, double from, double to) {
  constexpr int kSteps = 64;
  double last = -1;
  for (int i = 0; i < kSteps; ++i) {
    const double l = lab_of(colour(palette, from + (to - from) * i / (kSteps - 1)), eye)[0];
    if (l < last - 0.05) return false;
    last = l;
  }
  return true;
}

struct Role {
  const char* name;
  ImU32 color;
};
// What stands for something in a plot or a text: each beside any other.
std::vector<Role> roles_of(const Theme& t) {
  return {{"baseline", t.baseline}, {"accent", t.accent}, {"gold", t.gold},
          {"sink", t.sink},         {"good", t.good},     {"bad", t.bad}};
}

double luminance(const Vec& srgb) {
  return times(kToXyz, {linear(srgb[0]), linear(srgb[1]), linear(srgb[2])})[1];
}

// WCAG 2: (lighter + 0.05) / (darker + 0.05).
double contrast(ImU32 a, ImU32 b) {
  const double x = luminance(colour(a)), y = luminance(colour(b));
  return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

struct ImGuiForStyles {
  ImGuiForStyles() { ImGui::CreateContext(); }
  ~ImGuiForStyles() { ImGui::DestroyContext(); }
};

constexpr ThemeKind kThemes[] = {ThemeKind::dark, ThemeKind::light, ThemeKind::contrast};

}  // namespace

TEST_CASE("the oracle knows what is known") {
  const Eye& normal = kEyes[0];
  CHECK(lab_of({1, 1, 1}, normal)[0] == doctest::Approx(100).epsilon(1e-4));
  const Vec red = lab_of({1, 0, 0}, normal);  // 53.24, 80.09, 67.20
  CHECK(red[0] == doctest::Approx(53.24).epsilon(1e-3));
  CHECK(red[1] == doctest::Approx(80.09).epsilon(1e-3));
  CHECK(red[2] == doctest::Approx(67.20).epsilon(1e-3));
  // Red and green are as far apart as colours are, and close for a deuteranope.
  const Vec a = {0.75, 0.25, 0.10}, b = {0.40, 0.45, 0.10};
  CHECK(distance(lab_of(a, normal), lab_of(b, normal)) > 40);
  CHECK(distance(lab_of(a, kEyes[2]), lab_of(b, kEyes[2])) < 15);
}

TEST_CASE("sequential maps: lightness rises for every eye, and nine steps can be told apart") {
  for (int p = 0; p < sequential_palettes; ++p) {
    const auto palette = static_cast<Palette>(p);
    CAPTURE(std::string(palette_name(palette)));
    for (const Eye& eye : kEyes) {
      CAPTURE(eye.name);
      CHECK(lightness_rises(palette, eye, 0, 1));
      const double range = lab_of(colour(palette, 1), eye)[0] - lab_of(colour(palette, 0), eye)[0];
      CHECK(range > 70);
    }
    MESSAGE(std::string(palette_name(palette))
            << ": smallest of nine steps " << smallest_step(palette, 9));
    CHECK(smallest_step(palette, 9) > 4.6);  // twice what is just noticeable
  }
}

TEST_CASE("difference maps: both arms can be told apart, and from the middle") {
  for (const auto& [palette, rises] :
       {std::pair{Palette::diverging_dark, true}, std::pair{Palette::diverging_light, false}}) {
    for (const Eye& eye : kEyes) {
      CAPTURE(eye.name);
      // Away from the middle: lighter on a dark page, darker on a light one.
      CHECK(lightness_rises(palette, eye, rises ? 0.5 : 0.0, rises ? 1.0 : 0.5));
      CHECK(lightness_rises(palette, eye, rises ? 0.5 : 1.0, rises ? 0.0 : 0.5));
      for (const double x : {0.25, 0.5}) {
        CAPTURE(x);
        CHECK(distance(lab_of(colour(palette, 0.5 - x), eye),
                       lab_of(colour(palette, 0.5 + x), eye)) > 20);
      }
    }
    CHECK(smallest_step(palette, 9) > 4.6);
  }
}

TEST_CASE("a map that is not ordered would be caught") {
  const Eye& normal = kEyes[0];
  bool rises = true;
  double last = -1;
  for (int i = 0; i < 64; ++i) {  // the rainbow of old
    float r = 0, g = 0, b = 0;
    ImGui::ColorConvertHSVtoRGB(0.66f * static_cast<float>(63 - i) / 63, 1, 1, r, g, b);
    const double l = lab_of({double{r}, double{g}, double{b}}, normal)[0];
    rises = rises && l >= last - 0.05;
    last = l;
  }
  CHECK_FALSE(rises);
}

TEST_CASE("the roles of every theme can be told apart by every eye") {
  const ImGuiForStyles context;
  for (const ThemeKind kind : kThemes) {
    const Theme theme = apply_theme(kind, 1);
    const auto roles = roles_of(theme);
    double smallest = 1e9;
    std::string who;
    for (const Eye& eye : kEyes) {
      for (std::size_t i = 0; i < roles.size(); ++i) {
        for (std::size_t k = i + 1; k < roles.size(); ++k) {
          const double d =
              distance(lab_of(colour(roles[i].color), eye), lab_of(colour(roles[k].color), eye));
          if (d >= smallest) continue;
          smallest = d;
          who = std::string(roles[i].name) + " and " + roles[k].name + ", " + eye.name;
        }
      }
    }
    MESSAGE(std::string(theme_name(kind)) << ": closest are " << who << ", " << smallest);
    CHECK_MESSAGE(smallest > 15, who);
  }
}

TEST_CASE("what is written can be read: WCAG AA, and AAA in high contrast") {
  const ImGuiForStyles context;
  for (const ThemeKind kind : kThemes) {
    const Theme theme = apply_theme(kind, 1);
    const double least = kind == ThemeKind::contrast ? 7 : 4.5;
    CAPTURE(std::string(theme_name(kind)));
    for (const Role& role :
         {Role{"text", theme.text}, Role{"muted", theme.muted}, Role{"accent", theme.accent},
          Role{"gold", theme.gold}, Role{"good", theme.good}, Role{"bad", theme.bad}}) {
      CAPTURE(role.name);
      CHECK(contrast(role.color, theme.panel) >= least);
    }
    // Plot marks: 3 to 1 against what they stand on, the sink's patch by its outline or label too.
    CHECK(contrast(theme.baseline, theme.panel) >= 3);
  }
}
