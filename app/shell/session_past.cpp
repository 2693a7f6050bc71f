#include "app/shell/session_past.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "app/shell/session_file.h"

namespace headscope {
namespace {

constexpr std::int64_t kOwnPrompt = -1;
constexpr std::int64_t kMostNumber = std::int64_t{1} << 53;

// Four decimals: what a thumbnail and three digits of a mass need.
double rounded(float value) {
  return std::isfinite(value) ? std::round(static_cast<double>(value) * 1e4) / 1e4 : -1;
}

Json rounded(const std::vector<float>& values) {
  Json list = Json::array();
  for (const float value : values) list.push_back(rounded(value));
  return list;
}

// Puts steps and runs into JSON until there is no more room.
class PastWriter {
 public:
  PastWriter(const PromptRequest& own, std::size_t most_bytes) : own_(own), room_(most_bytes) {}

  // The newest first; one that is too large leaves its place to smaller ones.
  Json runs(const TabPast& past) {
    Json list = Json::array();
    for (std::size_t i = past.runs.size(); i-- > 0;) {
      const RunEntry& entry = past.runs[i];
      Json json = run_to_json(entry);
      if (take(json, *entry.prompt)) list.push_back(std::move(json));
    }
    std::reverse(list.begin(), list.end());
    return list;
  }

  Json steps(const std::vector<Request>& steps) {
    Json list = Json::array();
    for (std::size_t i = steps.size(); i-- > 0;) {
      Json json = bare_request_to_json(steps[i]);
      if (!take(json, steps[i].prompt)) break;  // a step that is missing would lead astray
      list.push_back(std::move(json));
    }
    std::reverse(list.begin(), list.end());
    return list;
  }

  Json prompts() const {
    Json list = Json::array();
    for (const PromptRequest* prompt : prompts_) list.push_back(prompt_to_json(*prompt));
    return list;
  }

 private:
  static Json run_to_json(const RunEntry& entry) {
    Json json = bare_request_to_json(entry.request);
    json["number"] = entry.number;
    json["when"] = static_cast<std::int64_t>(entry.when);
    json["baseline"] = entry.is_baseline;
    json["answer"] = entry.answer;
    json["graded"] = entry.graded;
    json["right"] = entry.right;
    json["seconds"] = entry.seconds;
    json["touched"] = entry.touched;
    json["masses"] = rounded({entry.gold, entry.others, entry.sink, entry.rest});
    json["bars"] = rounded(entry.bars);
    json["gold_bar"] = entry.gold_bar;
    json["cells"] = rounded(entry.cells);
    json["cell_rows"] = entry.cell_rows;
    json["cell_columns"] = entry.cell_columns;
    return json;
  }

  bool take(Json& json, const PromptRequest& prompt) {
    std::int64_t place = kOwnPrompt;
    std::size_t needed = 0;
    if (!(prompt == own_)) {
      const auto known = std::find_if(prompts_.begin(), prompts_.end(),
                                      [&](const PromptRequest* p) { return *p == prompt; });
      place = known - prompts_.begin();
      if (known == prompts_.end()) needed += dump_json(prompt_to_json(prompt)).size();
    }
    json["prompt_number"] = place;
    needed += dump_json(json).size();
    if (needed > room_) return false;
    room_ -= needed;
    if (place == std::ssize(prompts_)) prompts_.push_back(&prompt);
    return true;
  }

  const PromptRequest& own_;
  std::size_t room_;
  std::vector<const PromptRequest*> prompts_;
};

using Prompts = std::vector<std::shared_ptr<const PromptRequest>>;

Result<Prompts> prompts_from_json(const JsonObject& tab) {
  Prompts prompts;
  if (!tab.has("prompts")) return prompts;
  HEADSCOPE_ASSIGN(const Json* list, tab.array("prompts"));
  for (std::size_t i = 0; i < list->size(); ++i) {
    HEADSCOPE_ASSIGN(const JsonObject object, tab.element("prompts", i));
    HEADSCOPE_ASSIGN(auto prompt, prompt_from_json(object));
    prompts.push_back(std::make_shared<const PromptRequest>(std::move(prompt)));
  }
  return prompts;
}

// Reads the two kinds of entries of one tab.
class PastReader {
 public:
  PastReader(const JsonObject& tab, const PromptRequest& own, Prompts prompts)
      : tab_(tab), own_(std::make_shared<const PromptRequest>(own)), prompts_(std::move(prompts)) {}

  Result<std::vector<Request>> steps(const char* field) const {
    std::vector<Request> steps;
    if (!tab_.has(field)) return steps;
    HEADSCOPE_ASSIGN(const Json* list, tab_.array(field));
    for (std::size_t i = 0; i < list->size(); ++i) {
      HEADSCOPE_ASSIGN(const JsonObject o, tab_.element(field, i));
      HEADSCOPE_ASSIGN(Request step, bare_request_from_json(o));
      HEADSCOPE_ASSIGN(const auto prompt, prompt_of(o));
      step.prompt = *prompt;
      steps.push_back(std::move(step));
    }
    return steps;
  }

