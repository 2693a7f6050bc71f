#include "core/figure/colour_maps.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace headscope {
namespace {

using Coefficients = std::array<std::array<double, 3>, 7>;

// Sixth-degree fits to matplotlib's colour maps by Matt Zucker (CC0, shadertoy.com/view/WlfXRN).
constexpr Coefficients kViridis = {{
    {0.2777273272234177, 0.005407344544966578, 0.3340998053353061},
    {0.1050930431085774, 1.404613529898575, 1.384590162594685},
    {-0.3308618287255563, 0.214847559468213, 0.09509516302823659},
    {-4.634230498983486, -5.799100973351585, -19.33244095627987},
    {6.228269936347081, 14.17993336680509, 56.69055260068105},
    {4.776384997670288, -13.74514537774601, -65.35303263337234},
    {-5.435455855934631, 4.645852612178535, 26.3124352495832},
}};
constexpr Coefficients kMagma = {{
    {-0.002136485053939582, -0.000749655052795221, -0.005386127855323933},
    {0.2516605407371642, 0.6775232436837668, 2.494026599312351},
    {8.353717279216625, -3.577719514958484, 0.3144679030132573},
    {-27.66873308576866, 14.26473078096533, -13.64921318813922},
    {52.17613981234068, -27.94360607168351, 12.94416944238394},
    {-50.76852536473588, 29.04658282127291, 4.23415299384598},
    {18.65570506591883, -11.48977351997711, -5.601961508734096},
}};

Rgb polynomial(const Coefficients& c, double t) {
  std::array<float, 3> out{};
  for (std::size_t channel = 0; channel < 3; ++channel) {
    double value = 0;
    for (std::size_t i = c.size(); i-- > 0;) value = value * t + c[i][channel];
    out[channel] = static_cast<float>(std::clamp(value, 0.0, 1.0));
  }
  return {out[0], out[1], out[2]};
}

// Cividis (Nunez, Anderton, Renslow 2018), the fit that d3-scale-chromatic publishes (ISC).
Rgb cividis(double t) {
  const double r = -4.54 - t * (35.34 - t * (2381.73 - t * (6402.7 - t * (7024.72 - t * 2710.57))));
  const double g = 32.49 + t * (170.73 + t * (52.82 - t * (131.46 - t * (176.58 - t * 67.37))));
  const double b =
      81.24 + t * (442.36 - t * (2482.43 - t * (6167.24 - t * (6614.94 - t * 2475.67))));
  const auto unit = [](double v) { return static_cast<float>(std::clamp(v / 255.0, 0.0, 1.0)); };
  return {unit(r), unit(g), unit(b)};
}

float to_linear(float v) {
  return v <= 0.04045f ? v / 12.92f : std::pow((v + 0.055f) / 1.055f, 2.4f);
}
float to_srgb(float v) {
  v = std::clamp(v, 0.0f, 1.0f);
  return v <= 0.0031308f ? v * 12.92f : 1.055f * std::pow(v, 1.0f / 2.4f) - 0.055f;
}

struct Lab {
  float l = 0, a = 0, b = 0;
};

// OKLab (Ottosson 2020): steps of equal size look equally large.
Lab to_oklab(Rgb color) {
  const float r = to_linear(color.r), g = to_linear(color.g), b = to_linear(color.b);
  const float l = std::cbrt(0.4122214708f * r + 0.5363325363f * g + 0.0514459929f * b);
  const float m = std::cbrt(0.2119034982f * r + 0.6806995451f * g + 0.1073969566f * b);
  const float s = std::cbrt(0.0883024619f * r + 0.2817188376f * g + 0.6299787005f * b);
  return {0.2104542553f * l + 0.7936177850f * m - 0.0040720468f * s,
          1.9779984951f * l - 2.4285922050f * m + 0.4505937099f * s,
          0.0259040371f * l + 0.7827717662f * m - 0.8086757660f * s};
}

Rgb from_oklab(Lab c) {
  const float l = c.l + 0.3963377774f * c.a + 0.2158037573f * c.b;
  const float m = c.l - 0.1055613458f * c.a - 0.0638541728f * c.b;
  const float s = c.l - 0.0894841775f * c.a - 1.2914855480f * c.b;
  const float l3 = l * l * l, m3 = m * m * m, s3 = s * s * s;
  return {to_srgb(4.0767416621f * l3 - 3.3077115913f * m3 + 0.2309699292f * s3),
          to_srgb(-1.2684380046f * l3 + 2.6097574011f * m3 - 0.3413193965f * s3),
          to_srgb(-0.0041960863f * l3 - 0.7034186147f * m3 + 1.7076147010f * s3)};
}

// Blue for less, orange for more, through a middle that vanishes into the page.
Rgb diverging(double t, Rgb low, Rgb middle, Rgb high) {
  const Lab from = to_oklab(middle);
  const Lab to = to_oklab(t < 0.5 ? low : high);
  const float x = static_cast<float>(std::abs(2.0 * t - 1.0));
  return from_oklab(
      {from.l + x * (to.l - from.l), from.a + x * (to.a - from.a), from.b + x * (to.b - from.b)});
}

}  // namespace

std::string_view palette_name(Palette palette) {
  switch (palette) {
    case Palette::viridis:
      return "viridis";
    case Palette::magma:
      return "magma";
    case Palette::cividis:
      return "cividis";
    case Palette::grey:
      return "grey";
    case Palette::diverging_light:
    case Palette::diverging_dark:
      return "blue-orange";
  }
  return "viridis";
}

Rgb palette_color(Palette palette, float t) {
  const double x = std::clamp(static_cast<double>(t), 0.0, 1.0);
  switch (palette) {
    case Palette::viridis:
      return polynomial(kViridis, x);
    case Palette::magma:
      return polynomial(kMagma, x);
    case Palette::cividis:
      return cividis(x);
    case Palette::grey:
      return from_oklab({static_cast<float>(0.08 + 0.90 * x), 0, 0});
    case Palette::diverging_light:
      return diverging(x, {0.07f, 0.32f, 0.62f}, {0.965f, 0.965f, 0.965f}, {0.72f, 0.32f, 0.02f});
    case Palette::diverging_dark:
      return diverging(x, {0.36f, 0.71f, 1.0f}, {0.125f, 0.137f, 0.160f}, {1.0f, 0.65f, 0.26f});
  }
  return {};
}

std::optional<Palette> sequential_palette(std::string_view name) {
  for (int p = 0; p < sequential_palettes; ++p) {
    if (palette_name(static_cast<Palette>(p)) == name) return static_cast<Palette>(p);
  }
  return std::nullopt;
}

float oklab_lightness(Rgb color) {
  return to_oklab(color).l;
}

}  // namespace headscope
