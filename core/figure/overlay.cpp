#include "core/figure/overlay.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/figure/axes.h"
#include "core/figure/ticks.h"
#include "core/figure/type.h"

namespace headscope::figure {
namespace {

constexpr double kWidth = 540, kTextSize = 7.5, kLeading = 12;
constexpr std::size_t kMostLines = 400;
constexpr double kDecades = 3;  // of the logarithmic scale, below the largest mass

Rgb mixed(Rgb from, Rgb to, double share) {
  const auto part = [share](float a, float b) {
    return a + (b - a) * static_cast<float>(std::clamp(share, 0.0, 1.0));
  };
  return {part(from.r, to.r), part(from.g, to.g), part(from.b, to.b)};
}

/// From a mass to its colour: the page's own where there is none.
struct Scale {
  double highest = 0;
  bool logarithmic = true;
  Rgb page, full, below;  ///< `below`: of differences downwards

  double share(double mass) const {
    const double size = std::abs(mass);
    if (!(size > 0) || !(highest > 0)) return 0;
    if (!logarithmic) return size / highest;
    return std::max(0.0, 1 + std::log10(size / highest) / kDecades);
  }
  Rgb color(double mass) const { return mixed(page, mass < 0 ? below : full, share(mass)); }
};

// A run of text on one line.
struct Placed {
  const OverlayPiece* piece = nullptr;
  std::string text;
  double x = 0, width = 0;
  std::size_t line = 0;
};

/// Sets pieces from left to right; a line ends at a line break, or before what does not fit.
class Typesetter {
 public:
  explicit Typesetter(double width) : width_(width) {}

  // False when the page is full.
  bool add(const OverlayPiece& piece) {
    std::size_t begin = 0;
    while (begin <= piece.text.size()) {
      const std::size_t end = std::min(piece.text.find('\n', begin), piece.text.size());
      place(piece, piece.text.substr(begin, end - begin));
      if (end == piece.text.size()) break;
      new_line();
      begin = end + 1;
    }
    return line_ < kMostLines;
  }

  const std::vector<Placed>& placed() const { return placed_; }
  std::size_t lines() const { return placed_.empty() ? 0 : placed_.back().line + 1; }

 private:
  void new_line() {
    ++line_;
    x_ = 0;
  }

  double width_of(const std::string& text) {
    const auto [found, fresh] = widths_.try_emplace(text, 0);
    // A space at the end has no width of its own: measured before a stop.
    if (fresh) found->second = text_width(text + ".", kTextSize) - text_width(".", kTextSize);
    return found->second;
  }

  void place(const OverlayPiece& piece, std::string text) {
    if (text.empty() || line_ >= kMostLines) return;
    double width = width_of(text);
    if (x_ > 0 && x_ + width > width_) {
      new_line();
      text.erase(0, text.find_first_not_of(' '));
      if (text.empty()) return;
      width = width_of(text);
    }
    placed_.push_back({&piece, text, x_, width, line_});
    x_ += width;
  }

  double width_ = 0, x_ = 0;
  std::size_t line_ = 0;
  std::vector<Placed> placed_;
  std::map<std::string, double> widths_;
};

void draw_piece(Page& page, const Placed& p, const Box& body, const Scale& scale,
                bool without_sink) {
  const double top = body.y + static_cast<double>(p.line) * kLeading;
  const double x = body.x + p.x;
  const bool left_out = without_sink && p.piece->sink;
  const Rgb color = left_out ? scale.page : scale.color(p.piece->mass);
  if (p.piece->token) {
    Rect rect{{x, top + 1, p.width, kLeading - 2.4}};
    rect.fill = Paint{color};
    if (left_out) rect.stroke = Stroke{{page.style.muted}, 0.6};
    rect.role = "token";
    page.scene.add(rect);
  }
  if (p.piece->gold) {
    Path line;
    line.points = {{x, top + kLeading - 0.9}, {x + p.width, top + kLeading - 0.9}};
    line.stroke = Stroke{{page.style.gold}, 1.1};
    line.role = "gold";
    page.scene.add(std::move(line));
  }
  page.text({x, top + kTextSize + 0.9}, p.text, kTextSize, readable_on(color), Anchor::start,
            "word");
}

std::vector<LegendEntry> legend_of(const Scale& scale, const Style& style, bool gold,
                                   bool difference) {
  std::vector<LegendEntry> entries;
  const auto add = [&](double mass) {
    const char* sign = !difference ? "" : mass < 0 ? "−" : "+";
    entries.push_back(
        {LegendEntry::Key::swatch, sign + shortest(std::abs(mass), 2), scale.color(mass)});
  };
  for (int step = 0; step < 3 && scale.highest > 0; ++step) {
    const double mass =
        scale.logarithmic ? scale.highest * std::pow(10, -step) : scale.highest * (1 - step / 3.0);
    add(mass);
    if (difference) add(-mass);
  }
  if (gold) entries.push_back({LegendEntry::Key::line, "gold document", style.gold});
  return entries;
}

Caption caption_of(const OverlayFigure& f, bool cut) {
  Caption caption;
  caption.title = f.difference ? "Where the attention moves" : "Where the attention goes";
  caption.subtitle = capitalised(f.of);
  caption.text =
      (f.difference ? "Colour: change of the attention mass of " : "Colour: attention mass of ") +
      f.rows + " on each token, " + f.pooled + ", on a " +
      (f.logarithmic ? "logarithmic" : "linear") + " scale.";
  if (f.difference) caption.text += " Plus: more than without the intervention.";
  if (f.without_sink)
    caption.text += " The attention sink, tokens 0 and 1, is framed where it shows, not painted.";
  if (std::abs(f.hidden) >= 0.0005) {  // what the caption's digits can show
    caption.text +=
        " Tokens that show no text (the beginning of the sequence, a chat template) "
        "hold " +
        fixed(f.hidden, 3) + ".";
  }
  if (cut) caption.text += " The text is cut after " + std::to_string(kMostLines) + " lines.";
  caption.provenance = f.provenance;
  return caption;
}

}  // namespace

Result<Scene> draw_overlay(const OverlayFigure& f, const Options& options) {
  const Style style = make_style(options.theme, options.palette);
  Typesetter typesetter(kWidth - 2 * style.margin);
  Scale scale{0, f.logarithmic, style.page, style.accent, style.baseline};
  if (f.difference) {
    scale.full = palette_color(style.diverging, 1);
    scale.below = palette_color(style.diverging, 0);
  }
  bool fits = true, gold = false;
  for (const OverlayPiece& piece : f.pieces) {
    if (std::isfinite(piece.mass) && !(f.without_sink && piece.sink))
      scale.highest = std::max(scale.highest, std::abs(piece.mass));
    gold = gold || piece.gold;
    fits = fits && typesetter.add(piece);
  }
  if (typesetter.placed().empty()) return bad_input("overlay: the prompt shows no text");
  const Caption caption = caption_of(f, !fits);
  constexpr double legend = 24;
  const double height = static_cast<double>(typesetter.lines()) * kLeading + legend +
                        height_of_words(caption, kWidth, style);
  Page page = make_page(options, {kWidth, height}, caption);
  const Box body = draw_legend(page, page.body, legend_of(scale, page.style, gold, f.difference));
  for (const Placed& placed : typesetter.placed())
    draw_piece(page, placed, body, scale, f.without_sink);
  return page.scene;
}

}  // namespace headscope::figure
