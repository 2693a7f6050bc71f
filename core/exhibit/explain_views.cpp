// Views that explain a difference: what changed, the logit lens, one row's scores in their parts.
#include <algorithm>
#include <cmath>

#include "core/exhibit/tokens.h"
#include "core/exhibit/views.h"
#include "core/figure/curves.h"
#include "core/figure/table.h"
#include "core/figure/ticks.h"
#include "core/figure/type.h"

namespace headscope {
namespace {

constexpr std::size_t kMostRows = 24;  // of a table set as a figure; the table has all

std::string in_three(double value) {
  return std::isfinite(value) ? figure::fixed(value, 3) : "";
}

std::string signed_three(double value) {
  if (!std::isfinite(value)) return "";
  return (value > 0 ? "+" : "") + figure::fixed(value, 3);
}

std::string text_of(const TokenView* token) {
  return token != nullptr ? figure::token_label(token->text) : "?";
}

// Where a key is: "document 3 (gold)", "sink", "response", "prompt".
std::string place_in_words(const PromptView& prompt, std::int64_t key) {
  if (TokenMasses::is_sink(static_cast<std::size_t>(key))) return "sink";
  if (key >= prompt.prompt_tokens()) return "response";
  for (const DocumentView& d : prompt.documents) {
    if (d.tokens.contains(key))
      return "document " + std::to_string(d.number) + (d.gold ? " (gold)" : "");
  }
  return "prompt";
}

figure::TableCell cell(std::string text, bool bold = false) {
  return {std::move(text), "", bold};
}

void add_run(const LogitLens& lens, const LensRun& run, const char* name,
             std::vector<std::vector<Cell>>& rows) {
  for (std::size_t layer = 0; layer < run.layers.size(); ++layer) {
    const LensLayer& at = run.layers[layer];
    const auto number = static_cast<std::int64_t>(layer);
    std::int64_t place = 0;
    for (const CandidateView& c : at.top) {
      rows.push_back({std::string(name), number, std::string("top"), ++place, std::int64_t{c.id},
                      c.text, c.probability});
    }
    for (std::size_t i = 0; i < std::min(at.rank.size(), lens.followed.size()); ++i) {
      rows.push_back({std::string(name), number, std::string("followed"), at.rank[i],
                      std::int64_t{lens.followed[i].id}, lens.followed[i].text, at.probability[i]});
    }
  }
}

figure::Panel lens_panel(const LogitLens& lens, const LensRun& run, const char* title, bool ranks) {
  figure::Panel panel;
  panel.title = title;
  panel.x_label = "Layer";
  panel.y_label = ranks ? "Rank (from 1)" : "Probability";
  panel.y_low = 0;
  if (!ranks) panel.y_high = 1;
  for (std::size_t i = 0; i < lens.followed.size(); ++i) {
    figure::Curve curve;
    curve.name = figure::token_label(lens.followed[i].text);
    curve.color = static_cast<int>(i);
    for (std::size_t layer = 0; layer < run.layers.size(); ++layer) {
      const LensLayer& at = run.layers[layer];
      if (i >= at.probability.size()) continue;
      const double y =
          ranks ? static_cast<double>(at.rank[i]) : static_cast<double>(at.probability[i]);
      curve.points.push_back({static_cast<double>(layer), y});
    }
    panel.curves.push_back(std::move(curve));
  }
  return panel;
}

figure::TableFigure scores_figure(const ShownRuns& runs, const ScoreSplit& split,
                                  const std::vector<KeyShift>& keys) {
  figure::TableFigure f;
  f.title = "Why layer " + std::to_string(split.head.layer) + ", head " +
            std::to_string(split.head.head) + " attends where it does";
  f.subtitle = "Query: position " + std::to_string(split.row) + ", \"" +
               text_of(token_at(*runs.prompt, *split.after, split.row)) + "\"";
  if (const std::string words = in_words(runs.origin); !words.empty()) f.subtitle += "; " + words;
  f.name_columns = {"Key", "Token", "Place"};
  f.columns = {"Before", "After", "Base score", "Moved", "Focus", "Log factor"};
  f.text =
      "Before, after: weights. Base score: scale · q · k. Moved: what edits below changed of it. "
      "Focus: what directions add. Log factor: ln of what the other methods multiply the weight "
      "by.";
  if (keys.size() > kMostRows)
    f.text += " The " + std::to_string(kMostRows) + " keys of the largest weight of " +
              std::to_string(keys.size()) + ".";
  for (std::size_t i = 0; i < std::min(keys.size(), kMostRows); ++i) {
    const KeyShift& key = keys[i];
    f.rows.push_back(
        {{std::to_string(key.key), text_of(token_at(*runs.prompt, *split.after, key.key)),
          place_in_words(*runs.prompt, key.key)},
         {cell(in_three(key.before)), cell(in_three(key.after), true), cell(in_three(key.base)),
          cell(signed_three(key.moved_base)), cell(signed_three(key.focus)),
          cell(signed_three(key.log_factor))}});
  }
  return f;
}

// A line of the difference: of a document, the sink, or a head.
struct Change {
  std::string section, name, extra;
  double before = 0, after = 0;
};

std::vector<Change> changes_of(const figure::DocumentBarsFigure& documents,
                               const DifferenceChoice& choice) {
  std::vector<Change> changes;
  for (const figure::DocumentMass& d : documents.documents) {
    changes.push_back(
        {"document", std::to_string(d.number), d.gold ? "gold" : "", d.baseline, d.intervened});
  }
  std::stable_sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) {
    return a.after - a.before > b.after - b.before;
  });
  changes.push_back(
      {"sink", "tokens 0, 1", "", documents.sink_baseline, documents.sink_intervened});
  for (const HeadMove& move : choice.moves) {
    changes.push_back(
        {"head", "L" + std::to_string(move.head.layer) + " H" + std::to_string(move.head.head),
         std::to_string(move.rank_before + 1) + " → " + std::to_string(move.rank_after + 1),
         static_cast<double>(move.before), static_cast<double>(move.after)});
  }
  return changes;
}

