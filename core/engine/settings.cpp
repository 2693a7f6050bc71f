#include "core/engine/settings.h"

#include <algorithm>
#include <utility>

namespace headscope {

std::vector<int> PromptRequest::gold_documents() const {
  std::vector<int> all = more_gold;
  if (gold_document >= 0) all.push_back(gold_document);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

void PromptRequest::mark(std::vector<int> documents) {
  std::sort(documents.begin(), documents.end());
  documents.erase(std::unique(documents.begin(), documents.end()), documents.end());
  gold_document = documents.empty() ? -1 : documents.front();
  if (!documents.empty()) documents.erase(documents.begin());
  more_gold = std::move(documents);
}

bool PromptRequest::is_gold(int document) const {
  return document >= 0 &&
         (document == gold_document ||
          std::find(more_gold.begin(), more_gold.end(), document) != more_gold.end());
}

std::vector<int> marked_among(const InterventionSettings& settings, const std::vector<int>& gold,
                              int documents) {
  std::vector<int> marked = gold;
  if (settings.span == SpanChoice::document) marked = {settings.marked_document};
  std::erase_if(marked, [&](int index) { return index < 0 || index >= documents; });
  return marked;
}

}  // namespace headscope
