#include "core/experiment/tune.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/analysis/likely_document.h"
#include "core/base/json_number.h"
#include "core/experiment/sample_run.h"
#include "core/text/spans.h"

namespace headscope {
namespace {

struct Tuner {
  Model& model;
  const PromptEncoder& encoder;
  const BuiltPrompt& prompt;
  const TuneGrid& grid;
  const RunContext& context;
  Encoding encoding = {};
  std::vector<TokenSet> documents = {};
  TokenSet gold = {};
  std::vector<std::int32_t> answer = {};
  std::vector<int> relevant = {};
  TuneResult result = {};

  Result<> check() const {
    if (grid.top_ks.empty() || grid.ranking.empty() || (grid.alphas.empty() && grid.taus.empty()))
      return fail(ErrorKind::usage, "nothing to try: name strengths, numbers of heads and heads");
    if (!grid.alphas.empty() && grid.directions == nullptr)
      return fail(ErrorKind::usage, "strengths of focus (alpha) need directions");
    if (!grid.taus.empty() && gold.empty())
      return fail(ErrorKind::usage, "split-softmax (tau) needs a document marked as relevant");
    return {};
  }

  std::vector<HeadId> first(int k) const {
    const auto count = std::min(grid.ranking.size(), static_cast<std::size_t>(std::max(k, 0)));
    return {grid.ranking.begin(), grid.ranking.begin() + static_cast<std::ptrdiff_t>(count)};
  }

  std::vector<Intervention> interventions(const TuneRow& row) const {
    std::vector<Intervention> plan;
    if (row.alpha != 0)
      plan.push_back({Focus{row.alpha, grid.directions, false}, first(row.top_k), {}});
    if (row.tau != 1) plan.push_back({SplitSoftmax{row.tau, gold}, first(row.top_k), {}});
    return plan;
  }

  /// A run with the answer fed token by token, or (no answer yet) written by the model.
  Result<Generation> run(const TuneRow& row) {
    GenerateRequest request;
    request.prompt_ids = encoding.ids;
    request.max_new_tokens = grid.max_new_tokens;
    request.interventions = interventions(row);
    if (!answer.empty()) request.forced_response = answer;
    Capture capture;
    capture.span_sets = documents;
    capture.weights = false;
    request.capture = std::move(capture);
    return model.generate(request, {context.is_cancelled, {}, {}});
  }

  std::vector<double> masses(const Generation& generation) const {
    const CapturedAttention& attention = generation.attention;
    const TokenRange rows =
        response_rows(RowConvention::input, static_cast<std::int64_t>(generation.ids.size()));
    const auto count = static_cast<int>(documents.size());
    const auto heads = first(grid.top_ks.back());
    return document_masses(attention.span_sums, attention.heads, attention.rows.size(), rows, count,
                           count, heads);
  }

  Result<> prepare() {
    HEADSCOPE_ASSIGN(encoding, encoder.encode(prompt.text));
    if (std::ssize(encoding.ids) > model.config().context_length) return bad_input(skip_too_long);
    for (const DocumentSpan& document : prompt.documents) {
      documents.push_back(tokens_in_span(encoding.offsets, document.relevant));
      if (document.gold) relevant.push_back(static_cast<int>(documents.size()) - 1);
    }
    gold = tokens_in_spans(encoding.offsets, prompt.gold_spans());
    HEADSCOPE_TRY(check());
    result.by_answer = !grid.answer.empty();
    if (!result.by_answer) return {};
    HEADSCOPE_ASSIGN(const auto given, encoder.tokenizer().encode(grid.answer, false));
    answer = given.ids;
    if (answer.empty()) return bad_input("the answer has no token");
    return {};
  }

  /// The run that changes nothing: its answer is fed to the others, its guess is what they share.
  Result<> begin() {
    HEADSCOPE_ASSIGN(const auto generation, run({}));
    if (generation.ids.empty()) return bad_input(skip_empty_response);
    answer = generation.ids;
    result.answer = encoder.tokenizer().decode(answer);
    if (relevant.empty()) {
      const auto likely = likely_document(masses(generation));
      if (likely.index >= 0) relevant = {likely.index};
      result.likely = likely.index >= 0;
    }
    if (!relevant.empty()) result.document = relevant.front();
    if (!result.by_answer && relevant.empty())
      return bad_input("without an answer and without a relevant document nothing can be compared");
    return {};
  }

  Result<> measure(TuneRow row) {
    HEADSCOPE_ASSIGN(const auto generation, run(row));
    const auto& each = generation.log_probabilities;
    row.log_probability = std::accumulate(each.begin(), each.end(), 0.0);
    row.relevant_share = std::numeric_limits<double>::quiet_NaN();
    const auto mass = masses(generation);
    const double all = std::accumulate(mass.begin(), mass.end(), 0.0);
    double share = 0;
    for (const int index : relevant) share += mass[static_cast<std::size_t>(index)] / all;
    if (!relevant.empty() && all > 0) row.relevant_share = share;
    result.rows.push_back(row);
    return {};
  }

  std::vector<TuneRow> cells() const {
    std::vector<TuneRow> cells = {{0, 1, 0, 0, 0}};
    for (const int k : grid.top_ks) {
      for (const double alpha : grid.alphas)
        if (alpha != 0) cells.push_back({alpha, 1, k, 0, 0});
      for (const double tau : grid.taus)
        if (tau != 1) cells.push_back({0, tau, k, 0, 0});
    }
    return cells;
  }

  void choose() {
    const auto value = [&](const TuneRow& row) {
      const double v = result.by_answer ? row.log_probability : row.relevant_share;
      return std::isfinite(v) ? v : -std::numeric_limits<double>::infinity();
    };
    for (std::size_t i = 1; i < result.rows.size(); ++i) {
      if (value(result.rows[i]) > value(result.rows[result.best])) result.best = i;
    }
  }

  Result<TuneResult> all() {
    HEADSCOPE_TRY(prepare());
    HEADSCOPE_TRY(begin());
    const auto wanted = cells();
    for (const TuneRow& row : wanted) {
      context.progress("setting", double(result.rows.size()), double(wanted.size()));
      if (context.cancelled()) return fail(ErrorKind::cancelled, "interrupted");
      HEADSCOPE_TRY(measure(row));
    }
    choose();
    return std::move(result);
  }
};

Json to_json(const TuneRow& row) {
  return {{"alpha", row.alpha},
          {"tau", row.tau},
          {"top_k", row.top_k},
          {"log_probability", json_number(row.log_probability)},
          {"relevant_share", json_number(row.relevant_share)}};
}

}  // namespace

Result<TuneResult> tune(Model& model, const PromptEncoder& encoder, const BuiltPrompt& prompt,
                        const TuneGrid& grid, const RunContext& context) {
  return Tuner{model, encoder, prompt, grid, context}.all();
}

Json to_json(const TuneResult& result) {
  Json rows = Json::array();
  for (const TuneRow& row : result.rows) rows.push_back(to_json(row));
  return {{"rows", std::move(rows)},
          {"best", to_json(result.rows[result.best])},
          {"measured", result.by_answer ? "log-probability of the given answer"
                                        : "share of the relevant document in the attention on all "
                                          "documents while the unedited answer is read"},
          {"answer", result.answer},
          {"document", result.document},
          {"likely", result.likely}};
}

}  // namespace headscope
