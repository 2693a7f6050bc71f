// Attention mass of one head on every document: baseline beside intervened, the sink apart.
#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/figure/page.h"

namespace headscope::figure {

/// One document of the prompt: mass of the response rows on its tokens.
struct DocumentMass {
  int number = 0;  ///< as the prompt prints it
  bool gold = false;
  double baseline = 0;
  double intervened = 0;  ///< used only when the figure compares
  double drop = 0;        ///< of the answer's log-probability without it; where `has_drops`
};
/// A bar a document, two where runs are compared.
struct DocumentBarsFigure {
  std::string title = "Attention on the documents";
  std::string of;         ///< "layer 13, head 23" or "mean over the top 20 heads"
  bool compares = false;  ///< an intervened run stands beside the baseline
  std::vector<DocumentMass> documents;
  bool has_drops = false;  ///< a causal check: a panel of its own below the masses
  std::string answer = "the baseline's answer";  ///< what loses ...
  std::string without = "is hidden from it";     ///< ... when the document is or does this
  bool has_sink = true;
  double sink_baseline = 0, sink_intervened = 0;  ///< mass on tokens {0,1}
  Provenance provenance;
};

/// bad_input without documents.
Result<Scene> draw_document_bars(const DocumentBarsFigure& figure, const Options& options);

}  // namespace headscope::figure
