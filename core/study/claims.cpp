// The claims of the paper (arXiv 2503.23306) as rules that a program can apply.
#include "core/study/numbers.h"
#include "core/study/settings.h"

namespace headscope::study {
namespace {

constexpr std::int64_t kLeastSamples = 30;
constexpr std::int64_t kLeastGroup = 10;
constexpr std::int64_t kLeastPrompts = 1;

class Claims {
 public:
  explicit Claims(const Settings& settings)
      : k_("top " + std::to_string(settings.top_k)),
        tau_("τ = " + shortest_number(settings.tau)),
        alpha_("α = " + shortest_number(settings.alpha)),
        less_("α = " + shortest_number(settings.less_alpha)),
        n_("n = " + std::to_string(settings.samples)),
        heads_(std::to_string(settings.random_heads)),
        directions_(std::to_string(settings.random_directions)),
        suite_samples_(std::to_string(settings.suite_samples)) {
    for (const std::int64_t length : settings.suite_lengths)
      suite_lengths_ += (suite_lengths_.empty() ? "" : ", ") + std::to_string(length);
  }

  std::vector<Rule> all() {
    heads();
    distraction();
    split_softmax();
    focus();
    directions();
    elsewhere();
    return std::move(rules_);
  }

 private:
  void add(Rule rule) { rules_.push_back(std::move(rule)); }

  // "... p < 0.05 after Holm" of a paired test on exact match.
  std::string mcnemar(const std::string& what) const {
    return what + ": exact two-sided McNemar test over the same samples (" + n_ +
           ", at least 30), corrected p < 0.05, and the difference has this sign.";
  }
  std::string sign_flip(const std::string& what) const {
    return what + ": two-sided sign-flip test over the same samples (" + n_ +
           ", at least 30), corrected p < 0.05, and the difference has this sign.";
  }
  std::string no_gain(const std::string& what) const {
    return what + ": the upper end of the 95 % bootstrap interval of the mean paired difference (" +
           n_ + ", at least 30) is below +0.05.";
  }

  void heads() {
    add({"C1", "Some heads are contextual: they attend to the relevant document.",
         "Fig. 2, section 3",
         "On the training part (" + n_ +
             ", at least 30): the lower end of the best head's 95 % bootstrap interval is at least "
             "0.1 and above the upper end of the median head's. Measured is what is left.",
         Test::at_least, 0, kLeastSamples});
    add({"C2", "They are few.", "Fig. 2: 37 of 672 heads above 0.1",
         "Share of heads with a contextual score above 0.1: at most " + fixed_number(few_heads) +
             " (twice the paper's 37 of 672; at least 30 samples).",
         Test::at_most, few_heads, kLeastSamples});
    add({"C3", "Contextual heads sit in the middle layers.", "Fig. 5",
         "Of the " + k_ +
             " heads, at least half lie in the middle half of the layers. A model of fewer than 8 "
             "layers has no middle to speak of: not testable.",
         Test::at_least, 0.5, kLeastSamples});
    add({"C4", "They allocate more attention to the relevant document where the answer is right.",
         "Section 3",
         "Evaluation part, no intervention: mean relevant mass of the " + k_ +
             " heads on right minus wrong answers; two-sided permutation test (at least 10 of "
             "each), corrected p < 0.05, difference above 0.",
         Test::two_groups, 0, kLeastGroup});
  }

  void distraction() {
    add({"C5", "Irrelevant documents distract the model.", "Fig. 3, baselines",
         mcnemar("EM with the gold document alone minus EM with all documents"), Test::mcnemar, 0,
         kLeastSamples});
    add({"C6", "Accuracy is lost in the middle.", "Introduction, after Liu et al.",
         mcnemar("EM with the gold document first minus in the middle, and last minus in the "
                 "middle; both must hold"),
         Test::mcnemar, 0, kLeastSamples});
  }

  void split_softmax() {
    const std::string at = "split-softmax " + tau_ + " on the " + k_;
    add({"C7", "More attention of the contextual heads to the relevant document raises accuracy.",
         "Fig. 3: 0.59 to 0.916", mcnemar("EM with " + at + " heads minus EM without"),
         Test::mcnemar, 0, kLeastSamples});
    add({"C8", "It reaches what the gold document alone gives.", "Fig. 3: 0.916 against 0.847",
         "EM with " + at +
             " heads minus EM with the gold document alone: the lower end of the 95 % bootstrap "
             "interval of the mean paired difference (" +
             n_ + ", at least 30) is above −0.05.",
         Test::not_worse, no_gain_margin, kLeastSamples});
    add({"C9", "As many random heads do not help.", "Fig. 3: gain below 0.003",
         no_gain("EM with split-softmax " + tau_ + " on as many random heads (mean of " + heads_ +
                 " draws outside the contextual ones) minus EM without"),
         Test::no_gain, no_gain_margin, kLeastSamples});
    add({"C10", "Contextual heads help more than random ones.", "Fig. 3",
         sign_flip("EM with " + at + " heads minus EM with as many random heads (mean of " +
                   heads_ + " draws)"),
         Test::sign_flip, 0, kLeastSamples});
    add({"C11", "Many random heads hurt.", "Fig. 3: from 50 of 672 heads",
         sign_flip(
             "EM without minus EM with split-softmax " + tau_ +
             " on random heads (mean of all draws) at the largest number of heads in the grid "
             "for which " +
             heads_ + " draws exist") +
             " Testable where that is at least " + fixed_number(many_heads) +
             " of all heads (50 of 672).",
         Test::sign_flip, 0, kLeastSamples});
  }

