#include "core/text/dataset.h"

#include <algorithm>
#include <utility>

#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/json.h"

namespace headscope {
namespace {

Result<Document> read_document(const JsonObject& object) {
  Document document;
  HEADSCOPE_ASSIGN(document.title, object.string("title"));
  HEADSCOPE_ASSIGN(document.text, object.string("text"));
  HEADSCOPE_ASSIGN(document.gold, object.boolean_or("isgold", false));
  HEADSCOPE_ASSIGN(document.has_answer, object.boolean_or("hasanswer", false));
  return document;
}

Result<QaSample> read_question(const JsonObject& line) {
  QaSample sample;
  HEADSCOPE_ASSIGN(sample.question, line.string("question"));
  HEADSCOPE_ASSIGN(sample.answers, line.strings("answers"));
  HEADSCOPE_ASSIGN(const Json* documents, line.array("ctxs"));
  sample.documents.reserve(documents->size());
  for (std::size_t i = 0; i < documents->size(); ++i) {
    HEADSCOPE_ASSIGN(const JsonObject object, line.element("ctxs", i));
    HEADSCOPE_ASSIGN(Document document, read_document(object));
    sample.documents.push_back(std::move(document));
  }
  return sample;
}

/// Key-value retrieval as a question over documents: a record is a document titled by its key.
Result<QaSample> read_key_value(const JsonObject& line) {
  QaSample sample;
  HEADSCOPE_ASSIGN(const std::string key, line.string("key"));
  HEADSCOPE_ASSIGN(const std::string value, line.string("value"));
  HEADSCOPE_ASSIGN(const Json* records, line.array("ordered_kv_records"));
  sample.question = key;
  sample.answers = {value};
  for (const Json& record : *records) {
    if (!record.is_array() || record.size() != 2 || !record[0].is_string() ||
        !record[1].is_string()) {
      return tl::unexpected(
          line.wrong("ordered_kv_records", "a list of [key, value] pairs of strings"));
    }
    Document document{record[0].get<std::string>(), record[1].get<std::string>()};
    document.gold = document.title == key;
    document.has_answer = document.text == value;
    sample.documents.push_back(std::move(document));
  }
  return sample;
}

Result<QaSample> read_line(std::string_view text, const std::string& where) {
  HEADSCOPE_ASSIGN(const Json json, parse_json(text, where));
  HEADSCOPE_ASSIGN(const JsonObject line, JsonObject::open(json, where));
  return line.has("ordered_kv_records") ? read_key_value(line) : read_question(line);
}

bool blank(std::string_view text) {
  return text.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace

DataPart part_of_question(std::string_view question) {
  return (stable_hash(question) >> 56) % 2 == 0 ? DataPart::train : DataPart::test;
}

Result<> move_gold(QaSample& sample, std::size_t position) {
  const auto gold = sample.gold_position();
  if (!gold)
    return bad_input("sample " + std::to_string(sample.index) + " has no gold document to move");
  position = std::min(position, sample.documents.size() - 1);
  const auto first = sample.documents.begin();
  const auto at = [&](std::size_t i) { return first + static_cast<std::ptrdiff_t>(i); };
  if (position < *gold) std::rotate(at(position), at(*gold), at(*gold + 1));
  if (position > *gold) std::rotate(at(*gold), at(*gold + 1), at(position + 1));
  return {};
}

Result<std::vector<QaSample>> parse_dataset(std::string_view text, std::string_view name,
                                            const DatasetOptions& options) {
  std::vector<QaSample> samples;
  const auto full = [&] {
    return options.max_samples && static_cast<std::int64_t>(samples.size()) >= *options.max_samples;
  };
  std::int64_t index = 0;
  std::int64_t line_number = 0;
  for (std::size_t begin = 0; begin < text.size() && !full();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    ++line_number;
    if (blank(line)) continue;
    const std::string where = std::string(name) + " line " + std::to_string(line_number);
    HEADSCOPE_ASSIGN(QaSample sample, read_line(line, where));
    sample.index = index++;
    if (options.part != DataPart::all && part_of_question(sample.question) != options.part)
      continue;
    if (options.gold_position) {
      if (auto moved = move_gold(sample, *options.gold_position); !moved) {
        return bad_input(where + ": " + moved.error().message);
      }
    }
    samples.push_back(std::move(sample));
  }
  if (index == 0 && !full()) {
    return bad_input(std::string(name) +
                     ": holds no samples; expected JSON lines with question, answers and ctxs");
  }
  return samples;
}

Result<Dataset> load_dataset(const std::filesystem::path& path, const DatasetOptions& options) {
  HEADSCOPE_ASSIGN(const std::string text, read_gzip_or_plain(path));
  Dataset dataset;
  dataset.name = path.filename().string();
  HEADSCOPE_ASSIGN(dataset.samples, parse_dataset(text, path.string(), options));
  HEADSCOPE_ASSIGN(dataset.sha256, sha256_file(path));
  return dataset;
}

std::string sample_to_json_line(const QaSample& sample) {
  nlohmann::ordered_json line;  // the order people know from the published files
  line["question"] = sample.question;
  line["answers"] = sample.answers;
  auto documents = nlohmann::ordered_json::array();
  for (const Document& document : sample.documents) {
    documents.push_back({{"title", document.title},
                         {"text", document.text},
                         {"hasanswer", document.has_answer},
                         {"isgold", document.gold}});
  }
  line["ctxs"] = std::move(documents);
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<> write_dataset(const std::filesystem::path& path, std::span<const QaSample> samples) {
  std::string text;
  for (const QaSample& sample : samples) text += sample_to_json_line(sample) + "\n";
  if (path.extension() != ".gz") return write_file_atomically(path, text);
  HEADSCOPE_ASSIGN(const std::string packed, gzip(text));
  return write_file_atomically(path, packed);
}

}  // namespace headscope
