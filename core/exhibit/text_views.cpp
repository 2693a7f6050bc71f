// Views of the prompt and the answers: documents, the text painted by attention, candidates.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/engine/overlay.h"
#include "core/exhibit/views.h"
#include "core/figure/ticks.h"
#include "core/figure/type.h"

namespace headscope {
namespace {

constexpr std::size_t kMostAnswerRows = 120;  // of the figure; the table has all

Result<> check_heads(const ShownRuns& runs, const HeadGroup& group) {
  if (group.heads.empty()) return bad_input("no head is chosen");
  for (const HeadId id : group.heads) {
    if (id.layer >= 0 && id.layer < runs.baseline->layers && id.head >= 0 &&
        id.head < runs.baseline->heads)
      continue;
    return bad_input("layer " + std::to_string(id.layer) + ", head " + std::to_string(id.head) +
                     " is not in this model");
  }
  return {};
}

// Mean over heads and response rows of the mass on key set `set`.
double mean_mass(const RunResult& run, const std::vector<HeadId>& heads, int set) {
  double sum = 0;
  for (const HeadId id : heads) {
    for (std::int64_t row = 0; row < run.rows.size(); ++row)
      sum += static_cast<double>(run.span_sum(id, row, set));
  }
  return sum / static_cast<double>(heads.size() * static_cast<std::size_t>(run.rows.size()));
}

bool has_masses(const RunResult& run, std::size_t documents) {
  const auto numbers = static_cast<std::size_t>(run.layers) * static_cast<std::size_t>(run.heads) *
                       static_cast<std::size_t>(run.rows.size() * run.sets);
  return run.rows.size() > 0 && run.sets == static_cast<int>(documents) + 1 &&
         run.span_sums.size() == numbers;
}

std::string of_in_words(const ShownRuns& runs, const HeadGroup& group, bool edited) {
  const std::string words = edited && runs.compares() ? in_words(runs.origin) : "";
  return group.words + (words.empty() ? "" : "; " + words);
}

Table documents_table(const ShownRuns& runs, const figure::DocumentBarsFigure& f,
                      const CausalCheck* check) {
  std::vector<std::vector<Cell>> rows;
  double before = f.sink_baseline, after = f.sink_intervened;
  const auto mass = [&](double value) -> Cell {
    return f.compares ? Cell(static_cast<float>(value)) : Cell{};
  };
  for (std::size_t i = 0; i < f.documents.size(); ++i) {
    const figure::DocumentMass& d = f.documents[i];
    before += d.baseline;
    after += d.intervened;
    Cell drop;
    if (check != nullptr && i < check->documents.size()) drop = check->documents[i].drop;
    rows.push_back({std::string("document"), std::int64_t{d.number},
                    runs.prompt->documents[i].title, std::int64_t{d.gold ? 1 : 0},
                    static_cast<float>(d.baseline), mass(d.intervened), drop});
  }
  const auto other = [&](const char* what, double base, double edited) {
    rows.push_back({std::string(what), Cell{}, Cell{}, Cell{}, static_cast<float>(base),
                    mass(edited), Cell{}});
  };
  other("sink", f.sink_baseline, f.sink_intervened);
  other("rest", 1 - before, 1 - after);
  return table_of({"part", "number", "title", "gold", "baseline", "intervened", "causal_drop"},
                  std::move(rows));
}

OverlaySelection selection_of(const RunResult& run, const OverlayChoice& choice) {
  OverlaySelection selection{choice.heads.heads, choice.rows, choice.pooling};
  if (!selection.rows.empty()) return selection;
  selection.rows.resize(static_cast<std::size_t>(run.rows.size()));
  std::iota(selection.rows.begin(), selection.rows.end(), 0);
  return selection;
}

// Pieces of the prompt's text; tokens that share a character become one, those without text are
// added up.
void add_pieces(figure::OverlayFigure& f, const PromptView& prompt,
                const std::vector<float>& masses, Pooling pooling) {
  const auto in_gold = [&](const ByteSpan& span) {
    return std::any_of(prompt.documents.begin(), prompt.documents.end(),
                       [&](const auto& d) { return d.gold && d.relevant.overlaps(span); });
  };
  const auto pool = [&](double& sum, double mass) {
    if (pooling != Pooling::max) {
      sum += mass;
    } else if (std::abs(mass) > std::abs(sum)) {
      sum = mass;
    }
  };
  std::size_t at = 0;
  const auto text = [&](std::size_t begin, std::size_t end) {
    return prompt.text.substr(begin, end - begin);
  };
  for (std::size_t t = 0; t < masses.size(); ++t) {
    const ByteSpan& span = prompt.tokens[t].bytes;
    const auto mass = static_cast<double>(masses[t]);
    if (span.empty()) {
      pool(f.hidden, mass);
    } else if (span.begin < at && !f.pieces.empty()) {
      pool(f.pieces.back().mass, mass);
      if (span.end > at) f.pieces.back().text += text(at, span.end);
    } else {
      if (span.begin > at) f.pieces.push_back({text(at, span.begin)});
      f.pieces.push_back(
          {text(span.begin, span.end), mass, in_gold(span), true, TokenMasses::is_sink(t)});
    }
    at = std::max(at, span.end);
  }
  if (at < prompt.text.size()) f.pieces.push_back({text(at, prompt.text.size())});
}

std::string rows_in_words(const std::vector<std::int64_t>& rows) {
  if (rows.empty()) return "the response rows";
  std::string text = rows.size() == 1 ? "response token " : "response tokens ";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::size_t last = i;
    while (last + 1 < rows.size() && rows[last + 1] == rows[last] + 1) ++last;
    text += (i > 0 ? ", " : "") + std::to_string(rows[i] + 1);
    if (last > i) text += "–" + std::to_string(rows[last] + 1);
    i = last;
  }
  return text;
}

std::string pooling_in_words(const OverlayChoice& choice) {
  if (choice.pooling == Pooling::mean) return "mean over rows and heads";
  return choice.pooling == Pooling::sum ? "sum over rows and heads"
                                        : "the largest weight of any row and head";
}

std::vector<std::string> overlay_arguments(const OverlayChoice& choice) {
  std::vector<std::string> arguments = {"render", "--figure", "overlay"};
  arguments.insert(arguments.end(), choice.heads.arguments.begin(), choice.heads.arguments.end());
  const auto add = [&](std::initializer_list<std::string> more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
  };
  if (choice.pooling != Pooling::mean)
    add({"--pooling", choice.pooling == Pooling::sum ? "sum" : "max"});
  std::string tokens;
  for (const std::int64_t row : choice.rows)
    tokens += (tokens.empty() ? "" : ",") + std::to_string(row);
  if (!tokens.empty()) add({"--tokens", tokens});
  if (!choice.logarithmic) add({"--linear"});
  if (choice.without_sink) add({"--without-sink"});
  if (choice.shown == ShownRun::difference) add({"--difference"});
  return arguments;
}

// The candidate that was chosen at a step; null where the run kept none.
const CandidateView* chosen_at(const RunResult& run, std::size_t step) {
  if (step >= run.candidates.size() || step >= run.response.size()) return nullptr;
  for (const CandidateView& c : run.candidates[step])
    if (c.id == run.response[step].id) return &c;
  return nullptr;
}

std::string percent(const CandidateView* candidate) {
  if (candidate == nullptr) return "";
  const double percent = static_cast<double>(candidate->probability) * 100;
  return percent < 0.05 ? "< 0.1 %" : figure::fixed(percent, 1) + " %";
}

// What else could have come: the best candidate that was not chosen.
std::string runner_up(const RunResult& run, std::size_t step) {
  if (step >= run.candidates.size() || step >= run.response.size()) return "";
  for (const CandidateView& c : run.candidates[step]) {
    if (c.id != run.response[step].id) return figure::token_label(c.text) + " " + percent(&c);
  }
  return "";
}

void add_candidates(const RunResult& run, const char* name, std::vector<std::vector<Cell>>& rows) {
  for (std::size_t step = 0; step < run.response.size(); ++step) {
    const TokenView& token = run.response[step];
    if (step >= run.candidates.size() || run.candidates[step].empty()) {
      rows.push_back({std::string(name), static_cast<std::int64_t>(step + 1), Cell{},
                      std::int64_t{token.id}, token.text, Cell{}, std::int64_t{1}});
      continue;
    }
    std::int64_t place = 0;
    for (const CandidateView& c : run.candidates[step]) {
      rows.push_back({std::string(name), static_cast<std::int64_t>(step + 1), ++place,
                      std::int64_t{c.id}, c.text, c.probability,
                      std::int64_t{c.id == token.id ? 1 : 0}});
    }
  }
}

// First token in which the responses differ; the length of the longer one where none does.
std::size_t divergence_of(const ShownRuns& runs) {
  const auto &a = runs.baseline->response, &b = runs.edited().response;
  std::size_t at = 0;
  while (at < a.size() && at < b.size() && a[at].id == b[at].id) ++at;
  return at;
}

figure::TableFigure answers_figure(const ShownRuns& runs) {
  const RunResult &base = *runs.baseline, &edited = runs.edited();
  const bool both = runs.compares();
  const std::size_t parted = divergence_of(runs);
  const std::size_t count = std::max(base.response.size(), edited.response.size());
  figure::TableFigure f;
  f.title = both ? "Both answers, token by token" : "The answer, token by token";
  f.subtitle = in_words(runs.origin);
  f.name_columns = {"Token"};
  f.columns = {"Baseline", "p", "Next likely"};
  if (both) f.columns.insert(f.columns.end(), {"Intervened", "p ", "Next likely "});
  f.text =
      "p: probability of the chosen token before sampling. Next likely: the best candidate "
      "that was not chosen, with its probability.";
  if (both && parted < count)
    f.text += " The line: from token " + std::to_string(parted + 1) +
              " on the answers differ, and so do the texts before.";
  if (count > kMostAnswerRows)
    f.text += " The first " + std::to_string(kMostAnswerRows) + " of " + std::to_string(count) +
              " tokens.";
  const auto cells = [&](const RunResult& run, std::size_t step,
                         std::vector<figure::TableCell>& row) {
    const bool there = step < run.response.size();
    row.push_back(
        {there ? figure::shortened(figure::token_label(run.response[step].text), 8.5, 110) : "", "",
         step == parted && both});
    row.push_back({percent(chosen_at(run, step)), "", false});
    row.push_back({figure::shortened(runner_up(run, step), 8.5, 110), "", false});
  };
  for (std::size_t step = 0; step < std::min(count, kMostAnswerRows); ++step) {
    figure::TableRow row{{std::to_string(step + 1)}, {}, both && step == parted};
    cells(base, step, row.cells);
    if (both) cells(edited, step, row.cells);
    f.rows.push_back(std::move(row));
  }
  return f;
}

}  // namespace

