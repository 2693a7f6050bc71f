#include "app/views/aligned_responses.h"

#include <algorithm>
#include <utility>

namespace headscope {
namespace {

std::vector<std::int32_t> ids_of(const RunResult& run) {
  std::vector<std::int32_t> ids;
  for (const TokenView& token : run.response) ids.push_back(token.id);
  return ids;
}

std::string quoted(const RunResult& run, std::int64_t token) {
  std::string text = "\"";
  for (const char c : run.response[static_cast<std::size_t>(token)].text)
    text += c == '\n' ? "\\n" : std::string(1, c);
  return text + "\"";
}

}  // namespace

AlignedResponses::AlignedResponses(std::shared_ptr<const RunResult> baseline,
                                   std::shared_ptr<const RunResult> intervened)
    : baseline_(std::move(baseline)), intervened_(std::move(intervened)) {
  if (!baseline_ || !intervened_) return;
  pairs_ = align(ids_of(*baseline_), ids_of(*intervened_));
  of_baseline_.resize(baseline_->response.size());
  of_intervened_.resize(intervened_->response.size());
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    const AlignedPair& pair = pairs_[i];
    if (pair.before >= 0) of_baseline_[static_cast<std::size_t>(pair.before)] = i;
    if (pair.after >= 0) of_intervened_[static_cast<std::size_t>(pair.after)] = i;
  }
}

std::optional<std::size_t> AlignedResponses::first_change() const {
  const auto found = std::find_if(pairs_.begin(), pairs_.end(), [](const AlignedPair& pair) {
    return pair.kind != EditKind::kept;
  });
  if (found == pairs_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - pairs_.begin());
}

const AlignedPair* AlignedResponses::pair_of(bool of_baseline, std::size_t token) const {
  const auto& places = of_baseline ? of_baseline_ : of_intervened_;
  return token < places.size() ? &pairs_[places[token]] : nullptr;
}

std::size_t AlignedResponses::count(EditKind kind) const {
  return static_cast<std::size_t>(std::count_if(
      pairs_.begin(), pairs_.end(), [kind](const AlignedPair& pair) { return pair.kind == kind; }));
}

std::string AlignedResponses::summary() const {
  std::string text = std::to_string(count(EditKind::kept)) + " kept";
  const std::pair<EditKind, const char*> others[] = {{EditKind::replaced, " replaced"},
                                                     {EditKind::removed, " removed"},
                                                     {EditKind::inserted, " inserted"}};
  for (const auto& [kind, name] : others) {
    if (const std::size_t n = count(kind); n > 0) text += ", " + std::to_string(n) + name;
  }
  return text;
}

std::string AlignedResponses::explain(const AlignedPair& pair) const {
  switch (pair.kind) {
    case EditKind::kept:
      return "in both responses";
    case EditKind::replaced:
      return quoted(*intervened_, pair.after) + " in place of " + quoted(*baseline_, pair.before);
    case EditKind::removed:
      return quoted(*baseline_, pair.before) + " in the baseline only";
    case EditKind::inserted:
      break;
  }
  return quoted(*intervened_, pair.after) + " in the intervened response only";
}

}  // namespace headscope
