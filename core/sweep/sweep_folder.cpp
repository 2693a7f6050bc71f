#include "core/sweep/sweep_folder.h"

#include <algorithm>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "core/base/file.h"
#include "core/base/head_json.h"

namespace headscope {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFormat = "headscope-sweep-1";

Result<std::vector<HeadId>> heads_field(const JsonObject& object, const char* field) {
  std::vector<HeadId> heads;
  HEADSCOPE_ASSIGN(const Json* list, object.array(field));
  for (const Json& pair : *list) {
    const bool shaped = pair.is_array() && pair.size() == 2 && pair[0].is_number_integer() &&
                        pair[1].is_number_integer();
    if (!shaped) return tl::unexpected<Error>(object.wrong(field, "[[layer, head], ...]"));
    heads.push_back({pair[0].get<int>(), pair[1].get<int>()});
  }
  return heads;
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : dump_json(value);
}

// ---- what must agree ----

// Every setting by its name: "weights_sha256", "options.rows".
std::map<std::string, Json> flat(const Json& passport) {
  static const std::set<std::string> shown_only{"model", "data", "options.heads",
                                                "options.directions"};
  std::map<std::string, Json> settings;
  for (const auto& [name, value] : passport.items()) {
    if (name != "options") settings[name] = value;
  }
  if (passport.contains("options")) {
    for (const auto& [name, value] : passport["options"].items())
      settings["options." + name] = value;
  }
  for (const std::string& name : shown_only) settings.erase(name);
  if (settings.contains("device")) {  // "cuda:1 (name)": the cards of a cluster differ
    const std::string device = text_of(settings["device"]);
    settings["device"] = device.substr(0, device.find_first_of(": "));
  }
  return settings;
}

constexpr const char* kDirections = "options.directions_sha256";

std::string shown(const std::map<std::string, Json>& settings, const std::string& name) {
  const auto found = settings.find(name);
  if (found == settings.end() || found->second.is_null()) return "nothing";
  const std::string text = text_of(found->second);
  return text.size() == 64 ? text.substr(0, 12) + "..." : text;
}

std::string differences_text(const Json& there, const Json& here) {
  const auto before = flat(there), now = flat(here);
  std::set<std::string> names;
  for (const auto& [name, value] : before) names.insert(name);
  for (const auto& [name, value] : now) names.insert(name);
  std::string text;
  for (const std::string& name : names) {
    const std::string a = shown(before, name), b = shown(now, name);
    const bool grew = name == kDirections && (a == "nothing" || b == "nothing");
    const bool same =
        before.contains(name) && now.contains(name) && before.at(name) == now.at(name);
    if (same || grew) continue;
    text += (text.empty() ? "" : "; ") + name + " is " + a + " there, " + b + " now";
  }
  return text;
}

}  // namespace

// ---- results ----

Json to_json(const SweepResult& result) {
  return {{"headscope", "sweep_cell"},
          {"cell", to_json(result.cell)},
          {"heads", heads_json(result.heads)},
          {"mass_heads", heads_json(result.mass_heads)},
          {"summary", result.summary}};
}

Result<SweepResult> sweep_result_from_json(const Json& value, const std::string& name) {
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(value, name));
  HEADSCOPE_ASSIGN(const auto cell, object.object("cell"));
  HEADSCOPE_ASSIGN(const auto summary, object.object("summary"));
  SweepResult result;
  HEADSCOPE_ASSIGN(result.cell, cell_from_json(cell));
  HEADSCOPE_ASSIGN(result.heads, heads_field(object, "heads"));
  HEADSCOPE_ASSIGN(result.mass_heads, heads_field(object, "mass_heads"));
  HEADSCOPE_TRY(check_numbers(summary));
  result.summary = summary.value();
  return result;
}

SweepRow row_of(const SweepResult& result) {
  return {result.cell, result.summary};
}

// ---- the folder ----

Result<SweepFolder> SweepFolder::open(const fs::path& path, const Passport& settings) {
  SweepFolder folder(path);
  std::error_code ignored;
  if (fs::exists(folder.table_file(), ignored) && !fs::exists(folder.manifest(), ignored)) {
    return bad_input(path.string() +
                     ": has a results.csv but no sweep.json, so it is not the folder of a sweep; "
                     "give another one");
  }
  HEADSCOPE_TRY(create_folders(path));
  HEADSCOPE_ASSIGN(const auto lock, FileLock::wait_for(path / ".sweep.lock"));
  HEADSCOPE_TRY(folder.adopt(settings));
  HEADSCOPE_TRY(create_folders(folder.cells()));
  return folder;
}

