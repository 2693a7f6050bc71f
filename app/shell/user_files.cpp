#include "app/shell/user_files.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "core/base/file.h"
#include "core/intervention/method.h"

namespace headscope {
namespace {

constexpr std::int64_t kVersion = 1;

std::filesystem::path xdg(const char* variable, const char* under_home) {
  const char* chosen = std::getenv(variable);
  if (chosen != nullptr && chosen[0] == '/') return std::filesystem::path(chosen) / "headscope";
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home != nullptr ? home : "/tmp") / under_home / "headscope";
}

constexpr std::array kChoices = {"contextual", "random", "picked"};
constexpr std::array kRows = {"all", "response", "from"};
constexpr std::array kSpans = {"gold", "document"};
constexpr std::array kScores = {"relevant", "sink",    "irrelevant_sum", "irrelevant_max",
                                "head_set", "overlap", "entropy",        "distance",
                                "drop",     "similar"};
constexpr std::array kSources = {"baseline", "intervened", "difference"};
constexpr std::array kOverlayHeads = {"selected", "chosen", "layer", "all"};
constexpr std::array kPoolings = {"mean", "sum", "max"};
constexpr std::array kGroupings = {"none", "documents", "sentences"};
constexpr std::array kRanges = {"automatic", "percentile", "manual"};
constexpr std::array kColumns = {"rank",     "head",       "score",  "relevant",
                                 "sink",     "irrelevant", "change", "entropy",
                                 "distance", "drop",       "similar"};
static_assert(kColumns.size() == head_columns && kScores.size() == map_scores);

// The value whose name stands in a field; an unknown name is an error, an absent field the
// fallback.
template <class Enum, std::size_t N>
Result<Enum> named(const JsonObject& object, const char* field,
                   const std::array<const char*, N>& names, Enum fallback) {
  if (!object.has(field)) return fallback;
  HEADSCOPE_ASSIGN(const std::string name, object.string(field));
  const auto at = std::find(names.begin(), names.end(), name);
  if (at != names.end()) return static_cast<Enum>(at - names.begin());
  std::string expected = "one of";
  for (const char* candidate : names) expected += std::string(" ") + candidate;
  return tl::unexpected<Error>(object.wrong(field, expected));
}

template <class Enum, std::size_t N>
const char* name_of(const std::array<const char*, N>& names, Enum value) {
  return names[static_cast<std::size_t>(value)];
}

Result<HeadId> head_from_json(const Json& pair, const JsonObject& object, const char* field) {
  const bool good = pair.is_array() && pair.size() == 2 && pair[0].is_number_integer() &&
                    pair[1].is_number_integer() && pair[0].get<std::int64_t>() >= 0 &&
                    pair[0].get<std::int64_t>() < 100000 && pair[1].get<std::int64_t>() >= 0 &&
                    pair[1].get<std::int64_t>() < 100000;
  if (!good) return tl::unexpected<Error>(object.wrong(field, "[layer, head]"));
  return HeadId{pair[0].get<int>(), pair[1].get<int>()};
}

Json overlay_to_json(const OverlayOptions& overlay) {
  return {{"source", name_of(kSources, overlay.source)},
          {"heads", name_of(kOverlayHeads, overlay.heads)},
          {"pooling", name_of(kPoolings, overlay.pooling)},
          {"rows", overlay.rows},
          {"logarithmic", overlay.logarithmic},
          {"mask_sink", overlay.mask_sink},
          {"mark_touched", overlay.mark_touched}};
}

Result<> overlay_from_json(const JsonObject& o, OverlayOptions& overlay) {
  HEADSCOPE_ASSIGN(overlay.source, named(o, "source", kSources, overlay.source));
  HEADSCOPE_ASSIGN(overlay.heads, named(o, "heads", kOverlayHeads, overlay.heads));
  HEADSCOPE_ASSIGN(overlay.pooling, named(o, "pooling", kPoolings, overlay.pooling));
  if (o.has("rows")) {
    HEADSCOPE_ASSIGN(overlay.rows, o.integers("rows"));
  }
  HEADSCOPE_ASSIGN(overlay.logarithmic, o.boolean_or("logarithmic", overlay.logarithmic));
  HEADSCOPE_ASSIGN(overlay.mask_sink, o.boolean_or("mask_sink", overlay.mask_sink));
  HEADSCOPE_ASSIGN(overlay.mark_touched, o.boolean_or("mark_touched", overlay.mark_touched));
  return {};
}

Json map_to_json(const MapOptions& map) {
  return {{"per_row", map.per_row},
          {"mask_sink", map.mask_sink},
          {"grouping", name_of(kGroupings, map.grouping)},
          {"pooling", name_of(kPoolings, map.pooling)},
          {"range", name_of(kRanges, map.range)},
          {"percentile", map.percentile},
          {"low", map.low},
          {"high", map.high}};
}

Result<> map_from_json(const JsonObject& o, MapOptions& map) {
  HEADSCOPE_ASSIGN(map.per_row, o.boolean_or("per_row", map.per_row));
  HEADSCOPE_ASSIGN(map.mask_sink, o.boolean_or("mask_sink", map.mask_sink));
  HEADSCOPE_ASSIGN(map.grouping, named(o, "grouping", kGroupings, map.grouping));
  HEADSCOPE_ASSIGN(map.pooling, named(o, "pooling", kPoolings, map.pooling));
  HEADSCOPE_ASSIGN(map.range, named(o, "range", kRanges, map.range));
  HEADSCOPE_ASSIGN(const double percentile, o.number_or("percentile", map.percentile));
  map.percentile = std::clamp(percentile, 50.0, 100.0);
  HEADSCOPE_ASSIGN(const double low, o.number_or("low", map.low));
  HEADSCOPE_ASSIGN(const double high, o.number_or("high", map.high));
  map.low = static_cast<float>(std::clamp(low, 0.0, 1.0));
  map.high = static_cast<float>(std::clamp(high, 0.0, 1.0));
  return {};
}

Json heads_to_json(const std::vector<HeadId>& heads) {
  Json pairs = Json::array();
  for (const HeadId id : heads) pairs.push_back({id.layer, id.head});
  return pairs;
}

Result<std::vector<HeadId>> heads_from_json(const JsonObject& o, const char* field) {
  std::vector<HeadId> heads;
  if (!o.has(field)) return heads;
  HEADSCOPE_ASSIGN(const Json* pairs, o.array(field));
  for (const Json& pair : *pairs) {
    HEADSCOPE_ASSIGN(const HeadId id, head_from_json(pair, o, field));
    heads.push_back(id);
  }
  return heads;
}

Json head_list_to_json(const HeadListOptions& list) {
  Json extra = Json::array();
  for (const HeadColumn column : list.extra) extra.push_back(name_of(kColumns, column));
  Json json = {{"sort", name_of(kColumns, list.sort)},
               {"descending", list.descending},
               {"pinned", heads_to_json(list.pinned)},
               {"extra", extra},
               {"click_switches", list.click_switches}};
  if (list.like) json["like"] = {list.like->layer, list.like->head};
  return json;
}

Result<> head_list_from_json(const JsonObject& o, HeadListOptions& list) {
  HEADSCOPE_ASSIGN(list.sort, named(o, "sort", kColumns, list.sort));
  HEADSCOPE_ASSIGN(list.descending, o.boolean_or("descending", list.descending));
  HEADSCOPE_ASSIGN(list.pinned, heads_from_json(o, "pinned"));
  HEADSCOPE_ASSIGN(list.click_switches, o.boolean_or("click_switches", list.click_switches));
  if (const Json* like = o.find("like")) {
    HEADSCOPE_ASSIGN(list.like, head_from_json(*like, o, "like"));
  }
  if (!o.has("extra")) return {};
  HEADSCOPE_ASSIGN(const auto extra, o.strings("extra"));
  list.extra.clear();
  for (const std::string& name : extra) {
    const auto at = std::find(kColumns.begin(), kColumns.end(), name);
    if (at == kColumns.end()) return tl::unexpected<Error>(o.wrong("extra", "names of columns"));
    list.extra.push_back(static_cast<HeadColumn>(at - kColumns.begin()));
  }
  return {};
}

Result<JsonObject> open_version(const Json& json, const std::string& name) {
  HEADSCOPE_ASSIGN(const JsonObject object, JsonObject::open(json, name));
  HEADSCOPE_ASSIGN(const std::int64_t version, object.integer("version"));
  if (version != kVersion) {
    return bad_input(name + ": field 'version' is " + std::to_string(version) +
                     ", this program reads version " + std::to_string(kVersion));
  }
  return object;
}

}  // namespace

