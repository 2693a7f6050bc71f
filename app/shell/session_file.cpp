#include "app/shell/session_file.h"

#include <algorithm>
#include <array>
#include <utility>

#include "app/shell/user_files.h"
#include "core/base/file.h"
#include "core/text/splitting_json.h"

namespace headscope {
namespace {

constexpr std::int64_t kVersion = 2;
constexpr std::size_t kMostTabs = 100;
constexpr std::array kKept = {"automatic", "spans", "rows"};

Result<KeepAttention> kept_from_json(const JsonObject& o) {
  HEADSCOPE_ASSIGN(const std::string name, o.string_or("keep", kKept[0]));
  for (std::size_t i = 0; i < kKept.size(); ++i) {
    if (name == kKept[i]) return static_cast<KeepAttention>(i);
  }
  return tl::unexpected<Error>(o.wrong("keep", "automatic, spans or rows"));
}

Json tab_to_json(const TabRecord& tab, std::size_t most_past) {
  Json json = request_to_json(tab.request);
  json["name"] = tab.name;
  json["view"] = view_to_json(tab.view);
  if (!tab.data.empty()) json["data"] = {{"file", tab.data}, {"sample", tab.data_sample}};
  add_past(json, tab.past, tab.request.prompt, most_past);
  return json;
}

Result<TabRecord> tab_from_json(const JsonObject& o) {
  TabRecord tab;
  HEADSCOPE_ASSIGN(tab.name, o.string_or("name", ""));
  HEADSCOPE_ASSIGN(tab.request, request_from_json(o));
  HEADSCOPE_ASSIGN(tab.past, past_from_json(o, tab.request.prompt));
  if (o.has("view")) {
    HEADSCOPE_ASSIGN(const JsonObject view, o.object("view"));
    HEADSCOPE_TRY(view_from_json(view, tab.view));
  }
  if (o.has("data")) {
    HEADSCOPE_ASSIGN(const JsonObject data, o.object("data"));
    HEADSCOPE_ASSIGN(tab.data, data.string("file"));
    HEADSCOPE_ASSIGN(const std::int64_t sample, data.integer_or("sample", 0));
    tab.data_sample = static_cast<std::size_t>(std::max<std::int64_t>(sample, 0));
  }
  return tab;
}

Json lesson_to_json(const LessonPlace& place) {
  Json answers = Json::array();
  for (const LessonAnswer& answer : place.answers)
    answers.push_back({{"chosen", answer.chosen}, {"revealed", answer.revealed}});
  return {{"name", place.name}, {"step", place.step}, {"answers", std::move(answers)}};
}

Result<LessonPlace> lesson_from_json(const JsonObject& o) {
  constexpr std::int64_t kMost = 10000;
  LessonPlace place;
  HEADSCOPE_ASSIGN(place.name, o.string("name"));
  HEADSCOPE_ASSIGN(const auto step, o.integer("step", 0, kMost));
  place.step = static_cast<std::size_t>(step);
  HEADSCOPE_ASSIGN(const Json* answers, o.array("answers"));
  for (std::size_t i = 0; i < answers->size(); ++i) {
    HEADSCOPE_ASSIGN(const JsonObject answer, o.element("answers", i));
    HEADSCOPE_ASSIGN(const auto chosen, answer.integer("chosen", -1, kMost));
    HEADSCOPE_ASSIGN(const bool revealed, answer.boolean("revealed"));
    place.answers.push_back({static_cast<int>(chosen), revealed});
  }
  return place;
}

Result<SessionRecord> tabs_from_json(const JsonObject& o) {
  HEADSCOPE_ASSIGN(const Json* tabs, o.array("tabs"));
  if (tabs->empty() || tabs->size() > kMostTabs)
    return tl::unexpected<Error>(o.wrong("tabs", "1 to " + std::to_string(kMostTabs) + " prompts"));
  SessionRecord session;
  for (std::size_t i = 0; i < tabs->size(); ++i) {
    HEADSCOPE_ASSIGN(const JsonObject tab, o.element("tabs", i));
    HEADSCOPE_ASSIGN(TabRecord record, tab_from_json(tab));
    session.tabs.push_back(std::move(record));
  }
  HEADSCOPE_ASSIGN(const std::int64_t active, o.integer_or("active", 0));
  const auto last = static_cast<std::int64_t>(session.tabs.size()) - 1;
  session.active = static_cast<std::size_t>(std::clamp<std::int64_t>(active, 0, last));
  if (!o.has("lesson")) return session;
  HEADSCOPE_ASSIGN(const JsonObject lesson, o.object("lesson"));
  HEADSCOPE_ASSIGN(session.lesson, lesson_from_json(lesson));
  return session;
}

Result<> write_json(const std::filesystem::path& path, const Json& json) {
  if (path.has_parent_path()) HEADSCOPE_TRY(create_folders(path.parent_path()));
  return write_file_atomically(path, dump_json(json, 2) + "\n");
}

}  // namespace

Json prompt_to_json(const PromptRequest& prompt) {
  return {{"text", prompt.text.str()},     {"gold_document", prompt.gold_document},
          {"more_gold", prompt.more_gold}, {"splitting", to_json(prompt.splitting)},
          {"answers", prompt.answers},     {"chat", prompt.chat}};
}

Result<PromptRequest> prompt_from_json(const JsonObject& o) {
  PromptRequest prompt;
  HEADSCOPE_ASSIGN(prompt.text, o.string("text"));
  HEADSCOPE_ASSIGN(const std::int64_t gold, o.integer_or("gold_document", -1));
  prompt.gold_document = static_cast<int>(std::clamp<std::int64_t>(gold, -1, 1 << 20));
  if (o.has("splitting")) {
    HEADSCOPE_ASSIGN(const JsonObject splitting, o.object("splitting"));
    HEADSCOPE_ASSIGN(prompt.splitting, splitting_from_json(splitting));
  }
  if (o.has("more_gold")) {
    HEADSCOPE_ASSIGN(const auto more, o.integers("more_gold"));
    auto marked = prompt.gold_documents();
    for (const std::int64_t index : more)
      marked.push_back(static_cast<int>(std::clamp<std::int64_t>(index, 0, 1 << 20)));
    prompt.mark(std::move(marked));
  }
  if (o.has("answers")) {
    HEADSCOPE_ASSIGN(prompt.answers, o.strings("answers"));
  }
  HEADSCOPE_ASSIGN(prompt.chat, o.boolean_or("chat", prompt.chat));
  return prompt;
}

Json bare_request_to_json(const Request& r) {
  return {{"model", r.model},
          {"adapter", r.adapter},
          {"device", r.device},
          {"dtype", r.dtype},
          {"intervention", settings_to_json(r.intervention)},
          {"selected", {r.selected.layer, r.selected.head}},
          {"full_map", r.want_full_map},
          {"max_new_tokens", r.max_new_tokens},
          {"keep", kKept[static_cast<std::size_t>(r.keep)]}};
}

Json request_to_json(const Request& r) {
  Json json = bare_request_to_json(r);
  json["prompt"] = prompt_to_json(r.prompt);
  return json;
}

Result<Request> bare_request_from_json(const JsonObject& o) {
  Request r;
  HEADSCOPE_ASSIGN(r.model, o.string_or("model", r.model));
  HEADSCOPE_ASSIGN(r.adapter, o.string_or("adapter", ""));
  HEADSCOPE_ASSIGN(r.device, o.string_or("device", r.device));
  HEADSCOPE_ASSIGN(r.dtype, o.string_or("dtype", r.dtype));
  if (o.has("intervention")) {
    HEADSCOPE_ASSIGN(const JsonObject intervention, o.object("intervention"));
    HEADSCOPE_ASSIGN(r.intervention, settings_from_json(intervention));
  }
  HEADSCOPE_ASSIGN(const auto selected, selected_from_json(o));
  r.selected = selected.value_or(r.selected);
  HEADSCOPE_ASSIGN(r.want_full_map, o.boolean_or("full_map", false));
  HEADSCOPE_ASSIGN(const std::int64_t most, o.integer_or("max_new_tokens", r.max_new_tokens));
  r.max_new_tokens = static_cast<int>(std::clamp<std::int64_t>(most, 1, 4096));
  HEADSCOPE_ASSIGN(r.keep, kept_from_json(o));
  return r;
}

Result<Request> request_from_json(const JsonObject& o) {
  HEADSCOPE_ASSIGN(const JsonObject prompt, o.object("prompt"));
  HEADSCOPE_ASSIGN(Request r, bare_request_from_json(o));
  HEADSCOPE_ASSIGN(r.prompt, prompt_from_json(prompt));
  return r;
}

Json session_to_json(const SessionRecord& session) {
  Json tabs = Json::array();
  const std::size_t most_past = most_past_bytes / std::max<std::size_t>(session.tabs.size(), 1);
  for (const TabRecord& tab : session.tabs) tabs.push_back(tab_to_json(tab, most_past));
  Json json = {{"headscope", "session"},
               {"version", kVersion},
               {"tabs", std::move(tabs)},
               {"active", session.active}};
  if (session.lesson) json["lesson"] = lesson_to_json(*session.lesson);
  return json;
}

Result<SessionRecord> session_from_json(const Json& json, const std::string& name) {
  HEADSCOPE_ASSIGN(const JsonObject o, JsonObject::open(json, name));
  HEADSCOPE_ASSIGN(const std::int64_t version, o.integer("version"));
  if (version > kVersion) {
    return bad_input(name + ": field 'version' is " + std::to_string(version) +
                     ", this program reads up to " + std::to_string(kVersion) +
                     ": the session was saved by a newer Headscope; open it with that one");
  }
  if (version < 1) return tl::unexpected<Error>(o.wrong("version", "1 or 2"));
  if (version == kVersion) return tabs_from_json(o);
  HEADSCOPE_ASSIGN(TabRecord only, tab_from_json(o));
  return SessionRecord{{std::move(only)}, 0, std::nullopt};
}

Result<SessionRecord> read_session(const std::filesystem::path& path) {
  HEADSCOPE_ASSIGN(const Json json, read_json_file(path));
  return session_from_json(json, path.string());
}

Result<> write_session(const std::filesystem::path& path, const SessionRecord& session) {
  return write_json(path, session_to_json(session));
}

Result<std::optional<Autosave>> read_autosave(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::optional<Autosave>{};
  HEADSCOPE_ASSIGN(const Json json, read_json_file(path));
  Autosave autosave;
  HEADSCOPE_ASSIGN(autosave.session, session_from_json(json, path.string()));
  HEADSCOPE_ASSIGN(const JsonObject o, JsonObject::open(json, path.string()));
  HEADSCOPE_ASSIGN(autosave.file, o.string_or("file", ""));
  HEADSCOPE_ASSIGN(autosave.changed, o.boolean_or("changed", false));
  HEADSCOPE_ASSIGN(autosave.ended, o.boolean_or("ended", true));
  return std::optional<Autosave>(std::move(autosave));
}

Result<> write_autosave(const std::filesystem::path& path, const Autosave& autosave) {
  Json json = session_to_json(autosave.session);
  json["file"] = autosave.file;
  json["changed"] = autosave.changed;
  json["ended"] = autosave.ended;
  return write_json(path, json);
}

bool looks_like_session(const Json& json) {
  if (!json.is_object()) return false;
  if (const auto kind = json.find("headscope"); kind != json.end()) return *kind == "session";
  return json.contains("prompt") && json.contains("intervention");  // version 1
}

}  // namespace headscope
