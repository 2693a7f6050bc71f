#include "core/experiment/position_test.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/analysis/metrics.h"
#include "core/base/json_number.h"
#include "core/text/spans.h"

namespace headscope {
namespace {

Result<std::vector<std::size_t>> chosen_documents(const BuiltPrompt& found,
                                                  const PositionTest& test) {
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < found.documents.size() && test.documents.empty(); ++i) {
    chosen.push_back(i);
  }
  for (const int number : test.documents) {
    const auto at = std::ranges::find(found.documents, number, &DocumentSpan::number);
    if (at == found.documents.end()) {
      return bad_input("the prompt has no document " + std::to_string(number));
    }
    chosen.push_back(static_cast<std::size_t>(at - found.documents.begin()));
  }
  return chosen;
}

Result<std::vector<std::size_t>> chosen_positions(std::size_t documents, const PositionTest& test) {
  std::vector<std::size_t> positions = test.positions;
  if (positions.empty()) {
    positions.resize(documents);
    std::iota(positions.begin(), positions.end(), std::size_t{0});
  }
  for (const std::size_t position : positions) {
    if (position < documents) continue;
    return fail(ErrorKind::usage, "position " + std::to_string(position) + ": the prompt has " +
                                      std::to_string(documents) +
                                      " documents, and positions count from 0");
  }
  return positions;
}

Result<SamplePrompt> tokenised(BuiltPrompt built, const PromptEncoder& encoder) {
  SamplePrompt prompt;
  HEADSCOPE_ASSIGN(prompt.encoding, encoder.encode(built.text));
  prompt.gold = tokens_in_spans(prompt.encoding.offsets, built.gold_spans());
  for (const ByteSpan& span : built.other_spans()) {
    prompt.others.push_back(tokens_in_span(prompt.encoding.offsets, span));
  }
  prompt.built = std::move(built);
  return prompt;
}

struct Tester {
  Model& model;
  const PromptEncoder& encoder;
  const PositionTest& test;
  const RunContext& context;

  Result<PositionRow> run(const BuiltPrompt& found, std::size_t document,
                          std::size_t position) const {
    const int number = found.documents[document].number;
    const auto known = std::ranges::find_if(test.finished, [&](const PositionRow& row) {
      return row.document == number && row.position == position;
    });
    if (known != test.finished.end()) return *known;
    HEADSCOPE_ASSIGN(auto built, with_document_at(found.text, found, document, position));
    HEADSCOPE_ASSIGN(const auto prompt, tokenised(std::move(built), encoder));
    HEADSCOPE_ASSIGN(auto row, measure(prompt));
    row.document = number;
    row.position = position;
    row.original = position == document;
    return row;
  }

  Result<PositionRow> measure(const SamplePrompt& prompt) const {
    SampleRunOptions how;
    how.max_new_tokens = test.max_new_tokens;
    how.rows = test.rows;
    if (test.set != nullptr) {
      how.interventions = on_samples(*test.set);
      how.before_split = test.set->splits();
    }
    HEADSCOPE_ASSIGN(const auto run, run_sample(model, encoder.tokenizer(), prompt, how, context));
    PositionRow row;
    row.tokens = prompt.tokens();
    row.response = run.response;
    if (!test.answers.empty()) row.match = best_subspan_em(run.response, test.answers);
    put_masses(run, test.mass_heads, row);
    if (!test.reference.empty()) HEADSCOPE_TRY(read_reference(prompt, row));
    return row;
  }

  Result<> read_reference(const SamplePrompt& prompt, PositionRow& row) const {
    GenerateRequest request;
    request.prompt_ids = prompt.encoding.ids;
    HEADSCOPE_ASSIGN(const auto reference, encoder.tokenizer().encode(test.reference, false));
    if (reference.ids.empty()) return bad_input("the reference answer has no token");
    request.forced_response = reference.ids;
    if (test.set != nullptr) {
      HEADSCOPE_ASSIGN(request.interventions, on_samples(*test.set)(prompt));
    }
    HEADSCOPE_ASSIGN(const auto forced, model.generate(request, context));
    const auto& each = forced.log_probabilities;
    row.log_probability = std::accumulate(each.begin(), each.end(), 0.0);
    row.log_probability_per_token = *row.log_probability / static_cast<double>(each.size());
    return {};
  }
};

}  // namespace