Json settings_to_json(const InterventionSettings& s) {
  return {{"tau", s.tau},
          {"alpha", s.alpha},
          {"top_k", s.top_k},
          {"heads", name_of(kChoices, s.choice)},
          {"random_seed", s.random_seed},
          {"picked", heads_to_json(s.picked)},
          {"rows", name_of(kRows, s.rows.kind)},
          {"rows_from", s.rows.from},
          {"key_directions", s.use_key_directions},
          {"span", name_of(kSpans, s.span)},
          {"marked_document", s.marked_document},
          {"also", s.also},
          {"also_strength", s.also_strength},
          {"directions", s.directions},
          {"directions_sha256", s.directions_hash}};
}

Result<InterventionSettings> settings_from_json(const JsonObject& o, InterventionSettings s) {
  HEADSCOPE_ASSIGN(s.tau, o.number_or("tau", s.tau));
  HEADSCOPE_ASSIGN(s.alpha, o.number_or("alpha", s.alpha));
  if (s.tau < 0 || s.tau > 1) return tl::unexpected<Error>(o.wrong("tau", "a number from 0 to 1"));
  HEADSCOPE_ASSIGN(const std::int64_t top_k, o.integer_or("top_k", s.top_k));
  s.top_k = static_cast<int>(std::clamp<std::int64_t>(top_k, 0, 100000));
  HEADSCOPE_ASSIGN(s.choice, named(o, "heads", kChoices, s.choice));
  if (o.has("random_seed")) {
    HEADSCOPE_ASSIGN(const std::int64_t seed, o.integer("random_seed", 0));
    s.random_seed = static_cast<std::uint64_t>(seed);
  }
  if (o.has("picked")) {
    HEADSCOPE_ASSIGN(s.picked, heads_from_json(o, "picked"));
  }
  HEADSCOPE_ASSIGN(s.rows.kind, named(o, "rows", kRows, s.rows.kind));
  HEADSCOPE_ASSIGN(s.rows.from, o.integer_or("rows_from", s.rows.from));
  HEADSCOPE_ASSIGN(s.use_key_directions, o.boolean_or("key_directions", s.use_key_directions));
  HEADSCOPE_ASSIGN(s.span, named(o, "span", kSpans, s.span));
  HEADSCOPE_ASSIGN(const std::int64_t document, o.integer_or("marked_document", s.marked_document));
  s.marked_document = static_cast<int>(std::clamp<std::int64_t>(document, -1, 1 << 20));
  HEADSCOPE_ASSIGN(s.directions, o.string_or("directions", s.directions));
  HEADSCOPE_ASSIGN(s.directions_hash, o.string_or("directions_sha256", s.directions_hash));
  if (s.directions.empty() != s.directions_hash.empty())
    return tl::unexpected<Error>(
        o.wrong("directions_sha256", "the SHA-256 of the file in 'directions', or both empty"));
  HEADSCOPE_ASSIGN(s.also, o.string_or("also", s.also));
  HEADSCOPE_ASSIGN(s.also_strength, o.number_or("also_strength", s.also_strength));
  if (s.also.empty()) return s;
  const InterventionMethod* method = find_method(s.also);
  if (method == nullptr) return tl::unexpected<Error>(o.wrong("also", known_methods()));
  const bool fits =
      method->parameters.empty() || method->parameters[0].check(s.also_strength, method->name);
  if (!fits)
    return tl::unexpected<Error>(o.wrong("also_strength", method->parameters[0].expected()));
  return s;
}

