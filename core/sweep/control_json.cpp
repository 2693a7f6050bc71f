// control.json: written and read.
#include <limits>

#include "core/base/head_json.h"
#include "core/base/json_number.h"
#include "core/sweep/control_result.h"

namespace headscope {
namespace {

constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t most_layers_or_heads = 4096;

Json to_json(const Estimate& estimate) {
  return {{"value", json_number(estimate.value)},
          {"low", json_number(estimate.low)},
          {"high", json_number(estimate.high)}};
}

Json to_json(const Movement& movement) {
  return {{"change", to_json(movement.change)}, {"magnitude", to_json(movement.magnitude)}};
}

Json to_json(const ControlComparison& comparison, bool with_ratio) {
  Json json = {{"heads", comparison.heads},
               {"draws", comparison.draws},
               {"contextual", to_json(comparison.contextual)},
               {"random", to_json(comparison.random)},
               {"difference", to_json(comparison.difference)}};
  if (with_ratio) json["ratio"] = to_json(comparison.ratio);
  return json;
}

Json to_json(const ControlSetting& setting, int layers, int heads) {
  Json random = Json::array(), by_layer = Json::array();
  for (const ControlArm& arm : setting.random) {
    random.push_back({{"seed", arm.cell.seed.value_or(0)}, {"heads", heads_json(arm.heads)}});
  }
  for (const ControlComparison& layer : setting.by_layer) by_layer.push_back(to_json(layer, false));
  return {{"cell", to_json(setting.cell)},
          {"contextual", heads_json(setting.contextual)},
          {"random", std::move(random)},
          {"untouched", to_json(setting.untouched, true)},
          {"above_first_touched", to_json(setting.above, true)},
          {"by_layer", std::move(by_layer)},
          {"change_of_heads",
           {{"contextual", head_map_json(setting.contextual_change, layers, heads)},
            {"random", head_map_json(setting.random_change, layers, heads)}}}};
}

// ---- and back ----

Result<Estimate> read_estimate(const JsonObject& object, const char* field) {
  HEADSCOPE_ASSIGN(const auto estimate, object.object(field));
  Estimate read;
  HEADSCOPE_ASSIGN(read.value, estimate.number_or("value", undefined));
  HEADSCOPE_ASSIGN(read.low, estimate.number_or("low", undefined));
  HEADSCOPE_ASSIGN(read.high, estimate.number_or("high", undefined));
  return read;
}

Result<Movement> read_movement(const JsonObject& object, const char* field) {
  HEADSCOPE_ASSIGN(const auto movement, object.object(field));
  Movement read;
  HEADSCOPE_ASSIGN(read.change, read_estimate(movement, "change"));
  HEADSCOPE_ASSIGN(read.magnitude, read_estimate(movement, "magnitude"));
  return read;
}

Result<ControlComparison> read_comparison(const JsonObject& object) {
  ControlComparison read;
  HEADSCOPE_ASSIGN(read.heads, object.number("heads"));
  HEADSCOPE_ASSIGN(const auto draws, object.integer("draws", 0, 1 << 20));
  read.draws = static_cast<int>(draws);
  HEADSCOPE_ASSIGN(read.contextual, read_movement(object, "contextual"));
  HEADSCOPE_ASSIGN(read.random, read_movement(object, "random"));
  HEADSCOPE_ASSIGN(read.difference, read_movement(object, "difference"));
  read.ratio = {undefined, undefined, undefined};
  if (!object.has("ratio")) return read;
  HEADSCOPE_ASSIGN(read.ratio, read_estimate(object, "ratio"));
  return read;
}

Result<ControlComparison> read_comparison(const JsonObject& object, const char* field) {
  HEADSCOPE_ASSIGN(const auto comparison, object.object(field));
  return read_comparison(comparison);
}

struct Shape {
  int layers = 0, heads = 0;
};

Result<std::vector<HeadId>> read_heads(const JsonObject& object, const char* field, Shape shape) {
  HEADSCOPE_ASSIGN(const Json* list, object.array(field));
  std::vector<HeadId> heads;
  for (const Json& pair : *list) {
    const bool is_pair = pair.is_array() && pair.size() == 2 && pair[0].is_number_integer() &&
                         pair[1].is_number_integer();
    const auto inside = [&](std::size_t i, int end) {
      const auto value = pair[i].get<std::int64_t>();
      return value >= 0 && value < end;
    };
    if (!is_pair || !inside(0, shape.layers) || !inside(1, shape.heads)) {
      return tl::unexpected<Error>(
          object.wrong(field, "[[layer, head], ...] below " + std::to_string(shape.layers) +
                                  " layers and " + std::to_string(shape.heads) + " heads"));
    }
    heads.push_back({pair[0].get<int>(), pair[1].get<int>()});
  }
  return heads;
}

Result<std::vector<float>> read_map(const JsonObject& object, const char* field, Shape shape) {
  const auto wrong = [&] {
    return tl::unexpected<Error>(object.wrong(field, std::to_string(shape.layers) + " rows of " +
                                                         std::to_string(shape.heads) + " numbers"));
  };
  HEADSCOPE_ASSIGN(const Json* rows, object.array(field));
  if (rows->size() != static_cast<std::size_t>(shape.layers)) return wrong();
  std::vector<float> values;
  for (const Json& row : *rows) {
    if (!row.is_array() || row.size() != static_cast<std::size_t>(shape.heads)) return wrong();
    for (const Json& value : row) {
      if (!value.is_number() && !value.is_null()) return wrong();
      values.push_back(static_cast<float>(value.is_null() ? undefined : value.get<double>()));
    }
  }
  return values;
}

Result<std::vector<ControlArm>> read_draws(const JsonObject& object, const SweepCell& contextual,
                                           Shape shape) {
  HEADSCOPE_ASSIGN(const Json* list, object.array("random"));
  std::vector<ControlArm> arms;
  for (std::size_t i = 0; i < list->size(); ++i) {
    HEADSCOPE_ASSIGN(const auto draw, object.element("random", i));
    HEADSCOPE_ASSIGN(const auto seed, draw.integer("seed", 0));
    ControlArm arm{contextual, {}};
    arm.cell.heads = CellHeads::random;
    arm.cell.seed = static_cast<std::uint64_t>(seed);
    HEADSCOPE_ASSIGN(arm.heads, read_heads(draw, "heads", shape));
    arms.push_back(std::move(arm));
  }
  return arms;
}

Result<ControlSetting> read_setting(const JsonObject& object, Shape shape) {
  ControlSetting setting;
  HEADSCOPE_ASSIGN(const auto cell, object.object("cell"));
  HEADSCOPE_ASSIGN(setting.cell, cell_from_json(cell));
  HEADSCOPE_ASSIGN(setting.contextual, read_heads(object, "contextual", shape));
  HEADSCOPE_ASSIGN(setting.random, read_draws(object, setting.cell, shape));
  HEADSCOPE_ASSIGN(setting.untouched, read_comparison(object, "untouched"));
  HEADSCOPE_ASSIGN(setting.above, read_comparison(object, "above_first_touched"));
  HEADSCOPE_ASSIGN(const Json* layers, object.array("by_layer"));
  for (std::size_t i = 0; i < layers->size(); ++i) {
    HEADSCOPE_ASSIGN(const auto layer, object.element("by_layer", i));
    HEADSCOPE_ASSIGN(auto comparison, read_comparison(layer));
    setting.by_layer.push_back(comparison);
  }
  HEADSCOPE_ASSIGN(const auto changes, object.object("change_of_heads"));
  HEADSCOPE_ASSIGN(setting.contextual_change, read_map(changes, "contextual", shape));
  HEADSCOPE_ASSIGN(setting.random_change, read_map(changes, "random", shape));
  return setting;
}

}  // namespace

Json to_json(const ControlResult& result) {
  Json settings = Json::array();
  for (const ControlSetting& setting : result.settings) {
    settings.push_back(to_json(setting, result.layers, result.heads));
  }
  return {{"headscope", "control"},
          {"experiment", "control"},
          {"layers", result.layers},
          {"heads", result.heads},
          {"n", result.n},
          {"response", control_response_name(result.response)},
          {"complete", result.complete},
          {"skipped", result.skipped},
          {"notes", result.notes},
          {"baseline", head_map_json(result.baseline, result.layers, result.heads)},
          {"settings", std::move(settings)},
          {"passport", to_json(result.passport)}};
}

Result<ControlResult> control_result_from_json(const Json& value, const std::string& name) {
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(value, name));
  ControlResult result;
  HEADSCOPE_ASSIGN(const auto kind, object.string("experiment"));
  if (kind != "control") return tl::unexpected<Error>(object.wrong("experiment", "\"control\""));
  HEADSCOPE_ASSIGN(const auto layers, object.integer("layers", 1, most_layers_or_heads));
  HEADSCOPE_ASSIGN(const auto heads, object.integer("heads", 1, most_layers_or_heads));
  const Shape shape{static_cast<int>(layers), static_cast<int>(heads)};
  result.layers = shape.layers;
  result.heads = shape.heads;
  HEADSCOPE_ASSIGN(result.n, object.integer("n", 0));
  HEADSCOPE_ASSIGN(const auto response, object.string("response"));
  if (response != "baseline" && response != "own") {
    return tl::unexpected<Error>(object.wrong("response", "\"baseline\" or \"own\""));
  }
  if (response == "own") result.response = ControlResponse::own;
  HEADSCOPE_ASSIGN(result.complete, object.boolean_or("complete", true));
  if (object.has("notes")) {
    HEADSCOPE_ASSIGN(result.notes, object.strings("notes"));
  }
  HEADSCOPE_ASSIGN(const auto skipped, object.object("skipped"));
  for (const auto& [reason, count] : skipped.value().items()) {
    HEADSCOPE_ASSIGN(result.skipped[reason], skipped.integer(reason, 0));
  }
  HEADSCOPE_ASSIGN(result.baseline, read_map(object, "baseline", shape));
  HEADSCOPE_ASSIGN(const Json* settings, object.array("settings"));
  for (std::size_t i = 0; i < settings->size(); ++i) {
    HEADSCOPE_ASSIGN(const auto entry, object.element("settings", i));
    HEADSCOPE_ASSIGN(auto setting, read_setting(entry, shape));
    result.settings.push_back(std::move(setting));
  }
  HEADSCOPE_ASSIGN(const auto passport, object.object("passport"));
  HEADSCOPE_ASSIGN(result.passport, passport_from_json(passport.value(), name));
  return result;
}

}  // namespace headscope
