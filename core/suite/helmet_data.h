// HELMET's own data sets, where a user has them: JSON lines in the shapes its loaders read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/suite/generate.h"

namespace headscope {
/// Which of HELMET's files become samples, and how.
struct HelmetOrder {
  std::string dataset;  ///< HELMET's name: "kilt_nq", "ruler_niah_mk_2", "infbench_qa_eng_7982" ...
  std::filesystem::path data;
  std::filesystem::path demos = {};  ///< demonstrations (QA, re-ranking, classification, citation)
  int shots = 2;
  std::int64_t length = 0;  ///< the context is cut so that prompt and answer fit
  std::int64_t samples = 100;
  std::uint64_t seed = 0;
};

/// The data sets by their names, "kilt_*" and the like as patterns.
std::string helmet_datasets();

/// Reads kilt_nq, kilt_triviaqa, kilt_hotpotqa, kilt_popqa_N, json_kv, ruler_*, msmarco_rerank_psg,
/// icl_NAME_Nshot[_balance][_natural_label], narrativeqa_N, infbench_{qa,choice,sum}_eng_N,
/// multi_lexsum_N and alce_*_N; JSON lines, a JSON list, or {"data":[...]}. What HELMET fetches
/// from a hub is expected as that hub's rows; classification as {"text","label"} (demonstrations:
/// the training file). Prompts are HELMET's word for word; demonstrations are drawn by a hash of
/// the question, not in the order of HELMET's own random numbers. "_N" (HELMET: tokens of Llama 2
/// that are kept of a document) counts tokens of this model. Relevant spans: passages marked
/// has_answer, the key's pair, the needle's sentence, passages of the highest grade, demonstrations
/// with the right label; else none. Errors name file, line and field; an unknown data set lists the
/// known ones.
Result<std::vector<FittedSample>> load_helmet(const HelmetOrder& order,
                                              const PromptEncoder& encoder);

}  // namespace headscope
