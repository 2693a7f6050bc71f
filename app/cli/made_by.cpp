#include "app/cli/made_by.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/base/hash.h"
#include "core/session/made_by.h"

namespace headscope::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::array kDecidesNothing = {"out",   "threads", "memory-limit", "device-memory",
                                        "quiet", "work",    "rank",         "ranks",
                                        "help",  "help-all"};
// Words, whatever lies in a folder of that name.
constexpr std::array kText = {"prompt",    "text",   "answer", "answers",
                              "reference", "follow", "ids",    "choose"};
// Their files are hashed where weights are (core/sweep/weights_hash.h).
constexpr std::array kNamesModel = {"model", "adapter"};

struct Noted {
  std::string command;
  std::vector<const CLI::Option*> options;  // as given, in the order of --help
  Json described;                           // empty until somebody asks
};

// One command runs in a process at a time; results are written from deep inside of it.
Noted& noted() {
  static Noted command;
  return command;
}

template <std::size_t n>
bool is_one_of(const std::string& name, const std::array<const char*, n>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Of the command and its option groups, which CLI11 keeps as commands without a name.
void collect(const CLI::App& command, std::vector<const CLI::Option*>& options) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->count() > 0) options.push_back(option);
  }
  const auto nameless = [](const CLI::App* inner) { return inner->get_name().empty(); };
  for (const CLI::App* group : command.get_subcommands(nameless)) collect(*group, options);
}

std::string name_of(const CLI::Option& option) {
  return option.get_lnames().empty() ? "" : option.get_lnames().front();
}

// Of a value that names a file or "@FILE"; empty for any other.
std::string file_in(const std::string& value) {
  const std::string path = value.starts_with("@") ? value.substr(1) : value;
  std::error_code ignored;
  return !path.empty() && fs::exists(path, ignored) ? path : "";
}

class Description {
 public:
  void add(const CLI::Option& option) {
    const std::string name = name_of(option);
    if (is_one_of(name, kDecidesNothing)) return;
    if (option.get_items_expected_max() == 0) {
      arguments_.push_back("--" + name);
      return;
    }
    const std::string prefix = name.empty() ? "" : "--" + name + "=";
    std::vector<std::string> values = option.results();
    for (std::string& value : values) {
      if (is_one_of(name, kText)) continue;
      value = is_one_of(name, kNamesModel) ? shown(value) : with_hash(value);
    }
    if (option.get_delimiter() == '\0') {
      for (const std::string& value : values) arguments_.push_back(prefix + value);
      return;
    }
    std::string joined;
    for (const std::string& value : values)
      joined += (joined.empty() ? "" : std::string(1, option.get_delimiter())) + value;
    arguments_.push_back(prefix + joined);
  }

  Json json(const std::string& command) const { return made_by_json(command, arguments_, files_); }

 private:
  // Whose folders are nobody's business.
  static std::string shown(const std::string& path) {
    const fs::path whole = fs::path(path).lexically_normal();
    if (!whole.is_absolute()) return path;
    return whole.has_filename() ? whole.filename().string()
                                : whole.parent_path().filename().string();
  }

  std::string with_hash(const std::string& value) {
    const std::string path = file_in(value);
    if (path.empty()) return value;
    std::error_code ignored;
    Json hash;
    if (fs::is_regular_file(path, ignored)) {
      if (auto found = sha256_file(path)) hash = std::move(*found);
    }
    std::string name = shown(path);
    if (files_.contains(name) && files_[name] != hash) name = path;  // two files of one name
    files_[name] = std::move(hash);
    return (value.starts_with("@") ? "@" : "") + name;
  }

  std::vector<std::string> arguments_;
  Json files_ = Json::object();
};

}  // namespace

void note_command(const CLI::App& command) {
  noted() = {command.get_name(), {}, {}};
  collect(command, noted().options);
}

Json made_by() {
  Noted& command = noted();
  if (!command.described.is_null()) return command.described;
  Description description;
  for (const CLI::Option* option : command.options) description.add(*option);
  command.options.clear();  // they go with the command line
  command.described = description.json(command.command);
  return command.described;
}

Result<> write_made_by(const fs::path& result) {
  return headscope::write_made_by(result, made_by());
}

}  // namespace headscope::cli
