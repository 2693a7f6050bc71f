#include "core/experiment/sample_prompt.h"

#include <algorithm>

#include "core/text/spans.h"

namespace headscope {
namespace {

constexpr std::int64_t kSinkTokens = 2;  // S0 = {0,1} of method.md

}  // namespace

std::vector<TokenSet> SamplePrompt::span_sets() const {
  std::vector<TokenSet> sets;
  if (!gold.empty()) sets.push_back(gold);
  sets.insert(sets.end(), others.begin(), others.end());
  TokenSet sink;
  for (std::int64_t t = 0; t < std::min(kSinkTokens, tokens()); ++t) sink.push_back(t);
  sets.push_back(std::move(sink));
  return sets;
}

SpanLayout SamplePrompt::layout() const {
  SpanLayout layout{static_cast<int>(others.size()), {}};
  if (gold.empty()) return layout;
  ++layout.documents;  // all that is relevant is one set, the first
  layout.gold = {0};
  return layout;
}

Result<SamplePrompt> make_sample_prompt(const QaSample& sample, PromptKind kind,
                                        const PromptEncoder& encoder) {
  SamplePrompt prompt;
  prompt.built = build_prompt(sample, kind);
  HEADSCOPE_ASSIGN(prompt.encoding, encoder.encode(prompt.built.text));
  prompt.gold = tokens_in_spans(prompt.encoding.offsets, prompt.built.gold_spans());
  for (const ByteSpan& span : prompt.built.other_spans()) {
    prompt.others.push_back(tokens_in_span(prompt.encoding.offsets, span));
  }
  return prompt;
}

}  // namespace headscope
