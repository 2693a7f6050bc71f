#include "core/exhibit/prompt_tests.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "core/figure/curves.h"
#include "core/figure/document_bars.h"
#include "core/figure/ticks.h"

namespace headscope {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// Arguments of a command, as it is written in captions.
class Arguments {
 public:
  explicit Arguments(std::string command) : list_{std::move(command)} {}
  void add(std::initializer_list<std::string> more) { list_.insert(list_.end(), more); }
  /// The value may begin with a dash or a blank.
  void set(const std::string& option, const std::string& value) {
    list_.push_back(option + "=" + value);
  }
  template <class Number>
  void add(const std::string& option, const std::vector<Number>& numbers) {
    if (numbers.empty()) return;
    std::string text;
    for (const Number n : numbers) text += (text.empty() ? "" : ",") + dump_json(Json(n));
    set(option, text);
  }
  std::vector<std::string> take() { return std::move(list_); }

 private:
  std::vector<std::string> list_;
};

// One number of every row as an array, where any of them has it.
template <class Row>
void add_array(Exhibit& exhibit, const std::string& name, const std::vector<Row>& rows,
               double Row::*value) {
  std::vector<float> numbers;
  for (const Row& row : rows) numbers.push_back(static_cast<float>(row.*value));
  if (std::all_of(numbers.begin(), numbers.end(), [](float v) { return std::isnan(v); })) return;
  exhibit.arrays.push_back({name, {std::ssize(numbers)}, std::move(numbers)});
}

template <class Row>
void add_array(Exhibit& exhibit, const std::string& name, const std::vector<Row>& rows,
               std::int64_t Row::*value) {
  std::vector<std::int64_t> numbers;
  for (const Row& row : rows) numbers.push_back(row.*value);
  exhibit.arrays.push_back({name, {std::ssize(numbers)}, std::move(numbers)});
}

template <class Value>
void add_once(std::vector<Value>& list, const Value& value) {
  if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(value);
}

// Every element of a list, an object each.
template <class Row>
Result<std::vector<Row>> rows_of(const JsonObject& result, const char* field,
                                 Result<Row> (*read)(const JsonObject&)) {
  HEADSCOPE_ASSIGN(const Json* list, result.array(field));
  std::vector<Row> rows;
  for (std::size_t i = 0; i < list->size(); ++i) {
    HEADSCOPE_ASSIGN(const auto object, result.element(field, i));
    HEADSCOPE_ASSIGN(auto row, read(object));
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<std::vector<HeadId>> heads_of(const JsonObject& options, const char* field) {
  std::vector<HeadId> heads;
  if (!options.has(field)) return heads;
  HEADSCOPE_ASSIGN(const Json* list, options.array(field));
  for (const Json& pair : *list) {
    const bool good = pair.is_array() && pair.size() == 2 && pair[0].is_number_integer() &&
                      pair[1].is_number_integer();
    if (!good) return tl::unexpected<Error>(options.wrong(field, "pairs [layer, head]"));
    heads.push_back({pair[0].get<int>(), pair[1].get<int>()});
  }
  return heads;
}

// The heads that were looked at: in the command, and in the file beside the figure that it names.
void name_heads(std::vector<HeadId> heads, Origin& origin, Arguments& arguments) {
  if (!heads.empty()) arguments.add({"--top-k", std::to_string(heads.size())});
  origin.heads = std::move(heads);
}

std::string in_words(const std::vector<HeadId>& heads) {
  if (heads.size() != 1)
    return heads.empty() ? "mean over all heads"
                         : "mean over " + std::to_string(heads.size()) + " heads";
  return "layer " + std::to_string(heads[0].layer) + ", head " + std::to_string(heads[0].head);
}

Cell number_cell(double value) {
  return std::isfinite(value) ? Cell(value) : Cell{};
}

// One document at one place.
struct Place {
  std::int64_t document = 0, position = 0, tokens = 0;
  bool original = false;
  std::string response;
  double match = kUnknown, mass = kUnknown, others = kUnknown, sink = kUnknown;
  double log_probability = kUnknown, per_token = kUnknown;
};

Result<Place> read_place(const JsonObject& row) {
  Place place;
  HEADSCOPE_ASSIGN(place.document, row.integer("document"));
  HEADSCOPE_ASSIGN(place.position, row.integer("position", 0));
  HEADSCOPE_ASSIGN(place.tokens, row.integer("tokens"));
  HEADSCOPE_ASSIGN(place.original, row.boolean("original"));
  HEADSCOPE_ASSIGN(place.response, row.string("response"));
  HEADSCOPE_ASSIGN(place.match, row.number_or("match", kUnknown));
  HEADSCOPE_ASSIGN(place.mass, row.number_or("relevant_mass", kUnknown));
  HEADSCOPE_ASSIGN(place.others, row.number_or("irrelevant_mass", kUnknown));
  HEADSCOPE_ASSIGN(place.sink, row.number_or("sink_mass", kUnknown));
  HEADSCOPE_ASSIGN(place.log_probability, row.number_or("log_probability", kUnknown));
  HEADSCOPE_ASSIGN(place.per_token, row.number_or("log_probability_per_token", kUnknown));
  return place;
}

// One panel: a curve a document, over the places that have the value.
void add_panel(figure::CurvesFigure& drawn, const std::vector<Place>& places, const char* label,
               double Place::*value) {
  figure::Panel panel;
  panel.x_label = "Position of the document (from 0)";
  panel.y_label = label;
  if (value == &Place::match) {
    panel.y_low = 0;
    panel.y_high = 1;
  }
  for (const Place& place : places) {
    if (!std::isfinite(place.*value)) continue;
    const std::string name = "document " + std::to_string(place.document);
    if (panel.curves.empty() || panel.curves.back().name != name)
      panel.curves.push_back({name, {}, static_cast<int>(panel.curves.size()), false});
    panel.curves.back().points.push_back({static_cast<double>(place.position), place.*value});
  }
  if (!panel.curves.empty()) drawn.panels.push_back(std::move(panel));
}

figure::CurvesFigure positions_figure(const std::vector<Place>& places, const std::string& run,
                                      const std::vector<HeadId>& heads) {
  figure::CurvesFigure drawn;
  drawn.title = "One document at every place of the prompt";
  drawn.subtitle = run;
  drawn.text =
      "The document is moved, the others keep their order. Relevant mass: attention of the "
      "response's rows on the moved document, " +
      in_words(heads) + ".";
  add_panel(drawn, places, "Relevant mass", &Place::mass);
  add_panel(drawn, places, "Log-probability of a token of the reference", &Place::per_token);
  add_panel(drawn, places, "Exact match", &Place::match);
  return drawn;
}

Result<Arguments> positions_arguments(const JsonObject& result, const JsonObject& options,
                                      const std::vector<Place>& places) {
  Arguments arguments("positions");
  std::vector<std::int64_t> documents, positions;
  for (const Place& place : places) {
    add_once(documents, place.document);
    add_once(positions, place.position);
  }
  arguments.add("--document", documents);
  HEADSCOPE_ASSIGN(const auto all, result.integer_or("places", std::ssize(positions)));
  if (std::ssize(positions) != all) arguments.add("--positions", positions);
  if (options.has("answers")) {
    HEADSCOPE_ASSIGN(const auto answers, options.strings("answers"));
    for (const std::string& answer : answers) arguments.set("--answers", answer);
  }
  HEADSCOPE_ASSIGN(const auto reference, options.string_or("reference", ""));
  if (!reference.empty()) arguments.set("--reference", reference);
  return arguments;
}

Table positions_table(const std::vector<Place>& places) {
  std::vector<std::vector<Cell>> rows;
  for (const Place& p : places) {
    rows.push_back({p.document, p.position, std::int64_t{p.original ? 1 : 0}, p.tokens,
                    number_cell(p.match), number_cell(p.mass), number_cell(p.others),
                    number_cell(p.sink), number_cell(p.log_probability), number_cell(p.per_token),
                    p.response});
  }
  return table_of(
      {"document", "position", "original", "tokens", "match", "relevant_mass", "irrelevant_mass",
       "sink_mass", "log_probability", "log_probability_per_token", "response"},
      std::move(rows));
}

/// A setting that was tried; alpha = 0 and tau = 1: nothing is changed.
struct Setting {
  double alpha = 0, tau = 1;
  std::int64_t top_k = 0;
  double log_probability = kUnknown, share = kUnknown;
  bool best = false;

  bool changes_nothing() const { return alpha == 0 && tau == 1; }
  std::string strength() const {
    std::string text = alpha != 0 ? "α = " + figure::shortest(alpha) : "";
    if (tau != 1) text += (text.empty() ? "" : ", ") + ("τ = " + figure::shortest(tau));
    return text;
  }
};

Result<Setting> read_setting(const JsonObject& row) {
  Setting setting;
  HEADSCOPE_ASSIGN(setting.alpha, row.number("alpha"));
  HEADSCOPE_ASSIGN(setting.tau, row.number("tau"));
  HEADSCOPE_ASSIGN(setting.top_k, row.integer("top_k", 0));
  HEADSCOPE_ASSIGN(setting.log_probability, row.number_or("log_probability", kUnknown));
  HEADSCOPE_ASSIGN(setting.share, row.number_or("relevant_share", kUnknown));
  return setting;
}

Result<std::vector<Setting>> settings_of(const JsonObject& result) {
  HEADSCOPE_ASSIGN(auto settings, rows_of(result, "rows", read_setting));
  HEADSCOPE_ASSIGN(const auto best, result.object("best"));
  for (std::size_t i = 0; i < settings.size(); ++i)
    settings[i].best = result.value()["rows"][i] == best.value();
  return settings;
}

// One panel: a curve a strength over the numbers of heads, and the unedited model as a level.
void add_panel(figure::CurvesFigure& drawn, const std::vector<Setting>& settings, const char* label,
               double Setting::*value) {
  figure::Panel panel;
  panel.x_label = "Heads intervened on (k)";
  panel.y_label = label;
  panel.logarithmic = true;
  std::map<std::string, std::size_t> curves;
  for (const Setting& setting : settings) {
    if (!std::isfinite(setting.*value)) continue;
    if (setting.changes_nothing()) {
      panel.levels.push_back({"unedited", setting.*value});
      continue;
    }
    const auto [at, is_new] = curves.try_emplace(setting.strength(), panel.curves.size());
    if (is_new)
      panel.curves.push_back({at->first, {}, static_cast<int>(at->second), setting.alpha == 0});
    panel.curves[at->second].points.push_back({static_cast<double>(setting.top_k), setting.*value});
  }
  if (!panel.curves.empty()) drawn.panels.push_back(std::move(panel));
}

Result<figure::CurvesFigure> tune_figure(const JsonObject& result,
                                         const std::vector<Setting>& settings) {
  figure::CurvesFigure drawn;
  drawn.title = "Strengths and numbers of heads on one prompt";
  for (const Setting& setting : settings) {
    if (!setting.best) continue;
    drawn.subtitle = "Best: change nothing";
    if (!setting.changes_nothing())
      drawn.subtitle = "Best: " + setting.strength() + " on " + std::to_string(setting.top_k) +
                       (setting.top_k == 1 ? " head" : " heads");
  }
  HEADSCOPE_ASSIGN(const auto measured, result.string("measured"));
  HEADSCOPE_ASSIGN(const bool likely, result.boolean_or("likely", false));
  drawn.text = "Best by the " + measured + (likely ? " (the likely one)" : "") +
               ". Every setting was run exactly, with the same answer fed to it; dashed: "
               "split-softmax. One prompt: no claim about others.";
  add_panel(drawn, settings, "Log-probability of the answer", &Setting::log_probability);
  add_panel(drawn, settings, "Relevant share", &Setting::share);
  return drawn;
}

Result<Arguments> tune_arguments(const JsonObject& options, const std::vector<Setting>& settings) {
  Arguments arguments("tune");
  std::vector<double> alphas, taus;
  std::vector<std::int64_t> top_ks;
  for (const Setting& setting : settings) {
    if (setting.alpha != 0) add_once(alphas, setting.alpha);
    if (setting.tau != 1) add_once(taus, setting.tau);
    if (!setting.changes_nothing()) add_once(top_ks, setting.top_k);
  }
  arguments.add("--alpha", alphas);
  arguments.add("--tau", taus);
  arguments.add("--top-ks", top_ks);
  HEADSCOPE_ASSIGN(const auto answer, options.string_or("answer", ""));
  if (!answer.empty()) arguments.set("--answer", answer);
  HEADSCOPE_ASSIGN(const auto directions, options.string_or("directions", ""));
  if (!directions.empty()) arguments.add({"--directions", directions});
  return arguments;
}

// Of a document, or of a head that was ablated.
struct Loss {
  std::string name;
  std::int64_t number = 0;
  bool gold = false;
  double mass = kUnknown, drop = kUnknown, per_token = kUnknown;
};

Result<Loss> read_loss(const JsonObject& entry) {
  Loss loss;
  HEADSCOPE_ASSIGN(loss.mass, entry.number_or("mass", kUnknown));
  HEADSCOPE_ASSIGN(loss.drop, entry.number_or("drop", kUnknown));
  HEADSCOPE_ASSIGN(loss.per_token, entry.number_or("drop_mean", kUnknown));
  return loss;
}

Result<Loss> read_document(const JsonObject& entry) {
  HEADSCOPE_ASSIGN(auto loss, read_loss(entry));
  HEADSCOPE_ASSIGN(loss.number, entry.integer("number"));
  HEADSCOPE_ASSIGN(loss.gold, entry.boolean_or("gold", false));
  loss.name = std::to_string(loss.number);
  return loss;
}

Result<Loss> read_ablated_head(const JsonObject& entry) {
  HEADSCOPE_ASSIGN(auto loss, read_loss(entry));
  HEADSCOPE_ASSIGN(const auto id, entry.integers("head"));
  if (id.size() != 2) return tl::unexpected<Error>(entry.wrong("head", "[layer, head]"));
  loss.name = "L" + std::to_string(id[0]) + "H" + std::to_string(id[1]);
  return loss;
}

Table causal_table(const std::vector<Loss>& documents, const std::vector<Loss>& heads) {
  std::vector<std::vector<Cell>> rows;
  const auto add = [&](const char* part, const Loss& loss, Cell gold) {
    rows.push_back({std::string(part), loss.name, std::move(gold), number_cell(loss.mass),
                    number_cell(loss.drop), number_cell(loss.per_token)});
  };
  for (const Loss& loss : documents) add("document", loss, std::int64_t{loss.gold ? 1 : 0});
  for (const Loss& loss : heads) add("head", loss, Cell{});
  return table_of({"part", "name", "gold", "mass", "drop", "drop_mean"}, std::move(rows));
}

// Heads and passport's options, which every one of these results has.
Result<JsonObject> options_of(const JsonObject& result) {
  HEADSCOPE_ASSIGN(const auto passport, result.object("passport"));
  return passport.object("options");
}

}  // namespace

Splitting numbered_by_place(const PromptView& prompt) {
  Splitting splitting{"hand", "", {}};
  for (std::size_t i = 0; i < prompt.documents.size(); ++i) {
    const DocumentView& document = prompt.documents[i];
    splitting.by_hand.push_back(
        {document.line, document.relevant.begin, document.relevant.end, static_cast<int>(i) + 1});
  }
  return splitting;
}

Origin test_origin(const ShownRuns& runs) {
  Origin origin = unedited(runs.origin);
  origin.splitting = numbered_by_place(*runs.prompt);
  origin.gold.clear();
  for (const int index : runs.prompt->gold_documents()) origin.gold.push_back(index + 1);
  origin.rows = RowConvention::input;
  origin.repeatable = true;  // they begin anew, whatever the runs on screen were
  return origin;
}

Result<Exhibit> positions_exhibit(const Json& result, Origin origin) {
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(result, "position test"));
  HEADSCOPE_ASSIGN(const auto places, rows_of(object, "rows", read_place));
  if (places.empty()) return bad_input("position test: no place was tried");
  HEADSCOPE_ASSIGN(const auto options, options_of(object));
  HEADSCOPE_ASSIGN(const auto heads, heads_of(options, "mass_heads"));
  HEADSCOPE_ASSIGN(auto arguments, positions_arguments(object, options, places));
  Exhibit exhibit;
  exhibit.name = "positions";
  const auto drawn = positions_figure(places, in_words(origin), heads);
  if (!drawn.panels.empty()) exhibit.draw = drawn_by(drawn, figure::draw_curves);
  exhibit.table = positions_table(places);
  add_array(exhibit, "document", places, &Place::document);
  add_array(exhibit, "position", places, &Place::position);
  add_array(exhibit, "relevant_mass", places, &Place::mass);
  add_array(exhibit, "log_probability", places, &Place::log_probability);
  add_array(exhibit, "match", places, &Place::match);
  exhibit.origin = std::move(origin);
  exhibit.origin.gold.clear();  // the moved document takes its place
  if (exhibit.origin.intervention.empty()) name_heads(heads, exhibit.origin, arguments);
  exhibit.arguments = arguments.take();
  return exhibit;
}

Result<Exhibit> causal_exhibit(const Json& result, Origin origin) {
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(result, "causal check"));
  HEADSCOPE_ASSIGN(const auto mask, object.string("mask"));
  HEADSCOPE_ASSIGN(const auto documents, rows_of(object, "documents", read_document));
  HEADSCOPE_ASSIGN(const auto ablated, rows_of(object, "heads", read_ablated_head));
  HEADSCOPE_ASSIGN(const auto options, options_of(object));
  HEADSCOPE_ASSIGN(auto heads, heads_of(options, "heads"));
  HEADSCOPE_ASSIGN(const auto answer, options.string_or("answer_text", ""));
  const bool removed = mask == "remove";
  figure::DocumentBarsFigure f;
  f.title = "What the answer loses without each document";
  f.of = "Attention: " + in_words(heads);
  if (const std::string words = in_words(origin); !words.empty()) f.of += "; " + words;
  f.has_sink = false;
  f.has_drops = true;
  f.without = removed ? "is not in the prompt" : "is hidden from it";
  f.answer = answer.empty() ? "the model's own answer" : "the given answer";
  for (const Loss& loss : documents)
    f.documents.push_back({static_cast<int>(loss.number), loss.gold, loss.mass, 0, loss.drop});
  Arguments arguments("causal");
  if (removed) arguments.add({"--mask", "remove"});
  if (ablated.empty()) arguments.add({"--no-heads"});
  if (!answer.empty()) arguments.set("--answer", answer);
  Exhibit exhibit;
  exhibit.name = removed ? "removal" : "causal";
  if (!documents.empty()) exhibit.draw = drawn_by(f, figure::draw_document_bars);
  exhibit.table = causal_table(documents, ablated);
  add_array(exhibit, "document_mass", documents, &Loss::mass);
  add_array(exhibit, "document_drop", documents, &Loss::drop);
  add_array(exhibit, "head_mass", ablated, &Loss::mass);
  add_array(exhibit, "head_drop", ablated, &Loss::drop);
  exhibit.origin = std::move(origin);
  name_heads(std::move(heads), exhibit.origin, arguments);
  exhibit.arguments = arguments.take();
  return exhibit;
}

