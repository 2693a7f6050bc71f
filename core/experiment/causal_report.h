// The causal check as JSON: what `headscope-cli causal` writes and a report reads.
#pragma once

#include "core/base/json.h"
#include "core/experiment/causal.h"

namespace headscope {

/// {"index","question","response","em","answer":{"log_probability","tokens"},
///  "documents":[{"number","gold","mass","drop","drop_mean"}],
///  "heads":[{"head":[l,h],"mass","drop","drop_mean"}],
///  "document_correlation":{"spearman","kendall","pearson"},"head_correlation":{...},
///  "likely":{"number","mass","share","margin","clear"},"auc"}; not defined = null.
Json to_json(const CausalSample& sample);
/// ... and back; what follows from the masses is computed again.
Result<CausalSample> causal_sample_from(const Json& value, const std::string& name);

/// {"n","mask","document_correlation":{"n","spearman","spearman_low","spearman_high","kendall","pearson"},
///  "head_correlation":{...},"top_mass_is_most_needed","gold_drop","other_drop",
///  "guess":{"n","accuracy","low","high","auc","clear_share","clear_accuracy"},"skipped"}
Json to_json(const CausalSummary& summary);

}  // namespace headscope
