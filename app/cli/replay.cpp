#include "app/cli/replay.h"

#include <algorithm>
#include <pugixml.hpp>
#include <utility>

#include "app/cli/made_by.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/platform.h"
#include "core/base/process.h"
#include "core/base/safetensors.h"
#include "core/experiment/repeat_files.h"
#include "core/session/made_by.h"
#include "core/session/passport.h"

namespace headscope::cli {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

tl::unexpected<Error> cannot(const fs::path& result, const std::string& why) {
  return bad_input(result.string() + ": cannot be repeated: " + why);
}

// ---- what made it ----

// As core/base/process.h writes a line for a shell.
std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\'') {
      quoted = !quoted;
    } else if (line[i] == '\\' && !quoted && i + 1 < line.size()) {
      words.back() += line[++i];
    } else if (line[i] == ' ' && !quoted) {
      words.emplace_back();
    } else {
      words.back() += line[i];
    }
  }
  return words;
}

// "Drawn again by: headscope-cli render ..." at the end of a caption.
Json in_caption(const fs::path& svg) {
  pugi::xml_document document;
  if (!document.load_file(svg.c_str())) return nullptr;
  const std::string caption = document.select_node("//desc").node().text().get();
  constexpr std::string_view sign = "Drawn again by: ";
  const std::size_t at = caption.find(sign);
  if (at == std::string::npos) return nullptr;
  std::vector<std::string> words = words_of(caption.substr(at + sign.size()));
  if (words.size() < 2) return nullptr;
  Json files = Json::object();
  for (std::size_t i = 2; i < words.size(); ++i) {
    // A value after "--prompt-file" and the like, or "@FILE" after "--split".
    const bool value = words[i - 1].starts_with("--") && !words[i].starts_with("--");
    const std::string name = words[i].starts_with("@") ? words[i].substr(1) : words[i];
    if (value && !name.empty() && is_there(svg.parent_path() / name)) files[name] = nullptr;
  }
  return {{"command", words[1]},
          {"arguments", std::vector<std::string>(words.begin() + 2, words.end())},
          {"files", std::move(files)}};
}

// What a file says of itself: {"made_by","passport","complete"}, as far as it does.
Result<Json> about_file(const fs::path& file) {
  const std::string name = file.filename().string();
  if (name.ends_with(".svg")) return Json{{"made_by", in_caption(file)}};
  if (name.ends_with(".json")) return read_json_file(file);
  if (!name.ends_with(".safetensors")) return Json();
  HEADSCOPE_ASSIGN(const auto tensors, SafetensorsFile::open(file));
  Json about = Json::object();
  for (const char* key : {"made_by", "passport"}) {
    const auto found = tensors.metadata().find(key);
    if (found == tensors.metadata().end()) continue;
    HEADSCOPE_ASSIGN(about[key],
                     parse_json(found->second, file.string() + " metadata '" + key + "'"));
  }
  return about;
}

Result<> read_about(const fs::path& file, MadeResult& made) {
  HEADSCOPE_ASSIGN(const auto about, about_file(file));
  if (!about.is_object() || !about.contains("made_by")) return {};
  if (about.value("complete", Json(true)) == Json(false))
    return cannot(file, "it is not complete; run its command again to go on");
  made.made_by = about["made_by"];
  if (!about.contains("passport")) return {};
  HEADSCOPE_ASSIGN(const auto passport, passport_from_json(about["passport"], file.string()));
  made.dtype = passport.dtype;
  return {};
}

// ---- and once more ----

class Replay {
 public:
  Replay(const MadeResult& made, const ReplayOptions& options) : made_(made), options_(options) {}

  // The whole command line, writing to `out`.
  Result<std::vector<std::string>> command(const fs::path& out) const {
    HEADSCOPE_ASSIGN(const auto folder, executable_folder());
    HEADSCOPE_ASSIGN(const auto object, JsonObject::open(made_.made_by, name()));
    HEADSCOPE_ASSIGN(const auto command, object.string("command"));
    HEADSCOPE_ASSIGN(const auto arguments, object.strings("arguments"));
    HEADSCOPE_ASSIGN(const auto files, object.object("files"));
    HEADSCOPE_TRY(check(command, arguments));
    std::vector<std::string> all = {(folder / "headscope-cli").string(), command};
    std::string option;
    for (const std::string& argument : arguments) {
      HEADSCOPE_ASSIGN(std::string given, with_file(argument, option, files.value()));
      option = argument.starts_with("--") ? argument.substr(2) : "";
      all.push_back(std::move(given));
    }
    add_machine(all);
    all.insert(all.end(), {"--out", out.string(), "--quiet"});
    return all;
  }

 private:
  std::string name() const { return made_.result.string(); }

  // Results that are other ones each time, and why.
  Result<> check(const std::string& command, const std::vector<std::string>& arguments) const {
    if (command == "bench")
      return cannot(made_.result, "it measures speed and memory, which no two runs share");
    if (command == "repeat" || command == "selftest")
      return cannot(made_.result, "it is a check of this moment; run " + command + " again");
    const auto estimates = [](const std::string& text) { return text.starts_with("--tokens"); };
    if (command == "info" && std::any_of(arguments.begin(), arguments.end(), estimates))
      return cannot(made_.result, "its estimates are of what this machine had free then");
    return {};
  }