// Processes that start together come here one after the other.
Result<> SweepFolder::adopt(const Passport& settings) const {
  const Json now = {{"headscope", "sweep"}, {"format", kFormat}, {"passport", to_json(settings)}};
  const auto write = [&] { return write_file_atomically(manifest(), dump_json(now, 2) + "\n"); };
  std::error_code ignored;
  if (!fs::exists(manifest(), ignored)) return write();
  HEADSCOPE_ASSIGN(const auto text, read_json_file(manifest()));
  HEADSCOPE_ASSIGN(const auto before, JsonObject::open(text, manifest().string()));
  HEADSCOPE_ASSIGN(const auto format, before.string("format"));
  if (format != kFormat) {
    return tl::unexpected<Error>(before.wrong("format", std::string("\"") + kFormat + "\""));
  }
  HEADSCOPE_ASSIGN(const auto passport, before.object("passport"));
  const std::string differences = differences_text(passport.value(), now["passport"]);
  if (!differences.empty()) {
    return bad_input(path_.string() + ": made with other settings: " + differences +
                     "; give another folder");
  }
  const bool brings_directions = flat(now["passport"]).contains(kDirections);
  if (!brings_directions || flat(passport.value()).contains(kDirections)) return {};
  return write();
}

fs::path SweepFolder::lines_file(const SweepCell& cell) const {
  return cells() / (cell_name(cell) + ".jsonl");
}

fs::path SweepFolder::result_file(const SweepCell& cell) const {
  return cells() / (cell_name(cell) + ".json");
}

fs::path SweepFolder::lock_file(const SweepCell& cell) const {
  return cells() / ("." + cell_name(cell) + ".lock");
}

bool SweepFolder::finished(const SweepCell& cell) const {
  std::error_code ignored;
  return fs::exists(result_file(cell), ignored);
}

Result<std::optional<FileLock>> SweepFolder::claim(const SweepCell& cell) const {
  return FileLock::try_for(lock_file(cell));
}

std::vector<EvaluatedSample> SweepFolder::samples_before(const SweepCell& cell) const {
  const auto text = read_text_file(lines_file(cell));
  if (!text) return {};
  return parse_result_lines(*text, lines_file(cell).string())
      .value_or(std::vector<EvaluatedSample>{});
}

Result<> SweepFolder::keep(const SweepCell& cell, const EvaluateRun& run) const {
  return write_file_atomically(lines_file(cell), result_lines(run));
}

Result<> SweepFolder::finish(const SweepResult& result, const EvaluateRun& run) const {
  HEADSCOPE_TRY(keep(result.cell, run));
  HEADSCOPE_TRY(
      write_file_atomically(result_file(result.cell), dump_json(to_json(result), 1) + "\n"));
  // Who still has the old file open finds the cell finished, whatever it locks.
  std::error_code ignored;
  fs::remove(lock_file(result.cell), ignored);
  return {};
}

std::vector<fs::path> SweepFolder::result_files() const {
  std::vector<fs::path> files;
  std::error_code problem;
  for (fs::directory_iterator entry(cells(), problem), end; !problem && entry != end;
       entry.increment(problem)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(".") && name.ends_with(".json")) files.push_back(entry->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

Result<std::vector<SweepResult>> SweepFolder::results() const {
  std::vector<SweepResult> results;
  for (const fs::path& file : result_files()) {
    const auto with_advice = [&file](Error error) {
      error.message += "; delete " + file.filename().string() + " to run this cell again";
      return error;
    };
    HEADSCOPE_ASSIGN(const auto json, read_json_file(file).map_error(with_advice));
    HEADSCOPE_ASSIGN(auto result,
                     sweep_result_from_json(json, file.string()).map_error(with_advice));
    results.push_back(std::move(result));
  }
  return results;
}

Result<> SweepFolder::merge() const {
  for (;;) {
    const auto files = result_files();
    HEADSCOPE_ASSIGN(const auto found, results());
    std::vector<SweepRow> rows;
    for (const SweepResult& result : found) rows.push_back(row_of(result));
    HEADSCOPE_TRY(write_file_atomically(table_file(), sweep_table(std::move(rows))));
    if (result_files() == files) return {};
  }
}

}  // namespace headscope
