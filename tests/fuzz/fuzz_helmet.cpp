// links: headscope_suite
// longest: 2048
// words: core/suite/helmet_*.cpp
// HELMET's data sets; the first byte chooses whose shape is read.
#include <array>

#include "core/suite/helmet_data.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;

namespace {

constexpr std::array kSets = {"kilt_nq",
                              "kilt_popqa_3",
                              "json_kv",
                              "ruler_niah_mk_2",
                              "msmarco_rerank_psg",
                              "icl_trec_coarse_10shot",
                              "narrativeqa_100",
                              "infbench_qa_eng_100",
                              "infbench_choice_eng_100",
                              "infbench_sum_eng_100",
                              "multi_lexsum_100",
                              "alce_asqa_2"};

// One token a byte-sized character: tests count them.
const PromptEncoder& letters() {
  static const PromptEncoder encoder = [] {
    Json vocabulary = Json::object();
    for (char c = ' '; c <= '~'; ++c) vocabulary[std::string(1, c)] = vocabulary.size();
    vocabulary["\n"] = vocabulary.size();
    const Json file = {
        {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", Json::array()}}}};
    return PromptEncoder(*Tokenizer::from_json(file.dump(), "letters"));
  }();
  return encoder;
}

}  // namespace

FUZZ_READER(helmet) {
  if (input.empty()) return;
  const auto which = static_cast<std::size_t>(input.front()) - std::size_t{'a'};
  if (which >= kSets.size()) return;
  HelmetOrder order;
  order.dataset = kSets[which];
  order.shots = 0;
  order.length = 2000;
  order.samples = 4;
  order.data = fuzz::file_of(input.subspan(1));
  if (order.dataset.starts_with("icl") || order.dataset.starts_with("alce"))
    order.demos = order.data;
  const auto samples = load_helmet(order, letters());
  if (!samples) return;
  for (const FittedSample& fitted : *samples) {
    const SuiteSample& sample = fitted.sample;
    fuzz::require(
        sample.context.end <= sample.text.size() && sample.demos.end <= sample.text.size(),
        "parts lie within the prompt");
    for (const auto* spans : {&sample.gold, &sample.others}) {
      for (const ByteSpan span : *spans)
        fuzz::require(span.begin <= span.end && span.end <= sample.text.size(),
                      "spans lie within the prompt");
    }
    (void)suite_score(sample, "Answer: a [1] > [2]", false);
  }
}
