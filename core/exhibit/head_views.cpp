// Views of all heads: the map, the ranking, two rankings beside each other.
#include <algorithm>
#include <cmath>
#include <set>

#include "core/exhibit/views.h"
#include "core/figure/document_bars.h"

namespace headscope {
namespace {

std::size_t place(HeadId id, int heads) {
  return static_cast<std::size_t>(id.layer) * static_cast<std::size_t>(heads) +
         static_cast<std::size_t>(id.head);
}

Cell value_of(const std::vector<float>& values, std::size_t at) {
  if (at >= values.size() || std::isnan(values[at])) return std::monostate{};
  return values[at];
}

std::vector<float> difference_of(const std::vector<float>& a, const std::vector<float>& b) {
  std::vector<float> values(a.size());
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) values[i] = a[i] - b[i];
  return values;
}

// Rank from 1 of every head in a list of heads; monostate = not named.
std::vector<Cell> ranks_of(const std::vector<HeadId>& ranking, int layers, int heads) {
  std::vector<Cell> ranks(static_cast<std::size_t>(layers) * static_cast<std::size_t>(heads));
  for (std::size_t i = 0; i < ranking.size(); ++i) {
    const std::size_t at = place(ranking[i], heads);
    if (at < ranks.size()) ranks[at] = static_cast<std::int64_t>(i + 1);
  }
  return ranks;
}

ExhibitArray scores_array(const char* name, const std::vector<float>& values, int layers,
                          int heads) {
  return {name, {layers, heads}, values};
}

Table head_table(const figure::HeadMapFigure& f, const HeadScoreChoice& choice) {
  const std::vector<Cell> ranks =
      ranks_of(rank_heads(f.scores, f.layers, f.heads), f.layers, f.heads);
  const std::vector<Cell> outlined = ranks_of(choice.outlined, f.layers, f.heads);
  std::vector<std::string> columns = {"layer", "head", "score", "rank", "outlined"};
  if (choice.shown != ShownRun::baseline) columns.push_back("baseline");
  if (choice.shown == ShownRun::difference) columns.push_back("intervened");
  std::vector<std::vector<Cell>> rows;
  for (std::size_t i = 0; i < f.scores.size(); ++i) {
    const auto heads = static_cast<std::size_t>(f.heads);
    std::vector<Cell> row = {static_cast<std::int64_t>(i / heads),
                             static_cast<std::int64_t>(i % heads), value_of(f.scores, i), ranks[i],
                             std::int64_t{outlined[i].index() != 0 ? 1 : 0}};
    if (choice.shown != ShownRun::baseline) row.push_back(value_of(choice.baseline, i));
    if (choice.shown == ShownRun::difference) row.push_back(value_of(choice.intervened, i));
    rows.push_back(std::move(row));
  }
  return table_of(std::move(columns), std::move(rows));
}

std::vector<std::string> map_arguments(const HeadScoreChoice& choice) {
  if (choice.option.empty()) return {};
  std::vector<std::string> arguments = {"render", "--figure", "head-map"};
  if (choice.option != "relevant") {
    arguments.insert(arguments.end(), {"--score", choice.option});
  }
  if (choice.shown == ShownRun::difference) {
    arguments.push_back("--difference");
  } else if (choice.outlined_by_rank) {
    arguments.insert(arguments.end(), {"--top-k", std::to_string(choice.outlined.size())});
  } else if (!choice.outlined.empty()) {
    arguments.insert(arguments.end(), {"--choose", heads_as_text(choice.outlined)});
  } else {
    arguments.insert(arguments.end(), {"--top-k", "0"});
  }
  return arguments;
}

}  // namespace

Result<figure::HeadMapFigure> head_map_figure(const ShownRuns& runs,
                                              const HeadScoreChoice& choice) {
  figure::HeadMapFigure f;
  f.layers = runs.baseline->layers;
  f.heads = runs.baseline->heads;
  f.score_name = choice.name;
  f.difference = choice.shown == ShownRun::difference;
  f.scores = choice.shown == ShownRun::baseline ? choice.baseline : choice.intervened;
  if (f.difference) f.scores = difference_of(choice.intervened, choice.baseline);
  const bool known =
      std::any_of(f.scores.begin(), f.scores.end(), [](float score) { return !std::isnan(score); });
  if (!known) {
    return bad_input("head map: there is no " + choice.name +
                     " of this run; relevant and irrelevant mass need a document that is marked "
                     "as gold");
  }
  if (f.difference) return f;
  f.ranking = choice.outlined;
  f.outlined = static_cast<int>(choice.outlined.size());
  if (!choice.outlined_by_rank)
    f.outlined_what = "the " + std::to_string(f.outlined) + " chosen heads";
  return f;
}

