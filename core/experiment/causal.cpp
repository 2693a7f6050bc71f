#include "core/experiment/causal.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/analysis/metrics.h"
#include "core/model/answer_probability.h"
#include "core/text/spans.h"
#include "core/text/split_edit.h"

namespace headscope {
namespace {

constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

/// Everything that the measurements of one prompt share.
struct Checker {
  Model& model;
  const PromptEncoder& encoder;
  const CausalPrompt& prompt;
  const CausalOptions& options;
  const RunContext& context;
  SamplePrompt encoded = {};             ///< ids and spans of the whole prompt
  std::vector<TokenSet> documents = {};  ///< tokens of every document, in order
  ForcedAnswer answer = {};

  int document_count() const { return static_cast<int>(documents.size()); }

  Result<> encode() {
    encoded.built = prompt.built;
    HEADSCOPE_ASSIGN(encoded.encoding, encoder.encode(prompt.built.text));
    const auto& offsets = encoded.encoding.offsets;
    encoded.gold = tokens_in_spans(offsets, prompt.built.gold_spans());
    for (const DocumentSpan& document : prompt.built.documents) {
      documents.push_back(tokens_in_span(offsets, document.relevant));
    }
    if (documents.empty()) return bad_input(skip_no_documents);
    if (encoded.tokens() > model.config().context_length) return bad_input(skip_too_long);
    answer.prompt_ids = encoded.encoding.ids;
    return {};
  }

  Result<std::vector<Intervention>> interventions_on(const SamplePrompt& on) const {
    if (!options.interventions) return std::vector<Intervention>{};
    return options.interventions(on);
  }

  /// The answer (the model's own unless one is given) and every head's masses while it is written.
  Result<Generation> run() {
    HEADSCOPE_ASSIGN(answer.interventions, interventions_on(encoded));
    GenerateRequest request;
    request.prompt_ids = answer.prompt_ids;
    request.max_new_tokens = options.max_new_tokens;
    request.interventions = answer.interventions;
    Capture capture;
    capture.span_sets = documents;
    capture.weights = false;
    request.capture = std::move(capture);
    if (!prompt.answer.empty()) {
      HEADSCOPE_ASSIGN(const auto given, encoder.tokenizer().encode(prompt.answer, false));
      request.forced_response = given.ids;
    }
    HEADSCOPE_ASSIGN(auto generation, model.generate(request, {context.is_cancelled, {}, {}}));
    if (generation.ids.empty()) return bad_input(skip_empty_response);
    answer.response = generation.ids;
    return generation;
  }

  std::vector<double> masses(const Generation& generation, std::span<const HeadId> heads) const {
    const CapturedAttention& attention = generation.attention;
    const TokenRange rows =
        response_rows(options.rows, static_cast<std::int64_t>(generation.ids.size()));
    return document_masses(attention.span_sums, attention.heads, attention.rows.size(), rows,
                           document_count(), document_count(), heads);
  }

  /// log p(answer) where document `index` is not in the prompt.
  Result<double> removed(std::size_t index) const {
    SamplePrompt rest;
    rest.built = without_document(prompt.built, index);
    HEADSCOPE_ASSIGN(rest.encoding, encoder.encode(rest.built.text));
    rest.gold = tokens_in_spans(rest.encoding.offsets, rest.built.gold_spans());
    ForcedAnswer without{rest.encoding.ids, answer.response, {}};
    HEADSCOPE_ASSIGN(without.interventions, interventions_on(rest));
    return answer_log_probability(model, without, context);
  }

  Result<double> without_document_at(std::size_t index) const {
    if (options.mask == DocumentMask::remove) return removed(index);
    return hidden_log_probability(model, answer, documents[index], context);
  }

  Result<> check_documents(const std::vector<double>& masses, CausalCheck& check) const {
    for (std::size_t i = 0; i < documents.size(); ++i) {
      context.progress("documents masked", double(i), double(documents.size()));
      HEADSCOPE_ASSIGN(const double without, without_document_at(i));
      const DocumentSpan& document = prompt.built.documents[i];
      check.documents.push_back(
          {document.number, document.gold, masses[i], check.log_probability - without});
    }
    return {};
  }

  Result<> check_heads(const Generation& generation, CausalCheck& check) const {
    if (!options.ablate_heads || check.mass_document < 0) return {};
    for (std::size_t i = 0; i < options.heads.size(); ++i) {
      context.progress("heads ablated", double(i), double(options.heads.size()));
      const HeadId head = options.heads[i];
      HEADSCOPE_ASSIGN(const double without, ablated_log_probability(model, answer, head, context));
      const auto mass = masses(generation, std::span(&head, 1));
      check.heads.push_back({head, mass[static_cast<std::size_t>(check.mass_document)],
                             check.log_probability - without});
    }
    return {};
  }

  std::optional<std::size_t> gold() const {
    for (std::size_t i = 0; i < prompt.built.documents.size(); ++i) {
      if (prompt.built.documents[i].gold) return i;
    }
    return std::nullopt;
  }

