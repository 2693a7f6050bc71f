#include "app/shell/fonts.h"

#include <fontconfig/fontconfig.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "app/shell/fallback_glyphs.h"
#include "core/base/file.h"

namespace headscope {
namespace {

constexpr float kFontSize = 14.0f;
// Similar in width and x-height, most complete first.
constexpr const char* kFamilies[] = {"Noto Sans",     "Inter",       "Open Sans",
                                     "Source Sans 3", "DejaVu Sans", "Liberation Sans"};

ImFont* add_file(const std::string& path) {
  if (path.empty()) return nullptr;
  ImFontConfig config;
  config.Flags |= ImFontFlags_NoLoadError;
  return ImGui::GetIO().Fonts->AddFontFromFileTTF(path.c_str(), kFontSize, &config);
}

// A letter each of the scripts that the text font often lacks, most used first. ImGui tells the
// sources of a font apart by four bits: there is room for them and no more.
constexpr std::array<ImWchar, 12> kScripts = {
    0x4E2D /* Han */,        0x3042 /* kana */,   0xD55C /* Hangul */, 0x03B1 /* Greek */,
    0x044F /* Cyrillic */,   0x0627 /* Arabic */, 0x05D0 /* Hebrew */, 0x0E01 /* Thai */,
    0x0915 /* Devanagari */, 0x2211 /* sum */,    0x2192 /* arrow */,  0x1F600 /* emoji */,
};

struct FoundFont {
  std::string file;
  int index = 0;  ///< in a collection
};

struct Forget {
  void operator()(FcPattern* p) const { FcPatternDestroy(p); }
  void operator()(FcCharSet* c) const { FcCharSetDestroy(c); }
};
using Pattern = std::unique_ptr<FcPattern, Forget>;

// The system's best outline font with this character: strikes of one size, as colour emoji often
// are, cannot be scaled.
std::optional<FoundFont> font_with(ImWchar c) {
  const Pattern wanted(FcPatternCreate());
  const std::unique_ptr<FcCharSet, Forget> letters(FcCharSetCreate());
  FcCharSetAddChar(letters.get(), c);
  FcPatternAddCharSet(wanted.get(), FC_CHARSET, letters.get());
  FcPatternAddBool(wanted.get(), FC_OUTLINE, FcTrue);
  FcPatternAddString(wanted.get(), FC_FAMILY, reinterpret_cast<const FcChar8*>("sans-serif"));
  FcConfigSubstitute(nullptr, wanted.get(), FcMatchPattern);
  FcDefaultSubstitute(wanted.get());
  FcResult result = FcResultNoMatch;
  const Pattern match(FcFontMatch(nullptr, wanted.get(), &result));
  FcChar8* file = nullptr;
  FcCharSet* there = nullptr;
  FcBool outline = FcFalse;
  int index = 0;
  if (!match || FcPatternGetString(match.get(), FC_FILE, 0, &file) != FcResultMatch ||
      FcPatternGetCharSet(match.get(), FC_CHARSET, 0, &there) != FcResultMatch ||
      FcPatternGetBool(match.get(), FC_OUTLINE, 0, &outline) != FcResultMatch)
    return std::nullopt;
  if (outline != FcTrue || FcCharSetHasChar(there, c) != FcTrue) return std::nullopt;
  FcPatternGetInteger(match.get(), FC_INDEX, 0, &index);
  return FoundFont{reinterpret_cast<const char*>(file), index & 0xFFFF};
}

// Mapped while the program runs: regular and bold, and every window, share one large file.
std::span<const std::byte> content_of(const std::string& file) {
  static std::map<std::string, MappedFile> files;
  auto known = files.find(file);
  if (known == files.end()) {
    Result<MappedFile> opened = MappedFile::open(file);
    if (!opened) return {};
    known = files.emplace(file, std::move(*opened)).first;
  }
  return known->second.bytes();
}

void merge(ImFont* font, const FoundFont& found) {
  const std::span<const std::byte> content = content_of(found.file);
  if (content.empty()) return;
  ImFontConfig config;
  config.MergeMode = true;
  config.DstFont = font;
  config.FontNo = static_cast<ImU32>(found.index);
  config.FontDataOwnedByAtlas = false;
  config.FontData = const_cast<std::byte*>(content.data());
  config.FontDataSize = static_cast<int>(content.size());
  config.Flags |= ImFontFlags_NoLoadError;
  ImGui::GetIO().Fonts->AddFont(&config);
}

// The system's fonts for what `font` lacks.
void merge_scripts(ImFont* font) {
  std::vector<std::string> merged;
  for (const ImWchar c : kScripts) {
    if (font->IsGlyphInFont(c)) continue;
    const auto found = font_with(c);
    if (!found || std::find(merged.begin(), merged.end(), found->file) != merged.end()) continue;
    merge(font, *found);
    merged.push_back(found->file);
  }
}

}  // namespace

std::string find_font_file(const char* family, bool bold) {
  const std::unique_ptr<FcPattern, decltype(&FcPatternDestroy)> wanted(FcPatternCreate(),
                                                                       FcPatternDestroy);
  FcPatternAddString(wanted.get(), FC_FAMILY, reinterpret_cast<const FcChar8*>(family));
  FcPatternAddInteger(wanted.get(), FC_WEIGHT, bold ? FC_WEIGHT_BOLD : FC_WEIGHT_REGULAR);
  FcPatternAddInteger(wanted.get(), FC_SLANT, FC_SLANT_ROMAN);
  FcPatternAddInteger(wanted.get(), FC_WIDTH, FC_WIDTH_NORMAL);
  FcConfigSubstitute(nullptr, wanted.get(), FcMatchPattern);
  FcDefaultSubstitute(wanted.get());
  FcResult result = FcResultNoMatch;
  const std::unique_ptr<FcPattern, decltype(&FcPatternDestroy)> match(
      FcFontMatch(nullptr, wanted.get(), &result), FcPatternDestroy);
  FcChar8* name = nullptr;
  FcChar8* file = nullptr;
  if (!match || FcPatternGetString(match.get(), FC_FAMILY, 0, &name) != FcResultMatch ||
      FcPatternGetString(match.get(), FC_FILE, 0, &file) != FcResultMatch) {
    return {};
  }
  if (std::string_view(reinterpret_cast<const char*>(name)) != family) return {};
  return reinterpret_cast<const char*>(file);
}

Fonts load_fonts(bool builtin_only) {
  Fonts fonts;
  ImGui::GetStyle().FontSizeBase = kFontSize;
  if (!builtin_only && FcInit() == FcTrue) {
    for (const char* family : kFamilies) {
      fonts.regular = add_file(find_font_file(family, false));
      if (fonts.regular == nullptr) continue;
      fonts.bold = add_file(find_font_file(family, true));
      break;
    }
  }
  if (fonts.regular == nullptr) fonts.regular = ImGui::GetIO().Fonts->AddFontDefaultVector();
  if (fonts.bold == nullptr) fonts.bold = fonts.regular;
  for (ImFont* font : {fonts.regular, fonts.bold}) {
    if (font == fonts.bold && fonts.bold == fonts.regular && font->Sources.Size > 1) break;
    if (!builtin_only) merge_scripts(font);
    add_fallback_glyphs(font);
  }
  ImGui::GetIO().FontDefault = fonts.regular;
  return fonts;
}

}  // namespace headscope
