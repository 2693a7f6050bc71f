// What runs over one prompt have in common, kept between them: an intervention on attention leaves
// everything below its first layer as it was (method.md 3), so a run with one starts there.
// Torch-free; see prompt_pass.h for how runs use it.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

namespace headscope {

/// Keys, values and residual streams of the unedited model over one prompt, and the attention of
/// the last first touched layer before mass was moved: filled by the runs that are given it
/// (GenerateRequest::store) and taken up by the next ones. Runs with another prompt,
/// model, backend or final length begin it anew; results are the same with and without it. For one
/// run at a time.
class PromptStore {
 public:
  static constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

  /// Keeps at most `budget` bytes, and never more than half of what a run leaves free.
  explicit PromptStore(std::uint64_t budget = no_limit);
  ~PromptStore();
  PromptStore(PromptStore&&) noexcept;
  PromptStore& operator=(PromptStore&&) noexcept;

  /// First touched layers of the runs to come: their inputs are kept, and no others. Without them
  /// every layer's is, or as many as fit, evenly spaced.
  void expect(std::vector<int> layers);
  void clear();                 ///< forgets the prompt
  std::uint64_t bytes() const;  ///< held now

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// How much of the prompt's work a run did: rows 0..P-2 (the last row is always run), counted in
/// rows times layers whose attention and MLP were computed.
struct PromptWork {
  std::int64_t layer_rows = 0;  ///< done in this run
  std::int64_t all = 0;         ///< of a run alone
  std::int64_t touched = 0;     ///< that the interventions reach: what no run can do without
  /// Rows of the first touched layer whose queries, keys and values were there, and those whose
  /// attention was too: only how mass is moved differed.
  std::int64_t kept_queries = 0, kept_attention = 0;
  double seconds = 0;  ///< that layer_rows took
};

}  // namespace headscope
