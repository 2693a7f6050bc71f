#include "core/study/report_parts.h"

#include <algorithm>
#include <cmath>

#include "core/analysis/statistics.h"
#include "core/study/numbers.h"

namespace headscope::study {
namespace {

constexpr std::size_t kListedHeads = 10;
constexpr int kShareDecimals = 4;

double number_of(const SweepResult& result, const char* field) {
  const Json value = result.summary.value(field, Json(nullptr));
  return value.is_number() ? value.get<double>() : std::nan("");
}

std::string with_interval(const SweepResult& result) {
  return fixed_number(number_of(result, "em")) + " [" + fixed_number(number_of(result, "em_low")) +
         ", " + fixed_number(number_of(result, "em_high")) + "]";
}

// "0.52 (5)": mean EM of the draws and how many there are.
std::string controls_text(const Cells& cells, const std::vector<SweepCell>& draws) {
  std::vector<double> values;
  for (const SweepCell& draw : draws) values.push_back(number_of(*cells.find(draw), "em"));
  return values.empty() ? "–" : fixed_number(mean(values));
}

}  // namespace

Result<> ExperimentSections::figure(const std::string& name, const std::string& caption) {
  for (const Drawing& drawing : drawings_) {
    if (!drawing.name.starts_with(name)) continue;
    Html figure = body_.add("figure");
    HEADSCOPE_TRY(figure.drawing(drawing.light, "light"));
    HEADSCOPE_TRY(figure.drawing(drawing.dark, "dark"));
    figure.add("figcaption", "Figure " + std::to_string(++figures_) + ". " + caption);
  }
  return {};
}

Html ExperimentSections::table(const std::string& caption, const std::vector<std::string>& head) {
  Html table = body_.add("div", "", "scroll").add("table");
  table.add("caption", "Table " + std::to_string(++tables_) + ". " + caption);
  table.row(head, "th");
  return table;
}

Result<> ExperimentSections::write() {
  body_.add("h2", "Experiments");
  HEADSCOPE_TRY(scores());
  HEADSCOPE_TRY(split_softmax());
  direction_table();
  HEADSCOPE_TRY(focus());
  HEADSCOPE_TRY(positions());
  key_half();
  HEADSCOPE_TRY(control());
  causal();
  return long_contexts();
}

Result<> ExperimentSections::scores() {
  const HeadSet& set = results_.heads;
  body_.add("h3", "Contextual scores (C1 to C4)");
  body_.add("p",
            "Attention mass of the response rows on the relevant document, mean over rows and " +
                std::to_string(set.samples) +
                " samples of the training part; 95 % bootstrap intervals over samples.");
  HEADSCOPE_TRY(figure("contextual-heads-map",
                       "Contextual score of every query head (paper Fig. 5); the top "
                       "heads are outlined."));
  HEADSCOPE_TRY(
      figure("contextual-heads-ranking", "All heads by score, with intervals (paper Fig. 2)."));
  HEADSCOPE_TRY(figure("contextual-heads-layers", "Scores by layer."));
  HEADSCOPE_TRY(figure("contextual-heads-stability",
                       "The top heads of n samples against those of all samples: how many "
                       "samples the ranking needs."));
  HEADSCOPE_TRY(figure("mass-right-wrong",
                       "Relevant mass where the answer is right and where it is wrong (C4)."));
  Html list =
      table("The first heads of the ranking.", {"rank", "head", "relevant", "95 % interval", "sink",
                                                "largest other document", "relevant, gold only"});
  for (std::size_t rank = 0; rank < std::min(kListedHeads, set.ranking.size()); ++rank) {
    const HeadId head = set.ranking[rank];
    const auto at = static_cast<std::size_t>(head.layer) * static_cast<std::size_t>(set.heads) +
                    static_cast<std::size_t>(head.head);
    const auto value = [at](const std::vector<float>& values) {
      return at < values.size() ? fixed_number(values[at]) : std::string("–");
    };
    list.row({std::to_string(rank + 1), head_list({head}), value(set.relevant),
              "[" + value(set.relevant_low) + ", " + value(set.relevant_high) + "]",
              value(set.sink), value(set.irrelevant_max), value(set.gold_only_relevant)});
  }
  return {};
}

void ExperimentSections::baselines_table() {
  Html list = table("Without intervention: exact match with its 95 % Wilson interval.",
                    {"prompt", "n", "EM", "relevant mass", "sink mass"});
  for (const auto kind : {PromptKind::all, PromptKind::gold_only, PromptKind::no_gold}) {
    const SweepResult* result = results_.main.find(baseline_cell(kind));
    if (result == nullptr) continue;
    const char* name = kind == PromptKind::all         ? "all documents"
                       : kind == PromptKind::gold_only ? "gold document alone"
                                                       : "all but the gold document";
    list.row({name, std::to_string(static_cast<std::int64_t>(number_of(*result, "n"))),
              with_interval(*result), fixed_number(number_of(*result, "relevant_mass")),
              fixed_number(number_of(*result, "sink_mass"))});
  }
}

void ExperimentSections::em_table(const std::vector<double>& strengths,
                                  SweepCell (*cell_of)(double, int), const std::string& symbol,
                                  const std::string& caption) {
  std::vector<std::string> head{"k"};
  for (const double strength : strengths)
    head.push_back(symbol + " = " + shortest_number(strength));
  Html list = table(caption, head);
  for (const int k : results_.study.settings.top_ks) {
    std::vector<std::string> row{std::to_string(k)}, heads{"random heads"},
        directions{"random directions"};
    for (const double strength : strengths) {
      const SweepCell cell = cell_of(strength, k);
      const SweepResult* result = results_.main.find(cell);
      row.push_back(result == nullptr ? "–" : fixed_number(number_of(*result, "em")));
      heads.push_back(controls_text(results_.main, results_.main.random_heads_for(cell)));
      directions.push_back(controls_text(results_.main, results_.main.random_directions_for(cell)));
    }
    list.row(row);
    const auto any = [](const std::vector<std::string>& cells) {
      return std::any_of(cells.begin() + 1, cells.end(), [](const auto& c) { return c != "–"; });
    };
    if (any(heads)) list.row(heads);
    if (any(directions)) list.row(directions);
  }
}

Result<> ExperimentSections::split_softmax() {
  const Settings& settings = results_.study.settings;
  body_.add("h3", "Split-softmax on contextual and on random heads (C5, C7 to C11)");
  body_.add("p",
            "Evaluation part. The chosen heads' attention is moved to the gold document "
            "(a' = a p^τ / p inside it), at every row of prompt and answer.");
  HEADSCOPE_TRY(figure("em-against-tau",
                       "Exact match against the number of heads, for several τ (paper Fig. 3). "
                       "Panel beside: random heads outside the contextual ones, mean over draws."));
  HEADSCOPE_TRY(figure("em-grid-tau", "The same as a grid of values."));
  baselines_table();
  em_table(settings.taus, split_cell, "τ",
           "Exact match; below each k the mean over " + std::to_string(settings.random_heads) +
               " draws of as many random heads, where so many lie outside the contextual ones. "
               "Intervals and masses: sweep/results.csv.");
  return {};
}

void ExperimentSections::held_out_rows(const DirectionCheck& check) {
  Html list = table(
      "Held-out samples: means over the top heads; share = relevant / (relevant + "
      "irrelevant); gain in share with its 95 % bootstrap interval over samples, "
      "each for itself (C18 tests α = 1, corrected with all other claims).",
      {"", "α", "relevant", "irrelevant", "share", "gain in share"});
  const auto row = [&](const std::string& name, const HeldOutMasses& masses) {
    std::string gain = signed_number(masses.share - check.unedited.share, kShareDecimals);
    if (std::isfinite(masses.gain_low) && std::isfinite(masses.gain_high)) {
      gain += " [" + signed_number(masses.gain_low, kShareDecimals) + ", " +
              signed_number(masses.gain_high, kShareDecimals) + "]";
    }
    list.row({name, shortest_number(masses.alpha), fixed_number(masses.relevant),
              fixed_number(masses.irrelevant), fixed_number(masses.share, kShareDecimals),
              masses.alpha == 0 ? "–" : gain});
  };
  row("without directions", check.unedited);
  row("trained directions", check.trained);
  if (!check.random.empty()) {
    row("random, of equal norm, mean of " + std::to_string(check.random.size()),
        mean_of(check.random));
  }
  for (const HeldOutMasses& masses : check.scan) {
    if (masses.alpha != check.trained.alpha) row("trained directions", masses);
  }
}

void ExperimentSections::direction_table() {
  const DirectionCheck& check = results_.directions;
  body_.add("h3", "Training focus directions (C18, C19)");
  const auto listed = [](const std::vector<std::size_t>& positions) {
    std::string text;
    for (const std::size_t p : positions) text += (text.empty() ? "" : ", ") + std::to_string(p);
    return text.empty() ? std::string("none") : text;
  };
  body_.add("p", std::to_string(check.train_n) +
                     " samples of the training part, gold document at positions " +
                     listed(check.train_positions) + "; checked on " +
                     std::to_string(check.held_out_n) +
                     " samples of the evaluation part, gold document at positions " +
                     listed(check.held_out_positions) +
                     ". The response is the model's answer to the gold-only prompt; tokens are "
                     "fixed, and each head is looked at alone.");
  for (const std::string& note : check.notes) body_.add("p", note + ".");
  if (check.held_out_n > 0) held_out_rows(check);
  if (check.relevant_mass.empty()) return;
  body_.add("p", "Relevant mass with α = 1, mean over all heads: " +
                     fixed_number(check.relevant_mass.front(), 4) + " in the first epoch, " +
                     fixed_number(check.relevant_mass.back(), 4) + " in the last of " +
                     std::to_string(check.relevant_mass.size()) + ".");
}

Result<> ExperimentSections::focus() {
  const Settings& settings = results_.study.settings;
  body_.add("h3", "Focus directions (C12 to C17)");
  body_.add("p",
            "Evaluation part. α times the query direction is added after RoPE at every position; "
            "no gold mark is used.");
  HEADSCOPE_TRY(figure("em-against-alpha",
                       "Exact match against the number of heads, for several α (paper Fig. 4). "
                       "Panels beside: the controls, mean over draws."));
  HEADSCOPE_TRY(figure("em-grid-alpha", "The same as a grid of values."));
  em_table(settings.alphas, focus_cell, "α",
           "Exact match; controls (mean over draws) " +
               (settings.every_control ? std::string("everywhere where heads are left for them")
                                       : "stand at k = " + std::to_string(settings.top_k) +
                                             " and at α = " + shortest_number(settings.alpha)) +
               ". Intervals and masses: sweep/results.csv.");
  return {};
}

Result<> ExperimentSections::positions() {
  const Settings& settings = results_.study.settings;
  if (settings.gold_positions.empty()) return {};
  body_.add("h3", "Lost in the middle (C6)");
  body_.add("p", "The same evaluation samples with the gold document moved.");
  HEADSCOPE_TRY(figure("em-against-position",
                       "Exact match and relevant mass against the position of the gold document."));
  Html list = table("Exact match with its 95 % Wilson interval.",
                    {"position (from 0)", "no intervention",
                     "split-softmax, τ = " + shortest_number(settings.tau),
                     "focus, α = " + shortest_number(settings.alpha)});
  for (const std::size_t position : settings.gold_positions) {
    std::vector<std::string> row{std::to_string(position)};
    for (SweepCell cell : {baseline_cell(PromptKind::all), split_cell(settings.tau, settings.top_k),
                           focus_cell(settings.alpha, settings.top_k)}) {
      cell.gold_position = position;
      const SweepResult* result = results_.positions.find(cell);
      row.push_back(result == nullptr ? "–" : with_interval(*result));
    }
    list.row(row);
  }
  return {};
}

void ExperimentSections::key_half() {
  const KeyCheck& key = results_.key;
  body_.add("h3", "The key half of the directions (C20)");
  body_.add("p", "Over " + std::to_string(key.prompts) +
                     " prompts and all heads, α = 1: adding random key directions of norm " +
                     short_number(key.key_norm) + " changes next-token logits by at most " +
                     short_number(key.key_effect) + ", the query directions by " +
                     short_number(key.query_effect) + "; the largest logit is " +
                     short_number(key.largest_logit) + ".");
}

Result<> ExperimentSections::control() {
  body_.add("h3", "Heads that nobody touched (C21)");
  if (!results_.control) {
    body_.add("p", "Not run: no random heads are left outside the contextual ones.");
    return {};
  }
  body_.add("p",
            "The response without intervention is fed to every run, so that the same rows are "
            "compared over " +
                std::to_string(results_.control->n) + " samples.");
  Html list = table(
      "Change of relevant mass of heads above the first touched layer that neither arm touches, "
      "with 95 % bootstrap intervals over samples.",
      {"setting", "heads", "|change|, contextual", "|change|, random", "difference", "ratio"});
  const auto with_ends = [](const Estimate& e, int decimals) {
    return fixed_number(e.value, decimals) + " [" + fixed_number(e.low, decimals) + ", " +
           fixed_number(e.high, decimals) + "]";
  };
  for (const ControlSetting& setting : results_.control->settings) {
    const ControlComparison& c = setting.above;
    list.row({control_setting_name(setting), fixed_number(c.heads, 1),
              with_ends(c.contextual.magnitude, 4), with_ends(c.random.magnitude, 4),
              with_ends(c.difference.magnitude, 4), with_ends(c.ratio, 2)});
  }
  return figure("untouched-heads-", "Change of the relevant mass of untouched heads by layer.");
}

void ExperimentSections::causal() {
  const CausalFacts& facts = results_.causal;
  body_.add("h3", "Do answers rest on what is attended to? (C22, C23)");
  body_.add("p",
            "For each prompt every document is hidden, and every top head ablated, one at a time; "
            "the drop of the log-probability of the model's own answer stands beside the attention "
            "mass.");
  Html list = table("Rank correlation of mass and drop within a prompt, mean over prompts.",
                    {"", "prompts", "Spearman", "95 % interval"});
  for (const auto& [name, found] :
       {std::pair("documents", &facts.documents), std::pair("heads", &facts.heads)}) {
    list.row({name, std::to_string(found->n), fixed_number(found->spearman),
              "[" + fixed_number(found->low) + ", " + fixed_number(found->high) + "]"});
  }
}

void ExperimentSections::suite_rows(const SuiteCheck& suites) {
  Html list = table(
      "Score without and with focus directions on the same samples; the difference "
      "with its paired 95 % bootstrap interval. The average, where there are several tasks, is "
      "the mean over them.",
      {"task", "metric", "tokens", "n", "without", "with", "difference"});
  for (const SuiteTableRow& row : suites.rows) {
    if (row.method == suite_baseline) continue;
    const SuiteTableRow* without = baseline_of(suites.rows, row);
    const Interval ends = row.difference_interval;
    list.row({row.task, row.metric, std::to_string(row.length), std::to_string(row.n),
              without == nullptr ? "–" : fixed_number(without->value), fixed_number(row.value),
              row.difference ? signed_number(*row.difference) + " [" + signed_number(ends.low) +
                                   ", " + signed_number(ends.high) + "]"
                             : "–"});
  }
}

Result<> ExperimentSections::long_contexts() {
  const Settings& settings = results_.study.settings;
  const std::int64_t context = results_.study.model.context_length;
  body_.add("h3", "Long contexts (C24)");
  if (!results_.suites) {
    body_.add("p", "Not run: suites were left out.");
    return {};
  }
  body_.add(
      "p",
      "Tasks in HELMET's shape, made from the seed: " + std::to_string(settings.suite_samples) +
          " samples of each task and length, answered without and with focus directions, "
          "α = " +
          shortest_number(settings.alpha) + ", on the top " + std::to_string(settings.top_k) +
          " heads. Every answer is in suites.jsonl.");
  for (const std::int64_t length : settings.suite_lengths) {
    if (length <= context) continue;
    body_.add("p",
              std::to_string(length) + " tokens do not fit: the model's context ends at " +
                  std::to_string(context) +
                  (settings.suite_lengths.front() > context
                       ? ". What it can read was filled instead, which decides nothing about C24."
                       : "."));
  }
  HEADSCOPE_TRY(figure("long-context", "Score of every task and length, with 95 % intervals."));
  if (!results_.suites->rows.empty()) suite_rows(*results_.suites);
  if (results_.suites->left_out.empty()) return {};
  Html list = table("Tasks that were left out.", {"task", "tokens", "reason"});
  for (const LeftOutTask& task : results_.suites->left_out) {
    list.row({task.task, std::to_string(task.length), task.reason});
  }
  return {};
}

}  // namespace headscope::study
