// How exports are to look.
#pragma once

#include <string>

#include "core/exhibit/exhibit.h"

namespace headscope {

/// As they were chosen last; kept with the preferences.
struct ExportOptions {
  ExportFormat format = ExportFormat::png;
  bool dark = false;
  int scale = ExportLook::standard_scale;  ///< pixels a point of PNG
  bool files_beside = true;  ///< the prompt and the intervention that the caption's command names
  std::string folder;        ///< empty = where the program was started
  friend bool operator==(const ExportOptions&, const ExportOptions&) = default;
};

}  // namespace headscope
