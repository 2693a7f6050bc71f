// Apart from theme.cpp: files name themes, and are read without ImGui.
#include "app/shell/theme.h"

namespace headscope {

std::string_view theme_name(ThemeKind kind) {
  switch (kind) {
    case ThemeKind::dark:
      return "dark";
    case ThemeKind::light:
      return "light";
    case ThemeKind::contrast:
      return "contrast";
  }
  return "dark";
}

bool theme_from_name(std::string_view name, ThemeKind& kind) {
  for (const ThemeKind candidate : {ThemeKind::dark, ThemeKind::light, ThemeKind::contrast}) {
    if (name != theme_name(candidate)) continue;
    kind = candidate;
    return true;
  }
  return false;
}

}  // namespace headscope
