#include "core/study/folder.h"

#include <algorithm>
#include <limits>
#include <set>
#include <system_error>

#include "core/base/file.h"
#include "core/base/hash.h"

namespace headscope::study {
namespace {

constexpr const char* kFormat = "headscope-study-1";
constexpr std::size_t kNamedDifferences = 4;
constexpr std::size_t kShownLetters = 60;

Json to_json(const ModelFacts& model) {
  return {{"type", model.type},
          {"layers", model.layers},
          {"heads", model.heads},
          {"kv_heads", model.kv_heads},
          {"head_dim", model.head_dim},
          {"context_length", model.context_length},
          {"parameters", model.parameters},
          {"softcap", model.softcap},
          {"embedded", model.embedded}};
}

std::string shown(const Json& flat, const std::string& path) {
  if (!flat.contains(path)) return "nothing";
  const std::string text = dump_json(flat[path]);
  return text.size() > kShownLetters ? text.substr(0, kShownLetters) + "..." : text;
}

// Names of model and data are for people: their hashes decide.
void drop_names(Json& study) {
  if (!study.contains("passport") || !study["passport"].is_object()) return;
  study["passport"].erase("model");
  study["passport"].erase("data");
}

// "settings/samples is 20 there, 30 now; ..."; empty when nothing differs.
std::string differences_text(Json there, Json here) {
  drop_names(there);
  drop_names(here);
  if (there == here) return "";
  const Json before = there.flatten(), now = here.flatten();
  std::set<std::string> names;
  for (const auto* side : {&before, &now}) {
    for (const auto& [name, value] : side->items()) names.insert(name);
  }
  std::erase_if(names, [&](const std::string& name) {
    return before.contains(name) && now.contains(name) && before[name] == now[name];
  });
  // Settings stand in the words of rules too: where they differ, they say it shorter.
  const auto in_claim = [](const std::string& name) { return name.starts_with("/claims/"); };
  if (!std::all_of(names.begin(), names.end(), in_claim)) std::erase_if(names, in_claim);
  std::string text;
  std::size_t count = 0;
  for (const std::string& name : names) {
    if (++count > kNamedDifferences) continue;
    text += (text.empty() ? "" : "; ") + name.substr(1) + " is " + shown(before, name) +
            " there, " + shown(now, name) + " now";
  }
  if (count > kNamedDifferences) {
    text += "; and " + std::to_string(count - kNamedDifferences) + " more";
  }
  return text;
}

Result<std::vector<std::size_t>> positions_field(const JsonObject& object, const char* field) {
  HEADSCOPE_ASSIGN(const auto numbers, object.integers(field));
  return std::vector<std::size_t>(numbers.begin(), numbers.end());
}

// As core/experiment/direction_check.h writes an effect: the masses of the chosen heads.
Result<HeldOutMasses> masses_of(const JsonObject& effect) {
  HeldOutMasses masses;
  HEADSCOPE_ASSIGN(masses.alpha, effect.number("alpha"));
  HEADSCOPE_ASSIGN(const auto heads, effect.object("heads"));
  HEADSCOPE_ASSIGN(masses.relevant, heads.number("relevant"));
  HEADSCOPE_ASSIGN(masses.irrelevant, heads.number("irrelevant"));
  const double undefined = std::numeric_limits<double>::quiet_NaN();
  HEADSCOPE_ASSIGN(masses.share, heads.number_or("share", undefined));
  const Json* gain = effect.find("share_gained");
  if (gain == nullptr || !gain->is_array() || gain->size() != 2) return masses;
  if ((*gain)[0].is_number()) masses.gain_low = (*gain)[0].get<double>();
  if ((*gain)[1].is_number()) masses.gain_high = (*gain)[1].get<double>();
  return masses;
}

Result<std::vector<HeldOutMasses>> masses_list(const JsonObject& object, const char* field) {
  HEADSCOPE_ASSIGN(const Json* list, object.array(field));
  std::vector<HeldOutMasses> all;
  for (std::size_t i = 0; i < list->size(); ++i) {
    HEADSCOPE_ASSIGN(const auto effect, object.element(field, i));
    HEADSCOPE_ASSIGN(const auto masses, masses_of(effect));
    all.push_back(masses);
  }
  return all;
}

Result<> read_held_out(const JsonObject& held_out, DirectionCheck& check) {
  HEADSCOPE_ASSIGN(check.held_out_n, held_out.integer("n", 0));
  HEADSCOPE_ASSIGN(const auto unedited, held_out.object("unedited"));
  HEADSCOPE_ASSIGN(check.unedited, masses_of(unedited));
  HEADSCOPE_ASSIGN(const auto trained, held_out.object("trained"));
  HEADSCOPE_ASSIGN(check.trained, masses_of(trained));
  HEADSCOPE_ASSIGN(check.random, masses_list(held_out, "random_directions"));
  HEADSCOPE_ASSIGN(check.scan, masses_list(held_out, "alpha_scan"));
  HEADSCOPE_ASSIGN(check.gains, held_out.numbers("gains"));
  return {};
}

Result<RankCorrelation> correlation_field(const JsonObject& object, const char* field) {
  HEADSCOPE_ASSIGN(const auto values, object.object(field));
  const double undefined = std::numeric_limits<double>::quiet_NaN();
  RankCorrelation correlation;
  HEADSCOPE_ASSIGN(correlation.n, values.integer("n", 0));
  HEADSCOPE_ASSIGN(correlation.spearman, values.number_or("spearman", undefined));
  HEADSCOPE_ASSIGN(correlation.low, values.number_or("spearman_low", undefined));
  HEADSCOPE_ASSIGN(correlation.high, values.number_or("spearman_high", undefined));
  return correlation;
}

}  // namespace

Json to_json(const Study& study) {
  Json rules = Json::array();
  for (const Rule& rule : claims(study.settings)) rules.push_back(to_json(rule));
  return {{"format", kFormat},
          {"settings", to_json(study.settings)},
          {"model", to_json(study.model)},
          {"passport", to_json(study.passport)},
          {"notes", study.notes},
          {"claims", std::move(rules)}};
}

std::string fingerprint(const Study& study) {
  Json json = to_json(study);
  drop_names(json);
  return sha256_hex(dump_json(json));
}

Result<> Folder::adopt(const Study& study) const {
  Json now = to_json(study);
  std::error_code ignored;
  if (!std::filesystem::exists(this->study(), ignored)) {
    now["headscope"] = "study";
    return write_file_atomically(this->study(), dump_json(now, 1) + "\n");
  }
  HEADSCOPE_ASSIGN(auto before, read_json_file(this->study()));
  if (before.is_object()) before.erase("headscope");  // older folders lack it
  const std::string differences = differences_text(before, now);
  if (differences.empty()) return {};
  return bad_input(path_.string() + ": holds another study: " + differences +
                   "; give another folder");
}

HeldOutMasses mean_of(const std::vector<HeldOutMasses>& draws) {
  HeldOutMasses sum;
  for (const HeldOutMasses& draw : draws) {
    const auto n = static_cast<double>(draws.size());
    sum.alpha = draw.alpha;
    sum.relevant += draw.relevant / n;
    sum.irrelevant += draw.irrelevant / n;
    sum.share += draw.share / n;
  }
  return sum;
}

Result<DirectionCheck> direction_check_from(const Json& value, const std::string& name) {
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(value, name));
  DirectionCheck check;
  HEADSCOPE_ASSIGN(check.study, object.string("study"));
  HEADSCOPE_ASSIGN(check.train_n, object.integer("train_n", 0));
  HEADSCOPE_ASSIGN(check.train_positions, positions_field(object, "train_positions"));
  HEADSCOPE_ASSIGN(check.held_out_positions, positions_field(object, "held_out_positions"));
  HEADSCOPE_ASSIGN(check.disjoint, object.boolean("disjoint"));
  HEADSCOPE_ASSIGN(check.notes, object.strings("notes"));
  HEADSCOPE_ASSIGN(check.relevant_mass, object.numbers("relevant_mass"));
  HEADSCOPE_ASSIGN(check.cosine, object.numbers("cosine"));
  HEADSCOPE_ASSIGN(const auto skipped, object.object("skipped"));
  for (const auto& [reason, count] : skipped.value().items()) {
    HEADSCOPE_ASSIGN(check.skipped[reason], skipped.integer(reason, 0));
  }
  if (!object.has("held_out")) return check;
  HEADSCOPE_ASSIGN(const auto held_out, object.object("held_out"));
  HEADSCOPE_TRY(read_held_out(held_out, check));
  return check;
}

