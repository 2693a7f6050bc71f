// The page of a figure: title above, caption below, the drawing between them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/figure/scene.h"
#include "core/figure/style.h"

namespace headscope::figure {
/// Of a page or of what is drawn on it, in points.
struct Size {
  double width = 0, height = 0;
};

/// How a figure is to look. Without a size it has its natural one. A larger size magnifies the
/// page, so that text keeps its share of it; a smaller one leaves less room around text of natural
/// size.
struct Options {
  std::optional<Size> size;  ///< points of SVG and PDF, pixels of PNG
  Theme theme = Theme::light;
  Palette palette = Palette::viridis;
};

/// What somebody needs in order to repeat a figure; empty fields are left out.
struct Provenance {
  std::string model, model_hash;
  std::string data, data_hash;        ///< data set or prompt
  std::int64_t samples = 0;           ///< 0 = not known
  std::vector<std::string> settings;  ///< "tau 0.1 on the top 20 heads", "rows: input"
  std::string version;                ///< of Headscope
  std::string command = {};           ///< what draws the figure again; empty = nothing does
};

/// "Model demo (sha256 0123456789ab). Data nq.jsonl (sha256 ...), n = 441. Settings: ..."
std::string provenance_text(const Provenance& provenance);

/// Words around a figure. `text` says what is drawn and how to read it.
struct Caption {
  std::string title;
  std::string subtitle;
  std::string text;
  Provenance provenance;
};

/// A page with title and caption set; the figure goes into `body`.
struct Page {
  Scene scene;
  Style style;
  Box body;

  /// Text in the style of `role`; `muted` for everything that is not the message.
  void text(Point at, const std::string& text, double size, Rgb color,
            Anchor anchor = Anchor::start, Role role = "label");
};

/// Points that title and caption take of a page so wide, with the gaps between them and the
/// drawing.
double height_of_words(const Caption& caption, double width, const Style& style);

/// `natural`, higher where the caption is longer than the figure was laid out for, so that a long
/// one takes nothing from the drawing.
Size with_room_for(const Caption& caption, Size natural, const Style& style);
/// An empty page with title and caption, `natural` unless the options say another size.
Page make_page(const Options& options, Size natural, const Caption& caption);

}  // namespace headscope::figure
