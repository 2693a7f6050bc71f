#include "core/suite/result.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "core/base/json_number.h"
#include "core/base/rng.h"

namespace headscope {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr int kDraws = 2000;
constexpr double kTail = 0.025;

Result<SuiteLine> read_line(const Json& value, const std::string& name) {
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(value, name));
  SuiteLine line;
  HEADSCOPE_ASSIGN(line.task, object.string("task"));
  HEADSCOPE_ASSIGN(line.category, object.string("category"));
  HEADSCOPE_ASSIGN(line.method, object.string("method"));
  HEADSCOPE_ASSIGN(line.metric, object.string("metric"));
  HEADSCOPE_ASSIGN(line.index, object.integer("index"));
  HEADSCOPE_ASSIGN(line.length, object.integer("length"));
  HEADSCOPE_ASSIGN(line.tokens, object.integer("tokens"));
  HEADSCOPE_ASSIGN(line.question, object.string("question"));
  HEADSCOPE_ASSIGN(line.response, object.string("response"));
  HEADSCOPE_ASSIGN(const auto em, object.integer("em", 0, 1));
  line.em = em == 1;
  HEADSCOPE_ASSIGN(line.value, object.number_or("value", kNone));
  HEADSCOPE_ASSIGN(line.relevant_mass, object.number_or("relevant_mass", kNone));
  HEADSCOPE_ASSIGN(line.irrelevant_mass, object.number_or("irrelevant_mass", kNone));
  HEADSCOPE_ASSIGN(line.sink_mass, object.number_or("sink_mass", kNone));
  if (object.find("relevant_mass_after") != nullptr) {
    HEADSCOPE_ASSIGN(line.relevant_mass_after, object.number_or("relevant_mass_after", kNone));
  }
  return line;
}

template <class T>
void add_new(std::vector<T>& list, const T& value) {
  if (std::ranges::find(list, value) == list.end()) list.push_back(value);
}

using Lines = std::vector<const SuiteLine*>;

double mean_of(const Lines& lines, double SuiteLine::*field) {
  double sum = 0;
  int n = 0;
  for (const SuiteLine* line : lines) {
    if (!std::isfinite(line->*field)) continue;
    sum += line->*field;
    ++n;
  }
  return n > 0 ? sum / n : kNone;
}

std::vector<double> values_of(const Lines& lines) {
  std::vector<double> values;
  for (const SuiteLine* line : lines) {
    if (std::isfinite(line->value)) values.push_back(line->value);
  }
  return values;
}

// This method's value less the baseline's, of every sample that has both.
std::vector<double> differences_of(const Lines& lines, const Lines& baseline) {
  std::vector<double> values;
  for (const SuiteLine* line : lines) {
    const auto same = [line](const SuiteLine* other) { return other->index == line->index; };
    const auto found = std::ranges::find_if(baseline, same);
    if (found == baseline.end() || !std::isfinite(line->value - (*found)->value)) continue;
    values.push_back(line->value - (*found)->value);
  }
  return values;
}

bool all_zero_or_one(const std::vector<double>& values) {
  return std::ranges::all_of(values, [](double v) { return v == 0 || v == 1; });
}

// Wilson's where a value is a match or none, as HELMET's "exact match" metrics are.
Interval interval_of(const std::vector<double>& values, const std::string& metric) {
  if (values.empty()) return {kNone, kNone};
  if (metric.ends_with("exact_match") && all_zero_or_one(values)) {
    const auto hits = std::ranges::count(values, 1.0);
    return wilson_interval(hits, std::ssize(values));
  }
  return bootstrap_mean_interval(values);
}

// Bootstrap of the mean of the groups' means; samples are drawn within each group.
Interval stratified_interval(const std::vector<std::vector<double>>& groups) {
  Rng rng;
  std::vector<double> means;
  for (int draw = 0; draw < kDraws; ++draw) {
    double sum = 0;
    for (const auto& group : groups) {
      double of_group = 0;
      for (std::size_t i = 0; i < group.size(); ++i) of_group += group[rng.below(group.size())];
      sum += of_group / static_cast<double>(group.size());
    }
    means.push_back(sum / static_cast<double>(groups.size()));
  }
  return {quantile(means, kTail), quantile(means, 1 - kTail)};
}

double mean_of_means(const std::vector<std::vector<double>>& groups) {
  std::vector<double> means;
  for (const auto& group : groups) means.push_back(mean(group));
  return mean(means);
}

