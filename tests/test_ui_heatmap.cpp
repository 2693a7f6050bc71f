// links: headscope_app_testing
// labels: ui
// The heat map's pixels against the palettes computed on the CPU, cell by cell.
#include <doctest/doctest.h>
#include <imgui.h>

#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "app/render/heatmap.h"
#include "app/shell/window.h"
#include "core/base/rng.h"
#include "tests/skip.h"
#include "tests/ui_fixture.h"

using namespace headscope;

namespace {

struct Values {
  std::shared_ptr<std::vector<float>> storage;
  HeatmapData data;
};

Values make_values(std::int64_t rows, std::int64_t columns,
                   const std::function<float(std::int64_t, std::int64_t)>& f) {
  Values v;
  v.storage = std::make_shared<std::vector<float>>();
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) v.storage->push_back(f(r, c));
  }
  v.data = {v.storage, v.storage->data(), columns, rows};
  return v;
}

// Shows one map over the whole window and returns the pixels.
Pixels show(Window& window, HeatmapRenderer& renderer, const HeatmapData& data,
            const HeatmapData& baseline, const HeatmapStyle& style, const HeatmapWindow& part) {
  window.poll();
  window.begin_frame();
  renderer.begin_frame();
  const ImVec2 size = ImGui::GetIO().DisplaySize;
  renderer.draw(*ImGui::GetBackgroundDrawList(), ImVec2(0, 0), size, data, baseline, style, part);
  window.render();
  Pixels pixels = window.capture();
  window.present();
  return pixels;
}

Rgb pixel(const Pixels& p, int x, int y) {
  const std::uint8_t* c = &p.rgb[(static_cast<std::size_t>(y) * p.width + x) * 3];
  return {c[0] / 255.0f, c[1] / 255.0f, c[2] / 255.0f};
}

float distance(Rgb a, Rgb b) {
  return std::max({std::abs(a.r - b.r), std::abs(a.g - b.g), std::abs(a.b - b.b)});
}

constexpr float kTolerance = 0.02f;  // a palette has 256 steps and a pixel 8 bits

}  // namespace

