#include "app/shell/experiment_plan.h"

#include <array>
#include <charconv>
#include <cmath>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

#include "core/base/hash.h"
#include "core/sweep/sweep_grid.h"

namespace headscope {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

struct KindText {
  const char *id, *name, *note;
};

constexpr std::array<KindText, experiment_kinds> kTexts = {{
    {"scores", "Contextual heads (Fig. 2, 5)",
     "Which heads put their attention on the gold document, over many samples."},
    {"split", "Split-softmax (Fig. 3)",
     "Exact match against the number of heads acted on, for each tau, beside random heads."},
    {"focus", "Focus directions (Fig. 4)",
     "Exact match against the number of heads, for each alpha, beside random directions."},
    {"positions", "Gold position (lost in the middle)",
     "Exact match and relevant mass as the gold document moves through the prompt."},
    {"control", "Untouched heads (control)",
     "How far the heads that nobody touches move when contextual or random heads are acted on."},
    {"suites", "Long contexts (suites)",
     "Tasks of growing length, with and without focus directions."},
    {"study", "The whole study, with a report",
     "Every experiment above and the paper's claims, each confirmed or not. Takes a while."},
}};

const KindText& text_of(ExperimentKind kind) {
  return kTexts[static_cast<std::size_t>(kind)];
}

Result<> check_numbers(const std::string& list, const char* field) {
  const std::string_view text = list;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    double value = 0;
    const auto [rest, problem] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (problem != std::errc() || rest != part.data() + part.size() || !std::isfinite(value)) {
      return bad_input(std::string(field) + ": '" + list +
                       "' is not a list of numbers separated by commas, such as 0.1,0.2");
    }
    begin = end + 1;
  }
  return {};
}

Result<> check_form(const ExperimentForm& form, const ExperimentModel& model) {
  const ExperimentFields fields = fields_of(form.kind);
  const std::array<std::pair<bool, std::pair<const char*, const std::string*>>, 5> lists = {{
      {fields.taus, {"Tau", &form.taus}},
      {fields.alphas, {"Alpha", &form.alphas}},
      {fields.top_ks, {"Top k", &form.top_ks}},
      {fields.positions, {"Positions", &form.positions}},
      {fields.lengths, {"Tokens", &form.lengths}},
  }};
  for (const auto& [used, field] : lists) {
    if (used) HEADSCOPE_TRY(check_numbers(*field.second, field.first));
  }
  if (fields.data && form.data.empty() && model.model != "demo") {
    return bad_input(
        "Data: choose a file of questions with documents (JSON lines); only the embedded model "
        "has samples of its own");
  }
  return {};
}

// A list of numbers with `value` among them, in order.
std::string with_value(const std::string& list, double value) {
  std::set<double> values = {value};
  std::istringstream parts(list);
  for (std::string part; std::getline(parts, part, ',');) {
    double number = 0;
    const auto read = std::from_chars(part.data(), part.data() + part.size(), number);
    if (read.ec == std::errc()) values.insert(number);
  }
  std::string text;
  for (const double number : values) text += (text.empty() ? "" : ",") + shortest_number(number);
  return text;
}

// Puts the commands of one experiment together.
class Planner {
 public:
  Planner(const ExperimentForm& form, const ExperimentModel& model, fs::path folder)
      : form_(form), model_(model) {
    plan_.folder = std::move(folder);
    plan_.report = plan_.folder / "figures";
  }

  ExperimentPlan plan() {
    switch (form_.kind) {
      case ExperimentKind::scores:
        add_data(1);
        add_scores(true);
        add_figures("heads.json");
        break;
      case ExperimentKind::split:
        add_data(2);
        add_scores(false);
        add_sweep({"--tau", form_.taus, "--top-k", form_.top_ks, "--random-heads", draws()});
        break;
      case ExperimentKind::focus:
        add_data(2);
        add_scores(false);
        add_directions();
        add_sweep({"--alpha", form_.alphas, "--directions", file("directions.safetensors"),
                   "--top-k", form_.top_ks, "--random-directions", draws()});
        break;
      case ExperimentKind::positions:
        add_data(2);
        add_scores(false);
        add_sweep(
            {"--tau", form_.taus, "--top-k", form_.top_ks, "--gold-positions", form_.positions});
        break;
      case ExperimentKind::control:
        add_data(2);
        add_scores(false);
        add_control();
        break;
      case ExperimentKind::suites:
        add_suites();
        break;
      case ExperimentKind::study:
        add_study();
        break;
    }
    return std::move(plan_);
  }

 private:
  std::string file(const char* name) const { return (plan_.folder / name).string(); }
  std::string draws() const { return std::to_string(form_.draws); }
  std::string samples() const { return std::to_string(form_.samples); }
  std::string data() const { return form_.data.empty() ? file("data.jsonl") : form_.data; }

  void add(const char* what, Arguments arguments, const fs::path& makes) {
    plan_.steps.push_back({what, std::move(arguments), makes});
  }

  // What every command that loads the model shares.
  Arguments with_model(Arguments arguments) const {
    const auto option = [&](const char* name, const std::string& value) {
      arguments.insert(arguments.end(), {name, value});
    };
    option("--model", model_.model);
    if (!model_.adapter.empty()) option("--adapter", model_.adapter);
    if (model_.device != "auto") option("--device", model_.device);
    if (model_.dtype != "auto") option("--dtype", model_.dtype);
    if (model_.threads != 0) option("--threads", std::to_string(model_.threads));
    return arguments;
  }

