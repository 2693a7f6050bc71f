#include "core/session/head_set.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <set>
#include <utility>

#include "core/base/file.h"
#include "core/base/head_json.h"
#include "core/base/json_number.h"

namespace headscope {
namespace {

/// More heads than any model has: a damaged file must not allocate without end.
constexpr std::int64_t max_layers_or_heads = 4096;

struct ScoreField {
  const char* key;
  std::vector<float> HeadSet::*values;
  bool always = true;  ///< written as null where it is empty
};

constexpr std::array<ScoreField, 10> score_fields = {{
    {"relevant", &HeadSet::relevant},
    {"relevant_low", &HeadSet::relevant_low},
    {"relevant_high", &HeadSet::relevant_high},
    {"sink", &HeadSet::sink},
    {"irrelevant_sum", &HeadSet::irrelevant_sum},
    {"irrelevant_max", &HeadSet::irrelevant_max},
    {"gold_only_relevant", &HeadSet::gold_only_relevant},
    {"gold_only_sink", &HeadSet::gold_only_sink},
    {"entropy", &HeadSet::entropy, false},
    {"distance", &HeadSet::distance, false},
}};

tl::unexpected<Error> wrong(const std::string& name, const std::string& what) {
  return bad_input(name + ": " + what);
}

Result<std::vector<HeadId>> read_ranking(const Json& value, const std::string& name) {
  if (!value.is_array() || value.empty())
    return wrong(name, "the ranking must be a list of [layer, head] pairs that is not empty");
  std::vector<HeadId> ranking;
  std::set<HeadId> seen;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto& pair = value[i];
    const auto is_index = [](const Json& number) {
      if (!number.is_number_integer()) return false;
      const auto index = number.get<std::int64_t>();
      return index >= 0 && index < max_layers_or_heads;
    };
    const std::string where = "entry " + std::to_string(i) + " of the ranking ";
    if (!pair.is_array() || pair.size() != 2 || !is_index(pair[0]) || !is_index(pair[1]))
      return wrong(name, where + "must be [layer, head], found " + dump_json(pair).substr(0, 60));
    const HeadId id{pair[0].get<int>(), pair[1].get<int>()};
    if (!seen.insert(id).second) return wrong(name, where + "repeats " + dump_json(pair));
    ranking.push_back(id);
  }
  return ranking;
}

Result<std::vector<float>> read_scores(const Json& rows, const std::string& name, const char* key,
                                       int layers, int heads) {
  const auto shape_error = [&] {
    return wrong(name, "field '" + std::string(key) + "' must be " + std::to_string(layers) +
                           " x " + std::to_string(heads) + " numbers (layers x heads)");
  };
  if (!rows.is_array() || rows.size() != static_cast<std::size_t>(layers)) return shape_error();
  std::vector<float> values;
  for (const auto& row : rows) {
    if (!row.is_array() || row.size() != static_cast<std::size_t>(heads)) return shape_error();
    for (const auto& value : row) {
      if (!value.is_number() && !value.is_null()) return shape_error();
      values.push_back(value.is_null() ? std::numeric_limits<float>::quiet_NaN()
                                       : static_cast<float>(value.get<double>()));
    }
  }
  return values;
}

Result<> check_range(const HeadSet& set, const std::string& name) {
  for (const auto id : set.ranking) {
    if (id.layer >= set.layers || id.head >= set.heads) {
      return wrong(name, "the ranking names head [" + std::to_string(id.layer) + ", " +
                             std::to_string(id.head) + "], but there are " +
                             std::to_string(set.layers) + " layers of " +
                             std::to_string(set.heads) + " heads");
    }
  }
  return {};
}

Result<> read_shape_and_scores(const JsonObject& object, HeadSet& set) {
  HEADSCOPE_ASSIGN(const auto layers, object.integer("layers", 1, max_layers_or_heads));
  HEADSCOPE_ASSIGN(const auto heads, object.integer("heads", 1, max_layers_or_heads));
  set.layers = static_cast<int>(layers);
  set.heads = static_cast<int>(heads);
  for (const auto& field : score_fields) {
    if (!object.has(field.key)) continue;
    HEADSCOPE_ASSIGN(set.*field.values, read_scores(*object.find(field.key), object.name(),
                                                    field.key, set.layers, set.heads));
  }
  return {};
}

Result<> read_skipped(const JsonObject& object, HeadSet& set) {
  if (!object.has("skipped")) return {};
  HEADSCOPE_ASSIGN(const auto skipped, object.object("skipped"));
  for (const auto& [reason, count] : skipped.value().items()) {
    if (!count.is_number_integer())
      return tl::unexpected<Error>(skipped.wrong(reason, "a whole number"));
    set.skipped[reason] = count.get<std::int64_t>();
  }
  return {};
}

/// "12-7" = layer 12, head 7.
std::optional<HeadId> head_of_key(const std::string& key) {
  HeadId id;
  const char* const end = key.data() + key.size();
  const auto layer = std::from_chars(key.data(), end, id.layer);
  if (layer.ec != std::errc() || layer.ptr == end || *layer.ptr != '-') return std::nullopt;
  const auto head = std::from_chars(layer.ptr + 1, end, id.head);
  if (head.ec != std::errc() || head.ptr != end) return std::nullopt;
  const bool sensible = id.layer >= 0 && id.layer < max_layers_or_heads && id.head >= 0 &&
                        id.head < max_layers_or_heads;
  return sensible ? std::optional(id) : std::nullopt;
}

bool is_retrieval_scores(const Json& value) {
  return value.is_object() && !value.empty() && !value.contains("ranking") &&
         head_of_key(value.begin().key()).has_value();
}

Result<double> mean_score(const Json& scores, const std::string& name, const std::string& key) {
  const auto shape_error = [&] {
    return wrong(name,
                 "field '" + key + "' must be a list of scores, one a sample, that is not empty");
  };
  if (!scores.is_array() || scores.empty()) return shape_error();
  double sum = 0;
  for (const Json& score : scores) {
    if (!score.is_number()) return shape_error();
    sum += score.get<double>();
  }
  return sum / static_cast<double>(scores.size());
}

/// Heads by score, ties by head; the array too where every head of layers x heads has one.
void take_scores(const std::map<HeadId, double>& scores, HeadSet& set) {
  std::vector<std::pair<double, HeadId>> order;
  for (const auto& [id, score] : scores) {
    order.emplace_back(-score, id);
    set.layers = std::max(set.layers, id.layer + 1);
    set.heads = std::max(set.heads, id.head + 1);
  }
  std::sort(order.begin(), order.end());
  for (const auto& [score, id] : order) set.ranking.push_back(id);
  if (scores.size() == static_cast<std::size_t>(set.layers) * static_cast<std::size_t>(set.heads)) {
    for (const auto& [id, score] : scores) set.relevant.push_back(static_cast<float>(score));
  } else {
    set.layers = set.heads = 0;
  }
}

Result<HeadSet> read_retrieval_scores(const Json& value, const std::string& name) {
  HeadSet set;
  std::map<HeadId, double> scores;
  for (const auto& [key, list] : value.items()) {
    const auto id = head_of_key(key);
    if (!id) return wrong(name, "field '" + key + "': expected \"layer-head\" like \"12-7\"");
    HEADSCOPE_ASSIGN(const double score, mean_score(list, name, key));
    if (!scores.emplace(*id, score).second) return wrong(name, "repeats the head of '" + key + "'");
    set.samples = std::max(set.samples, static_cast<std::int64_t>(list.size()));
  }
  take_scores(scores, set);
  set.extra["definition"] = "retrieval score: share of copied tokens a head attends to";
  return set;
}

bool is_known_key(const std::string& key) {
  for (const auto& field : score_fields)
    if (key == field.key) return true;
  for (const char* known :
       {"headscope", "layers", "heads", "samples", "ranking", "skipped", "passport"})
    if (key == known) return true;
  return false;
}

}  // namespace