  void focus() {
    const std::string at = "focus directions, " + alpha_ + ", on the " + k_ + " heads";
    add({"C12", "Focus directions raise accuracy, without a gold mark.", "Fig. 4",
         mcnemar("EM with " + at + " minus EM without"), Test::mcnemar, 0, kLeastSamples});
    add({"C13", "They move attention from the sink to the context.", "Section 4",
         sign_flip("Sink mass of the same heads without minus with " + at), Test::sign_flip, 0,
         kLeastSamples});
    add({"C14", "They favour the relevant document among all documents.", "Section 4",
         sign_flip("relevant / (relevant + irrelevant) of the same heads with " + at +
                   " minus without, in the model's own answers"),
         Test::sign_flip, 0, kLeastSamples});
    add({"C15", "Random directions of equal norm do not help.", "Fig. 4, control",
         no_gain("EM with random directions of the same norms (mean of " + directions_ +
                 " draws, same heads and α) minus EM without"),
         Test::no_gain, no_gain_margin, kLeastSamples});
    add({"C16", "Trained directions help more than random ones.", "Fig. 4, control",
         sign_flip("EM with " + at + " minus EM with random directions (mean of " + directions_ +
                   " draws)"),
         Test::sign_flip, 0, kLeastSamples});
    add({"C17", "Negative α lowers accuracy.", "Fig. 4",
         mcnemar("EM without minus EM with focus directions, " + less_ + ", on the " + k_ +
                 " heads"),
         Test::mcnemar, 0, kLeastSamples});
  }

  void directions() {
    add({"C18",
         "Trained query directions raise the relevant share at gold positions not trained on.",
         "Section 4; method.md 3",
         sign_flip("Trained with the gold document at even positions only. On evaluation samples "
                   "with it at odd positions, fixed tokens: relevant / (relevant + irrelevant) of "
                   "the " +
                   k_ + " heads with α = 1 minus α = 0"),
         Test::sign_flip, 0, kLeastSamples});
    add({"C19", "Two training seeds find similar directions.", "Our question to the method",
         "Mean cosine of the " + k_ +
             " heads' query directions from two seeds (other start, other order of samples): at "
             "least 0.8.",
         Test::at_least, 0.8, kLeastSamples});
    add({"C20", "The key half of the directions does nothing.", "method.md 3: softmax is invariant",
         "float32, no soft-cap, α = 1 on all heads: query directions with random key directions of "
         "norm 2.5 (the largest released) against query directions alone. Largest difference of "
         "next-token logits over 8 prompts, divided by the largest logit: at most 1e-4. The query "
         "half must change them by more than 100 times as much; else not testable.",
         Test::at_most, 1e-4, kLeastPrompts});
  }

  void elsewhere() {
    add({"C21", "Contextual heads control the attention of the heads that are left alone.",
         "Section 3; method.md 3",
         "Same tokens, split-softmax " + tau_ + " on the " + k_ +
             " heads and on as many random ones (" + heads_ + " draws), evaluation part (" + n_ +
             ", at least 30). Heads that neither touches and that lie above the first touched "
             "layer "
             "(no other can move): mean |change| of relevant mass, contextual minus random, has a "
             "95 "
             "% bootstrap interval above 0.",
         Test::above_zero, 0, kLeastSamples});
    const std::string within =
        ": mean over prompts of Spearman's correlation within each (" + n_ +
        ", at least 30 in which it is defined) has a 95 % bootstrap interval above 0.";
    add({"C22", "Answers rest on the documents that contextual heads attend to.",
         "Our check: attention alone is no explanation",
         "Attention mass of each document (" + k_ +
             " heads) against the drop of the own answer's log-probability when it is hidden" +
             within,
         Test::above_zero, 0, kLeastSamples});
    add({"C23", "They rest most on the heads that attend most.",
         "Our check: attention alone is no explanation",
         "Mass of each of the " + k_ +
             " heads on the gold document against the drop when the head is ablated" + within,
         Test::above_zero, 0, kLeastSamples});
    add({"C24", "Focus directions help in long contexts.", "Table of 5 models at 32k and 64k",
         (suite_lengths_.empty() ? std::string("Suites were left out")
                                 : "Suites in HELMET's shape (" + suite_samples_ +
                                       " samples of each task) at " + suite_lengths_ + " tokens") +
             ": score with focus directions, " + alpha_ + ", on the " + k_ +
             " heads minus without, paired over the same samples (at least 30 of all tasks) and "
             "averaged over tasks (a single task stands for itself), has a 95 % bootstrap interval "
             "above 0 at every length of " +
             std::to_string(long_context) +
             " tokens or more. Shorter lengths are shown and decide nothing; a model whose context "
             "is shorter: not testable.",
         Test::above_zero, 0, kLeastSamples});
  }

  std::string k_, tau_, alpha_, less_, n_, heads_, directions_, suite_samples_, suite_lengths_;
  std::vector<Rule> rules_;
};

}  // namespace

std::vector<Rule> claims(const Settings& settings) {
  return Claims(settings).all();
}

}  // namespace headscope::study
