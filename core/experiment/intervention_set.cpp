#include "core/experiment/intervention_set.h"

#include <algorithm>

#include "core/session/directions_file.h"
#include "core/session/head_set.h"
#include "core/text/spans.h"
#include "core/training/directions.h"

namespace headscope {
namespace {

std::vector<HeadId> first_of(const std::vector<HeadId>& ranking, int count) {
  const auto size = std::min(ranking.size(), static_cast<std::size_t>(std::max(count, 0)));
  return {ranking.begin(), ranking.begin() + static_cast<std::ptrdiff_t>(size)};
}

std::vector<HeadId> every_head(const ModelConfig& config) {
  std::vector<HeadId> heads;
  for (int layer = 0; layer < config.layers; ++layer)
    for (int head = 0; head < config.heads; ++head) heads.push_back({layer, head});
  return heads;
}

tl::unexpected<Error> no_gold(const InterventionMethod& method) {
  return fail(ErrorKind::usage, std::string(method.name) +
                                    " on the gold document: none is marked; give its number with "
                                    "--gold, or byte spans in \"span\"");
}

Result<TokenSet> marked_tokens(const InterventionDescription& description,
                               const PromptSpans& prompt) {
  if (description.gold) return tokens_in_spans(prompt.offsets, prompt.gold);
  TokenSet marked = tokens_in_spans(prompt.offsets, description.spans);
  if (marked.empty()) {
    return bad_input(std::string(description.method->name) +
                     ": the given byte spans hold no token of the prompt");
  }
  return marked;
}

}  // namespace

Directions random_directions_for(const ModelConfig& config, std::uint64_t seed) {
  Directions like{config.layers, config.heads, config.head_dim, {}, {}};
  like.query.assign(static_cast<std::size_t>(config.layers) *
                        static_cast<std::size_t>(config.heads) *
                        static_cast<std::size_t>(config.head_dim),
                    2.0F);
  like.key = like.query;
  return random_directions(like, seed);
}

Result<std::vector<HeadId>> InterventionSet::heads_of(const InterventionDescription& description,
                                                      const ModelConfig& config,
                                                      const InterventionDefaults& defaults) {
  if (!description.heads.empty()) return description.heads;
  if (description.method->every_head && description.head_set.empty() && !description.top_k)
    return every_head(config);
  const int top_k = description.top_k.value_or(defaults.top_k);
  if (!description.head_set.empty()) {
    HEADSCOPE_ASSIGN(const auto set, read_head_set(description.head_set));
    HEADSCOPE_TRY(check_fits(set, description.head_set, config.layers, config.heads));
    used_.add(set.passport);
    return first_of(set.ranking, top_k);
  }
  if (defaults.ranking.empty()) {
    return fail(ErrorKind::usage, std::string(description.method->name) +
                                      ": name \"heads\" or a \"head_set\"; this model has no "
                                      "ranking beside it");
  }
  used_.add(defaults.ranking_passport);
  return first_of(defaults.ranking, top_k);
}

Result<std::shared_ptr<const Directions>> InterventionSet::directions_of(
    const InterventionDescription& description, const ModelConfig& config,
    const InterventionDefaults& defaults) {
  if (description.directions == "random") {
    if (defaults.directions != nullptr) {
      return std::make_shared<const Directions>(
          random_directions(*defaults.directions, defaults.seed));
    }
    notes_.emplace_back(
        "random directions of norm 2 sqrt(head_dim): this model has none of its own "
        "to take the norms from");
    return std::make_shared<const Directions>(random_directions_for(config, defaults.seed));
  }
  if (!description.directions.empty()) {
    HEADSCOPE_ASSIGN(auto file, read_directions(description.directions));
    HEADSCOPE_TRY(check_fits(file.directions, description.directions, config.layers, config.heads,
                             config.head_dim));
    used_.add(file.passport);
    return std::make_shared<const Directions>(std::move(file.directions));
  }
  if (defaults.directions == nullptr) {
    return fail(ErrorKind::usage,
                "focus: name \"directions\"; this model has none beside it "
                "(headscope-cli train-directions makes them)");
  }
  used_.add(defaults.directions_passport);
  return defaults.directions;
}

Result<InterventionSet> InterventionSet::create(std::vector<InterventionDescription> descriptions,
                                                const ModelConfig& config,
                                                const InterventionDefaults& defaults) {
  InterventionSet set;
  if (descriptions.empty()) return set;
  for (InterventionDescription& description : descriptions) {
    Part part;
    HEADSCOPE_ASSIGN(part.heads, set.heads_of(description, config, defaults));
    if (description.method->adds_directions) {
      HEADSCOPE_ASSIGN(part.directions, set.directions_of(description, config, defaults));
    }
    part.description = std::move(description);
    set.parts_.push_back(std::move(part));
  }
  return set;
}

Result<std::vector<Intervention>> InterventionSet::for_prompt(const PromptSpans& prompt,
                                                              WithoutGold without_gold) const {
  std::vector<Intervention> interventions;
  for (const Part& part : parts_) {
    const InterventionDescription& description = part.description;
    MethodCall call{description.method, description.values, {}, part.directions};
    if (description.method->marks_keys) {
      HEADSCOPE_ASSIGN(call.marked, marked_tokens(description, prompt));
      if (call.marked.empty() && without_gold == WithoutGold::leave_out) continue;
      if (call.marked.empty()) return no_gold(*description.method);
    }
    interventions.push_back({std::move(call), part.heads, description.rows});
  }
  return interventions;
}

bool InterventionSet::splits() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return part.description.method->log_mass != nullptr; });
}

bool InterventionSet::needs_gold() const {
  return std::any_of(parts_.begin(), parts_.end(), [](const Part& part) {
    return part.description.method->marks_keys && part.description.gold;
  });
}

std::vector<HeadId> InterventionSet::heads() const {
  std::vector<HeadId> heads;
  for (const Part& part : parts_) {
    for (const HeadId head : part.heads) {
      if (std::find(heads.begin(), heads.end(), head) == heads.end()) heads.push_back(head);
    }
  }
  return heads;
}

}  // namespace headscope
