// `--intervene` made ready for one model: files are read once, spans are found in every prompt.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/config/config.h"
#include "core/experiment/data_part.h"
#include "core/intervention/spec.h"
#include "core/session/intervention_file.h"
#include "core/session/passport.h"

namespace headscope {

/// What a description may leave to the model.
struct InterventionDefaults {
  std::vector<HeadId> ranking;  ///< empty = the model has none
  Passport ranking_passport;
  std::shared_ptr<const Directions> directions;  ///< null = the model has none
  Passport directions_passport;
  int top_k = 20;
  std::uint64_t seed = 0;  ///< of random directions
};

/// What an intervention needs to know of one prompt.
struct PromptSpans {
  std::span<const ByteSpan> offsets;  ///< of its tokens, in bytes of the text before templating
  std::span<const ByteSpan> gold;     ///< spans of the gold documents
};

/// What to do about a method that marks the gold documents where there is none.
enum class WithoutGold { refuse, leave_out };
/// Interventions of a file, with what it names read in and checked.
class InterventionSet {
 public:
  /// Reads the head sets and directions that are named. Errors: unreadable files, another shape
  /// than the model's, neither heads nor a ranking, focus without directions.
  static Result<InterventionSet> create(std::vector<InterventionDescription> descriptions,
                                        const ModelConfig& config,
                                        const InterventionDefaults& defaults);
  /// For one prompt. Without gold documents what needs them is left out, or bad_input.
  Result<std::vector<Intervention>> for_prompt(const PromptSpans& prompt,
                                               WithoutGold without_gold) const;
  bool empty() const { return parts_.empty(); }
  /// Whether some part moves attention mass: masses before and after it differ.
  bool splits() const;
  /// Something in it acts on the gold documents, and on nothing where none is marked.
  bool needs_gold() const;
  /// Every head that is acted on, once, in the order of first mention.
  std::vector<HeadId> heads() const;
  /// What the chosen heads and directions were made from.
  const UsedData& used() const { return used_; }
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Part {
    InterventionDescription description;
    std::vector<HeadId> heads;
    std::shared_ptr<const Directions> directions;
  };
  Result<std::vector<HeadId>> heads_of(const InterventionDescription& description,
                                       const ModelConfig& config,
                                       const InterventionDefaults& defaults);
  Result<std::shared_ptr<const Directions>> directions_of(
      const InterventionDescription& description, const ModelConfig& config,
      const InterventionDefaults& defaults);

  std::vector<Part> parts_;
  UsedData used_;
  std::vector<std::string> notes_;
};

/// Directions of random vectors where there are none to take the norms from: norm 2 sqrt(head_dim),
/// about that of released ones.
Directions random_directions_for(const ModelConfig& config, std::uint64_t seed);

}  // namespace headscope
