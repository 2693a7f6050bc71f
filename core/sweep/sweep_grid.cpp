#include "core/sweep/sweep_grid.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "core/analysis/head_choice.h"

namespace headscope {
namespace {

constexpr std::array<std::pair<SweepMethod, const char*>, 4> kMethods{
    {{SweepMethod::none, "none"},
     {SweepMethod::split_softmax, "split-softmax"},
     {SweepMethod::focus, "focus"},
     {SweepMethod::random_directions, "random-directions"}}};
constexpr std::array<std::pair<CellHeads, const char*>, 3> kHeads{
    {{CellHeads::none, ""}, {CellHeads::contextual, "contextual"}, {CellHeads::random, "random"}}};

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

tl::unexpected<Error> usage(const std::string& message) {
  return fail(ErrorKind::usage, message);
}

Result<> check_axes(const SweepAxes& axes, const std::vector<HeadId>& ranking) {
  const bool intervenes = !axes.taus.empty() || !axes.alphas.empty();
  if (!intervenes && !axes.baselines) {
    return usage("nothing to run: give --tau, --alpha or --baselines");
  }
  for (const double tau : axes.taus) {
    if (!(tau >= 0 && tau <= 1)) {
      return usage("--tau " + shortest_number(tau) + ": expected numbers from 0 to 1");
    }
  }
  for (const double alpha : axes.alphas) {
    if (!std::isfinite(alpha)) return usage("--alpha: expected finite numbers");
  }
  if (intervenes && axes.top_ks.empty()) return usage("--top-k is required with --tau or --alpha");
  for (const int k : axes.top_ks) {
    if (k < 1) return usage("--top-k " + std::to_string(k) + ": expected numbers from 1");
  }
  if (intervenes && ranking.empty()) return usage("the head set has no heads");
  if (axes.random_heads < 0 || axes.random_directions < 0) {
    return usage("--random-heads and --random-directions: expected numbers from 0");
  }
  constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max());
  if (axes.random_heads + axes.random_directions > 0 && axes.seed > largest) {
    return usage("--seed " + std::to_string(axes.seed) + ": a sweep's seeds go up to " +
                 std::to_string(largest));
  }
  if (axes.random_heads > 0 && !intervenes) {
    return usage("--random-heads: the control of --tau or --alpha, which are not given");
  }
  if (axes.random_directions > 0 && axes.alphas.empty()) {
    return usage("--random-directions: the control of --alpha, which is not given");
  }
  return {};
}

// Builds the cells; a set keeps them in order and each once.
class GridBuilder {
 public:
  GridBuilder(const SweepAxes& axes, const std::vector<HeadId>& ranking, int layers, int heads)
      : axes_(axes), ranking_(ranking), layers_(layers), heads_(heads) {}

  SweepGrid build() {
    clip_top_ks();
    if (axes_.gold_positions.empty()) add_position(std::nullopt);
    for (const std::size_t position : axes_.gold_positions) add_position(position);
    return {{cells_.begin(), cells_.end()}, std::move(notes_)};
  }

 private:
  void clip_top_ks() {
    const int all =
        static_cast<int>(first_heads(ranking_, layers_ * heads_, layers_, heads_).size());
    for (const int k : axes_.top_ks) {
      if (k > all) {
        notes_.push_back("--top-k " + std::to_string(k) + " is clipped to the " +
                         std::to_string(all) + " heads of the head set");
      }
      const int clipped = std::min(k, all);
      if (!draws_.contains(clipped)) draws_[clipped] = draws_of(clipped);
    }
  }

  int draws_of(int k) {
    const auto outside = static_cast<int>(heads_outside(ranking_, k, layers_, heads_).size());
    if (axes_.random_heads == 0 || outside > k) return axes_.random_heads;
    const std::string at = "random heads at top-k " + std::to_string(k) + ": ";
    const std::string left = std::to_string(outside) + " heads lie outside the contextual ones";
    notes_.push_back(outside < k ? at + "none, since only " + left
                                 : at + "one draw, since exactly " + left);
    return outside < k ? 0 : 1;
  }

  void add_position(std::optional<std::size_t> position) {
    SweepCell cell;
    cell.gold_position = position;
    if (axes_.baselines) {
      for (const auto prompt : {PromptKind::all, PromptKind::gold_only, PromptKind::no_gold}) {
        cell.prompt = prompt;
        cells_.insert(cell);
      }
      cell.prompt = PromptKind::all;
    }
    for (const auto& [k, draws] : draws_) {
      cell.top_k = k;
      cell.method = SweepMethod::split_softmax;
      for (const double tau : axes_.taus) {
        cell.tau = tau;
        add_with_random_heads(cell);
      }
      cell.tau.reset();
      cell.method = SweepMethod::focus;
      for (const double alpha : axes_.alphas) {
        cell.alpha = alpha;
        add_with_random_heads(cell);
        add_random_directions(cell);
      }
      cell.alpha.reset();
    }
  }

  void add_with_random_heads(SweepCell cell) {
    cell.heads = CellHeads::contextual;
    cells_.insert(cell);
    cell.heads = CellHeads::random;
    for (int draw = 0; draw < draws_.at(*cell.top_k); ++draw) add_draw(cell, draw);
  }

  void add_random_directions(SweepCell cell) {
    cell.method = SweepMethod::random_directions;
    cell.heads = CellHeads::contextual;
    for (int draw = 0; draw < axes_.random_directions; ++draw) add_draw(cell, draw);
  }

