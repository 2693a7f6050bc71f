// Metrics of long-context suites as HELMET defines them (Yen et al. 2024, "HELMET: How to Evaluate
// Long-context Language Models Effectively and Thoroughly"). Predictions are whole responses.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace headscope {

/// What follows the first `prefix` (any case) on its line, or else the first line; a repeated
/// prefix and white space around it are taken off.
std::string parsed_answer(std::string_view output, std::string_view prefix = "Answer:");

/// 1 if a normalised answer equals the normalised prediction (normalize_answer of metrics.h is the
/// normalisation HELMET took from DrQA).
double exact_match(std::string_view prediction, const std::vector<std::string>& answers);

/// 1 if a normalised answer is part of the normalised prediction. Unlike best_subspan_em, an answer
/// that normalises to nothing is part of every prediction, as it is for HELMET.
double substring_exact_match(std::string_view prediction, const std::vector<std::string>& answers);

/// Share of the answers that occur in the prediction, upper and lower case alike (RULER).
double answer_recall(std::string_view prediction, const std::vector<std::string>& answers);

/// Best ROUGE-L F1 over the answers.
double rouge_l_f1(std::string_view prediction, const std::vector<std::string>& answers);

/// Multiple choice: `answers` are the letter and "letter. text of the option". 1 if the prediction,
/// or what follows "Answer:" in it, equals one of them, or if it contains the second.
double choice_match(std::string_view prediction, const std::vector<std::string>& answers);

/// The longest run of numbers joined by ">" in a response such as "Ranking: ID3 > ID1 > ID2", best
/// first, each once at its first place; the whole response, lower-case, where it has no number.
std::vector<std::string> parsed_ranking(std::string_view output);

/// Normalised discounted cumulative gain of the first `k` (as trec_eval's ndcg_cut): gain =
/// relevance, discount log2(rank + 1), divided by that of the best order. 0 where nothing is
/// relevant. `relevance` holds every judged id.
double ndcg_at(const std::vector<std::string>& ranking, const std::map<std::string, int>& relevance,
               std::size_t k);

}  // namespace headscope
