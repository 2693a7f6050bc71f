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

// Its letters hang below the line by a tenth of their height: they are lifted, or what is clipped
// to a line would lose the feet of g, p and y.
ImFont* add_builtin() {
  ImFontConfig config;
  config.PixelSnapH = true;  // as without a configuration
  config.SizePixels = kFontSize;
  config.GlyphOffset.y = -0.1f * kFontSize;
  return ImGui::GetIO().Fonts->AddFontDefaultVector(&config);
}

// Letters of the scripts that the text font often lacks, most used first; several each, because
// fonts of symbols hold single letters of many scripts. ImGui tells the sources of a font apart by
// four bits: there is room for these and no more.
constexpr std::array<std::u32string_view, 12> kScripts = {
    U"\u4E2D\u7684\u662F\u4EEC\u570B\u9F8D",  // Han, simplified and traditional
    U"\u3042\u30A2\u306E",                    // kana
    U"\uD55C\uAE00\uC774",                    // Hangul
    U"\u03B1\u03A9\u03AC",                    // Greek
    U"\u044F\u0416\u0456",                    // Cyrillic
    U"\u0627\u0628\u0645",                    // Arabic
    U"\u05D0\u05E9",                          // Hebrew
    U"\u0E01\u0E32",                          // Thai
    U"\u0915\u093E",                          // Devanagari
    U"\u2211\u2264\u222B",                    // mathematics
    U"\u2192\u2713\u25A0",                    // arrows and marks
    U"\U0001F600\U0001F680\U0001F44D",        // emoji
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

// The system's best outline font with all of these letters: strikes of one size, as colour emoji
// often are, cannot be scaled.
std::optional<FoundFont> font_with(std::u32string_view all) {
  const Pattern wanted(FcPatternCreate());
  const std::unique_ptr<FcCharSet, Forget> letters(FcCharSetCreate());
  for (const char32_t c : all) FcCharSetAddChar(letters.get(), c);
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
  if (outline != FcTrue || FcCharSetIsSubset(letters.get(), there) != FcTrue) return std::nullopt;
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
  for (const std::u32string_view letters : kScripts) {
    const auto has = [&](char32_t c) { return font->IsGlyphInFont(c); };
    if (std::all_of(letters.begin(), letters.end(), has)) continue;
    const auto found = font_with(letters);
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
  if (fonts.regular == nullptr) fonts.regular = add_builtin();
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
