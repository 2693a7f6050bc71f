// What a study runs: samples, grids and seeds (method.md 5), and the claims it is about.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/types.h"
#include "core/study/judge.h"
#include "core/sweep/sweep_grid.h"

namespace headscope::study {

/// Everything that decides what is run, apart from model and data.
struct Settings {
  std::int64_t samples = 150;  ///< of each part: training (scores, directions) and evaluation
  int top_k = 20;
  double tau = 0.1, alpha = 0.3;
  double less_alpha = -0.5;  ///< less focus: the claim about negative alpha
  std::vector<double> taus{0.05, 0.1, 0.2, 0.4, 0.6, 0.8};
  std::vector<double> alphas{-0.5, -0.2, -0.1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0};
  std::vector<int> top_ks{1, 5, 10, 20, 30, 50, 100};
  std::vector<std::size_t> gold_positions{0, 4, 9, 14, 19};
  int random_heads = 5, random_directions = 5;  ///< draws of the controls
  /// Controls of focus directions in the whole grid, not at the default k and alpha alone.
  bool every_control = false;
  std::vector<std::int64_t> suite_lengths{32768};  ///< tokens of the suites; empty = left out
  std::int64_t suite_samples = 10;                 ///< of each task and length; 0 = left out
  std::uint64_t seed = 0;
  int max_new_tokens = 100;
  RowConvention rows = RowConvention::input;
  int epochs = 10;
  double learning_rate = 1e-3;
};

/// The same for a model of `heads` query heads and samples of at least `documents` documents: top-k
/// clipped to the heads, gold positions to the documents, the defaults put into the grids, every
/// axis in order and without repetition.
Settings completed(Settings settings, int heads, std::size_t documents);
/// As study.json holds them.
Json to_json(const Settings& settings);

/// What is claimed, and the rules. They depend on the settings alone, so that they stand before
/// anything runs.
std::vector<Rule> claims(const Settings& settings);

/// Share of heads above 0.1 that still counts as "few": twice the paper's 37 of 672.
inline constexpr double few_heads = 2.0 * 37 / 672;
/// Share of heads from which random ones hurt in the paper: 50 of 672.
inline constexpr double many_heads = 50.0 / 672;
/// A gain in exact match below this counts as none.
inline constexpr double no_gain_margin = 0.05;
/// With the gold document alone a model must be right at least so often; else exact match says
/// nothing about attention.
inline constexpr double able_em = 0.2;
/// Tokens from which a context is long: the shorter of the paper's two lengths.
inline constexpr std::int64_t long_context = 32768;
/// Layers below which "middle" has no meaning.
inline constexpr int least_layers = 8;

/// The lengths at which suites are run on a model: those asked for that fit into its context; where
/// none does, a quarter, a half and all of its context, which are shown and decide nothing. Empty:
/// suites are left out.
std::vector<std::int64_t> suite_lengths_for(const Settings& settings, std::int64_t context_length);

/// The cells of the two sweeps of a study (Fig. 3 and 4, with controls and baselines). Unless
/// Settings::every_control says so, the controls of focus directions stand at the default number of
/// heads and at the default strength alone.
Result<SweepGrid> main_grid(const Settings& settings, const std::vector<HeadId>& ranking,
                            int layers, int heads);
/// ... and of "lost in the middle": without intervention, and both methods at their defaults.
Result<SweepGrid> position_grid(const Settings& settings, const std::vector<HeadId>& ranking,
                                int layers, int heads);

/// Single cells, by what they are for.
SweepCell baseline_cell(PromptKind prompt);
SweepCell split_cell(double tau, int top_k);
SweepCell focus_cell(double alpha, int top_k);

}  // namespace headscope::study