Result<> view_from_json(const JsonObject& o, ViewOptions& view) {
  HEADSCOPE_ASSIGN(view.score, named(o, "head_score", kScores, view.score));
  HEADSCOPE_ASSIGN(view.score_source, named(o, "head_source", kSources, view.score_source));
  HEADSCOPE_ASSIGN(view.map_source, named(o, "map_source", kSources, view.map_source));
  HEADSCOPE_ASSIGN(view.map_logarithmic, o.boolean_or("map_logarithmic", view.map_logarithmic));
  HEADSCOPE_ASSIGN(view.bars_of_selected, o.boolean_or("bars_of_selected", view.bars_of_selected));
  HEADSCOPE_ASSIGN(view.documents_by_token,
                   o.boolean_or("documents_by_token", view.documents_by_token));
  HEADSCOPE_ASSIGN(view.edit_text, o.boolean_or("edit_text", view.edit_text));
  HEADSCOPE_ASSIGN(view.lens.ranks, o.boolean_or("lens_ranks", view.lens.ranks));
  if (o.has("overlay")) {
    HEADSCOPE_ASSIGN(const JsonObject overlay, o.object("overlay"));
    HEADSCOPE_TRY(overlay_from_json(overlay, view.overlay));
  }
  if (o.has("map")) {
    HEADSCOPE_ASSIGN(const JsonObject map, o.object("map"));
    HEADSCOPE_TRY(map_from_json(map, view.map));
  }
  if (!o.has("head_list")) return {};
  HEADSCOPE_ASSIGN(const JsonObject list, o.object("head_list"));
  return head_list_from_json(list, view.heads);
}