  // An argument with its file where it lies now; `before` is the option that stands before it.
  Result<std::string> with_file(const std::string& argument, const std::string& before,
                                const Json& files) const {
    const std::size_t equals = argument.starts_with("--") ? argument.find('=') : std::string::npos;
    const std::string prefix = equals == std::string::npos ? "" : argument.substr(0, equals + 1);
    const std::string option = prefix.empty() ? before : prefix.substr(2, prefix.size() - 3);
    std::string value = argument.substr(prefix.size());
    if (prefix.empty() && argument.starts_with("--")) return argument;  // a flag
    const auto instead = options_.instead.find(option);
    if (instead != options_.instead.end() && !instead->second.empty())
      return prefix + instead->second;
    const std::string sign = value.starts_with("@") ? "@" : "";
    value = value.substr(sign.size());
    if (option == "model" || option == "adapter") {
      HEADSCOPE_ASSIGN(value, model_now(option, value));
    } else if (files.contains(value)) {
      HEADSCOPE_ASSIGN(value, find(option, value, files[value]));
    }
    return prefix + sign + value;
  }

  Result<std::string> model_now(const std::string& option, const std::string& value) const {
    if ((option == "model" && value == "demo") || is_there(value)) return value;
    return fail(ErrorKind::usage, "--" + option + ": give the folder of '" + value + "'");
  }

  Result<std::string> find(const std::string& option, const std::string& value,
                           const Json& hash) const {
    const fs::path last = fs::path(value).filename();
    const fs::path beside = fs::absolute(made_.result).lexically_normal().parent_path();
    std::vector<fs::path> places = {value, beside / value, beside / last,
                                    beside.parent_path() / last,
                                    beside.parent_path().parent_path() / last};
    for (const fs::path& folder : options_.folders) places.push_back(folder / last);
    for (const fs::path& place : places) {
      if (!is_there(place)) continue;
      if (!hash.is_string()) return place.string();
      if (const auto found = sha256_file(place); found && *found == hash.get<std::string>())
        return place.string();
    }
    const std::string words =
        hash.is_string() ? " (sha256 " + hash.get<std::string>().substr(0, 12) + "...)" : "";
    return fail(ErrorKind::usage, name() + ": '" + value + "'" + words + " of " +
                                      (option.empty() ? "its arguments" : "--" + option) +
                                      " was not found; --files says in which folder it is");
  }

  // What it runs on, unless its own command says so. What was "auto" then may be another dtype now.
  void add_machine(std::vector<std::string>& all) const {
    const CommonOptions& common = options_.common;
    const auto add = [&all](const std::string& option, const std::string& value) {
      const auto says = [&option](const std::string& argument) {
        return argument == option || argument.starts_with(option + "=");
      };
      if (value.empty() || std::any_of(all.begin(), all.end(), says)) return;
      all.insert(all.end(), {option, value});
    };
    add("--device", common.device == "auto" ? "" : common.device);
    add("--dtype", common.dtype == "auto" ? made_.dtype : common.dtype);
    if (common.threads > 0) add("--threads", std::to_string(common.threads));
  }

  const MadeResult& made_;
  const ReplayOptions& options_;
};

// The result, and what the command wrote beside it under names that begin with its own.
Result<> compare_all(const fs::path& before, const fs::path& now, Repetition& repetition) {
  HEADSCOPE_TRY(compare_files(before, now, repetition));
  const std::string prefix = now.filename().string() + ".";
  std::error_code problem;
  for (fs::directory_iterator entry(now.parent_path(), problem), end; !problem && entry != end;
       entry.increment(problem)) {
    const fs::path other = before.parent_path() / entry->path().filename();
    if (!entry->path().filename().string().starts_with(prefix)) continue;
    if (entry->path() == made_by_file(now) || !is_there(other)) continue;
    HEADSCOPE_TRY(compare_files(other, entry->path(), repetition));
  }
  return {};
}

}  // namespace

Result<PassingFolder> PassingFolder::make() {
  std::error_code problem;
  PassingFolder folder(platform::make_temporary_folder("headscope-repeat", problem));
  if (problem) return bad_input(folder.path_.string() + ": cannot be made: " + problem.message());
  return folder;
}

PassingFolder::~PassingFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

Result<std::optional<MadeResult>> made_result(const fs::path& given) {
  MadeResult made{given, {}};
  std::error_code ignored;
  if (given.filename() == "positions.json") made.result = fs::absolute(given).parent_path();
  const fs::path beside = made_by_file(made.result), summary = given.string() + ".summary.json";
  if (is_there(beside)) {
    HEADSCOPE_ASSIGN(made.made_by, read_json_file(beside));
  } else if (is_there(summary)) {
    HEADSCOPE_TRY(read_about(summary, made));
  } else if (fs::is_directory(made.result, ignored)) {
    const fs::path inside = made.result / "positions.json";
    if (is_there(inside)) HEADSCOPE_TRY(read_about(inside, made));
    made.dtype.clear();  // captions of the figures there name --dtype as it was given
  } else {
    HEADSCOPE_TRY(read_about(given, made));
  }
  if (made.made_by.is_null()) return std::optional<MadeResult>();
  return std::optional(std::move(made));
}

Result<> replay(const MadeResult& made, const ReplayOptions& options, Repetition& repetition,
                const RunContext& context) {
  HEADSCOPE_ASSIGN(const auto folder, PassingFolder::make());
  const fs::path now = folder.path() / fs::absolute(made.result).lexically_normal().filename();
  HEADSCOPE_ASSIGN(const auto command, Replay(made, options).command(now));
  HEADSCOPE_ASSIGN(const auto ended, run_process(command, {}, context));
  if (ended.exit_code != 0) {
    return cannot(made.result, "its command " + command[1] + " ended with code " +
                                   std::to_string(ended.exit_code) + ": " + ended.messages);
  }
  return compare_all(made.result, now, repetition);
}

}  // namespace headscope::cli
