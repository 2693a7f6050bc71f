#include "core/sweep/study_bench.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/figure/ratios.h"
#include "core/figure/ticks.h"

namespace headscope {
namespace {

constexpr std::array kGrowthParts = {"tokens", "heads", "documents", "samples"};
constexpr std::array kPeersParts = {"response_rows", "middle_layer", "first_layer", "samples",
                                    "grid"};
constexpr double kMebibyte = 1024.0 * 1024.0;

std::string suite_of(const Json& value) {
  if (!value.is_object()) return "";
  const auto suite = value.find("suite");
  return suite != value.end() && suite->is_string() ? suite->get<std::string>() : "";
}

std::string with_blanks(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

// A policy of capture over the sizes that were tried.
struct GrowthCurve {
  std::string name, what;
  std::vector<double> x, seconds, bytes;
  double time_exponent = 0, memory_exponent = 0;  ///< NaN: not known

  /// "spans: time ∝ n^1.08, memory ∝ n^0.97"
  std::string legend() const {
    const auto exponent = [](const char* of, double value) {
      return std::isfinite(value) ? std::string(of) + " ∝ n^" + figure::fixed(value, 2) : "";
    };
    const std::string time = exponent("time", time_exponent),
                      memory = exponent("memory", memory_exponent);
    const std::string between = !time.empty() && !memory.empty() ? ", " : "";
    return name + (time.empty() && memory.empty() ? "" : ": ") + time + between + memory;
  }
};

Result<GrowthCurve> growth_curve(const JsonObject& object) {
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  GrowthCurve curve;
  HEADSCOPE_ASSIGN(curve.name, object.string("name"));
  HEADSCOPE_ASSIGN(curve.what, object.string("what"));
  HEADSCOPE_ASSIGN(curve.x, object.numbers("x"));
  HEADSCOPE_ASSIGN(curve.seconds, object.numbers("seconds"));
  HEADSCOPE_ASSIGN(curve.bytes, object.numbers("run_bytes"));
  HEADSCOPE_ASSIGN(curve.time_exponent, object.number_or("time_exponent", unknown));
  HEADSCOPE_ASSIGN(curve.memory_exponent, object.number_or("memory_exponent", unknown));
  for (const char* field : {"seconds", "run_bytes"}) {
    if (object.find(field)->size() != curve.x.size())
      return tl::unexpected<Error>(object.wrong(field, "as many numbers as 'x' has"));
  }
  if (curve.x.empty() || *std::min_element(curve.x.begin(), curve.x.end()) <= 0)
    return tl::unexpected<Error>(object.wrong("x", "numbers above 0"));
  return curve;
}

// What is not above 0 has no place on a logarithmic axis.
void add_curve(figure::Panel& panel, const GrowthCurve& curve, const std::vector<double>& y,
               double unit) {
  figure::Curve drawn{curve.legend(), {}, static_cast<int>(panel.curves.size())};
  for (std::size_t i = 0; i < y.size(); ++i)
    if (y[i] > 0) drawn.points.push_back({curve.x[i], y[i] / unit});
  panel.curves.push_back(std::move(drawn));
}

Result<figure::CurvesFigure> growth_figure(const JsonObject& part) {
  HEADSCOPE_ASSIGN(const auto unit, part.string("unit"));
  HEADSCOPE_ASSIGN(const auto what, part.string("what"));
  HEADSCOPE_ASSIGN(const Json* curves, part.array("curves"));
  figure::Panel time, memory;
  time.x_label = memory.x_label = "Number of " + unit + " (n)";
  time.y_label = "Seconds";
  memory.y_label = "Memory beside the weights (MiB)";
  for (figure::Panel* panel : {&time, &memory}) panel->logarithmic = panel->logarithmic_y = true;
  figure::CurvesFigure drawn;
  drawn.title = "Growth with the number of " + unit;
  drawn.subtitle = what;
  drawn.text = "Exponents: least squares of the logarithms.";
  for (std::size_t i = 0; i < curves->size(); ++i) {
    HEADSCOPE_ASSIGN(const auto object, part.element("curves", i));
    HEADSCOPE_ASSIGN(const auto curve, growth_curve(object));
    add_curve(time, curve, curve.seconds, 1);
    add_curve(memory, curve, curve.bytes, kMebibyte);
    drawn.text += " " + curve.name + ": " + curve.what + ".";
  }
  drawn.panels = {std::move(time), std::move(memory)};
  return drawn;
}

// "at least 20", "at most 1.3"
Result<std::optional<figure::RatioGoal>> goal_of(const JsonObject& ratio) {
  if (!ratio.has("goal")) return std::nullopt;
  HEADSCOPE_ASSIGN(const auto text, ratio.string("goal"));
  for (const bool at_least : {true, false}) {
    const std::string words = at_least ? "at least " : "at most ";
    if (!text.starts_with(words)) continue;
    const auto limit = parse_json(text.substr(words.size()), ratio.name());
    if (limit && limit->is_number() && limit->get<double>() > 0)
      return figure::RatioGoal{limit->get<double>(), at_least};
  }
  return tl::unexpected<Error>(ratio.wrong("goal", "\"at least\" or \"at most\" a number above 0"));
}

Result<figure::Ratio> ratio_of(const JsonObject& object, const std::string& part,
                               const std::string& name) {
  figure::Ratio ratio{with_blanks(part), with_blanks(name)};
  const bool repeated = object.has("median");
  HEADSCOPE_ASSIGN(ratio.value, object.number(repeated ? "median" : "value"));
  HEADSCOPE_ASSIGN(ratio.low, object.number_or("low", ratio.value));
  HEADSCOPE_ASSIGN(ratio.high, object.number_or("high", ratio.value));
  HEADSCOPE_ASSIGN(ratio.goal, goal_of(object));
  return ratio;
}

Result<figure::RatiosFigure> peers_figure(const JsonObject& report) {
  figure::RatiosFigure drawn;
  drawn.title = "Headscope beside what people use today";
  drawn.text =
      "Dots: medians of repetitions that ran next to each other; lines: the least and the largest. "
      "\"Below\": theirs over ours, more is better; \"over\": ours over theirs, less is better. "
      "Bars across: goals, with a foot towards the better side; a hollow dot does not reach it.";
  for (const char* part : kPeersParts) {
    if (!report.has(part)) continue;
    HEADSCOPE_ASSIGN(const auto object, report.object(part));
    if (!object.has("ratios")) continue;  // the peers were missing
    HEADSCOPE_ASSIGN(const auto ratios, object.object("ratios"));
    for (const auto& [name, value] : ratios.value().items()) {
      if (value.is_null()) continue;  // no repetition came through
      HEADSCOPE_ASSIGN(const auto entry, ratios.object(name));
      HEADSCOPE_ASSIGN(auto ratio, ratio_of(entry, part, name));
      drawn.ratios.push_back(std::move(ratio));
    }
  }
  return drawn;
}

}  // namespace

bool is_bench_report(const Json& value) {
  const std::string suite = suite_of(value);
  return suite == "growth" || suite == "peers";
}

Result<figure::Provenance> provenance_of_bench(const Json& value, const std::string& name) {
  HEADSCOPE_ASSIGN(const auto report, JsonObject::open(value, name));
  HEADSCOPE_ASSIGN(const auto machine, report.object("machine"));
  HEADSCOPE_ASSIGN(const auto model, report.object("model"));
  figure::Provenance p;
  HEADSCOPE_ASSIGN(const auto what, model.string("what"));
  HEADSCOPE_ASSIGN(const auto parameters, model.integer("parameters"));
  p.model = what + ", " + figure::shortest(static_cast<double>(parameters)) + " parameters";
  HEADSCOPE_ASSIGN(const auto quick, report.boolean_or("quick", false));
  if (quick) p.settings.push_back("a quick run: a tiny model, nothing to quote");
  HEADSCOPE_ASSIGN(const auto processor, machine.string("processor"));
  HEADSCOPE_ASSIGN(const auto threads, machine.integer("threads"));
  p.settings.push_back(processor + ", " + std::to_string(threads) +
                       (threads == 1 ? " thread" : " threads"));
  HEADSCOPE_ASSIGN(const auto load, machine.number("load_average"));
  p.settings.push_back("load average before it " + figure::fixed(load, 2));
  HEADSCOPE_ASSIGN(const auto libtorch, machine.string("libtorch"));
  p.settings.push_back("libtorch " + libtorch);
  HEADSCOPE_ASSIGN(p.version, machine.string("headscope"));
  return p;
}

Result<std::vector<NamedFigure>> bench_figures(const Json& value, const std::string& name,
                                               figure::Provenance provenance) {
  HEADSCOPE_ASSIGN(const auto report, JsonObject::open(value, name));
  std::vector<NamedFigure> figures;
  if (suite_of(value) == "peers") {
    HEADSCOPE_ASSIGN(auto drawn, peers_figure(report));
    drawn.provenance = std::move(provenance);
    if (!drawn.ratios.empty()) figures.push_back({"peers", std::move(drawn)});
    return figures;
  }
  for (const char* part : kGrowthParts) {
    if (!report.has(part)) continue;
    HEADSCOPE_ASSIGN(const auto object, report.object(part));
    HEADSCOPE_ASSIGN(auto drawn, growth_figure(object));
    drawn.provenance = provenance;
    figures.push_back({std::string("growth-") + part, std::move(drawn)});
  }
  return figures;
}

}  // namespace headscope