Json view_to_json(const ViewOptions& view) {
  return {{"head_score", name_of(kScores, view.score)},
          {"head_source", name_of(kSources, view.score_source)},
          {"map_source", name_of(kSources, view.map_source)},
          {"map_logarithmic", view.map_logarithmic},
          {"bars_of_selected", view.bars_of_selected},
          {"documents_by_token", view.documents_by_token},
          {"edit_text", view.edit_text},
          {"lens_ranks", view.lens.ranks},
          {"overlay", overlay_to_json(view.overlay)},
          {"map", map_to_json(view.map)},
          {"head_list", head_list_to_json(view.heads)}};
}

Result<std::optional<HeadId>> selected_from_json(const JsonObject& o) {
  const Json* selected = o.find("selected");
  if (selected == nullptr) return std::optional<HeadId>{};
  HEADSCOPE_ASSIGN(const HeadId head, head_from_json(*selected, o, "selected"));
  return std::optional<HeadId>(head);
}

std::filesystem::path config_folder() {
  return xdg("XDG_CONFIG_HOME", ".config");
}
std::filesystem::path state_folder() {
  return xdg("XDG_STATE_HOME", ".local/state");
}
std::filesystem::path session_path(int slot) {
  return state_folder() /
         (slot <= 1 ? "session.json" : "session-" + std::to_string(slot) + ".json");
}
std::filesystem::path layout_path() {
  return config_folder() / "layout.ini";
}

namespace {

Json exports_to_json(const ExportOptions& options) {
  return {{"format", std::string(format_name(options.format))},
          {"dark", options.dark},
          {"scale", options.scale},
          {"files_beside", options.files_beside},
          {"folder", options.folder}};
}

Result<ExportOptions> exports_from_json(const JsonObject& o) {
  ExportOptions options;
  HEADSCOPE_ASSIGN(const std::string name, o.string_or("format", "png"));
  int format = 0;
  while (format < export_formats && name != format_name(static_cast<ExportFormat>(format)))
    ++format;
  if (format == export_formats)
    return tl::unexpected<Error>(o.wrong("format", "png, svg, pdf, csv, json or safetensors"));
  options.format = static_cast<ExportFormat>(format);
  HEADSCOPE_ASSIGN(options.dark, o.boolean_or("dark", options.dark));
  HEADSCOPE_ASSIGN(const auto scale, o.integer_or("scale", options.scale));
  options.scale = static_cast<int>(std::clamp<std::int64_t>(scale, 1, ExportLook::most_scale));
  HEADSCOPE_ASSIGN(options.files_beside, o.boolean_or("files_beside", options.files_beside));
  HEADSCOPE_ASSIGN(options.folder, o.string_or("folder", ""));
  std::error_code ignored;  // of another machine, or gone
  if (!std::filesystem::is_directory(options.folder, ignored)) options.folder.clear();
  return options;
}

}  // namespace