Result<Exhibit> tune_exhibit(const Json& result, Origin origin) {
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(result, "strengths and numbers of heads"));
  HEADSCOPE_ASSIGN(const auto settings, settings_of(object));
  if (settings.size() < 2) return bad_input("tune: no setting was tried");
  HEADSCOPE_ASSIGN(const auto drawn, tune_figure(object, settings));
  HEADSCOPE_ASSIGN(const auto options, options_of(object));
  HEADSCOPE_ASSIGN(auto arguments, tune_arguments(options, settings));
  Exhibit exhibit;
  exhibit.name = "tune";
  if (!drawn.panels.empty()) exhibit.draw = drawn_by(drawn, figure::draw_curves);
  std::vector<std::vector<Cell>> rows;
  for (const Setting& s : settings)
    rows.push_back({s.alpha, s.tau, s.top_k, number_cell(s.log_probability), number_cell(s.share),
                    std::int64_t{s.best ? 1 : 0}});
  exhibit.table = table_of({"alpha", "tau", "top_k", "log_probability", "relevant_share", "best"},
                           std::move(rows));
  add_array(exhibit, "alpha", settings, &Setting::alpha);
  add_array(exhibit, "tau", settings, &Setting::tau);
  add_array(exhibit, "top_k", settings, &Setting::top_k);
  add_array(exhibit, "log_probability", settings, &Setting::log_probability);
  add_array(exhibit, "relevant_share", settings, &Setting::share);
  exhibit.origin = std::move(origin);
  HEADSCOPE_ASSIGN(exhibit.origin.heads, heads_of(options, "heads"));
  exhibit.arguments = arguments.take();
  return exhibit;
}

}  // namespace headscope