// Builds the rows from lines grouped by task, length and method.
class Table {
 public:
  Table(std::span<const SuiteLine> lines, std::string model) : model_(std::move(model)) {
    for (const SuiteLine& line : lines) {
      lines_.push_back(&line);
      add_new(tasks_, line.task);
      add_new(lengths_, line.length);
      add_new(methods_, line.method);
    }
  }

  std::vector<SuiteTableRow> rows() const {
    std::vector<SuiteTableRow> rows;
    for (const std::string& task : tasks_) {
      for (const auto length : lengths_) {
        for (const std::string& method : methods_) add_row(rows, task, length, method);
      }
    }
    for (const auto length : lengths_) {
      for (const std::string& method : methods_) add_average(rows, length, method);
    }
    return rows;
  }

 private:
  Lines select(const std::string& task, std::int64_t length, const std::string& method) const {
    Lines chosen;
    for (const SuiteLine* line : lines_) {
      if (line->task == task && line->length == length && line->method == method) {
        chosen.push_back(line);
      }
    }
    return chosen;
  }

  void add_row(std::vector<SuiteTableRow>& rows, const std::string& task, std::int64_t length,
               const std::string& method) const {
    const Lines lines = select(task, length, method);
    if (lines.empty()) return;
    SuiteTableRow row{.model = model_,
                      .task = task,
                      .category = lines[0]->category,
                      .method = method,
                      .metric = lines[0]->metric,
                      .length = length};
    row.n = std::ssize(lines);
    const auto values = values_of(lines);
    row.value = values.empty() ? kNone : mean(values);
    row.interval = interval_of(values, row.metric);
    row.relevant_mass = mean_of(lines, &SuiteLine::relevant_mass);
    row.irrelevant_mass = mean_of(lines, &SuiteLine::irrelevant_mass);
    row.sink_mass = mean_of(lines, &SuiteLine::sink_mass);
    const auto paired = method == suite_baseline
                            ? std::vector<double>{}
                            : differences_of(lines, select(task, length, suite_baseline));
    if (!paired.empty()) {
      row.difference = mean(paired);
      row.difference_interval = bootstrap_mean_interval(paired);
    }
    rows.push_back(std::move(row));
  }

  void add_average(std::vector<SuiteTableRow>& rows, std::int64_t length,
                   const std::string& method) const {
    SuiteTableRow row{.model = model_,
                      .task = suite_average,
                      .category = suite_average,
                      .method = method,
                      .metric = "mean of tasks",
                      .length = length};
    std::vector<std::vector<double>> values, paired;
    for (const std::string& task : tasks_) {
      const Lines lines = select(task, length, method);
      auto scored = values_of(lines);
      if (scored.empty()) continue;
      row.n += std::ssize(scored);
      values.push_back(std::move(scored));
      if (method == suite_baseline) continue;
      auto both = differences_of(lines, select(task, length, suite_baseline));
      if (!both.empty()) paired.push_back(std::move(both));
    }
    if (values.size() < 2) return;
    row.value = mean_of_means(values);
    row.interval = stratified_interval(values);
    row.relevant_mass = row.irrelevant_mass = row.sink_mass = kNone;
    if (!paired.empty()) {
      row.difference = mean_of_means(paired);
      row.difference_interval = stratified_interval(paired);
    }
    rows.push_back(std::move(row));
  }

  std::string model_;
  Lines lines_;
  std::vector<std::string> tasks_, methods_;
  std::vector<std::int64_t> lengths_;
};

constexpr const char* kColumns[] = {"model",
                                    "task",
                                    "category",
                                    "length",
                                    "method",
                                    "metric",
                                    "n",
                                    "value",
                                    "low",
                                    "high",
                                    "difference",
                                    "difference_low",
                                    "difference_high",
                                    "relevant_mass",
                                    "irrelevant_mass",
                                    "sink_mass"};

