// Scenes as SVG with real text.
#pragma once

#include <string>

#include "core/base/error.h"
#include "core/figure/scene.h"

namespace headscope::figure {

/// The document; every item has its role as class.
Result<std::string> svg_document(const Scene& scene, double magnification);

}  // namespace headscope::figure
