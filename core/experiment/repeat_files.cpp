#include "core/experiment/repeat_files.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "core/base/file.h"
#include "core/base/safetensors.h"
#include "core/exhibit/table.h"

namespace headscope {
namespace {

namespace fs = std::filesystem;

Json without_places(Json value) {
  if (!value.is_object()) return value;
  for (const char* name : {"file", "folder", "table", "made_by"}) value.erase(name);
  return value;
}

Result<> compare_json(const std::string& name, const fs::path& before, const fs::path& now,
                      Repetition& repetition) {
  HEADSCOPE_ASSIGN(auto there, read_json_file(before));
  HEADSCOPE_ASSIGN(auto here, read_json_file(now));
  repetition.json(name, without_places(std::move(there)), without_places(std::move(here)));
  return {};
}

Result<std::vector<std::string>> lines_of(const fs::path& file) {
  HEADSCOPE_ASSIGN(const auto text, read_gzip_or_plain(file));
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(std::move(line));
  return lines;
}

Result<> compare_lines(const std::string& name, const fs::path& before, const fs::path& now,
                       Repetition& repetition) {
  HEADSCOPE_ASSIGN(const auto there, lines_of(before));
  HEADSCOPE_ASSIGN(const auto here, lines_of(now));
  repetition.number(name + "lines", double(there.size()), double(here.size()));
  for (std::size_t i = 0; i < std::min(there.size(), here.size()); ++i) {
    const std::string line = name + "line " + std::to_string(i + 1);
    HEADSCOPE_ASSIGN(auto a, parse_json(there[i], before.string() + " " + line));
    HEADSCOPE_ASSIGN(auto b, parse_json(here[i], now.string() + " " + line));
    repetition.json(line + " ", a, b);
  }
  return {};
}

// A number where the whole field is one.
Json field_value(const std::string& field) {
  double number = 0;
  std::istringstream text(field);
  text.imbue(std::locale::classic());
  if (text >> number && text.peek() == std::istringstream::traits_type::eof()) return number;
  return field;
}

Result<> compare_tables(const std::string& name, const fs::path& before, const fs::path& now,
                        Repetition& repetition) {
  HEADSCOPE_ASSIGN(const auto a, read_text_file(before));
  HEADSCOPE_ASSIGN(const auto b, read_text_file(now));
  const Table there = table_from_csv(a), here = table_from_csv(b);
  repetition.json(name + "columns ", there.columns, here.columns);
  repetition.number(name + "rows", double(there.rows), double(here.rows));
  const auto fields = [](const Table& table, std::size_t row) {
    Json list = Json::array();
    for (const Cell& cell : table.row(row)) {
      const auto* text = std::get_if<std::string>(&cell);
      list.push_back(text != nullptr ? field_value(*text) : Json(""));
    }
    return list;
  };
  for (std::size_t row = 0; row < std::min(there.rows, here.rows); ++row) {
    repetition.json(name + "row " + std::to_string(row + 1) + " ", fields(there, row),
                    fields(here, row));
  }
  return {};
}

Json metadata_of(const SafetensorsFile& file) {
  Json metadata = Json::object();
  for (const auto& [key, text] : file.metadata()) {
    const auto value = parse_json(text, key);
    metadata[key] = value && value->is_structured() ? *value : Json(text);
  }
  return without_places(std::move(metadata));
}

Result<> compare_tensors(const std::string& name, const fs::path& before, const fs::path& now,
                         Repetition& repetition) {
  HEADSCOPE_ASSIGN(const auto there, SafetensorsFile::open(before));
  HEADSCOPE_ASSIGN(const auto here, SafetensorsFile::open(now));
  repetition.json(name, metadata_of(there), metadata_of(here));
  repetition.number(name + "tensors", double(there.tensors().size()),
                    double(here.tensors().size()));
  for (const auto& [tensor, info] : there.tensors()) {
    const TensorInfo* again = here.find(tensor);
    repetition.json(name + tensor + " shape", info.shape, again ? Json(again->shape) : Json());
    if (again == nullptr || again->shape != info.shape) continue;
    HEADSCOPE_ASSIGN(const auto a, there.floats(tensor));
    HEADSCOPE_ASSIGN(const auto b, here.floats(tensor));
    repetition.numbers(name + tensor, a, b);
  }
  return {};
}

Result<> compare_bytes(const std::string& name, const fs::path& before, const fs::path& now,
                       Repetition& repetition) {
  HEADSCOPE_ASSIGN(const auto there, read_text_file(before));
  HEADSCOPE_ASSIGN(const auto here, read_text_file(now));
  const auto size = std::min(there.size(), here.size());
  const auto same = static_cast<std::size_t>(
      std::mismatch(there.begin(), there.begin() + static_cast<std::ptrdiff_t>(size), here.begin())
          .first -
      there.begin());
  const bool equal = same == size && there.size() == here.size();
  const auto words = [](const std::string& bytes, const std::string& how) {
    return std::to_string(bytes.size()) + " bytes" + how;
  };
  repetition.text(
      name + "content", words(there, ""),
      equal ? words(there, "") : words(here, ", other ones from byte " + std::to_string(same + 1)));
  return {};
}

bool ends_with(const std::string& name, std::initializer_list<const char*> endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](const char* ending) { return name.ends_with(ending); });
}

Result<> compare_one(const std::string& name, const fs::path& before, const fs::path& now,
                     Repetition& repetition) {
  const std::string file = before.filename().string();
  const auto compare = ends_with(file, {".jsonl", ".jsonl.gz"}) ? compare_lines
                       : ends_with(file, {".json"})             ? compare_json
                       : ends_with(file, {".csv"})              ? compare_tables
                       : ends_with(file, {".safetensors"})      ? compare_tensors
                                                                : compare_bytes;
  return compare(name, before, now, repetition);
}

Result<std::set<std::string>> files_in(const fs::path& folder) {
  std::set<std::string> names;
  std::error_code problem;
  for (fs::recursive_directory_iterator entry(folder, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    const fs::path name = entry->path().lexically_relative(folder);
    const std::string last = name.filename().string();
    const bool compared = last != "made_by.json" && last != "timing.json" && !last.starts_with(".");
    if (entry->is_regular_file() && compared) names.insert(name.string());
  }
  if (problem) return bad_input(folder.string() + ": " + problem.message());
  return names;
}

}  // namespace

Result<> compare_files(const fs::path& before, const fs::path& now, Repetition& repetition) {
  std::error_code ignored;
  if (!fs::is_directory(before, ignored)) return compare_one("", before, now, repetition);
  HEADSCOPE_ASSIGN(const auto there, files_in(before));
  HEADSCOPE_ASSIGN(const auto here, files_in(now));
  repetition.json("files ", there, here);
  for (const std::string& name : there) {
    if (here.contains(name))
      HEADSCOPE_TRY(compare_one(name + ": ", before / name, now / name, repetition));
  }
  return {};
}

}  // namespace headscope
