#include "core/figure/page.h"

#include <algorithm>

#include "core/figure/ticks.h"
#include "core/figure/type.h"

namespace headscope::figure {
namespace {

constexpr std::size_t kHashDigits = 12;
constexpr double kLineSpacing = 1.35;
constexpr std::size_t kUsualLines = 5;  // of a caption, in figures of a fixed height
constexpr double kMostCaption = 0.34;   // share of the page's height
constexpr double kSmallPage = 260;      // below this height the drawing needs the room more
constexpr double kMostSmallCaption = 0.17;

std::string named_with_hash(const std::string& what, const std::string& name,
                            const std::string& hash) {
  std::string text = what + " " + (name.empty() ? "(unnamed)" : name);
  if (!hash.empty()) text += " (sha256 " + hash.substr(0, kHashDigits) + ")";
  return text;
}

void set_size(Scene& scene, const Options& options, Size natural) {
  const Size size = options.size.value_or(natural);
  double magnification = 1;
  if (options.size) {
    magnification =
        std::max(1.0, std::min(size.width / natural.width, size.height / natural.height));
    scene.magnification = magnification;
  }
  scene.width = size.width / magnification;
  scene.height = size.height / magnification;
}

std::string whole_text(const Caption& caption) {
  return caption.text + (caption.text.empty() ? "" : " ") + provenance_text(caption.provenance);
}

// One line, or two where it is long; what does not fit into two is cut.
std::vector<std::string> subtitle_lines(const Caption& caption, double width, const Style& style) {
  const double room = width - 2 * style.margin;
  auto lines = wrap_text(caption.subtitle, style.subtitle_size, room);
  if (lines.size() <= 2) return lines;
  const std::string rest =
      caption.subtitle.substr(std::min(caption.subtitle.size(), lines.front().size() + 1));
  return {lines.front(), shortened(rest, style.subtitle_size, room)};
}

// Sets the title's lines from the top and returns where the drawing may begin.
double set_head(Page& page, const Caption& caption) {
  const Style& style = page.style;
  const double room = page.scene.width - 2 * style.margin;
  double y = style.margin;
  if (!caption.title.empty()) {
    y += style.title_size;
    Text title{{style.margin, y}, shortened(caption.title, style.title_size, room, true)};
    title.size = style.title_size;
    title.paint = {style.text};
    title.bold = true;
    title.role = "title";
    page.scene.add(title);
    y += 3;
  }
  for (const std::string& line : subtitle_lines(caption, page.scene.width, style)) {
    y += style.subtitle_size * 1.15;
    page.text({style.margin, y}, line, style.subtitle_size, style.muted, Anchor::start, "subtitle");
    y += 3;
  }
  return y + 8;
}

// Sets the caption's lines from the bottom and returns where the drawing must end.
// On a small page of the user's choice the drawing needs the room more than the words.
double set_foot(Page& page, const std::string& text, bool chosen_size) {
  const Style& style = page.style;
  const double leading = style.caption_size * kLineSpacing;
  auto lines = wrap_text(text, style.caption_size, page.scene.width - 2 * style.margin);
  const auto most = static_cast<std::size_t>(
      page.scene.height *
      (chosen_size && page.scene.height < kSmallPage ? kMostSmallCaption : kMostCaption) / leading);
  if (lines.size() > most) {
    lines.resize(most);
    if (!lines.empty()) lines.back() += " …";
  }
  double y = page.scene.height - style.margin + 2 - leading * static_cast<double>(lines.size());
  const double end = y;
  for (const std::string& line : lines) {
    y += leading;
    page.text({style.margin, y - 2}, line, style.caption_size, style.muted, Anchor::start,
              "caption");
  }
  return lines.empty() ? end : end - 8;
}

}  // namespace

std::string provenance_text(const Provenance& p) {
  std::string text;
  if (!p.model.empty() || !p.model_hash.empty()) {
    text += named_with_hash("Model", p.model, p.model_hash) + ". ";
  }
  if (!p.data.empty() || !p.data_hash.empty()) text += named_with_hash("Data", p.data, p.data_hash);
  if (p.samples > 0) {
    const bool alone = p.data.empty() && p.data_hash.empty();
    text += (alone ? "n = " : ", n = ") + std::to_string(p.samples);
  }
  if (p.samples > 0 || !p.data.empty() || !p.data_hash.empty()) text += ". ";
  for (std::size_t i = 0; i < p.settings.size(); ++i) {
    text += (i == 0 ? "Settings: " : "; ") + p.settings[i];
  }
  if (!p.settings.empty()) text += ". ";
  if (!p.version.empty()) text += "Headscope " + p.version + ". ";
  if (!p.command.empty()) text += "Drawn again by: " + p.command;
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

void Page::text(Point at, const std::string& text, double size, Rgb color, Anchor anchor,
                Role role) {
  Text item{at, text};
  item.size = size;
  item.paint = {color};
  item.anchor = anchor;
  item.role = role;
  scene.add(std::move(item));
}

double height_of_words(const Caption& caption, double width, const Style& style) {
  const auto lines = wrap_text(whole_text(caption), style.caption_size, width - 2 * style.margin);
  const double title = caption.title.empty() ? 0 : style.title_size + 3;
  const double subtitle = static_cast<double>(subtitle_lines(caption, width, style).size()) *
                          (style.subtitle_size * 1.15 + 3);
  return 2 * style.margin + title + subtitle + 14 +
         static_cast<double>(lines.size()) * style.caption_size * kLineSpacing;
}

Size with_room_for(const Caption& caption, Size natural, const Style& style) {
  const auto lines =
      wrap_text(whole_text(caption), style.caption_size, natural.width - 2 * style.margin).size();
  if (lines > kUsualLines) {
    natural.height += static_cast<double>(lines - kUsualLines) * style.caption_size * kLineSpacing;
  }
  if (subtitle_lines(caption, natural.width, style).size() > 1)
    natural.height += style.subtitle_size * 1.15 + 3;
  return natural;
}

Page make_page(const Options& options, Size natural, const Caption& caption) {
  Page page;
  page.style = make_style(options.theme, options.palette);
  set_size(page.scene, options, natural);
  page.scene.background = page.style.page;
  page.scene.title = caption.title;
  page.scene.description = whole_text(caption);
  const double top = set_head(page, caption);
  const double bottom = set_foot(page, page.scene.description, options.size.has_value());
  const double margin = page.style.margin;
  page.body = {margin, top, std::max(1.0, page.scene.width - 2 * margin),
               std::max(1.0, bottom - top)};
  return page;
}

}  // namespace headscope::figure