Result<Exhibit> head_map_exhibit(const ShownRuns& runs, const HeadScoreChoice& choice) {
  HEADSCOPE_ASSIGN(const auto f, head_map_figure(runs, choice));
  Exhibit exhibit;
  exhibit.name = "heads";
  exhibit.draw = drawn_by(f, figure::draw_head_map);
  exhibit.table = head_table(f, choice);
  exhibit.arrays.push_back(scores_array("score", f.scores, f.layers, f.heads));
  if (f.difference) {
    exhibit.arrays.push_back(scores_array("baseline", choice.baseline, f.layers, f.heads));
    exhibit.arrays.push_back(scores_array("intervened", choice.intervened, f.layers, f.heads));
  }
  exhibit.origin = choice.shown == ShownRun::baseline ? unedited(runs.origin) : runs.origin;
  exhibit.arguments = map_arguments(choice);
  return exhibit;
}

Result<Exhibit> ranking_exhibit(const ShownRuns& runs, const std::vector<HeadId>& ranking,
                                const std::vector<float>& known,
                                std::shared_ptr<const CausalCheck> check) {
  const HeadScores& base = runs.baseline->scores;
  const std::vector<float>& edited = runs.edited().scores.relevant;
  figure::RankingFigure f;
  f.layers = base.layers;
  f.heads = base.heads;
  const bool measured = !base.relevant.empty() && !std::isnan(base.relevant.front());
  f.scores = measured ? base.relevant : known;
  if (!measured) f.score_name = "contextual score of the model's head set";
  std::vector<std::vector<Cell>> rows;
  for (std::size_t i = 0; i < ranking.size(); ++i) {
    const HeadId id = ranking[i];
    const std::size_t at = place(id, base.heads);
    std::vector<Cell> row = {static_cast<std::int64_t>(i + 1), std::int64_t{id.layer},
                             std::int64_t{id.head}};
    for (const std::vector<float>* values :
         {&known, &base.relevant, &base.sink, &base.irrelevant_sum, &base.irrelevant_max})
      row.push_back(value_of(*values, at));
    row.push_back(runs.compares() ? value_of(edited, at) : Cell{});
    Cell drop;
    for (const HeadEffect& effect : check ? check->heads : std::vector<HeadEffect>{})
      if (effect.head == id) drop = effect.drop;
    row.push_back(drop);
    rows.push_back(std::move(row));
  }
  Exhibit exhibit;
  exhibit.name = "ranking";
  if (!f.scores.empty()) exhibit.draw = drawn_by(f, figure::draw_ranking);
  exhibit.table =
      table_of({"rank", "layer", "head", "head_set", "relevant", "sink", "irrelevant_sum",
                "irrelevant_max", "relevant_intervened", "causal_drop"},
               std::move(rows));
  exhibit.arrays = {scores_array("relevant", base.relevant, f.layers, f.heads),
                    scores_array("sink", base.sink, f.layers, f.heads)};
  if (runs.compares())
    exhibit.arrays.push_back(scores_array("relevant_intervened", edited, f.layers, f.heads));
  exhibit.origin = unedited(runs.origin);
  if (measured) exhibit.arguments = {"render", "--figure", "ranking"};
  return exhibit;
}

Result<Exhibit> overlap_exhibit(const figure::OverlapFigure& f) {
  if (f.a.empty() || f.b.empty()) return bad_input("overlap: a ranking is empty");
  const auto a = ranks_of(f.a, f.layers, f.heads), b = ranks_of(f.b, f.layers, f.heads);
  const auto within = [&](const Cell& rank) {
    const auto* number = std::get_if<std::int64_t>(&rank);
    return number != nullptr && *number <= f.top_k;
  };
  std::vector<std::vector<Cell>> rows;
  std::vector<float> members;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto heads = static_cast<std::size_t>(f.heads);
    const std::string where = std::string(within(a[i]) ? "A" : "") + (within(b[i]) ? "B" : "");
    rows.push_back({static_cast<std::int64_t>(i / heads), static_cast<std::int64_t>(i % heads),
                    a[i], b[i], where});
    members.push_back(static_cast<float>((within(a[i]) ? 1 : 0) + (within(b[i]) ? 2 : 0)));
  }
  Exhibit exhibit;
  exhibit.name = "overlap";
  exhibit.draw = drawn_by(f, figure::draw_overlap);
  exhibit.table = table_of(
      {"layer", "head", "rank_" + f.name_a, "rank_" + f.name_b, "within_top_k"}, std::move(rows));
  exhibit.arrays = {scores_array("membership", members, f.layers, f.heads)};
  exhibit.provenance = f.provenance;
  return exhibit;
}

}  // namespace headscope
