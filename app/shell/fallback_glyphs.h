// A glyph for every character that no font has: a box with its code point in it, so that no part of
// a prompt is invisible or looks like another.
#pragma once

#include <imgui.h>

namespace headscope {

/// Merges the boxes into `font`, behind every font that was merged before. Characters without a
/// picture of their own (joiners, variation selectors, controls) take no room.
void add_fallback_glyphs(ImFont* font);

}  // namespace headscope