figure::TableFigure difference_figure(const ShownRuns& runs, const DifferenceChoice& choice,
                                      const std::vector<Change>& changes) {
  figure::TableFigure f;
  f.title = "What the intervention changes";
  f.subtitle = choice.heads.words + "; " + in_words(runs.origin);
  f.name_columns = {"", "Name", "Place"};
  f.columns = {"Baseline", "Intervened", "Change"};
  f.text = "Documents and sink: attention mass of the response rows, by change. Heads: " +
           choice.score_name + " with the place among all heads, largest change first.";
  std::size_t documents = 0, heads = 0;
  std::string section;
  for (const Change& change : changes) {
    std::size_t& count = change.section == "head" ? heads : documents;
    if (change.section != "sink" && ++count > kMostRows) continue;
    figure::TableRow row;
    row.rule_above = change.section != section;
    row.names = {row.rule_above ? change.section : "", change.name, change.extra};
    row.cells = {cell(in_three(change.before)), cell(in_three(change.after)),
                 cell(signed_three(change.after - change.before), change.extra == "gold")};
    section = change.section;
    f.rows.push_back(std::move(row));
  }
  if (documents > kMostRows || heads > kMostRows)
    f.text += " At most " + std::to_string(kMostRows) + " of each are shown.";
  return f;
}

}  // namespace

Result<Exhibit> lens_exhibit(const ShownRuns& runs, const std::shared_ptr<const LogitLens>& lens,
                             bool ranks) {
  if (!lens || !lens->baseline) return bad_input("Logit lens: it is not worked out yet");
  figure::CurvesFigure f;
  f.title = "What every layer would say at response token " + std::to_string(lens->token + 1);
  f.subtitle = in_words(runs.origin);
  f.text = "Final norm and output matrix applied to the residual stream after each layer: " +
           std::string(ranks ? "place of the token among all tokens."
                             : "probability of the token as the next one.");
  f.panels.push_back(lens_panel(*lens, *lens->baseline, "Baseline", ranks));
  std::vector<std::vector<Cell>> rows;
  add_run(*lens, *lens->baseline, "baseline", rows);
  if (lens->intervened && lens->before != lens->after) {
    f.panels.push_back(lens_panel(*lens, *lens->intervened, "Intervened", ranks));
    add_run(*lens, *lens->intervened, "intervened", rows);
  }
  Exhibit exhibit;
  exhibit.name = "lens-" + std::to_string(lens->token + 1);
  if (!lens->followed.empty()) exhibit.draw = drawn_by(f, figure::draw_curves);
  exhibit.table =
      table_of({"run", "layer", "kind", "rank", "id", "token", "probability"}, std::move(rows));
  exhibit.origin = runs.origin;
  return exhibit;
}

Result<Exhibit> scores_exhibit(const ShownRuns& runs,
                               const std::shared_ptr<const ScoreSplit>& split) {
  if (!split || !split->baseline || !split->intervened || !split->after)
    return bad_input("Score split: it is not worked out yet, or a response is shorter");
  const std::vector<KeyShift> keys = key_shifts(*split->baseline, *split->intervened);
  std::vector<std::vector<Cell>> rows;
  for (const KeyShift& key : keys) {
    const TokenView* token = token_at(*runs.prompt, *split->after, key.key);
    rows.push_back({key.key, token != nullptr ? Cell(token->text) : Cell{},
                    place_in_words(*runs.prompt, key.key), key.before, key.after, key.base,
                    key.moved_base, key.focus, key.log_factor});
  }
  Exhibit exhibit;
  exhibit.name = "scores-L" + std::to_string(split->head.layer) + "H" +
                 std::to_string(split->head.head) + "-" + std::to_string(split->row);
  exhibit.draw = drawn_by(scores_figure(runs, *split, keys), figure::draw_table);
  exhibit.table = table_of(
      {"key", "token", "place", "before", "after", "base", "moved_base", "focus", "log_factor"},
      std::move(rows));
  const auto count = static_cast<std::int64_t>(split->intervened->weights.size());
  exhibit.arrays = {{"base", {count}, split->intervened->base},
                    {"focus", {count}, split->intervened->focus},
                    {"log_factor", {count}, split->intervened->log_factor},
                    {"weights", {count}, split->intervened->weights}};
  exhibit.origin = runs.origin;
  return exhibit;
}

Result<Exhibit> difference_exhibit(const ShownRuns& runs, const DifferenceChoice& choice) {
  if (!runs.compares()) return bad_input("Difference: there is no intervened run to compare with");
  HEADSCOPE_ASSIGN(const auto documents, documents_figure(runs, choice.heads));
  const std::vector<Change> changes = changes_of(documents, choice);
  std::vector<std::vector<Cell>> rows;
  for (const Change& change : changes) {
    rows.push_back({change.section, change.name, change.extra, change.before, change.after,
                    change.after - change.before});
  }
  Exhibit exhibit;
  exhibit.name = "difference";
  exhibit.draw = drawn_by(difference_figure(runs, choice, changes), figure::draw_table);
  exhibit.table =
      table_of({"section", "name", "place", "baseline", "intervened", "change"}, std::move(rows));
  exhibit.origin = runs.origin;
  return exhibit;
}

}  // namespace headscope
