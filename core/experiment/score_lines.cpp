#include "core/experiment/score_lines.h"

#include <cmath>
#include <limits>
#include <sstream>
#include <system_error>

#include "core/base/file.h"

namespace headscope {
namespace {

Json numbers(const std::vector<float>& values) {
  Json list = Json::array();
  for (const float value : values) {
    list.push_back(std::isfinite(value) ? Json(static_cast<double>(value)) : Json(nullptr));
  }
  return list;
}

Json scores_json(const HeadScores& scores) {
  return {{"layers", scores.layers},
          {"heads", scores.heads},
          {"relevant", numbers(scores.relevant)},
          {"sink", numbers(scores.sink)},
          {"irrelevant_sum", numbers(scores.irrelevant_sum)},
          {"irrelevant_max", numbers(scores.irrelevant_max)}};
}

Result<std::vector<float>> floats(const JsonObject& object, const char* field) {
  HEADSCOPE_ASSIGN(const Json* list, object.array(field));
  std::vector<float> values;
  for (const Json& value : *list) {
    if (!value.is_number() && !value.is_null()) {
      return tl::unexpected<Error>(object.wrong(field, "numbers"));
    }
    values.push_back(value.is_null() ? std::numeric_limits<float>::quiet_NaN()
                                     : value.get<float>());
  }
  return values;
}

Result<HeadScores> scores_from(const JsonObject& object) {
  HeadScores scores;
  constexpr std::int64_t most = 100'000;
  HEADSCOPE_ASSIGN(const auto layers, object.integer("layers", 1, most));
  HEADSCOPE_ASSIGN(const auto heads, object.integer("heads", 1, most));
  scores.layers = static_cast<int>(layers);
  scores.heads = static_cast<int>(heads);
  HEADSCOPE_ASSIGN(scores.relevant, floats(object, "relevant"));
  HEADSCOPE_ASSIGN(scores.sink, floats(object, "sink"));
  HEADSCOPE_ASSIGN(scores.irrelevant_sum, floats(object, "irrelevant_sum"));
  HEADSCOPE_ASSIGN(scores.irrelevant_max, floats(object, "irrelevant_max"));
  return scores;
}

// The samples of `text` behind its heading, up to the first line that is not whole.
std::vector<ScoredSample> samples_in(const std::string& text, const Json& heading) {
  std::vector<ScoredSample> samples;
  std::istringstream lines(text);
  std::string line;
  const auto first = std::getline(lines, line) ? parse_json(line, "heading") : Result<Json>();
  if (!first || *first != heading) return samples;
  while (std::getline(lines, line)) {
    const auto value = parse_json(line, "line");
    auto sample = value ? scored_sample_from(*value, "line") : Result<ScoredSample>();
    if (!value || !sample) break;
    samples.push_back(std::move(*sample));
  }
  return samples;
}

}  // namespace

Json to_json(const ScoredSample& sample) {
  Json json = {{"index", sample.index},
               {"question", sample.question},
               {"correct", sample.correct},
               {"scores", scores_json(sample.scores)}};
  if (sample.gold_only) json["gold_only"] = scores_json(*sample.gold_only);
  if (sample.spread) {
    json["spread"] = {{"entropy", numbers(sample.spread->entropy)},
                      {"distance", numbers(sample.spread->distance)}};
  }
  return json;
}

Result<ScoredSample> scored_sample_from(const Json& value, const std::string& name) {
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(value, name));
  ScoredSample sample;
  HEADSCOPE_ASSIGN(sample.index, object.integer("index"));
  HEADSCOPE_ASSIGN(sample.question, object.string("question"));
  HEADSCOPE_ASSIGN(sample.correct, object.boolean("correct"));
  HEADSCOPE_ASSIGN(const auto scores, object.object("scores"));
  HEADSCOPE_ASSIGN(sample.scores, scores_from(scores));
  if (object.has("gold_only")) {
    HEADSCOPE_ASSIGN(const auto gold_only, object.object("gold_only"));
    HEADSCOPE_ASSIGN(sample.gold_only, scores_from(gold_only));
  }
  if (object.has("spread")) {
    HEADSCOPE_ASSIGN(const auto spread, object.object("spread"));
    sample.spread.emplace();
    HEADSCOPE_ASSIGN(sample.spread->entropy, floats(spread, "entropy"));
    HEADSCOPE_ASSIGN(sample.spread->distance, floats(spread, "distance"));
  }
  return sample;
}

Result<ScoreLines> ScoreLines::open(const std::filesystem::path& file, const Json& heading) {
  ScoreLines lines;
  lines.path_ = file;
  lines.heading_ = heading;
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return lines;
  HEADSCOPE_ASSIGN(const auto text, read_text_file(file));
  lines.finished_ = samples_in(text, heading);
  return lines;
}

// What is not whole, or of another heading, goes.
Result<> ScoreLines::begin() {
  std::string whole = dump_json(heading_) + "\n";
  for (const ScoredSample& sample : finished_) whole += dump_json(to_json(sample)) + "\n";
  HEADSCOPE_TRY(write_file_atomically(path_, whole));
  file_.open(path_, std::ios::binary | std::ios::app);
  if (!file_) return bad_input(path_.string() + ": cannot be written");
  return {};
}

Result<> ScoreLines::add(const ScoredSample& sample) {
  if (!file_.is_open()) HEADSCOPE_TRY(begin());
  file_ << dump_json(to_json(sample)) << '\n' << std::flush;
  if (!file_) return bad_input(path_.string() + ": cannot be written (is the disk full?)");
  return {};
}

Result<> ScoreLines::finish() {
  file_.close();
  std::error_code code;
  std::filesystem::remove(path_, code);
  if (code) return bad_input(path_.string() + ": cannot be removed: " + code.message());
  return {};
}

}  // namespace headscope