Result<BuiltPrompt> with_document_at(const std::string& text, const BuiltPrompt& found,
                                     std::size_t from, std::size_t to) {
  const std::size_t count = found.documents.size();
  if (from >= count || to >= count) {
    return bad_input("the prompt has " + std::to_string(count) + " documents, no place " +
                     std::to_string(std::max(from, to)));
  }
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  order.erase(order.begin() + static_cast<std::ptrdiff_t>(from));
  order.insert(order.begin() + static_cast<std::ptrdiff_t>(to), from);
  BuiltPrompt moved;
  std::size_t copied = 0;
  for (std::size_t place = 0; place < count; ++place) {
    const DocumentSpan& slot = found.documents[place];
    const DocumentSpan& content = found.documents[order[place]];
    const std::size_t begin = moved.text.size() + (slot.line.begin - copied);
    moved.text += text.substr(copied, slot.relevant.begin - copied);
    const std::size_t relevant = moved.text.size();
    moved.text +=
        text.substr(content.relevant.begin, content.relevant.end - content.relevant.begin);
    copied = slot.relevant.end;
    DocumentSpan span = content;
    span.number = slot.number;
    // What closes a slot ("</document>") stays too.
    span.line = {begin, moved.text.size() + (slot.line.end - slot.relevant.end)};
    span.relevant = {relevant, moved.text.size()};
    span.gold = place == to;
    moved.documents.push_back(std::move(span));
  }
  // Questions stand behind the documents, whose text as a whole is as long as before.
  moved.text += text.substr(copied);
  moved.question = found.question;
  return moved;
}

Result<std::vector<PositionRow>> run_position_test(
    Model& model, const PromptEncoder& encoder, const BuiltPrompt& found, const PositionTest& test,
    const RunContext& context, const std::function<Result<>(const PositionRow&)>& on_row) {
  if (found.documents.size() < 2) {
    return bad_input("the prompt has " + std::to_string(found.documents.size()) +
                     " documents; expected at least two (--split says where they are)");
  }
  HEADSCOPE_ASSIGN(const auto documents, chosen_documents(found, test));
  HEADSCOPE_ASSIGN(const auto positions, chosen_positions(found.documents.size(), test));
  const Tester tester{model, encoder, test, context};
  const auto total = static_cast<double>(documents.size() * positions.size());
  std::vector<PositionRow> rows;
  for (const std::size_t document : documents) {
    for (const std::size_t position : positions) {
      context.progress("position", static_cast<double>(rows.size()), total);
      if (context.cancelled()) return fail(ErrorKind::cancelled, "interrupted");
      HEADSCOPE_ASSIGN(auto row, tester.run(found, document, position));
      if (on_row) HEADSCOPE_TRY(on_row(row));
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

Json to_json(const PositionRow& row) {
  Json json = {{"document", row.document},
               {"position", row.position},
               {"original", row.original},
               {"tokens", row.tokens},
               {"response", row.response},
               {"match", nullptr},
               {"relevant_mass", json_number(row.relevant_mass)},
               {"irrelevant_mass", json_number(row.irrelevant_mass)},
               {"sink_mass", json_number(row.sink_mass)}};
  if (row.match) json["match"] = *row.match ? 1 : 0;
  if (row.log_probability) {
    json["log_probability"] = json_number(*row.log_probability);
    json["log_probability_per_token"] = json_number(*row.log_probability_per_token);
  }
  return json;
}

Result<PositionRow> position_row_from(const Json& value, const std::string& name) {
  constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(value, name));
  PositionRow row;
  HEADSCOPE_ASSIGN(const auto document, object.integer("document"));
  HEADSCOPE_ASSIGN(const auto position, object.integer("position", 0));
  row.document = static_cast<int>(document);
  row.position = static_cast<std::size_t>(position);
  HEADSCOPE_ASSIGN(row.original, object.boolean("original"));
  HEADSCOPE_ASSIGN(row.tokens, object.integer("tokens", 1));
  HEADSCOPE_ASSIGN(row.response, object.string("response"));
  if (object.has("match")) {
    HEADSCOPE_ASSIGN(const auto match, object.integer("match", 0, 1));
    row.match = match == 1;
  }
  HEADSCOPE_ASSIGN(row.relevant_mass, object.number_or("relevant_mass", undefined));
  HEADSCOPE_ASSIGN(row.irrelevant_mass, object.number_or("irrelevant_mass", undefined));
  HEADSCOPE_ASSIGN(row.sink_mass, object.number_or("sink_mass", undefined));
  if (object.has("log_probability")) {
    HEADSCOPE_ASSIGN(row.log_probability, object.number("log_probability"));
    HEADSCOPE_ASSIGN(row.log_probability_per_token, object.number("log_probability_per_token"));
  }
  return row;
}

std::string positions_csv(const std::vector<PositionRow>& rows) {
  static constexpr const char* columns[] = {"document",        "position",
                                            "original",        "tokens",
                                            "match",           "relevant_mass",
                                            "irrelevant_mass", "sink_mass",
                                            "log_probability", "log_probability_per_token"};
  std::string text;
  for (const char* column : columns) text += (text.empty() ? "" : ",") + std::string(column);
  text += "\n";
  for (const PositionRow& row : rows) {
    const Json json = to_json(row);
    std::string line;
    for (const char* column : columns) {
      if (column != columns[0]) line += ',';
      if (json.contains(column) && !json[column].is_null()) line += dump_json(json[column]);
    }
    text += line + "\n";
  }
  return text;
}

}  // namespace headscope