  Result<std::vector<RunEntry>> runs() const {
    std::vector<RunEntry> runs;
    if (!tab_.has("runs")) return runs;
    HEADSCOPE_ASSIGN(const Json* list, tab_.array("runs"));
    for (std::size_t i = 0; i < list->size(); ++i) {
      HEADSCOPE_ASSIGN(const JsonObject o, tab_.element("runs", i));
      HEADSCOPE_ASSIGN(RunEntry entry, run_from_json(o));
      runs.push_back(std::move(entry));
    }
    if (runs.size() > RunLog::most)
      runs.erase(runs.begin(), runs.end() - static_cast<std::ptrdiff_t>(RunLog::most));
    return runs;
  }

 private:
  Result<std::shared_ptr<const PromptRequest>> prompt_of(const JsonObject& o) const {
    HEADSCOPE_ASSIGN(const std::int64_t place, o.integer_or("prompt_number", kOwnPrompt));
    if (place == kOwnPrompt) return own_;
    if (place < 0 || place >= std::ssize(prompts_))
      return tl::unexpected<Error>(o.wrong("prompt_number", "a place in \"prompts\""));
    return prompts_[static_cast<std::size_t>(place)];
  }

  static Result<std::vector<float>> numbers(const JsonObject& o, const char* field,
                                            std::size_t most) {
    HEADSCOPE_ASSIGN(const auto values, o.numbers(field));
    if (values.size() > most)
      return tl::unexpected<Error>(o.wrong(field, "at most " + std::to_string(most) + " numbers"));
    return std::vector<float>(values.begin(), values.end());
  }

  static Result<> pictures_from_json(const JsonObject& o, RunEntry& entry) {
    HEADSCOPE_ASSIGN(const auto masses, numbers(o, "masses", 4));
    if (masses.size() != 4)
      return tl::unexpected<Error>(o.wrong("masses", "[gold, others, sink, rest]"));
    entry.gold = masses[0];
    entry.others = masses[1];
    entry.sink = masses[2];
    entry.rest = masses[3];
    HEADSCOPE_ASSIGN(entry.bars, numbers(o, "bars", RunLog::most_bars));
    HEADSCOPE_ASSIGN(const auto gold, o.integer("gold_bar", -1, RunLog::most_bars));
    entry.gold_bar = static_cast<int>(gold);
    HEADSCOPE_ASSIGN(const auto rows, o.integer("cell_rows", 0, RunLog::most_cells));
    HEADSCOPE_ASSIGN(const auto columns, o.integer("cell_columns", 0, RunLog::most_cells));
    entry.cell_rows = static_cast<int>(rows);
    entry.cell_columns = static_cast<int>(columns);
    const auto cells = static_cast<std::size_t>(rows * columns);
    HEADSCOPE_ASSIGN(entry.cells, numbers(o, "cells", cells));
    if (entry.cells.size() != cells)
      return tl::unexpected<Error>(o.wrong("cells", "cell_rows times cell_columns numbers"));
    return {};
  }

  Result<RunEntry> run_from_json(const JsonObject& o) const {
    RunEntry entry;
    HEADSCOPE_ASSIGN(entry.request, bare_request_from_json(o));
    HEADSCOPE_ASSIGN(entry.prompt, prompt_of(o));
    HEADSCOPE_ASSIGN(const auto number, o.integer("number", 1, kMostNumber));
    entry.number = static_cast<std::uint64_t>(number);
    HEADSCOPE_ASSIGN(const auto when, o.integer("when", 0, kMostNumber));
    entry.when = static_cast<std::time_t>(when);
    HEADSCOPE_ASSIGN(entry.is_baseline, o.boolean("baseline"));
    HEADSCOPE_ASSIGN(entry.answer, o.string("answer"));
    HEADSCOPE_ASSIGN(entry.graded, o.boolean("graded"));
    HEADSCOPE_ASSIGN(entry.right, o.boolean("right"));
    HEADSCOPE_ASSIGN(entry.seconds, o.number("seconds"));
    HEADSCOPE_ASSIGN(const auto touched, o.integer("touched", 0, kMostNumber));
    entry.touched = static_cast<std::size_t>(touched);
    HEADSCOPE_TRY(pictures_from_json(o, entry));
    return entry;
  }

  const JsonObject& tab_;
  std::shared_ptr<const PromptRequest> own_;
  Prompts prompts_;
};

}  // namespace

void add_past(Json& tab, const TabPast& past, const PromptRequest& own, std::size_t most_bytes) {
  PastWriter writer(own, most_bytes);
  tab["runs"] = writer.runs(past);
  tab["undo"] = writer.steps(past.undo);
  tab["redo"] = writer.steps(past.redo);
  tab["pinned_run"] = past.pinned_run;
  tab["prompts"] = writer.prompts();
}

Result<TabPast> past_from_json(const JsonObject& tab, const PromptRequest& own) {
  TabPast past;
  HEADSCOPE_ASSIGN(auto prompts, prompts_from_json(tab));
  const PastReader reader(tab, own, std::move(prompts));
  HEADSCOPE_ASSIGN(past.undo, reader.steps("undo"));
  HEADSCOPE_ASSIGN(past.redo, reader.steps("redo"));
  HEADSCOPE_ASSIGN(past.runs, reader.runs());
  HEADSCOPE_ASSIGN(const auto pinned, tab.integer_or("pinned_run", 0));
  past.pinned_run = static_cast<std::uint64_t>(std::max<std::int64_t>(pinned, 0));
  return past;
}

}  // namespace headscope