  void add_draw(SweepCell cell, int draw) {
    cell.seed = axes_.seed + static_cast<std::uint64_t>(draw);
    cells_.insert(cell);
  }

  const SweepAxes& axes_;
  const std::vector<HeadId>& ranking_;
  int layers_, heads_;
  std::map<int, int> draws_;  // of random heads, by each k after clipping
  std::set<SweepCell> cells_;
  std::vector<std::string> notes_;
};

template <class Names, class Value>
const char* name_in(const Names& names, Value wanted) {
  for (const auto& [value, name] : names) {
    if (value == wanted) return name;
  }
  return "";
}

// A field that holds one of the names; absent = `fallback`.
template <class Names, class Value>
Result<Value> named_field(const JsonObject& object, const char* field, const Names& names,
                          Value fallback) {
  HEADSCOPE_ASSIGN(const auto text, object.string_or(field, name_in(names, fallback)));
  std::string known;
  for (const auto& [value, name] : names) {
    if (text == name) return value;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  return tl::unexpected<Error>(object.wrong(field, "one of " + known));
}

template <class Value>
Result<std::optional<Value>> index_field(const JsonObject& object, const char* field) {
  if (!object.has(field)) return std::nullopt;
  const auto most = std::min<std::uint64_t>(std::numeric_limits<Value>::max(),
                                            std::numeric_limits<std::int64_t>::max());
  HEADSCOPE_ASSIGN(const auto value, object.integer(field, 0, static_cast<std::int64_t>(most)));
  return static_cast<Value>(value);
}

Result<std::optional<double>> number_field(const JsonObject& object, const char* field) {
  if (!object.has(field)) return std::nullopt;
  HEADSCOPE_ASSIGN(const auto value, object.number(field));
  return value;
}

}  // namespace

std::string shortest_number(double value) {
  char text[40];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string sweep_method_name(SweepMethod method) {
  return name_in(kMethods, method);
}

std::string cell_heads_name(CellHeads choice) {
  return name_in(kHeads, choice);
}

bool operator<(const SweepCell& a, const SweepCell& b) {
  const auto key = [](const SweepCell& c) {
    return std::tie(c.method, c.tau, c.alpha, c.heads, c.top_k, c.seed, c.prompt, c.gold_position);
  };
  return key(a) < key(b);
}

std::string cell_name(const SweepCell& cell) {
  std::string name = sweep_method_name(cell.method);
  if (cell.tau) name += "-tau" + shortest_number(*cell.tau);
  if (cell.alpha) name += "-alpha" + shortest_number(*cell.alpha);
  if (cell.top_k) name += "-k" + std::to_string(*cell.top_k);
  if (cell.heads == CellHeads::random) name += "-random";
  if (cell.seed) name += "-s" + std::to_string(*cell.seed);
  name += "-" + prompt_name(cell.prompt);
  if (cell.gold_position) name += "-g" + std::to_string(*cell.gold_position);
  return name;
}

Json to_json(const SweepCell& cell) {
  const std::string heads = cell_heads_name(cell.heads);
  return {{"method", sweep_method_name(cell.method)},
          {"tau", or_null(cell.tau)},
          {"alpha", or_null(cell.alpha)},
          {"top_k", or_null(cell.top_k)},
          {"heads", heads.empty() ? Json(nullptr) : Json(heads)},
          {"seed", or_null(cell.seed)},
          {"prompt", prompt_name(cell.prompt)},
          {"gold_position", or_null(cell.gold_position)}};
}

Result<SweepCell> cell_from_json(const JsonObject& object) {
  SweepCell cell;
  HEADSCOPE_ASSIGN(cell.method, named_field(object, "method", kMethods, SweepMethod::none));
  HEADSCOPE_ASSIGN(cell.tau, number_field(object, "tau"));
  HEADSCOPE_ASSIGN(cell.alpha, number_field(object, "alpha"));
  HEADSCOPE_ASSIGN(cell.heads, named_field(object, "heads", kHeads, CellHeads::none));
  HEADSCOPE_ASSIGN(cell.top_k, index_field<int>(object, "top_k"));
  HEADSCOPE_ASSIGN(cell.seed, index_field<std::uint64_t>(object, "seed"));
  HEADSCOPE_ASSIGN(cell.gold_position, index_field<std::size_t>(object, "gold_position"));
  HEADSCOPE_ASSIGN(const auto prompt, object.string("prompt"));
  const auto kind = prompt_kind_named(prompt);
  if (!kind) return tl::unexpected<Error>(object.wrong("prompt", "all, gold or no-gold"));
  cell.prompt = *kind;
  return cell;
}

Result<SweepGrid> make_sweep_grid(const SweepAxes& axes, const std::vector<HeadId>& ranking,
                                  int layers, int heads) {
  HEADSCOPE_TRY(check_axes(axes, ranking));
  return GridBuilder(axes, ranking, layers, heads).build();
}

std::vector<HeadId> heads_of_cell(const SweepCell& cell, const std::vector<HeadId>& ranking,
                                  int layers, int heads) {
  const int k = cell.top_k.value_or(0);
  if (cell.heads == CellHeads::random) {
    return random_heads(ranking, k, cell.seed.value_or(0), layers, heads);
  }
  return first_heads(ranking, k, layers, heads);
}

}  // namespace headscope