Result<SuiteTableRow> read_row(const Json& value, const std::string& name) {
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(value, name));
  SuiteTableRow row;
  HEADSCOPE_ASSIGN(row.model, object.string("model"));
  HEADSCOPE_ASSIGN(row.task, object.string("task"));
  HEADSCOPE_ASSIGN(row.category, object.string_or("category", ""));
  HEADSCOPE_ASSIGN(row.method, object.string("method"));
  HEADSCOPE_ASSIGN(row.metric, object.string("metric"));
  HEADSCOPE_ASSIGN(row.length, object.integer("length"));
  HEADSCOPE_ASSIGN(row.n, object.integer("n"));
  HEADSCOPE_ASSIGN(row.value, object.number_or("value", kNone));
  HEADSCOPE_ASSIGN(row.interval.low, object.number_or("low", kNone));
  HEADSCOPE_ASSIGN(row.interval.high, object.number_or("high", kNone));
  HEADSCOPE_ASSIGN(row.relevant_mass, object.number_or("relevant_mass", kNone));
  HEADSCOPE_ASSIGN(row.irrelevant_mass, object.number_or("irrelevant_mass", kNone));
  HEADSCOPE_ASSIGN(row.sink_mass, object.number_or("sink_mass", kNone));
  if (object.has("difference")) {
    HEADSCOPE_ASSIGN(row.difference, object.number("difference"));
    HEADSCOPE_ASSIGN(row.difference_interval.low, object.number_or("difference_low", kNone));
    HEADSCOPE_ASSIGN(row.difference_interval.high, object.number_or("difference_high", kNone));
  }
  return row;
}

// Text quoted where a comma or a quote would break the column.
std::string csv_cell(const Json& value) {
  if (value.is_null()) return "";
  if (!value.is_string()) return dump_json(value);
  const auto& text = value.get_ref<const std::string&>();
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

Json to_json(const SuiteLine& line) {
  Json json = {{"task", line.task},
               {"category", line.category},
               {"index", line.index},
               {"length", line.length},
               {"tokens", line.tokens},
               {"method", line.method},
               {"metric", line.metric},
               {"value", json_number(line.value)},
               {"question", line.question},
               {"response", line.response},
               {"em", line.em ? 1 : 0},
               {"relevant_mass", json_number(line.relevant_mass)},
               {"irrelevant_mass", json_number(line.irrelevant_mass)},
               {"sink_mass", json_number(line.sink_mass)}};
  if (line.relevant_mass_after)
    json["relevant_mass_after"] = json_number(*line.relevant_mass_after);
  return json;
}

std::string suite_lines_text(std::span<const SuiteLine> lines) {
  std::string text;
  for (const SuiteLine& line : lines) text += dump_json(to_json(line)) + "\n";
  return text;
}

Result<std::vector<SuiteLine>> parse_suite_lines(const std::string& text, const std::string& name) {
  std::vector<SuiteLine> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    const std::string place = name + " line " + std::to_string(lines.size() + 1);
    HEADSCOPE_ASSIGN(const auto value, parse_json(line, place));
    HEADSCOPE_ASSIGN(auto parsed, read_line(value, place));
    lines.push_back(std::move(parsed));
  }
  return lines;
}

std::vector<SuiteTableRow> suite_table(std::span<const SuiteLine> lines, const std::string& model) {
  return Table(lines, model).rows();
}

Json to_json(const SuiteTableRow& row) {
  Json json = {{"model", row.model},
               {"task", row.task},
               {"category", row.category},
               {"length", row.length},
               {"method", row.method},
               {"n", row.n},
               {"metric", row.metric},
               {"value", json_number(row.value)},
               {"low", json_number(row.interval.low)},
               {"high", json_number(row.interval.high)},
               {"relevant_mass", json_number(row.relevant_mass)},
               {"irrelevant_mass", json_number(row.irrelevant_mass)},
               {"sink_mass", json_number(row.sink_mass)}};
  if (row.difference) {
    json["difference"] = *row.difference;
    json["difference_low"] = json_number(row.difference_interval.low);
    json["difference_high"] = json_number(row.difference_interval.high);
  }
  return json;
}

Result<std::vector<SuiteTableRow>> parse_suite_table(const Json& file, const std::string& name) {
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(file, name));
  HEADSCOPE_ASSIGN(const Json* list, object.array("rows"));
  std::vector<SuiteTableRow> rows;
  for (std::size_t i = 0; i < list->size(); ++i) {
    HEADSCOPE_ASSIGN(auto row, read_row((*list)[i], name + " row " + std::to_string(i)));
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string suite_csv(std::span<const SuiteTableRow> rows) {
  std::string text;
  for (const char* column : kColumns) text += (text.empty() ? "" : ",") + std::string(column);
  text += "\n";
  for (const SuiteTableRow& row : rows) {
    const Json json = to_json(row);
    std::string line;
    for (const char* column : kColumns) {
      if (column != kColumns[0]) line += ',';
      if (json.contains(column)) line += csv_cell(json[column]);
    }
    text += line + "\n";
  }
  return text;
}

}  // namespace headscope
