#include "app/shell/fallback_glyphs.h"

#include <imgui_internal.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

namespace headscope {
namespace {

constexpr int kDigitWidth = 3, kDigitHeight = 5;
// Rows of a hexadecimal digit from the top, three bits each.
constexpr std::array<std::array<std::uint8_t, kDigitHeight>, 16> kDigits = {{
    {7, 5, 5, 5, 7},
    {2, 6, 2, 2, 7},
    {7, 1, 7, 4, 7},
    {7, 1, 3, 1, 7},
    {5, 5, 7, 1, 1},
    {7, 4, 7, 1, 7},
    {7, 4, 7, 5, 7},
    {7, 1, 2, 2, 2},
    {7, 5, 7, 5, 7},
    {7, 5, 7, 1, 7},
    {2, 5, 7, 5, 5},
    {6, 5, 6, 5, 6},
    {7, 4, 4, 4, 7},
    {6, 5, 5, 5, 6},
    {7, 4, 7, 4, 7},
    {7, 4, 7, 4, 4},
}};

// Signs that only say how others are drawn.
bool takes_no_room(ImWchar c) {
  return (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
         (c >= 0x2060 && c <= 0x206F) || (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFEFF ||
         (c >= 0xE0000 && c <= 0xE01EF);
}

// What ImGui draws itself or asks for to see whether a font has it: control characters, the
// ellipsis.
bool is_left_out(ImWchar c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2026;
}

bool contains(ImFontAtlas*, ImFontConfig*, ImWchar c) {
  return !is_left_out(c);
}

// A picture in dots: a frame with two rows of digits.
struct Box {
  int columns = 2, width = 0, height = 0;
  std::vector<std::uint8_t> dots;

  explicit Box(ImWchar c) : columns(c > 0xFFFF ? 3 : 2) {
    width = 3 + columns * (kDigitWidth + 1);
    height = 4 + 2 * kDigitHeight + 1;
    dots.assign(static_cast<std::size_t>(width * height), 0);
    for (int x = 0; x < width; ++x) set(x, 0), set(x, height - 1);
    for (int y = 0; y < height; ++y) set(0, y), set(width - 1, y);
    for (int place = 0; place < 2 * columns; ++place) {
      const auto digit = (static_cast<std::uint32_t>(c) >> (4 * (2 * columns - 1 - place))) & 0xF;
      draw(static_cast<int>(digit), 2 + place % columns * (kDigitWidth + 1),
           2 + place / columns * (kDigitHeight + 1));
    }
  }

 private:
  void set(int x, int y) { dots[static_cast<std::size_t>(y * width + x)] = 0xFF; }
  void draw(int digit, int left, int top) {
    for (int y = 0; y < kDigitHeight; ++y) {
      for (int x = 0; x < kDigitWidth; ++x) {
        const int row = kDigits[static_cast<std::size_t>(digit)][static_cast<std::size_t>(y)];
        if ((row >> (kDigitWidth - 1 - x)) & 1) set(left + x, top + y);
      }
    }
  }
};

// Whole pixels for a dot: digits of three by five dots stand no other way.
std::vector<std::uint8_t> enlarged(const Box& box, int dot) {
  const int width = box.width * dot, height = box.height * dot;
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(width * height));
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x)
      pixels[static_cast<std::size_t>(y * width + x)] =
          box.dots[static_cast<std::size_t>(y / dot * box.width + x / dot)];
  }
  return pixels;
}

bool load(ImFontAtlas* atlas, ImFontConfig* source, ImFontBaked* baked, void*, ImWchar c,
          ImFontGlyph* glyph, float* advance_alone) {
  if (is_left_out(c)) return false;
  const Box box(c);
  const float density = source->RasterizerDensity * baked->RasterizerDensity;
  const float size = baked->Size * density;
  const int dot = std::max(1, static_cast<int>(std::lround(size / static_cast<float>(box.height))));
  const bool visible = !takes_no_room(c);
  const float advance = visible ? static_cast<float>((box.width + 1) * dot) / density : 0.0f;
  if (advance_alone != nullptr) {
    *advance_alone = advance;
    return true;
  }
  glyph->Codepoint = c;
  glyph->AdvanceX = advance;
  if (!visible) return true;
  const int width = box.width * dot, height = box.height * dot;
  const ImFontAtlasRectId pack = ImFontAtlasPackAddRect(atlas, width, height);
  if (pack == ImFontAtlasRectId_Invalid) return false;
  ImTextureRect* rect = ImFontAtlasPackGetRect(atlas, pack);
  const auto pixels = enlarged(box, dot);
  // In the middle of the line, whatever the font's ascent.
  const float top = std::round((size - static_cast<float>(height)) * 0.5f) / density;
  glyph->X0 = 0;
  glyph->X1 = static_cast<float>(width) / density;
  glyph->Y0 = top;
  glyph->Y1 = top + static_cast<float>(height) / density;
  glyph->Visible = true;
  glyph->PackId = pack;
  ImFontAtlasBakedSetFontGlyphBitmap(atlas, baked, source, glyph, rect, pixels.data(),
                                     ImTextureFormat_Alpha8, width);
  return true;
}

const ImFontLoader& box_loader() {
  static const ImFontLoader loader = [] {
    ImFontLoader boxes;
    boxes.Name = "code point boxes";
    boxes.FontSrcContainsGlyph = contains;
    boxes.FontBakedLoadGlyph = load;
    return boxes;
  }();
  return loader;
}

}  // namespace

void add_fallback_glyphs(ImFont* font) {
  ImFontConfig config;
  config.MergeMode = true;
  config.DstFont = font;
  config.FontLoader = &box_loader();
  ImGui::GetIO().Fonts->AddFont(&config);
}

}  // namespace headscope
