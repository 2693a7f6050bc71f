#include "app/shell/user_files.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "core/base/file.h"
#include "core/intervention/method.h"
#include "core/text/splitting_json.h"

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
constexpr std::array kKept = {"automatic", "spans", "rows"};
constexpr std::array kScores = {"relevant", "sink",    "irrelevant_sum", "irrelevant_max",
                                "head_set", "overlap", "entropy",        "distance",
                                "drop",     "similar"};
constexpr std::array kSources = {"baseline", "intervened", "difference"};
constexpr std::array kOverlayHeads = {"selected", "chosen", "layer", "all"};
constexpr std::array kPooling = {"mean", "sum", "max"};

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

Json settings_to_json(const InterventionSettings& s) {
  Json picked = Json::array();
  for (const HeadId id : s.picked) picked.push_back({id.layer, id.head});
  return {{"tau", s.tau},
          {"alpha", s.alpha},
          {"top_k", s.top_k},
          {"heads", name_of(kChoices, s.choice)},
          {"random_seed", s.random_seed},
          {"picked", picked},
          {"rows", name_of(kRows, s.rows.kind)},
          {"rows_from", s.rows.from},
          {"key_directions", s.use_key_directions},
          {"span", name_of(kSpans, s.span)},
          {"marked_document", s.marked_document},
          {"also", s.also},
          {"also_strength", s.also_strength}};
}

// Which response tokens are chosen belongs to a response, so it is not among them.
Json overlay_to_json(const OverlayOptions& o) {
  return {{"source", name_of(kSources, o.source)},
          {"heads", name_of(kOverlayHeads, o.heads)},
          {"pooling", name_of(kPooling, o.pooling)},
          {"logarithmic", o.logarithmic},
          {"mask_sink", o.mask_sink},
          {"mark_touched", o.mark_touched}};
}

Result<> overlay_from_json(const JsonObject& preferences, OverlayOptions& options) {
  const Json* found = preferences.find("overlay");
  if (found == nullptr) return {};
  HEADSCOPE_ASSIGN(const JsonObject o, JsonObject::open(*found, "preferences: overlay"));
  HEADSCOPE_ASSIGN(options.source, named(o, "source", kSources, options.source));
  HEADSCOPE_ASSIGN(options.heads, named(o, "heads", kOverlayHeads, options.heads));
  HEADSCOPE_ASSIGN(options.pooling, named(o, "pooling", kPooling, options.pooling));
  HEADSCOPE_ASSIGN(options.logarithmic, o.boolean_or("logarithmic", options.logarithmic));
  HEADSCOPE_ASSIGN(options.mask_sink, o.boolean_or("mask_sink", options.mask_sink));
  HEADSCOPE_ASSIGN(options.mark_touched, o.boolean_or("mark_touched", options.mark_touched));
  return {};
}

Result<HeadId> head_from_json(const Json& pair, const JsonObject& object, const char* field) {
  const bool good = pair.is_array() && pair.size() == 2 && pair[0].is_number_integer() &&
                    pair[1].is_number_integer() && pair[0].get<std::int64_t>() >= 0 &&
                    pair[0].get<std::int64_t>() < 100000 && pair[1].get<std::int64_t>() >= 0 &&
                    pair[1].get<std::int64_t>() < 100000;
  if (!good) return tl::unexpected<Error>(object.wrong(field, "[layer, head]"));
  return HeadId{pair[0].get<int>(), pair[1].get<int>()};
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

Result<> read_documents(const JsonObject& object, PromptRequest& prompt) {
  if (object.has("splitting")) {
    HEADSCOPE_ASSIGN(const JsonObject splitting, object.object("splitting"));
    HEADSCOPE_ASSIGN(prompt.splitting, splitting_from_json(splitting));
  }
  if (!object.has("more_gold")) return {};
  HEADSCOPE_ASSIGN(const auto more, object.integers("more_gold"));
  auto gold = prompt.gold_documents();
  for (const std::int64_t index : more)
    gold.push_back(static_cast<int>(std::clamp<std::int64_t>(index, 0, 1 << 20)));
  prompt.mark(std::move(gold));
  return {};
}

}  // namespace

