// Lines of HELMET's files, one family a function.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <set>

#include "core/base/hash.h"
#include "core/suite/helmet_item.h"
#include "core/suite/marked_text.h"

namespace headscope {
namespace {

Rng rng_for(const std::string& key, std::uint64_t seed) {
  return Rng(seed ^ stable_hash(key));
}

// A string or a list of strings.
Result<std::vector<std::string>> texts(const JsonObject& line, std::string_view field) {
  const Json* value = line.find(field);
  if (value != nullptr && value->is_string()) return std::vector{value->get<std::string>()};
  return line.strings(field);
}

// Ids are strings in some files and numbers in others.
Result<std::string> id_text(const JsonObject& line, std::string_view field) {
  const Json* value = line.find(field);
  if (value != nullptr && value->is_number_integer()) return dump_json(*value);
  return line.string(field);
}

Result<bool> marked_relevant(const JsonObject& passage) {
  for (const char* field : {"has_answer", "hasanswer", "isgold"}) {
    if (passage.has(field)) return passage.boolean(field);
  }
  return false;
}

void add_passage(MarkedText& text, HelmetItem& item, const std::string& passage, bool relevant) {
  if (text.size() > 0) text.add("\n\n");
  const ByteSpan place = text.add(passage);
  (relevant ? item.gold : item.others).push_back(place);
}

// Nothing is known to be irrelevant where nothing is known to be relevant.
void forget_unmarked(HelmetItem& item) {
  if (item.gold.empty()) item.others.clear();
}

// ---- passages of question answering and re-ranking ----

Result<std::string> qa_passage(const JsonObject& passage) {
  HEADSCOPE_ASSIGN(const auto title, passage.string("title"));
  HEADSCOPE_ASSIGN(const auto text, passage.string("text"));
  return "Document (Title: " + title + "): " + text;
}

Result<std::string> ranked_passage(const JsonObject& passage) {
  HEADSCOPE_ASSIGN(const auto id, id_text(passage, "id"));
  HEADSCOPE_ASSIGN(const auto text, passage.string("text"));
  std::string line = "[ID: " + id + "] Document";
  if (passage.has("title")) {
    HEADSCOPE_ASSIGN(const auto title, passage.string("title"));
    line += " (Title: " + title + ")";
  }
  return line + ": " + text;
}

Result<std::string> joined_passages(const JsonObject& line,
                                    Result<std::string> (*passage)(const JsonObject&)) {
  HEADSCOPE_ASSIGN(const Json* list, line.array("ctxs"));
  std::string text;
  for (std::size_t i = 0; i < list->size(); ++i) {
    HEADSCOPE_ASSIGN(const auto object, line.element("ctxs", i));
    HEADSCOPE_ASSIGN(const auto one, passage(object));
    text += (i > 0 ? "\n\n" : "") + one;
  }
  return text;
}

// `shots` lines of the demonstration file about other questions, drawn by a hash of this one.
Result<std::vector<JsonObject>> drawn_demos(const HelmetSource& source, const std::string& key,
                                            std::string_view key_field) {
  std::vector<std::size_t> order(source.demos.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  rng_for(key, source.seed).shuffle(order);
  std::vector<JsonObject> drawn;
  std::set<std::string> seen{key};
  for (const std::size_t i : order) {
    if (std::ssize(drawn) == source.shots) break;
    HEADSCOPE_ASSIGN(const auto demo, JsonObject::open(source.demos[i], "demonstrations, item " +
                                                                            std::to_string(i + 1)));
    HEADSCOPE_ASSIGN(const auto other, id_text(demo, key_field));
    if (seen.insert(other).second) drawn.push_back(demo);
  }
  if (std::ssize(drawn) < source.shots) {
    return bad_input("the demonstration file has " + std::to_string(drawn.size()) + " items for " +
                     std::to_string(source.shots) +
                     " shots; give --demo-data a longer one, or --shots less");
  }
  return drawn;
}

// Grades of the passages of one query, and the ids from the best down.
struct Grades {
  std::map<std::string, int> of;
  std::string order;
};

Result<Grades> grades_of(const JsonObject& line) {
  HEADSCOPE_ASSIGN(const Json* list, line.array("ctxs"));
  std::vector<std::pair<int, std::string>> graded;
  Grades grades;
  for (std::size_t i = 0; i < list->size(); ++i) {
    HEADSCOPE_ASSIGN(const auto passage, line.element("ctxs", i));
    HEADSCOPE_ASSIGN(const auto id, id_text(passage, "id"));
    HEADSCOPE_ASSIGN(const auto grade, passage.integer("label", -1000, 1000));
    grades.of[id] = static_cast<int>(grade);
    graded.emplace_back(static_cast<int>(grade), id);
  }
  std::ranges::stable_sort(graded, std::ranges::greater(), &std::pair<int, std::string>::first);
  for (const auto& [grade, id] : graded) grades.order += (grades.order.empty() ? "" : " > ") + id;
  return grades;
}

// ---- recall ----

// The sentence of the needle that tells `value`: from its beginning to the end of the value.
void mark_needle(HelmetItem& item, const std::string& value) {
  const std::string& context = item.fields.at("context");
  const std::size_t at = context.find(value);
  const std::size_t begin = at == std::string::npos ? at : context.rfind("One of the special", at);
  constexpr std::size_t longest_needle = 300;
  if (begin == std::string::npos || at - begin > longest_needle) return;
  item.gold.push_back({begin, std::min(at + value.size() + 1, context.size())});
}

Result<> copy_text(const JsonObject& line, std::string_view field, HelmetItem& item) {
  const Json* value = line.find(field);
  if (value == nullptr || value->is_null()) return {};
  item.fields[std::string(field)] =
      value->is_string() ? value->get<std::string>() : dump_json(*value);
  return {};
}

// ---- classification ----

std::string label_text(const Json& label) {
  return label.is_string() ? label.get<std::string>() : dump_json(label);
}

struct Labelled {
  std::string text, label;
};

Result<Labelled> labelled(const JsonObject& line) {
  Labelled result;
  HEADSCOPE_ASSIGN(result.text, line.string("text"));
  const Json* label = line.find("label");
  if (label == nullptr || (!label->is_string() && !label->is_number_integer())) {
    return tl::unexpected(line.wrong("label", "a string or an integer"));
  }
  result.label = label_text(*label);
  return result;
}

int shots_in_name(const std::string& dataset) {
  const std::size_t end = dataset.find("shot");
  if (end == std::string::npos) return 0;
  const std::size_t begin = dataset.rfind('_', end) + 1;
  int shots = 0;
  std::from_chars(dataset.data() + begin, dataset.data() + end, shots);
  return shots;
}

// Rounds over all labels in random order, until there are `count`.
std::vector<const Labelled*> balanced(const std::map<std::string, std::vector<const Labelled*>>& by,
                                      int count, Rng& rng) {
  std::vector<std::vector<const Labelled*>> groups;
  for (const auto& [label, group] : by) {
    groups.push_back(group);
    rng.shuffle(groups.back());
  }
  std::vector<const Labelled*> chosen;
  for (std::size_t round = 0; std::ssize(chosen) < count; ++round) {
    rng.shuffle(groups);
    for (const auto& group : groups) {
      if (std::ssize(chosen) < count) chosen.push_back(group[round % group.size()]);
    }
  }
  return chosen;
}

// ---- long documents ----

// The texts of a list of objects {"text"}, or of a list of strings.
Result<std::vector<std::string>> texts_of_objects(const JsonObject& line, std::string_view field) {
  const Json* list = line.find(field);
  if (list == nullptr || !list->is_array() || list->empty() || !list->front().is_object()) {
    return texts(line, field);
  }
  std::vector<std::string> result;
  for (std::size_t i = 0; i < list->size(); ++i) {
    HEADSCOPE_ASSIGN(const auto object, line.element(field, i));
    HEADSCOPE_ASSIGN(auto text, object.string("text"));
    result.push_back(std::move(text));
  }
  return result;
}

Result<std::string> text_or_object(const JsonObject& line, std::string_view field) {
  const Json* value = line.find(field);
  if (value == nullptr || !value->is_object()) return line.string(field);
  HEADSCOPE_ASSIGN(const auto object, line.object(field));
  return object.string("text");
}

void keep_all_but(const JsonObject& line, std::initializer_list<const char*> left_out,
                  HelmetItem& item) {
  item.kept = line.value();
  for (const char* field : left_out) item.kept.erase(field);
}

}  // namespace

Result<HelmetItem> read_helmet_qa(const JsonObject& line, const HelmetSource& source) {
  HelmetItem item;
  HEADSCOPE_ASSIGN(const auto question, line.string("question"));
  HEADSCOPE_ASSIGN(item.answers, line.strings("answers"));
  HEADSCOPE_ASSIGN(const Json* passages, line.array("ctxs"));
  MarkedText context;
  for (std::size_t i = 0; i < passages->size(); ++i) {
    HEADSCOPE_ASSIGN(const auto passage, line.element("ctxs", i));
    HEADSCOPE_ASSIGN(const auto text, qa_passage(passage));
    HEADSCOPE_ASSIGN(const bool relevant, marked_relevant(passage));
    add_passage(context, item, text, relevant);
  }
  forget_unmarked(item);
  HEADSCOPE_ASSIGN(const auto demos, drawn_demos(source, question, "question"));
  std::string shown;
  for (const JsonObject& demo : demos) {
    HEADSCOPE_ASSIGN(const auto documents, joined_passages(demo, qa_passage));
    HEADSCOPE_ASSIGN(const auto asked, demo.string("question"));
    HEADSCOPE_ASSIGN(const auto answers, demo.strings("answers"));
    if (answers.empty()) return tl::unexpected(demo.wrong("answers", "at least one answer"));
    shown += documents + "\n\nQuestion: " + asked + "\nAnswer: " + answers[0] + "\n\n";
  }
  item.fields = {{"question", question}, {"context", context.take()}, {"demos", shown}};
  keep_all_but(line, {"ctxs"}, item);
  return item;
}

Result<HelmetItem> read_helmet_json_kv(const JsonObject& line, const HelmetSource& source) {
  HelmetItem item;
  HEADSCOPE_ASSIGN(const auto context, line.string("context"));
  HEADSCOPE_ASSIGN(const auto question, line.string("question"));
  HEADSCOPE_ASSIGN(item.answers, texts(line, "answer"));
  HEADSCOPE_ASSIGN(const Json* demos, line.array("demos"));
  std::string shown;
  for (std::size_t i = 0; i < demos->size() && static_cast<int>(i) < source.shots; ++i) {
    const Json& pair = (*demos)[i];
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
      return tl::unexpected(line.wrong("demos", "a list of [key, value] pairs of strings"));
    }
    shown += "Key: " + pair[0].get<std::string>() +
             "\nCorresponding value: " + pair[1].get<std::string>() + "\n\n";
  }
  const std::size_t key = context.find("\"" + question + "\": \"");
  if (key != std::string::npos) {
    const std::size_t end = std::min(context.find('\n', key), context.size());
    item.gold.push_back({key, end});
    const std::size_t brace = context.find('{');
    if (brace < key) item.others.push_back({brace, key});
    if (end < context.size()) item.others.push_back({end, context.size()});
  }
  item.fields = {{"question", question}, {"context", context}, {"demos", shown}};
  keep_all_but(line, {"context"}, item);
  return item;
}

Result<HelmetItem> read_helmet_ruler(const JsonObject& line, const HelmetSource& source) {
  HelmetItem item;
  HEADSCOPE_ASSIGN(item.fields["context"], line.string("context"));
  for (const char* field : {"query", "question", "type_needle_v", "num_v", "example"}) {
    HEADSCOPE_TRY(copy_text(line, field, item));
  }
  std::string& example = item.fields["example"];
  if (!example.empty()) example += "\n\n";
  if (item.fields.contains("query")) item.fields["question"] = item.fields["query"];
  item.fields.try_emplace("question");
  HEADSCOPE_ASSIGN(item.answers, texts(line, line.has("answer") ? "answer" : "outputs"));
  if (source.dataset.find("niah") != std::string::npos) {
    for (const std::string& answer : item.answers) mark_needle(item, answer);
  }
  keep_all_but(line, {"context", "example"}, item);
  return item;
}

Result<HelmetItem> read_helmet_rerank(const JsonObject& line, const HelmetSource& source) {
  HelmetItem item;
  HEADSCOPE_ASSIGN(const auto query, line.string("query"));
  HEADSCOPE_ASSIGN(const auto qid, id_text(line, "qid"));
  HEADSCOPE_ASSIGN(const auto grades, grades_of(line));
  item.relevance = grades.of;
  item.answers = {grades.order};
  int best = 1;
  for (const auto& [id, grade] : grades.of) best = std::max(best, grade);
  HEADSCOPE_ASSIGN(const Json* passages, line.array("ctxs"));
  MarkedText context;
  for (std::size_t i = 0; i < passages->size(); ++i) {
    HEADSCOPE_ASSIGN(const auto passage, line.element("ctxs", i));
    HEADSCOPE_ASSIGN(const auto text, ranked_passage(passage));
    HEADSCOPE_ASSIGN(const auto id, id_text(passage, "id"));
    add_passage(context, item, text, grades.of.at(id) == best);
  }
  forget_unmarked(item);
  HEADSCOPE_ASSIGN(const auto demos, drawn_demos(source, qid, "qid"));
  std::string shown;
  for (const JsonObject& demo : demos) {
    HEADSCOPE_ASSIGN(const auto documents, joined_passages(demo, ranked_passage));
    HEADSCOPE_ASSIGN(const auto asked, demo.string("query"));
    HEADSCOPE_ASSIGN(const auto ranking, grades_of(demo));
    shown += documents + "\n\nQuery: " + asked + "\nRanking: " + ranking.order + "\n\n";
  }
  item.fields = {{"question", query}, {"context", context.take()}, {"demos", shown}};
  keep_all_but(line, {"ctxs"}, item);
  return item;
}

Result<HelmetItem> read_helmet_icl(const JsonObject& line, const HelmetSource& source) {
  HEADSCOPE_ASSIGN(const auto asked, labelled(line));
  std::vector<Labelled> training;
  for (std::size_t i = 0; i < source.demos.size(); ++i) {
    HEADSCOPE_ASSIGN(const auto demo, JsonObject::open(source.demos[i], "demonstrations, item " +
                                                                            std::to_string(i + 1)));
    HEADSCOPE_ASSIGN(auto one, labelled(demo));
    training.push_back(std::move(one));
  }
  const int shots = shots_in_name(source.dataset);
  if (shots <= 0 || training.empty()) {
    return bad_input("'" + source.dataset +
                     "' needs its number of demonstrations in the name "
                     "(icl_trec_coarse_400shot_balance) and the training file in --demo-data");
  }
  std::map<std::string, std::vector<const Labelled*>> by_label;
  for (const Labelled& one : training) by_label[one.label].push_back(&one);
  if (!by_label.contains(asked.label)) {
    return bad_input(line.name() + ": label '" + asked.label + "' is not in the training file");
  }
  Rng rng = rng_for(asked.text, source.seed);
  std::vector<std::size_t> numbers(by_label.size());
  std::iota(numbers.begin(), numbers.end(), std::size_t{0});
  rng.shuffle(numbers);
  const bool natural = source.dataset.find("natural_label") != std::string::npos;
  std::map<std::string, std::string> shown;
  for (const auto& [label, group] : by_label) {
    shown[label] = natural ? label : std::to_string(numbers[shown.size()]);
  }
  std::vector<const Labelled*> chosen;
  if (source.dataset.find("balance") != std::string::npos) {
    chosen = balanced(by_label, shots, rng);
  } else {
    for (int i = 0; i < shots; ++i) chosen.push_back(&training[rng.below(training.size())]);
  }
  HelmetItem item;
  MarkedText context;
  for (const Labelled* one : chosen) {
    add_passage(context, item, one->text + "\nlabel: " + shown[one->label],
                one->label == asked.label);
  }
  forget_unmarked(item);
  item.answers = {shown[asked.label]};
  item.fields = {{"question", asked.text}, {"context", context.take()}};
  item.kept = line.value();
  return item;
}

Result<HelmetItem> read_helmet_narrative(const JsonObject& line, const HelmetSource& source) {
  HelmetItem item;
  const char* document = line.has("document") ? "document" : "context";
  HEADSCOPE_ASSIGN(item.fields["context"], text_or_object(line, document));
  HEADSCOPE_ASSIGN(item.fields["question"], text_or_object(line, "question"));
  HEADSCOPE_ASSIGN(item.answers,
                   texts_of_objects(line, line.has("answers") ? "answers" : "answer"));
  std::string demo;
  for (int i = 0; i < source.shots && !source.demos.empty(); ++i) {
    const std::size_t at =
        rng_for(item.fields["question"], source.seed + static_cast<std::uint64_t>(i))
            .below(source.demos.size());
    HEADSCOPE_ASSIGN(
        const auto shown,
        JsonObject::open(source.demos[at], "demonstrations, item " + std::to_string(at + 1)));
    HEADSCOPE_ASSIGN(const auto question, text_or_object(shown, "question"));
    HEADSCOPE_ASSIGN(const auto answers,
                     texts_of_objects(shown, shown.has("answers") ? "answers" : "answer"));
    if (answers.empty()) return tl::unexpected(shown.wrong("answers", "at least one answer"));
    demo += (demo.empty() ? "" : "\n\n") + ("Question: " + question) + "\nAnswer: " + answers[0];
  }
  item.fields["demo"] = demo.empty() ? ""
                                     : "For example:\n\n" + demo +
                                           "\n\nNow, use the following story to answer the "
                                           "question:\n\n";
  keep_all_but(line, {"document", "context"}, item);
  return item;
}

Result<HelmetItem> read_helmet_infbench(const JsonObject& line, const HelmetSource& source) {
  HelmetItem item;
  HEADSCOPE_ASSIGN(item.fields["context"], line.string("context"));
  HEADSCOPE_ASSIGN(item.fields["question"], line.string("input"));
  HEADSCOPE_ASSIGN(item.answers, texts(line, "answer"));
  item.fields["demo"] = "";
  keep_all_but(line, {"context"}, item);
  if (source.dataset.find("choice_eng") == std::string::npos) return item;
  HEADSCOPE_ASSIGN(const auto options, line.strings("options"));
  const auto right =
      item.answers.empty() ? options.end() : std::ranges::find(options, item.answers.front());
  if (options.size() != 4 || right == options.end()) {
    return tl::unexpected(line.wrong("options", "four options, of which 'answer' is one"));
  }
  std::string& shown = item.fields["options"];
  for (std::size_t i = 0; i < options.size(); ++i) {
    shown += (i > 0 ? "\n" : "") + std::string(1, static_cast<char>('A' + i)) + ". " + options[i];
  }
  const std::string letter(1, static_cast<char>('A' + (right - options.begin())));
  item.answers = {letter, letter + ". " + *right};
  return item;
}

Result<HelmetItem> read_helmet_lexsum(const JsonObject& line, const HelmetSource&) {
  HelmetItem item;
  HEADSCOPE_ASSIGN(const auto sources, line.strings("sources"));
  std::string& context = item.fields["context"];
  for (const std::string& text : sources) context += (context.empty() ? "" : "\n\n") + text;
  HEADSCOPE_ASSIGN(const auto summary, line.string("summary/short"));
  item.answers = {summary};
  item.fields["demo"] = item.fields["question"] = "";
  keep_all_but(line, {"sources"}, item);
  return item;
}

Result<HelmetItem> read_helmet_citation(const JsonObject& line, const HelmetSource& source) {
  HelmetItem item;
  HEADSCOPE_ASSIGN(const auto prompts, JsonObject::open(source.prompts, "demonstration prompts"));
  HEADSCOPE_ASSIGN(const auto document, prompts.string("doc_prompt"));
  HEADSCOPE_ASSIGN(item.fields["instruction"], prompts.string("instruction"));
  HEADSCOPE_ASSIGN(item.fields["question"], line.string("question"));
  HEADSCOPE_ASSIGN(const Json* docs, line.array("docs"));
  const std::size_t cut = source.dataset.rfind('_');
  std::size_t most = docs->size();
  std::from_chars(source.dataset.data() + cut + 1, source.dataset.data() + source.dataset.size(),
                  most);
  std::string& context = item.fields["context"];
  for (std::size_t i = 0; i < std::min(most, docs->size()); ++i) {
    HEADSCOPE_ASSIGN(const auto object, line.element("docs", i));
    HEADSCOPE_ASSIGN(const auto title, object.string("title"));
    HEADSCOPE_ASSIGN(const auto text, object.string("text"));
    const std::map<std::string, std::string> fields{
        {"title", title}, {"text", text}, {"ID", std::to_string(i + 1)}};
    HEADSCOPE_ASSIGN(const auto shown, filled_template(document, fields, line.name()));
    context += (i > 0 ? "\n\n" : "") + shown;
  }
  item.fields["demo_text"] = "";
  item.kept = line.value();  // its scorer wants the documents back
  return item;
}

}  // namespace headscope
