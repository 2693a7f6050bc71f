// Finds text that is cut off, whoever drew it: glyphs of the frame that are not wholly inside what
// they were clipped to. Text that ends in an ellipsis is not cut, it was shortened.
#pragma once

#include <imgui.h>
#include <imgui_internal.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace headscope::test {

/// A glyph of which a part is not seen.
struct CutGlyph {
  const ImGuiWindow* window = nullptr;  ///< null: drawn over or behind all windows
  ImRect drawn;                         ///< where it stands, as far as it was drawn
  std::string text;                     ///< with what was drawn before and after it
  float beside = 0, below = 0;          ///< pixels cut off sideways, and above or below
};

class CutText {
 public:
  /// Everything cut off in the frame that ImGui::Render has just finished.
  static std::vector<CutGlyph> of_frame() {
    CutText finder;
    const ImDrawData* data = ImGui::GetDrawData();
    if (data == nullptr) return {};
    for (const ImDrawList* list : data->CmdLists) finder.look_through(*list);
    return std::move(finder.found_);
  }

 private:
  struct Quad {
    ImRect at;
    ImVec4 uv;
    const ImFontGlyph* glyph;
  };
  using Key = std::pair<float, float>;

  CutText() {
    ImFontAtlas& atlas = *ImGui::GetIO().Fonts;
    for (int i = 0; i < atlas.Builder->BakedPool.Size; ++i) {
      for (const ImFontGlyph& glyph : atlas.Builder->BakedPool[i].Glyphs) {
        if (glyph.Visible) glyphs_.emplace(Key(glyph.U0, glyph.V0), &glyph);
      }
    }
  }

  // Whole ones begin where one of the atlas does; a part of one lies inside it.
  const ImFontGlyph* glyph_of(const ImVec4& uv) const {
    if (uv.x == uv.z || uv.y == uv.w) return nullptr;  // the white pixel
    if (const auto whole = glyphs_.find({uv.x, uv.y}); whole != glyphs_.end()) return whole->second;
    const auto around = std::find_if(glyphs_.begin(), glyphs_.end(), [&](const auto& entry) {
      const ImFontGlyph& g = *entry.second;
      return uv.x >= g.U0 && uv.z <= g.U1 && uv.y >= g.V0 && uv.w <= g.V1;
    });
    return around != glyphs_.end() ? around->second : nullptr;
  }

  // Four corners as ImGui's text writes them.
  static std::optional<Quad> quad_at(const ImDrawList& list, const ImDrawCmd& command,
                                     unsigned index) {
    const ImDrawIdx* i = list.IdxBuffer.Data + index;
    const ImDrawIdx first = i[0];
    const bool quad = i[1] == first + 1 && i[2] == first + 2 && i[3] == first &&
                      i[4] == first + 2 && i[5] == first + 3;
    if (!quad) return std::nullopt;
    const ImDrawVert* v = list.VtxBuffer.Data + command.VtxOffset + first;
    if ((v[0].col & IM_COL32_A_MASK) == 0) return std::nullopt;  // not seen at all
    return Quad{ImRect(v[0].pos, v[2].pos), ImVec4(v[0].uv.x, v[0].uv.y, v[2].uv.x, v[2].uv.y),
                nullptr};
  }

  void look_through(const ImDrawList& list) {
    const ImTextureData* atlas = ImGui::GetIO().Fonts->TexData;
    for (const ImDrawCmd& command : list.CmdBuffer) {
      if (command.UserCallback != nullptr || command.TexRef._TexData != atlas) continue;
      const ImVec4& c = command.ClipRect;
      const ImRect clip(c.x, c.y, c.z, c.w);
      const unsigned end = command.IdxOffset + command.ElemCount;
      for (unsigned index = command.IdxOffset; index + 6 <= end;) {
        auto quad = quad_at(list, command, index);
        index += quad ? 6 : 3;
        if (!quad) continue;
        quad->glyph = glyph_of(quad->uv);
        if (quad->glyph == nullptr) continue;
        note(list, *quad, clip);
      }
    }
  }

  void note(const ImDrawList& list, const Quad& quad, const ImRect& clip) {
    add_to_line(quad);
    // What ImGui left away of the glyph by itself, and what the clip rectangle hides.
    const ImFontGlyph& g = *quad.glyph;
    const float across = quad.at.GetWidth() / (quad.uv.z - quad.uv.x),
                down = quad.at.GetHeight() / (quad.uv.w - quad.uv.y);
    const auto beyond = [](float low, float high, float least, float most) {
      return std::max(0.0f, std::max(least - low, high - most));
    };
    const float beside = std::max((g.U1 - g.U0 - (quad.uv.z - quad.uv.x)) * across,
                                  beyond(quad.at.Min.x, quad.at.Max.x, clip.Min.x, clip.Max.x));
    const float below = std::max((g.V1 - g.V0 - (quad.uv.w - quad.uv.y)) * down,
                                 beyond(quad.at.Min.y, quad.at.Max.y, clip.Min.y, clip.Max.y));
    if (std::max(beside, below) <= kLeast) return;
    found_.push_back({window_of(list), quad.at, line_, beside, below});
  }

  // The text that was drawn up to here, one line of it.
  void add_to_line(const Quad& quad) {
    const float height = ImGui::GetFontSize();
    const bool goes_on = std::abs(quad.at.Max.y - last_.Max.y) < height * 0.7f &&
                         quad.at.Min.x > last_.Min.x && quad.at.Min.x - last_.Max.x < height;
    if (!goes_on) line_.clear();
    if (goes_on && quad.at.Min.x - last_.Max.x > height * 0.22f) line_ += ' ';
    last_ = quad.at;
    char letter[5];
    line_.append(letter, static_cast<std::size_t>(ImTextCharToUtf8(letter, quad.glyph->Codepoint)));
  }

  static const ImGuiWindow* window_of(const ImDrawList& list) {
    for (const ImGuiWindow* window : ImGui::GetCurrentContext()->Windows) {
      if (window->DrawList == &list) return window;
    }
    return nullptr;
  }

  static constexpr float kLeast = 1.01f;  ///< pixels: less is the edge of a stroke
  std::map<Key, const ImFontGlyph*> glyphs_;
  std::vector<CutGlyph> found_;
  ImRect last_;
  std::string line_;
};

}  // namespace headscope::test