Json stability_json(const ScoreSummary& summary) {
  Json curve = Json::array();
  for (const StabilityPoint& point : summary.stability_curve) {
    curve.push_back(
        {{"n", point.n}, {"jaccard", point.jaccard}, {"low", point.low}, {"high", point.high}});
  }
  return {{"k", summary.stability_k},
          {"jaccard", json_number(summary.stability)},
          {"against_all", std::move(curve)}};
}

StabilityCurve stability_of(const HeadSet& set) {
  const auto read = [](const Json& value) -> Result<StabilityCurve> {
    HEADSCOPE_ASSIGN(const auto object, JsonObject::open(value, "stability"));
    StabilityCurve curve;
    HEADSCOPE_ASSIGN(const auto k, object.integer("k", 1));
    curve.k = static_cast<int>(k);
    HEADSCOPE_ASSIGN(const Json* list, object.array("against_all"));
    for (std::size_t i = 0; i < list->size(); ++i) {
      HEADSCOPE_ASSIGN(const auto entry, object.element("against_all", i));
      StabilityPoint point;
      HEADSCOPE_ASSIGN(point.n, entry.integer("n", 1));
      HEADSCOPE_ASSIGN(point.jaccard, entry.number("jaccard"));
      HEADSCOPE_ASSIGN(point.low, entry.number("low"));
      HEADSCOPE_ASSIGN(point.high, entry.number("high"));
      curve.points.push_back(point);
    }
    return curve;
  };
  const auto found = set.extra.find("stability");
  return found == set.extra.end() ? StabilityCurve{} : read(*found).value_or(StabilityCurve{});
}

