// Fonts of the system, found at run time; ImGui's own scalable font where there is none. What the
// text font lacks comes from others, and what none has is a box with its code point.
#pragma once

#include <imgui.h>

#include <string>

namespace headscope {

struct Fonts {
  ImFont* regular = nullptr;
  ImFont* bold = nullptr;  ///< the regular one where there is no bold
};

/// File of the best match for a fontconfig pattern such as "Noto Sans:bold"; empty when the match
/// is of another family.
std::string find_font_file(const char* family, bool bold);

/// Adds fonts to the current ImGui context. `builtin_only` for screenshots that must not depend on
/// the machine.
Fonts load_fonts(bool builtin_only);

}  // namespace headscope