TEST_CASE("the shader colours values as the palette says") {
  if (!test::has_display()) SKIP_TEST("no display: run through packaging/with_display.sh");
  WindowOptions options;
  options.width = 640;
  options.height = 400;
  options.scale = 1;
  options.hidden = true;
  options.builtin_font = true;
  auto opened = Window::create(options);
  REQUIRE_MESSAGE(opened.has_value(), (opened ? "" : opened.error().message));
  Window& window = **opened;
  {
    HeatmapRenderer renderer;
    Rng rng(5);
    const Values a = make_values(
        20, 40, [&](auto, auto) { return static_cast<float>(rng.next_u32() % 1000) / 1000.0f; });
    const Values b = make_values(
        20, 30, [&](auto, auto) { return static_cast<float>(rng.next_u32() % 1000) / 1000.0f; });
    const HeatmapWindow whole{0, 0, 40, 20};
    HeatmapStyle style;

    SUBCASE("linear") {
      const Pixels p = show(window, renderer, a.data, {}, style, whole);
      for (int r = 0; r < 20; ++r) {
        for (int c = 0; c < 40; ++c) {
          const float v = a.data.values[r * 40 + c];
          CHECK(distance(pixel(p, c * 16 + 8, r * 20 + 10), palette_color(Palette::viridis, v)) <
                kTolerance);
        }
      }
    }
    SUBCASE("logarithmic, other palette, other range") {
      style.palette = Palette::magma;
      style.logarithmic = true;
      style.low = 0.01f;
      style.high = 0.5f;
      const Pixels p = show(window, renderer, a.data, {}, style, whole);
      for (int r = 0; r < 20; r += 3) {
        for (int c = 0; c < 40; ++c) {
          const float v = a.data.values[r * 40 + c];
          const float t = std::log(std::max(v, 0.01f) / 0.01f) / std::log(50.0f);
          CHECK(distance(pixel(p, c * 16 + 8, r * 20 + 10), palette_color(Palette::magma, t)) <
                kTolerance);
        }
      }
    }
    SUBCASE("difference to a shorter baseline: missing keys count as zero") {
      style.palette = Palette::diverging_dark;
      style.difference = true;
      style.high = 0.8f;
      const Pixels p = show(window, renderer, a.data, b.data, style, whole);
      for (int r = 0; r < 20; r += 3) {
        for (int c = 0; c < 40; ++c) {
          const float v = a.data.values[r * 40 + c] - (c < 30 ? b.data.values[r * 30 + c] : 0.0f);
          const float t = 0.5f + 0.5f * std::clamp(v / 0.8f, -1.0f, 1.0f);
          CHECK(distance(pixel(p, c * 16 + 8, r * 20 + 10),
                         palette_color(Palette::diverging_dark, t)) < kTolerance);
        }
      }
    }
    SUBCASE("a part of the map, and what the causal limit hides") {
      style.causal = 2;
      const Pixels p = show(window, renderer, a.data, {}, style, {10, 5, 20, 15});
      const Rgb page = pixel(show(window, renderer, {}, {}, style, whole), 1, 1);
      for (int r = 0; r < 10; ++r) {
        for (int c = 0; c < 10; ++c) {
          const Rgb expected =
              10 + c > 5 + r + 2
                  ? page
                  : palette_color(Palette::viridis, a.data.values[(5 + r) * 40 + 10 + c]);
          CHECK(distance(pixel(p, c * 64 + 32, r * 40 + 20), expected) < kTolerance);
        }
      }
    }
    SUBCASE("columns that are left out, and rows by values of their own") {
      const Rgb page = pixel(show(window, renderer, {}, {}, style, whole), 1, 1);
      const Values rows = make_values(5, 1, [](auto r, auto) { return 0.2f * (1.0f + r); });
      style.left_out = 3;
      style.rows = rows.data;
      style.row_offset = 2;  // as of a part that begins at row 2 of an overview with 5 rows a cell
      style.row_cell = 5;
      const Pixels p = show(window, renderer, a.data, {}, style, whole);
      for (int r = 0; r < 20; ++r) {
        for (int c = 0; c < 40; ++c) {
          const float v = a.data.values[r * 40 + c] / rows.data.values[(r + 2) / 5];
          const Rgb expected = c < 3 ? page : palette_color(Palette::viridis, std::min(v, 1.0f));
          CHECK(distance(pixel(p, c * 16 + 8, r * 20 + 10), expected) < kTolerance);
        }
      }
    }
    SUBCASE("changing range, palette and part uploads nothing") {
      show(window, renderer, a.data, {}, style, whole);
      const std::int64_t uploads = renderer.uploads();
      style.high = 0.3f;
      style.palette = Palette::cividis;
      style.logarithmic = true;
      style.low = 0.001f;
      show(window, renderer, a.data, {}, style, {3, 3, 9, 9});
      CHECK(renderer.uploads() == uploads);
      CHECK(uploads == 1);
      show(window, renderer, b.data, {}, style, {0, 0, 30, 20});
      CHECK(renderer.uploads() == uploads + 1);
    }
    SUBCASE("wider than a tile: every tile is found, and one bright cell survives zooming out") {
      constexpr std::int64_t kColumns = 9001;
      const Values wide = make_values(3, kColumns, [](auto r, auto c) {
        return r == 1 && c == 8777 ? 1.0f : static_cast<float>(c % 7) * 0.05f;
      });
      const Pixels all = show(window, renderer, wide.data, {}, style, {0, 0, kColumns, 3});
      const int x = static_cast<int>(8777.5 / kColumns * 640);
      CHECK(distance(pixel(all, x, 200), palette_color(Palette::viridis, 1.0f)) < kTolerance);
      for (const std::int64_t left : {4080, 4490, 8995}) {  // across the borders of tiles
        const double width = std::min<double>(10, static_cast<double>(kColumns - left));
        const Pixels p = show(window, renderer, wide.data, {}, style,
                              {static_cast<double>(left), 0, static_cast<double>(left) + width, 3});
        for (int i = 0; i < static_cast<int>(width); ++i) {
          const float v = static_cast<float>((left + i) % 7) * 0.05f;
          CHECK(distance(pixel(p, static_cast<int>((i + 0.5) * 640 / width), 60),
                         palette_color(Palette::viridis, v)) < kTolerance);
        }
      }
    }
    SUBCASE("what is not a number is drawn as neither low nor high") {
      const Values holes = make_values(2, 2, [](auto r, auto) { return r == 0 ? NAN : 0.5f; });
      const Pixels p = show(window, renderer, holes.data, {}, style, {0, 0, 2, 2});
      CHECK(distance(pixel(p, 100, 100), palette_color(Palette::viridis, 0.0f)) > 0.1f);
      CHECK(distance(pixel(p, 100, 300), palette_color(Palette::viridis, 0.5f)) < kTolerance);
    }
    CHECK(renderer.error().empty());
  }
}