Json preferences_to_json(const Preferences& p) {
  return {{"version", kVersion},
          {"theme", std::string(theme_name(p.theme))},
          {"zoom", p.zoom},
          {"window", {p.width, p.height}},
          {"palette", std::string(palette_name(p.view.palette))},
          {"autosave_seconds", p.autosave_seconds},
          {"kept_mebibytes", p.kept_mebibytes},
          {"seen_mebibytes", p.seen_mebibytes},
          {"neighbours", p.neighbours},
          {"shortcuts", p.shortcuts},
          {"model_folders", p.model_folders},
          {"export", exports_to_json(p.exports)},
          {"view", view_to_json(p.view)}};
}

Result<Preferences> preferences_from_json(const Json& json, const std::string& name) {
  HEADSCOPE_ASSIGN(const JsonObject o, open_version(json, name));
  Preferences p;
  HEADSCOPE_ASSIGN(const std::string theme, o.string_or("theme", "dark"));
  if (!theme_from_name(theme, p.theme))
    return tl::unexpected<Error>(o.wrong("theme", "dark, light or contrast"));
  HEADSCOPE_ASSIGN(const double zoom, o.number_or("zoom", 1.0));
  p.zoom = std::clamp(static_cast<float>(zoom), 0.5f, 4.0f);
  if (o.has("window")) {
    HEADSCOPE_ASSIGN(const std::vector<std::int64_t> size, o.integers("window"));
    if (size.size() != 2) return tl::unexpected<Error>(o.wrong("window", "[width, height]"));
    p.width = static_cast<int>(std::clamp<std::int64_t>(size[0], 640, 16384));
    p.height = static_cast<int>(std::clamp<std::int64_t>(size[1], 400, 16384));
  }
  HEADSCOPE_ASSIGN(const std::string palette, o.string_or("palette", "viridis"));
  for (int i = 0; i < sequential_palettes; ++i) {
    if (palette == palette_name(static_cast<Palette>(i))) p.view.palette = static_cast<Palette>(i);
  }
  HEADSCOPE_ASSIGN(const double autosave, o.number_or("autosave_seconds", p.autosave_seconds));
  p.autosave_seconds = std::clamp(autosave, 0.0, 600.0);
  HEADSCOPE_ASSIGN(const std::int64_t kept, o.integer_or("kept_mebibytes", p.kept_mebibytes));
  p.kept_mebibytes = std::clamp<std::int64_t>(kept, 0, 1 << 20);
  HEADSCOPE_ASSIGN(const std::int64_t seen, o.integer_or("seen_mebibytes", p.seen_mebibytes));
  p.seen_mebibytes = std::clamp<std::int64_t>(seen, 0, 1 << 20);
  HEADSCOPE_ASSIGN(p.neighbours, o.boolean_or("neighbours", p.neighbours));
  if (o.has("export")) {
    HEADSCOPE_ASSIGN(const JsonObject exports, o.object("export"));
    HEADSCOPE_ASSIGN(p.exports, exports_from_json(exports));
  }
  if (o.has("model_folders")) {
    HEADSCOPE_ASSIGN(p.model_folders, o.strings("model_folders"));
  }
  if (o.has("shortcuts")) {
    HEADSCOPE_ASSIGN(const JsonObject shortcuts, o.object("shortcuts"));
    for (const auto& [id, ignored] : shortcuts.value().items()) {
      HEADSCOPE_ASSIGN(p.shortcuts[id], shortcuts.string(id));
    }
  }
  HEADSCOPE_TRY(view_from_json(o, p.view));  // older files hold these fields here
  if (!o.has("view")) return p;
  HEADSCOPE_ASSIGN(const JsonObject view, o.object("view"));
  HEADSCOPE_TRY(view_from_json(view, p.view));
  return p;
}

Result<Preferences> load_preferences() {
  const std::filesystem::path path = config_folder() / "preferences.json";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return Preferences{};
  HEADSCOPE_ASSIGN(const Json json, read_json_file(path));
  return preferences_from_json(json, path.string());
}

Result<> save_preferences(const Preferences& preferences) {
  HEADSCOPE_TRY(create_folders(config_folder()));
  return write_file_atomically(config_folder() / "preferences.json",
                               dump_json(preferences_to_json(preferences), 2) + "\n");
}

}  // namespace headscope
