// Measuring and shaping text with the fonts of the system (pango), the same for every format.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headscope::figure {

/// Families in order of preference, for pango and for CSS (where a name with a digit would need
/// quotes and, without them, void the whole list); the last is the system's choice.
inline constexpr const char* kFontFamilies =
    "Inter, Noto Sans, Liberation Sans, DejaVu Sans, sans-serif";

/// Width of one line in points.
double text_width(std::string_view text, double size, bool bold = false);

/// Lines of at most `width` points, broken at spaces; a longer word is cut.
std::vector<std::string> wrap_text(std::string_view text, double size, double width);

/// The text, or its beginning with an ellipsis when it is wider than `width`.
std::string shortened(std::string_view text, double size, double width, bool bold = false);

/// One line of valid UTF-8: what is not valid becomes U+FFFD, control characters become spaces.
std::string clean_text(std::string_view text);

/// The text with its first letter (of ASCII) in upper case.
std::string capitalised(std::string text);

/// A token as a label: outer spaces removed, line breaks shown as ⏎, an empty one as ␣.
std::string token_label(std::string_view token);

}  // namespace headscope::figure