Json outcome_json(const MassByOutcome& outcome) {
  return {{"right_n", outcome.right_n},
          {"right_relevant", json_number(outcome.right_relevant)},
          {"wrong_n", outcome.wrong_n},
          {"wrong_relevant", json_number(outcome.wrong_relevant)},
          {"difference", json_number(outcome.difference)},
          {"difference_low", json_number(outcome.low)},
          {"difference_high", json_number(outcome.high)}};
}

HeadSet head_set_from(const ScoreSummary& summary, Passport passport) {
  HeadSet set;
  set.layers = summary.layers;
  set.heads = summary.heads;
  set.samples = summary.samples;
  set.relevant = summary.relevant;
  set.relevant_low = summary.relevant_low;
  set.relevant_high = summary.relevant_high;
  set.sink = summary.sink;
  set.irrelevant_sum = summary.irrelevant_sum;
  set.irrelevant_max = summary.irrelevant_max;
  set.gold_only_relevant = summary.gold_only_relevant;
  set.gold_only_sink = summary.gold_only_sink;
  set.ranking = summary.ranking;
  set.skipped = summary.skipped;
  set.extra = {{"above_0.1", summary.above_01},
               {"above_0.2", summary.above_02},
               {"stability", stability_json(summary)},
               {"outcome", outcome_json(summary.outcome)}};
  set.passport = std::move(passport);
  return set;
}

Json to_json(const HeadSet& set) {
  Json json = set.extra;
  json["headscope"] = "head_set";
  json["samples"] = set.samples;
  if (set.layers > 0) {
    json["layers"] = set.layers;
    json["heads"] = set.heads;
    for (const auto& field : score_fields)
      if (field.always || !(set.*field.values).empty())
        json[field.key] = (set.*field.values).empty()
                              ? Json(nullptr)
                              : head_map_json(set.*field.values, set.layers, set.heads);
  }
  json["ranking"] = heads_json(set.ranking);
  json["skipped"] = set.skipped;
  json["passport"] = to_json(set.passport);
  return json;
}

Result<HeadSet> head_set_from_json(const Json& value, const std::string& name) {
  HeadSet set;
  if (value.is_array()) {
    HEADSCOPE_ASSIGN(set.ranking, read_ranking(value, name));
    return set;
  }
  if (is_retrieval_scores(value)) return read_retrieval_scores(value, name);
  if (!value.is_object() || !value.contains("ranking")) {
    return wrong(
        name,
        "expected a head set: an object with \"ranking\", a list of [layer, head] pairs, or "
        "retrieval scores like {\"0-0\": [0.1, ...], ...}");
  }
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(value, name));
  HEADSCOPE_ASSIGN(set.ranking, read_ranking(value["ranking"], name));
  HEADSCOPE_ASSIGN(set.samples, object.integer_or("samples", 0));
  HEADSCOPE_TRY(read_skipped(object, set));
  if (object.has("passport")) {
    HEADSCOPE_ASSIGN(set.passport, passport_from_json(*object.find("passport"), name));
  }
  for (const auto& [key, extra] : value.items())
    if (!is_known_key(key)) set.extra[key] = extra;
  bool has_scores = false;
  for (const auto& field : score_fields) has_scores |= object.has(field.key);
  if (!has_scores && !object.has("layers") && !object.has("heads")) return set;
  HEADSCOPE_TRY(read_shape_and_scores(object, set));
  HEADSCOPE_TRY(check_range(set, name));
  return set;
}

Result<HeadSet> read_head_set(const std::filesystem::path& path) {
  HEADSCOPE_ASSIGN(const auto value, read_json_file(path));
  return head_set_from_json(value, path.filename().string());
}

Result<> write_head_set(const std::filesystem::path& path, const HeadSet& set) {
  return write_file_atomically(path, dump_json(to_json(set)) + "\n");
}

Result<> check_fits(const HeadSet& set, const std::string& name, int layers, int heads) {
  const bool says_shape = set.layers > 0;
  if (says_shape && (set.layers != layers || set.heads != heads)) {
    return wrong(name, "is of a model with " + std::to_string(set.layers) + " layers of " +
                           std::to_string(set.heads) + " heads; this model has " +
                           std::to_string(layers) + " of " + std::to_string(heads));
  }
  HeadSet shaped;
  shaped.layers = layers;
  shaped.heads = heads;
  shaped.ranking = set.ranking;
  return check_range(shaped, name);
}

}  // namespace headscope
