// links: headscope_app_testing
// timeout: 60
// Any prompt can be seen: letters of a font where one has them, boxes with the code point
// elsewhere.
#include <doctest/doctest.h>
#include <imgui.h>
#include <imgui_impl_null.h>
#include <imgui_internal.h>

#include <algorithm>

#include <string>
#include <vector>

#include "app/shell/fonts.h"

using namespace headscope;

namespace {

class FontsUnderTest {
 public:
  explicit FontsUnderTest(bool builtin) {
    ImGui::CreateContext();
    ImGui::GetIO().IniFilename = nullptr;
    ImGui::GetIO().BackendFlags |= ImGuiBackendFlags_RendererHasTextures;
    fonts = load_fonts(builtin);
    ImGui::GetIO().DisplaySize = ImVec2(640, 480);
    ImGui::NewFrame();
  }
  ~FontsUnderTest() {
    ImGui::EndFrame();
    for (ImTextureData* texture : ImGui::GetPlatformIO().Textures)
      texture->SetStatus(ImTextureStatus_Destroyed);
    ImGui::DestroyContext();
  }
  FontsUnderTest(const FontsUnderTest&) = delete;
  FontsUnderTest& operator=(const FontsUnderTest&) = delete;

  Fonts fonts;
};

int boxes_of(const ImFont* font) {
  return font->Sources.Size - 1;  // merged last
}

// Pixels of a glyph in the atlas.
std::vector<unsigned char> picture_of(const ImFontGlyph& glyph) {
  ImFontAtlas* atlas = ImGui::GetIO().Fonts;
  const ImTextureRect* rect = ImFontAtlasPackGetRect(atlas, glyph.PackId);
  std::vector<unsigned char> pixels;
  for (int y = 0; y < rect->h; ++y) {
    const auto* row =
        static_cast<const unsigned char*>(atlas->TexData->GetPixelsAt(rect->x, rect->y + y));
    pixels.insert(pixels.end(), row, row + rect->w * atlas->TexData->BytesPerPixel);
  }
  return pixels;
}

struct Script {
  const char* name;
  ImWchar letter;
};
constexpr Script kAnyPrompt[] = {
    {"Latin", 'A'},          {"Latin with marks", 0x00E9},
    {"Greek", 0x03A9},       {"Cyrillic", 0x0416},
    {"Han", 0x4E2D},         {"kana", 0x3042},
    {"Hangul", 0xD55C},      {"Arabic", 0x0628},
    {"Devanagari", 0x0915},  {"emoji", 0x1F600},
    {"private", 0xE000},     {"last", 0x10FFFF},
    {"replacement", 0xFFFD},
};

}  // namespace

TEST_CASE("every character has something to be seen, in either weight and at any size") {
  for (const bool builtin : {true, false}) {
    const FontsUnderTest t(builtin);
    for (ImFont* font : {t.fonts.regular, t.fonts.bold}) {
      CHECK(font->Sources.Size <= 16);  // ImGui's limit
      for (const float size : {14.0f, 21.0f, 28.0f}) {
        ImFontBaked* baked = font->GetFontBaked(size);
        for (const Script& script : kAnyPrompt) {
          CAPTURE(script.name);
          CAPTURE(builtin);
          const ImFontGlyph* glyph = baked->FindGlyphNoFallback(script.letter);
          REQUIRE(glyph != nullptr);
          CHECK(glyph->Visible);
          CHECK(glyph->AdvanceX > 0.3f * size);
          CHECK(glyph->AdvanceX < 1.6f * size);
          CHECK(glyph->Y0 > -0.2f * size);
          CHECK(glyph->Y1 < 1.3f * size);
        }
      }
    }
  }
}

TEST_CASE("a box tells which character it stands for") {
  const FontsUnderTest t(true);
  ImFontBaked* baked = t.fonts.regular->GetFontBaked(28);
  const auto box = [&](ImWchar c) { return *baked->FindGlyphNoFallback(c); };
  const ImFontGlyph a = box(0x4E2D), b = box(0x4E2E), c = box(0x1F600);
  CHECK(static_cast<int>(a.SourceIdx) == boxes_of(t.fonts.regular));
  CHECK(picture_of(a) == picture_of(box(0x4E2D)));
  CHECK(picture_of(a) != picture_of(b));
  CHECK(c.AdvanceX > a.AdvanceX);  // six digits instead of four
  const auto pixels = picture_of(a);
  CHECK(std::count(pixels.begin(), pixels.end(), 0) > 100);  // digits, not a block
}

TEST_CASE("what a font has is not boxed, and signs without a picture take no room") {
  const FontsUnderTest t(true);
  ImFont* font = t.fonts.regular;
  ImFontBaked* baked = font->GetFontBaked(14);
  for (const ImWchar c : {'A', 'z', '0', '~'})
    CHECK(static_cast<int>(baked->FindGlyph(c)->SourceIdx) == 0);
  for (const ImWchar c : {0x200D, 0xFE0F, 0xFEFF}) {
    const ImFontGlyph* glyph = baked->FindGlyphNoFallback(c);
    REQUIRE(glyph != nullptr);
    CHECK_FALSE(glyph->Visible);
    CHECK(glyph->AdvanceX == 0);
  }
  CHECK_FALSE(font->IsGlyphInFont(0x0007));
  ImGui::PushFont(font, 14);
  // "..." at the end of a text that does not fit is dots, not a box.
  CHECK(ImGui::CalcTextSize("...").x < 3 * ImGui::CalcTextSize("M").x + 1);
  CHECK(font->EllipsisChar != 0x2026);
  ImGui::PopFont();
}

TEST_CASE("with the system's fonts, Greek and Cyrillic are letters") {
  const FontsUnderTest t(false);
  ImFont* font = t.fonts.regular;
  if (find_font_file("DejaVu Sans", false).empty()) return;  // no font of the system here
  ImFontBaked* baked = font->GetFontBaked(14);
  for (const ImWchar c : {0x03A9, 0x0416, 0x00E9})
    CHECK(static_cast<int>(baked->FindGlyphNoFallback(c)->SourceIdx) != boxes_of(font));
}
