#include "core/sweep/sweep_table.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <sstream>
#include <utility>

namespace headscope {
namespace {

constexpr std::array kCellColumns{"method", "tau",  "alpha",  "top_k",
                                  "heads",  "seed", "prompt", "gold_position"};
constexpr std::array kNumberColumns{"n", "em", "em_low", "em_high", "relevant_mass", "sink_mass"};

std::vector<std::string> all_columns() {
  std::vector<std::string> columns(kCellColumns.begin(), kCellColumns.end());
  columns.insert(columns.end(), kNumberColumns.begin(), kNumberColumns.end());
  return columns;
}

std::string csv_value(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_number_float()) return shortest_number(value.get<double>());
  return value.is_string() ? value.get<std::string>() : dump_json(value);
}

// A number where the whole field is one (whole numbers stay whole), else the text; null when empty.
Json json_value(const std::string& text) {
  if (text.empty()) return nullptr;
  const char* const end = text.data() + text.size();
  std::int64_t whole = 0;
  if (const auto read = std::from_chars(text.data(), end, whole);
      read.ec == std::errc{} && read.ptr == end) {
    return whole;
  }
  double number = 0;
  if (const auto read = std::from_chars(text.data(), end, number);
      read.ec == std::errc{} && read.ptr == end) {
    return number;
  }
  return text;
}

std::vector<std::string> fields_of(std::string line) {
  if (line.ends_with('\r')) line.pop_back();  // spreadsheets
  std::vector<std::string> fields;
  std::istringstream rest(line + ",");  // so that an empty last field counts
  for (std::string field; std::getline(rest, field, ',');) fields.push_back(field);
  return fields;
}

Result<> check_header(const std::vector<std::string>& header, const std::string& name) {
  for (const std::string& column : all_columns()) {
    if (std::find(header.begin(), header.end(), column) == header.end()) {
      return bad_input(name + ": has no column '" + column +
                       "'; expected a results.csv that headscope-cli sweep wrote");
    }
  }
  return {};
}

}  // namespace

bool operator<(const SweepRow& a, const SweepRow& b) {
  return a.cell < b.cell;
}

Json to_json(const SweepRow& row) {
  Json json = to_json(row.cell);
  for (const char* column : kNumberColumns) json[column] = row.summary.value(column, Json(nullptr));
  return json;
}

Result<> check_numbers(const JsonObject& object) {
  HEADSCOPE_TRY(object.integer("n", 0));
  for (const char* column : kNumberColumns) HEADSCOPE_TRY(object.number_or(column, 0));
  return {};
}

Result<SweepRow> row_from_json(const Json& value, const std::string& name) {
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(value, name));
  SweepRow row;
  HEADSCOPE_ASSIGN(row.cell, cell_from_json(object));
  HEADSCOPE_TRY(check_numbers(object));
  for (const char* column : kNumberColumns) {
    row.summary[column] = object.has(column) ? *object.find(column) : Json(nullptr);
  }
  return row;
}

std::string sweep_table(std::vector<SweepRow> rows) {
  std::sort(rows.begin(), rows.end());
  const auto columns = all_columns();
  std::string table;
  for (const std::string& column : columns) table += (table.empty() ? "" : ",") + column;
  for (const SweepRow& row : rows) {
    const Json json = to_json(row);
    std::string separator = "\n";
    for (const std::string& column : columns) {
      table += std::exchange(separator, ",") + csv_value(json[column]);
    }
  }
  return table + "\n";
}

Result<std::vector<SweepRow>> parse_sweep_table(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  const auto header = fields_of(line);
  HEADSCOPE_TRY(check_header(header, name));
  std::vector<SweepRow> rows;
  for (int number = 2; std::getline(lines, line); ++number) {
    const std::string place = name + " line " + std::to_string(number);
    const auto fields = fields_of(line);
    if (fields.size() != header.size()) {
      return bad_input(place + ": has " + std::to_string(fields.size()) + " fields, expected " +
                       std::to_string(header.size()));
    }
    Json json;
    for (std::size_t i = 0; i < fields.size(); ++i) json[header[i]] = json_value(fields[i]);
    HEADSCOPE_ASSIGN(auto row, row_from_json(json, place));
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace headscope