Result<InterventionSettings> settings_from_json(const JsonObject& o, InterventionSettings s) {
  HEADSCOPE_ASSIGN(s.tau, o.number_or("tau", s.tau));
  HEADSCOPE_ASSIGN(s.alpha, o.number_or("alpha", s.alpha));
  if (s.tau < 0 || s.tau > 1) return tl::unexpected<Error>(o.wrong("tau", "a number from 0 to 1"));
  HEADSCOPE_ASSIGN(const std::int64_t top_k, o.integer_or("top_k", s.top_k));
  s.top_k = static_cast<int>(std::clamp<std::int64_t>(top_k, 0, 100000));
  HEADSCOPE_ASSIGN(s.choice, named(o, "heads", kChoices, s.choice));
  HEADSCOPE_ASSIGN(const std::int64_t seed,
                   o.integer_or("random_seed", static_cast<std::int64_t>(s.random_seed)));
  s.random_seed = static_cast<std::uint64_t>(seed);
  if (o.has("picked")) {
    HEADSCOPE_ASSIGN(const Json* picked, o.array("picked"));
    s.picked.clear();
    for (const Json& pair : *picked) {
      HEADSCOPE_ASSIGN(const HeadId id, head_from_json(pair, o, "picked"));
      s.picked.push_back(id);
    }
  }
  HEADSCOPE_ASSIGN(s.rows.kind, named(o, "rows", kRows, s.rows.kind));
  HEADSCOPE_ASSIGN(s.rows.from, o.integer_or("rows_from", s.rows.from));
  HEADSCOPE_ASSIGN(s.use_key_directions, o.boolean_or("key_directions", s.use_key_directions));
  HEADSCOPE_ASSIGN(s.span, named(o, "span", kSpans, s.span));
  HEADSCOPE_ASSIGN(const std::int64_t document, o.integer_or("marked_document", s.marked_document));
  s.marked_document = static_cast<int>(std::clamp<std::int64_t>(document, -1, 1 << 20));
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
  return {};
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
std::filesystem::path session_path() {
  return state_folder() / "session.json";
}
std::filesystem::path layout_path() {
  return config_folder() / "layout.ini";
}

Json preferences_to_json(const Preferences& p) {
  return {{"version", kVersion},
          {"theme", std::string(theme_name(p.theme))},
          {"zoom", p.zoom},
          {"window", {p.width, p.height}},
          {"palette", std::string(palette_name(p.view.palette))},
          {"head_score", name_of(kScores, p.view.score)},
          {"head_source", name_of(kSources, p.view.score_source)},
          {"map_source", name_of(kSources, p.view.map_source)},
          {"map_logarithmic", p.view.map_logarithmic},
          {"overlay", overlay_to_json(p.view.overlay)},
          {"lens_ranks", p.view.lens.ranks}};
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
  HEADSCOPE_TRY(view_from_json(o, p.view));
  HEADSCOPE_TRY(overlay_from_json(o, p.view.overlay));
  HEADSCOPE_ASSIGN(p.view.lens.ranks, o.boolean_or("lens_ranks", p.view.lens.ranks));
  return p;
}

Json session_to_json(const Request& r) {
  return {{"version", kVersion},
          {"model", r.model},
          {"adapter", r.adapter},
          {"prompt",
           {{"text", r.prompt.text},
            {"gold_document", r.prompt.gold_document},
            {"more_gold", r.prompt.more_gold},
            {"splitting", to_json(r.prompt.splitting)},
            {"answers", r.prompt.answers},
            {"chat", r.prompt.chat}}},
          {"intervention", settings_to_json(r.intervention)},
          {"selected", {r.selected.layer, r.selected.head}},
          {"full_map", r.want_full_map},
          {"max_new_tokens", r.max_new_tokens},
          {"keep", name_of(kKept, r.keep)}};
}

Result<Request> session_from_json(const Json& json, const std::string& name) {
  HEADSCOPE_ASSIGN(const JsonObject o, open_version(json, name));
  Request r;
  HEADSCOPE_ASSIGN(r.model, o.string_or("model", r.model));
  HEADSCOPE_ASSIGN(r.adapter, o.string_or("adapter", ""));
  HEADSCOPE_ASSIGN(const JsonObject prompt, o.object("prompt"));
  HEADSCOPE_ASSIGN(r.prompt.text, prompt.string("text"));
  HEADSCOPE_ASSIGN(const std::int64_t gold, prompt.integer_or("gold_document", -1));
  r.prompt.gold_document = static_cast<int>(std::clamp<std::int64_t>(gold, -1, 1 << 20));
  HEADSCOPE_TRY(read_documents(prompt, r.prompt));
  if (prompt.has("answers")) {
    HEADSCOPE_ASSIGN(r.prompt.answers, prompt.strings("answers"));
  }
  HEADSCOPE_ASSIGN(r.prompt.chat, prompt.boolean_or("chat", r.prompt.chat));
  if (o.has("intervention")) {
    HEADSCOPE_ASSIGN(const JsonObject intervention, o.object("intervention"));
    HEADSCOPE_ASSIGN(r.intervention, settings_from_json(intervention));
  }
  HEADSCOPE_ASSIGN(const auto selected, selected_from_json(o));
  r.selected = selected.value_or(r.selected);
  HEADSCOPE_ASSIGN(r.want_full_map, o.boolean_or("full_map", false));
  HEADSCOPE_ASSIGN(const std::int64_t most, o.integer_or("max_new_tokens", r.max_new_tokens));
  r.max_new_tokens = static_cast<int>(std::clamp<std::int64_t>(most, 1, 4096));
  HEADSCOPE_ASSIGN(r.keep, named(o, "keep", kKept, r.keep));
  return r;
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

Result<std::optional<Request>> load_session(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::optional<Request>{};
  HEADSCOPE_ASSIGN(const Json json, read_json_file(path));
  HEADSCOPE_ASSIGN(Request request, session_from_json(json, path.string()));
  return std::optional<Request>(std::move(request));
}

Result<> save_session(const std::filesystem::path& path, const Request& request) {
  if (path.has_parent_path()) HEADSCOPE_TRY(create_folders(path.parent_path()));
  return write_file_atomically(path, dump_json(session_to_json(request), 2) + "\n");
}

}  // namespace headscope
