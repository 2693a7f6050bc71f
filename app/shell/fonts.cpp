#include "app/shell/fonts.h"

#include <fontconfig/fontconfig.h>

#include <memory>
#include <string_view>

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
  ImGui::GetIO().FontDefault = fonts.regular;
  return fonts;
}

}  // namespace headscope
