#include "core/figure/document_bars.h"

#include <algorithm>
#include <cmath>

#include "core/figure/axes.h"
#include "core/figure/type.h"

namespace headscope::figure {
namespace {

constexpr double kGroupShare = 0.72;  // of the room of a document, taken by its bars

double finite(double value) {
  return std::isfinite(value) ? value : 0;
}

Caption caption_of(const DocumentBarsFigure& f) {
  Caption caption;
  caption.title = f.title;
  caption.subtitle = f.of;
  double before = 0, after = 0;
  bool gold = false;
  for (const DocumentMass& document : f.documents) {
    if (!document.gold) continue;
    gold = true;
    before += finite(document.baseline);
    after += finite(document.intervened);
  }
  if (gold) {
    caption.subtitle +=
        (caption.subtitle.empty() ? "" : "; ") + std::string("gold document ") + fixed(before, 3);
    if (f.compares) caption.subtitle += " → " + fixed(after, 3);
  }
  caption.text =
      "Attention mass of the response rows on each document's tokens, averaged over the rows";
  caption.text += f.has_sink ? "; the sink is tokens 0 and 1, on an axis of its own." : ".";
  if (f.has_drops) {
    caption.text += " Below: what the log-probability of " + f.answer +
                    " loses when the document " + f.without + " (nats).";
  }
  caption.provenance = f.provenance;
  return caption;
}

Axis mass_axis(double highest, const std::string& label, int wanted) {
  Axis y;
  y.label = label;
  y.high = highest > 0 ? highest * 1.1 : 1;
  y.ticks = linear_ticks(0, y.high, wanted);
  return y;
}

void bar(Page& page, const Plot& plot, double centre, double width, double value, Rgb color,
         Role role) {
  const double top = plot.at_y(finite(value));
  Rect rect{{centre - width / 2, top, width, std::max(0.0, plot.area.bottom() - top)}};
  rect.fill = Paint{color};
  rect.role = role;
  page.scene.add(rect);
}

// One or two bars around `centre`, `room` points wide.
void bars(Page& page, const Plot& plot, double centre, double room, bool compares, double baseline,
          double intervened) {
  const double group = std::min(room * kGroupShare, 46.0);
  if (!compares) {
    bar(page, plot, centre, group * 0.7, baseline, page.style.accent, "baseline");
    return;
  }
  const double width = group / 2 - 0.4;
  bar(page, plot, centre - group / 4, width, baseline, page.style.baseline, "baseline");
  bar(page, plot, centre + group / 4, width, intervened, page.style.accent, "intervened");
}

void mark_gold(Page& page, const Plot& plot, double centre, double room) {
  Rect band{{centre - room / 2, plot.area.y, room, plot.area.height}};
  band.fill = Paint{page.style.gold_soft};
  band.role = "gold";
  page.scene.add(band);
  page.text({centre, plot.area.y - 4}, "gold", page.style.tick_size, page.style.gold,
            Anchor::middle, "gold");
}

Axis document_axis(const DocumentBarsFigure& f) {
  Axis x;
  x.label = "Document (number in the prompt)";
  x.low = -0.5;
  x.high = static_cast<double>(f.documents.size()) - 0.5;
  for (std::size_t i = 0; i < f.documents.size(); ++i) {
    x.ticks.push_back({static_cast<double>(i), std::to_string(f.documents[i].number)});
  }
  return x;
}

// Returns where the bars stand.
Box draw_documents(Page& page, const DocumentBarsFigure& f, const Box& outer) {
  double highest = 0;
  for (const DocumentMass& d : f.documents) {
    highest = std::max({highest, finite(d.baseline), f.compares ? finite(d.intervened) : 0.0});
  }
  Plot plot{{}, document_axis(f), mass_axis(highest, "Attention mass", 5)};
  plot.area = inside_axes(page.style, outer, plot.x, plot.y);
  thin_labels(plot.x.ticks, plot.x, plot.area.width, page.style.tick_size, 4);
  const double room = plot.area.width / static_cast<double>(f.documents.size());
  for (std::size_t i = 0; i < f.documents.size(); ++i) {
    if (f.documents[i].gold) mark_gold(page, plot, plot.at_x(static_cast<double>(i)), room);
  }
  draw_axes(page, plot, true);
  for (std::size_t i = 0; i < f.documents.size(); ++i) {
    const DocumentMass& d = f.documents[i];
    bars(page, plot, plot.at_x(static_cast<double>(i)), room, f.compares, d.baseline, d.intervened);
  }
  return plot.area;
}

// What the answer loses without each document: below zero where it gains.
void draw_drops(Page& page, const DocumentBarsFigure& f, const Box& outer, const Box& above) {
  double low = 0, high = 0.1;
  for (const DocumentMass& d : f.documents) {
    low = std::min(low, finite(d.drop));
    high = std::max(high, finite(d.drop));
  }
  Axis y;
  y.label = "Drop of log p";
  y.low = low * 1.1;
  y.high = high * 1.1;
  y.ticks = linear_ticks(y.low, y.high, 3);
  Plot plot{{}, document_axis(f), y};
  plot.area = inside_axes(page.style, outer, plot.x, plot.y);
  if (plot.area.x <= above.x) {  // below the masses, document by document
    plot.area.x = above.x;
    plot.area.width = above.width;
  }
  thin_labels(plot.x.ticks, plot.x, plot.area.width, page.style.tick_size, 4);
  draw_axes(page, plot, true);
  const double room = plot.area.width / static_cast<double>(f.documents.size());
  for (std::size_t i = 0; i < f.documents.size(); ++i) {
    const double from = plot.at_y(0), to = plot.at_y(finite(f.documents[i].drop));
    const double width = std::min(room * kGroupShare, 46.0) * 0.7;
    Rect rect{{plot.at_x(static_cast<double>(i)) - width / 2, std::min(from, to), width,
               std::abs(from - to)}};
    rect.fill = Paint{page.style.series[1]};
    rect.role = "drop";
    page.scene.add(rect);
  }
}

void draw_sink(Page& page, const DocumentBarsFigure& f, const Box& outer) {
  const double highest =
      std::max(finite(f.sink_baseline), f.compares ? finite(f.sink_intervened) : 0.0);
  Plot plot{{}, {"Sink", -0.5, 0.5, false, {{0, "tokens 0, 1"}}}, mass_axis(highest, "", 5)};
  plot.area = inside_axes(page.style, outer, plot.x, plot.y);
  draw_axes(page, plot, true);
  bars(page, plot, plot.at_x(0), plot.area.width, f.compares, f.sink_baseline, f.sink_intervened);
}

}  // namespace

Result<Scene> draw_document_bars(const DocumentBarsFigure& f, const Options& options) {
  if (f.documents.empty()) return bad_input("documents: the prompt has no document to draw");
  const Caption caption = caption_of(f);
  const Style style = make_style(options.theme, options.palette);
  Page page = make_page(options, with_room_for(caption, {468, f.has_drops ? 400.0 : 290.0}, style),
                        caption);
  Box body = page.body;
  if (f.compares) {
    body = draw_legend(page, body,
                       {{LegendEntry::Key::swatch, "baseline", page.style.baseline},
                        {LegendEntry::Key::swatch, "intervened", page.style.accent}});
  }
  body.y += 6;  // room for the word "gold" above the plot
  body.height -= 6;
  const double drops = f.has_drops ? body.height * 0.36 : 0;
  const Box below{body.x, body.bottom() - drops, body.width, drops};
  body.height -= drops > 0 ? drops + 8 : 0;
  const double sink = std::clamp(body.width * 0.17, 52.0, 84.0);
  const double width = f.has_sink ? body.width - sink - 14 : body.width;
  const Box masses = draw_documents(page, f, {body.x, body.y, width, body.height});
  if (f.has_sink) draw_sink(page, f, {body.right() - sink, body.y, sink, body.height});
  if (drops > 0) draw_drops(page, f, {below.x, below.y, width, drops}, masses);
  return page.scene;
}

}  // namespace headscope::figure