  Result<CausalSample> check() {
    HEADSCOPE_TRY(encode());
    HEADSCOPE_ASSIGN(const auto generation, run());
    const auto mean_masses = masses(generation, options.heads);
    CausalSample sample;
    sample.response = encoder.tokenizer().decode(answer.response);
    sample.gold = gold();
    sample.likely = likely_document(mean_masses);
    sample.auc = sample.gold ? gold_auc(mean_masses, *sample.gold) : undefined;
    sample.check.mask = options.mask;
    sample.check.tokens = static_cast<std::int64_t>(answer.response.size());
    sample.check.mass_document = sample.gold ? static_cast<int>(*sample.gold) : sample.likely.index;
    HEADSCOPE_ASSIGN(sample.check.log_probability, answer_log_probability(model, answer, context));
    HEADSCOPE_TRY(check_documents(mean_masses, sample.check));
    HEADSCOPE_TRY(check_heads(generation, sample.check));
    return sample;
  }
};

/// Reasons of one prompt, which a data set survives.
bool is_skip(const Error& error) {
  for (const char* reason : {skip_no_documents, skip_too_long, skip_empty_response}) {
    if (error.message == reason) return true;
  }
  return false;
}

const CausalSample* find_sample(const std::vector<CausalSample>& among, const QaSample& wanted) {
  const auto found = std::ranges::find_if(among, [&wanted](const CausalSample& sample) {
    return sample.index == wanted.index && sample.question == wanted.question;
  });
  return found == among.end() ? nullptr : &*found;
}

double mean_drop(const CausalRun& run, bool gold) {
  std::vector<double> drops;
  for (const CausalSample& sample : run.samples) {
    if (!sample.gold) continue;
    for (const DocumentEffect& document : sample.check.documents) {
      if (document.gold == gold) drops.push_back(document.drop);
    }
  }
  return mean(drops);
}

double share(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : undefined;
}

void add_guess(const CausalRun& run, CausalSummary& summary) {
  std::int64_t right = 0, clear = 0, clear_right = 0;
  std::vector<double> aucs;
  for (const CausalSample& sample : run.samples) {
    if (!sample.gold) continue;
    ++summary.marked;
    const bool hit = sample.likely.index == static_cast<int>(*sample.gold);
    right += hit ? 1 : 0;
    clear += sample.likely.is_clear() ? 1 : 0;
    clear_right += hit && sample.likely.is_clear() ? 1 : 0;
    if (!std::isnan(sample.auc)) aucs.push_back(sample.auc);
  }
  summary.guess_accuracy = share(right, summary.marked);
  summary.guess_interval =
      summary.marked > 0 ? wilson_interval(right, summary.marked) : Interval{undefined, undefined};
  summary.guess_auc = mean(aucs);
  summary.clear_share = share(clear, summary.marked);
  summary.clear_accuracy = share(clear_right, clear);
}

}  // namespace

Result<CausalSample> check_prompt(Model& model, const PromptEncoder& encoder,
                                  const CausalPrompt& prompt, const CausalOptions& options,
                                  const RunContext& context) {
  if (options.heads.empty()) {
    return fail(ErrorKind::usage, "the causal check needs heads to read attention at");
  }
  return Checker{model, encoder, prompt, options, context}.check();
}

Result<CausalRun> check_samples(Model& model, const PromptEncoder& encoder,
                                std::span<const QaSample> samples, const CausalOptions& options,
                                const CausalSamplesOptions& how, const RunContext& context) {
  CausalRun run;
  const RunContext quiet{context.is_cancelled, {}, {}};
  for (std::size_t i = 0; i < samples.size(); ++i) {
    context.progress("sample", double(i), double(samples.size()));
    const QaSample& sample = samples[i];
    if (const CausalSample* known = find_sample(how.finished, sample)) {
      run.samples.push_back(*known);
      continue;
    }
    CausalPrompt prompt{build_prompt(sample), {}};
    if (how.reference && !sample.answers.empty()) prompt.answer = " " + sample.answers.front();
    auto outcome = check_prompt(model, encoder, prompt, options, quiet);
    run.cancelled = !outcome && outcome.error().kind == ErrorKind::cancelled;
    if (run.cancelled) break;
    if (!outcome && !is_skip(outcome.error())) return tl::unexpected(outcome.error());
    if (!outcome) {
      ++run.skipped[outcome.error().message];
      continue;
    }
    outcome->index = sample.index;
    outcome->question = sample.question;
    outcome->correct = best_subspan_em(outcome->response, sample.answers);
    run.samples.push_back(std::move(*outcome));
    if (how.on_sample) HEADSCOPE_TRY(how.on_sample(run));
  }
  return run;
}

CausalSummary summary_of(const CausalRun& run, std::uint64_t seed) {
  CausalSummary summary;
  summary.n = static_cast<std::int64_t>(run.samples.size());
  std::vector<Agreement> documents, heads;
  std::int64_t together = 0;
  for (const CausalSample& sample : run.samples) {
    documents.push_back(sample.check.document_agreement());
    heads.push_back(sample.check.head_agreement());
    together += sample.likely.index >= 0 && sample.likely.index == sample.check.most_needed();
  }
  summary.documents = mean_agreement(documents, seed);
  summary.heads = mean_agreement(heads, seed);
  summary.top_mass_is_most_needed = share(together, summary.n);
  summary.gold_drop = mean_drop(run, true);
  summary.other_drop = mean_drop(run, false);
  add_guess(run, summary);
  return summary;
}

}  // namespace headscope