Result<CausalFacts> causal_facts_from(const Json& value, const std::string& name) {
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(value, name));
  CausalFacts facts;
  HEADSCOPE_ASSIGN(facts.study, object.string("study"));
  HEADSCOPE_ASSIGN(facts.documents, correlation_field(object, "document_correlation"));
  HEADSCOPE_ASSIGN(facts.heads, correlation_field(object, "head_correlation"));
  const double undefined = std::numeric_limits<double>::quiet_NaN();
  HEADSCOPE_ASSIGN(facts.gold_drop, object.number_or("gold_drop", undefined));
  HEADSCOPE_ASSIGN(facts.other_drop, object.number_or("other_drop", undefined));
  return facts;
}

Json to_json(const KeyCheck& check) {
  return {{"headscope", "key_check"},
          {"study", check.study},
          {"prompts", check.prompts},
          {"key_norm", check.key_norm},
          {"key_effect", check.key_effect},
          {"query_effect", check.query_effect},
          {"largest_logit", check.largest_logit}};
}

Result<KeyCheck> key_check_from(const Json& value, const std::string& name) {
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(value, name));
  KeyCheck check;
  HEADSCOPE_ASSIGN(check.study, object.string("study"));
  HEADSCOPE_ASSIGN(check.prompts, object.integer("prompts", 0));
  HEADSCOPE_ASSIGN(check.key_norm, object.number("key_norm"));
  HEADSCOPE_ASSIGN(check.key_effect, object.number("key_effect"));
  HEADSCOPE_ASSIGN(check.query_effect, object.number("query_effect"));
  HEADSCOPE_ASSIGN(check.largest_logit, object.number("largest_logit"));
  return check;
}

}  // namespace headscope::study