Result<figure::DocumentBarsFigure> documents_figure(const ShownRuns& runs, const HeadGroup& group) {
  HEADSCOPE_TRY(check_heads(runs, group));
  const std::vector<DocumentView>& documents = runs.prompt->documents;
  const RunResult& after = runs.edited();
  if (!has_masses(*runs.baseline, documents.size()) || !has_masses(after, documents.size()))
    return bad_input("documents: the response is empty, or the prompt has just changed");
  figure::DocumentBarsFigure f;
  f.of = of_in_words(runs, group, true);
  f.compares = runs.compares();
  int set = 0;
  for (const DocumentView& d : documents) {
    f.documents.push_back({d.number, d.gold, mean_mass(*runs.baseline, group.heads, set),
                           mean_mass(after, group.heads, set)});
    ++set;
  }
  f.sink_baseline = mean_mass(*runs.baseline, group.heads, set);
  f.sink_intervened = mean_mass(after, group.heads, set);
  return f;
}

Result<Exhibit> documents_exhibit(const ShownRuns& runs, const HeadGroup& group,
                                  const std::shared_ptr<const CausalCheck>& check) {
  HEADSCOPE_ASSIGN(auto f, documents_figure(runs, group));
  f.has_drops = check && !f.documents.empty() && check->documents.size() == f.documents.size();
  for (std::size_t i = 0; f.has_drops && i < f.documents.size(); ++i)
    f.documents[i].drop = check->documents[i].drop;
  Exhibit exhibit;
  exhibit.name = "documents";
  if (!f.documents.empty()) exhibit.draw = drawn_by(f, figure::draw_document_bars);
  exhibit.table = documents_table(runs, f, check.get());
  std::vector<float> baseline, intervened;
  for (const figure::DocumentMass& d : f.documents) {
    baseline.push_back(static_cast<float>(d.baseline));
    intervened.push_back(static_cast<float>(d.intervened));
  }
  const auto count = static_cast<std::int64_t>(baseline.size());
  exhibit.arrays = {{"baseline", {count}, std::move(baseline)}};
  if (f.compares) exhibit.arrays.push_back({"intervened", {count}, std::move(intervened)});
  exhibit.origin = runs.origin;
  if (f.has_drops) return exhibit;  // render makes no causal check
  exhibit.arguments = {"render", "--figure", "documents"};
  exhibit.arguments.insert(exhibit.arguments.end(), group.arguments.begin(), group.arguments.end());
  return exhibit;
}