  // `times`: half of the samples make heads and directions, where both are needed.
  void add_data(int times) {
    if (!form_.data.empty()) return;
    add("samples",
        {"demo-data", "--documents", "20", "--distractors", "similar", "--samples",
         std::to_string(form_.samples * times), "--out", data()},
        data());
  }

  void add_scores(bool alone) {
    Arguments arguments = with_model({"score", "--data", data(), "--samples", samples()});
    if (alone && form_.data.empty()) arguments.insert(arguments.end(), {"--part", "all"});
    if (!alone) arguments.emplace_back("--no-gold-only");
    arguments.insert(arguments.end(), {"--out", file("heads.json")});
    add("score", std::move(arguments), file("heads.json"));
  }

  void add_directions() {
    add("train directions",
        with_model({"train-directions", "--data", data(), "--samples", samples(), "--out",
                    file("directions.safetensors")}),
        file("directions.safetensors"));
  }

  void add_sweep(const Arguments& axes) {
    Arguments arguments = with_model(
        {"sweep", "--data", data(), "--samples", samples(), "--heads", file("heads.json")});
    arguments.insert(arguments.end(), axes.begin(), axes.end());
    arguments.insert(arguments.end(), {"--baselines", "--out", file("sweep")});
    plan_.results = plan_.folder / "sweep" / "results.csv";
    add("sweep", std::move(arguments), {});
    add_figures("sweep");
  }

  void add_control() {
    add("control",
        with_model({"control", "--data", data(), "--samples", samples(), "--heads",
                    file("heads.json"), "--tau", "0.1", "--random-heads", draws(), "--out",
                    file("control.json")}),
        {});
    add_figures("control.json");
  }

  // Directions that lie beside the model are tried; without any the model is measured as it is.
  void add_suites() {
    const bool demo = model_.model == "demo";
    Arguments arguments = with_model({"evaluate", "--suite", demo ? "demo" : "all", "--length",
                                      form_.lengths, "--samples", samples()});
    std::error_code ignored;
    if (demo || fs::exists(fs::path(model_.model) / "directions.safetensors", ignored)) {
      arguments.insert(arguments.end(), {"--alpha", form_.alphas});
    }
    arguments.insert(arguments.end(), {"--out", file("suite.jsonl")});
    add("suites", std::move(arguments), {});
    add_figures("suite.json");
  }

  void add_study() {
    Arguments arguments = with_model({"reproduce", "--samples", samples()});
    if (!form_.data.empty()) arguments.insert(arguments.end(), {"--data", form_.data});
    arguments.insert(arguments.end(), {"--out", plan_.folder.string()});
    add("study", std::move(arguments), {});
    plan_.report = plan_.folder / "report.html";
  }

  void add_figures(const char* from) {
    add("figures", {"figures", "--from", file(from), "--out", file("figures")}, {});
  }

  const ExperimentForm& form_;
  const ExperimentModel& model_;
  ExperimentPlan plan_;
};

}  // namespace

const char* experiment_name(ExperimentKind kind) {
  return text_of(kind).name;
}

const char* experiment_note(ExperimentKind kind) {
  return text_of(kind).note;
}

ExperimentFields fields_of(ExperimentKind kind) {
  switch (kind) {
    case ExperimentKind::scores:
    case ExperimentKind::study:
      return {};
    case ExperimentKind::split:
      return {.draws = true, .taus = true, .top_ks = true};
    case ExperimentKind::focus:
      return {.draws = true, .alphas = true, .top_ks = true};
    case ExperimentKind::positions:
      return {.taus = true, .top_ks = true, .positions = true};
    case ExperimentKind::control:
      return {.draws = true};
    case ExperimentKind::suites:
      return {.data = false, .alphas = true, .lengths = true};
  }
  return {};
}

ExperimentForm sweep_around(const InterventionSettings& sliders, ExperimentForm form) {
  const bool focus = sliders.alpha != 0 && sliders.tau == 1;
  form.kind = focus ? ExperimentKind::focus : ExperimentKind::split;
  if (focus) form.alphas = with_value(form.alphas, sliders.alpha);
  if (!focus && sliders.tau != 1) form.taus = with_value(form.taus, sliders.tau);
  if (sliders.top_k > 0) form.top_ks = with_value(form.top_ks, sliders.top_k);
  return form;
}

Result<ExperimentPlan> plan_experiment(const ExperimentForm& form, const ExperimentModel& model,
                                       const fs::path& root) {
  HEADSCOPE_TRY(check_form(form, model));
  std::string settings;
  for (const ExperimentStep& step : Planner(form, model, fs::path()).plan().steps) {
    settings += shell_line(step.arguments) + "\n";
  }
  constexpr std::size_t kDigits = 8;  // enough to tell the experiments of one user apart
  const std::string name =
      std::string(text_of(form.kind).id) + "-" + sha256_hex(settings).substr(0, kDigits);
  return Planner(form, model, root / name).plan();
}

}  // namespace headscope
