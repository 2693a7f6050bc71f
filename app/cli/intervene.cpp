#include "app/cli/intervene.h"

#include "core/base/hash.h"
#include "core/runner/companions.h"
#include "core/session/directions_file.h"
#include "core/session/intervention_file.h"

namespace headscope::cli {

int default_top_k(const OpenedModel& model) {
  return model.is_demo ? 5 : 20;
}

Result<InterventionSet> read_interventions(const PromptOptions& options, const OpenedModel& model,
                                           std::uint64_t seed, ProgressPrinter& progress) {
  if (options.intervene.empty()) return InterventionSet();
  HEADSCOPE_ASSIGN(auto file, read_interventions_file(options.intervene));
  HEADSCOPE_ASSIGN(const Companions beside, read_companions(model.folder, model.model->config()));
  InterventionDefaults defaults{.ranking = beside.ranking,
                                .ranking_passport = beside.heads_passport,
                                .directions = beside.directions,
                                .directions_passport = beside.directions_passport,
                                .top_k = default_top_k(model),
                                .seed = seed};
  HEADSCOPE_ASSIGN(auto set, InterventionSet::create(std::move(file.interventions),
                                                     model.model->config(), defaults));
  for (const std::string& note : file.notes) progress.note("note: " + note);
  for (const std::string& note : beside.notes) progress.note("note: " + note);
  for (const std::string& note : set.notes()) progress.note("note: " + note);
  return set;
}

Json described_file(const std::string& path) {
  const auto file = read_interventions_file(path);
  if (!file) return nullptr;
  Json list = Json::array();
  for (const InterventionDescription& description : file->interventions) {
    Json entry = to_json(description);
    if (const auto hash = sha256_file(description.head_set))
      entry["sha256"][description.head_set] = *hash;
    if (const auto hash = directions_sha256(description.directions))
      entry["sha256"][description.directions] = *hash;
    list.push_back(std::move(entry));
  }
  return list;
}

Result<std::vector<Intervention>> interventions_for(const InterventionSet& set,
                                                    const PromptInput& prompt) {
  std::vector<ByteSpan> gold;
  for (const DocumentSpan& document : prompt.documents) {
    if (document.gold) gold.push_back(document.relevant);
  }
  return set.for_prompt({prompt.encoding.offsets, gold}, WithoutGold::refuse);
}

}  // namespace headscope::cli