namespace {

Result<TokenMasses> masses_of(const ShownRuns& runs, const OverlayChoice& choice) {
  HEADSCOPE_TRY(check_heads(runs, choice.heads));
  const RunResult& run = choice.shown == ShownRun::baseline ? *runs.baseline : runs.edited();
  const RunResult* minus = choice.shown == ShownRun::difference ? runs.baseline.get() : nullptr;
  const OverlaySelection selection = selection_of(run, choice);
  auto masses = pool_tokens(run, minus, selection, runs.prompt->prompt_tokens());
  if (masses) return *masses;
  return bad_input("overlay: this run kept no weights of these heads; keep response rows");
}

figure::OverlayFigure overlay_of(const ShownRuns& runs, const OverlayChoice& choice,
                                 const TokenMasses& masses) {
  figure::OverlayFigure f;
  f.of = of_in_words(runs, choice.heads, choice.shown != ShownRun::baseline);
  f.logarithmic = choice.logarithmic;
  f.difference = choice.shown == ShownRun::difference;
  f.without_sink = choice.without_sink;
  f.rows = rows_in_words(choice.rows);
  f.pooled = pooling_in_words(choice);
  add_pieces(f, *runs.prompt, masses.values, choice.pooling);
  return f;
}

Table overlay_table(const ShownRuns& runs, const std::shared_ptr<const TokenMasses>& masses) {
  Table table;
  table.columns = {"token", "id", "text", "begin", "end", "document", "gold", "mass"};
  table.rows = masses->values.size();
  table.row = [prompt = runs.prompt, masses](std::size_t t) -> std::vector<Cell> {
    const TokenView& token = prompt->tokens[t];
    Cell number, gold;
    for (const DocumentView& d : prompt->documents) {
      if (!d.tokens.contains(static_cast<std::int64_t>(t))) continue;
      number = std::int64_t{d.number};
      gold = std::int64_t{d.gold ? 1 : 0};
    }
    return {static_cast<std::int64_t>(t),
            std::int64_t{token.id},
            token.text,
            static_cast<std::int64_t>(token.bytes.begin),
            static_cast<std::int64_t>(token.bytes.end),
            number,
            gold,
            masses->values[t]};
  };
  return table;
}

}  // namespace

