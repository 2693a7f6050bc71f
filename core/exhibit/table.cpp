#include "core/exhibit/table.h"

#include <array>
#include <charconv>
#include <cmath>
#include <memory>
#include <utility>

#include "core/base/json_number.h"
#include "core/figure/csv.h"

namespace headscope {
namespace {

constexpr std::size_t kRowsBetweenLooks = 4096;  // at progress and cancellation

template <class Number>
std::string shortest_text(Number value) {
  if constexpr (std::is_floating_point_v<Number>) {
    if (!std::isfinite(value)) return "";
  }
  std::array<char, 40> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

struct AsText {
  std::string operator()(std::monostate) const { return ""; }
  std::string operator()(const std::string& text) const { return text; }
  template <class Number>
  std::string operator()(Number value) const {
    return shortest_text(value);
  }
};

struct AsJson {
  Json operator()(std::monostate) const { return nullptr; }
  Json operator()(const std::string& text) const { return text; }
  Json operator()(std::int64_t value) const { return value; }
  Json operator()(float value) const { return json_number(value); }
  Json operator()(double value) const { return json_number(value); }
};

Result<> each_row(const Table& table, const RunContext& context,
                  const std::function<void(const std::vector<Cell>&)>& take) {
  if (table.rows > kMostTableRows) {
    return bad_input("the table would have " + std::to_string(table.rows) + " rows, at most " +
                     std::to_string(kMostTableRows) +
                     " are written: show a smaller part, or export safetensors");
  }
  for (std::size_t i = 0; i < table.rows; ++i) {
    if (i % kRowsBetweenLooks == 0) {
      if (context.cancelled()) return fail(ErrorKind::cancelled, "export cancelled");
      context.progress("rows", static_cast<double>(i), static_cast<double>(table.rows));
    }
    take(table.row(i));
  }
  return {};
}

std::string without_breaks(std::string text) {
  for (char& c : text) {
    if (c == '\t' || c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

std::string joined(const std::vector<std::string>& fields) {
  std::string line;
  for (std::size_t i = 0; i < fields.size(); ++i) line += (i > 0 ? "\t" : "") + fields[i];
  return line + "\n";
}

}  // namespace

Table table_of(std::vector<std::string> columns, std::vector<std::vector<Cell>> rows) {
  Table table{std::move(columns), rows.size(), {}};
  const auto kept = std::make_shared<const std::vector<std::vector<Cell>>>(std::move(rows));
  table.row = [kept](std::size_t row) { return (*kept)[row]; };
  return table;
}

Table table_from_csv(const std::string& csv) {
  std::vector<std::vector<Cell>> rows;
  std::vector<std::string> fields;
  std::vector<std::string> columns;
  std::string field;
  bool quoted = false;
  const auto end_line = [&] {
    fields.push_back(std::exchange(field, {}));
    if (columns.empty()) {
      columns = std::exchange(fields, {});
    } else {
      rows.emplace_back(fields.begin(), fields.end());
      fields.clear();
    }
  };
  for (std::size_t i = 0; i < csv.size(); ++i) {
    const char c = csv[i];
    if (quoted) {
      if (c != '"') {
        field += c;
      } else if (i + 1 < csv.size() && csv[i + 1] == '"') {
        field += csv[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      fields.push_back(std::exchange(field, {}));
    } else if (c == '\n') {
      end_line();
    } else {
      field += c;
    }
  }
  if (!field.empty() || !fields.empty()) end_line();
  return table_of(std::move(columns), std::move(rows));
}

Result<std::string> table_as_csv(const Table& table, const RunContext& context) {
  std::vector<std::string> fields;
  for (const std::string& column : table.columns) fields.push_back(figure::csv_field(column));
  std::string text = figure::csv_line(fields);
  HEADSCOPE_TRY(each_row(table, context, [&](const std::vector<Cell>& cells) {
    fields.clear();
    for (const Cell& cell : cells) fields.push_back(figure::csv_field(std::visit(AsText{}, cell)));
    text += figure::csv_line(fields);
  }));
  return text;
}

Result<std::string> table_as_tabs(const Table& table, const RunContext& context) {
  std::string text = joined(table.columns);
  HEADSCOPE_TRY(each_row(table, context, [&](const std::vector<Cell>& cells) {
    std::vector<std::string> fields;
    for (const Cell& cell : cells) fields.push_back(without_breaks(std::visit(AsText{}, cell)));
    text += joined(fields);
  }));
  return text;
}

Result<Json> table_as_json(const Table& table, const RunContext& context) {
  Json rows = Json::array();
  HEADSCOPE_TRY(each_row(table, context, [&](const std::vector<Cell>& cells) {
    Json row = Json::array();
    for (const Cell& cell : cells) row.push_back(std::visit(AsJson{}, cell));
    rows.push_back(std::move(row));
  }));
  return Json{{"columns", table.columns}, {"rows", std::move(rows)}};
}

}  // namespace headscope
