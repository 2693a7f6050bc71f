#include "app/views/explain_tables.h"

#include <algorithm>

#include "core/figure/csv.h"

namespace headscope {
namespace {

using figure::csv_field;
using figure::csv_line;

std::string number(double value) {
  return figure::csv_number(value);
}

void add_run(const LogitLens& lens, const LensRun& run, const char* name, std::string& csv) {
  for (std::size_t layer = 0; layer < run.layers.size(); ++layer) {
    const LensLayer& at = run.layers[layer];
    const std::string number_of_layer = std::to_string(layer);
    for (std::size_t i = 0; i < at.top.size(); ++i) {
      csv += csv_line({name, number_of_layer, "top", std::to_string(i + 1),
                       std::to_string(at.top[i].id), csv_field(at.top[i].text),
                       number(double{at.top[i].probability})});
    }
    for (std::size_t i = 0; i < std::min(at.rank.size(), lens.followed.size()); ++i) {
      csv += csv_line({name, number_of_layer, "followed", std::to_string(at.rank[i]),
                       std::to_string(lens.followed[i].id), csv_field(lens.followed[i].text),
                       number(double{at.probability[i]})});
    }
  }
}

const char* name_of(EditKind kind) {
  constexpr const char* names[] = {"kept", "replaced", "removed", "inserted"};
  return names[static_cast<std::size_t>(kind)];
}

}  // namespace

std::string lens_csv(const LogitLens& lens) {
  std::string csv = csv_line({"run", "layer", "kind", "rank", "id", "token", "probability"});
  if (lens.baseline) add_run(lens, *lens.baseline, "baseline", csv);
  if (lens.intervened && lens.before != lens.after)
    add_run(lens, *lens.intervened, "intervened", csv);
  return csv;
}

std::string scores_csv(const PromptView& prompt, const ScoreSplit& split,
                       const std::vector<KeyShift>& keys) {
  std::string csv = csv_line({"layer", "head", "row", "key", "token", "place", "before", "after",
                              "base", "moved_base", "focus", "log_factor"});
  for (const KeyShift& key : keys) {
    const TokenView* token = token_at(prompt, *split.after, key.key);
    csv += csv_line({std::to_string(split.head.layer), std::to_string(split.head.head),
                     std::to_string(split.row), std::to_string(key.key),
                     token ? csv_field(token->text) : "", csv_field(place_of(prompt, key.key)),
                     number(double{key.before}), number(double{key.after}),
                     number(double{key.base}), number(double{key.moved_base}),
                     number(double{key.focus}), number(double{key.log_factor})});
  }
  return csv;
}

std::string moves_csv(const std::vector<HeadMove>& moves) {
  std::string csv =
      csv_line({"layer", "head", "place_before", "place_after", "before", "after", "change"});
  for (const HeadMove& move : moves) {
    csv += csv_line({std::to_string(move.head.layer), std::to_string(move.head.head),
                     std::to_string(move.rank_before + 1), std::to_string(move.rank_after + 1),
                     number(double{move.before}), number(double{move.after}),
                     number(double{move.change()})});
  }
  return csv;
}

std::string documents_csv(const std::vector<DocumentChange>& lines) {
  std::string csv = csv_line({"label", "gold", "before", "after", "change"});
  for (const DocumentChange& line : lines) {
    csv += csv_line({csv_field(line.label), line.gold ? "1" : "0", number(double{line.before}),
                     number(double{line.after}), number(double{line.change()})});
  }
  return csv;
}

std::string alignment_csv(const AlignedResponses& aligned, const RunResult& baseline,
                          const RunResult& intervened) {
  std::string csv =
      csv_line({"baseline", "intervened", "baseline_token", "intervened_token", "kind"});
  const auto place = [](std::int64_t token) {
    return token < 0 ? std::string() : std::to_string(token + 1);
  };
  const auto text = [](const RunResult& run, std::int64_t token) {
    return token < 0 ? std::string()
                     : csv_field(run.response[static_cast<std::size_t>(token)].text);
  };
  for (const AlignedPair& pair : aligned.pairs()) {
    csv += csv_line({place(pair.before), place(pair.after), text(baseline, pair.before),
                     text(intervened, pair.after), name_of(pair.kind)});
  }
  return csv;
}

const TokenView* token_at(const PromptView& prompt, const RunResult& run, std::int64_t position) {
  if (position < 0) return nullptr;
  if (position < prompt.prompt_tokens()) return &prompt.tokens[static_cast<std::size_t>(position)];
  const auto index = static_cast<std::size_t>(position - prompt.prompt_tokens());
  return index < run.response.size() ? &run.response[index] : nullptr;
}

}  // namespace headscope