Result<figure::OverlayFigure> overlay_figure(const ShownRuns& runs, const OverlayChoice& choice) {
  HEADSCOPE_ASSIGN(const auto masses, masses_of(runs, choice));
  return overlay_of(runs, choice, masses);
}

Result<Exhibit> overlay_exhibit(const ShownRuns& runs, const OverlayChoice& choice) {
  HEADSCOPE_ASSIGN(auto made, masses_of(runs, choice));
  const auto masses = std::make_shared<const TokenMasses>(std::move(made));
  Exhibit exhibit;
  exhibit.name = "overlay";
  exhibit.draw = drawn_by(overlay_of(runs, choice, *masses), figure::draw_overlay);
  exhibit.table = overlay_table(runs, masses);
  std::vector<std::int64_t> ids;
  for (const TokenView& token : runs.prompt->tokens) ids.push_back(token.id);
  const auto count = static_cast<std::int64_t>(ids.size());
  exhibit.arrays = {{"mass", {count}, masses->values}, {"tokens", {count}, std::move(ids)}};
  exhibit.origin = choice.shown == ShownRun::baseline ? unedited(runs.origin) : runs.origin;
  exhibit.arguments = overlay_arguments(choice);
  return exhibit;
}

Result<Exhibit> answers_exhibit(const ShownRuns& runs) {
  if (runs.baseline->response.empty() && runs.edited().response.empty())
    return bad_input("answers: both responses are empty");
  std::vector<std::vector<Cell>> rows;
  add_candidates(*runs.baseline, "baseline", rows);
  if (runs.compares()) add_candidates(runs.edited(), "intervened", rows);
  Exhibit exhibit;
  exhibit.name = "answers";
  exhibit.draw = drawn_by(answers_figure(runs), figure::draw_table);
  exhibit.table =
      table_of({"run", "step", "place", "id", "token", "probability", "chosen"}, std::move(rows));
  const auto ids = [](const RunResult& run) {
    std::vector<std::int64_t> all;
    for (const TokenView& token : run.response) all.push_back(token.id);
    return all;
  };
  const auto add = [&](const char* name, std::vector<std::int64_t> all) {
    const auto count = static_cast<std::int64_t>(all.size());
    exhibit.arrays.push_back({name, {count}, std::move(all)});
  };
  add("baseline", ids(*runs.baseline));
  if (runs.compares()) add("intervened", ids(runs.edited()));
  exhibit.origin = runs.origin;
  exhibit.arguments = {"render", "--figure", "answers"};
  return exhibit;
}

}  // namespace headscope
