// compare: how far two head sets, or two files of focus directions, agree.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "core/analysis/compare_heads.h"
#include "core/session/compare_directions.h"
#include "core/session/directions_file.h"
#include "core/session/head_set.h"

namespace headscope::cli {
namespace {

struct Options : CommonOptions {
  std::string first, second;
  std::string heads;  ///< for directions: head set whose first heads are averaged over
  int top_k = 20;
};

Json to_json(const HeadComparison& comparison) {
  Json jaccard = Json::object(), expected = Json::object(), p = Json::object();
  Json movers = Json::array();
  for (const OverlapAt& overlap : comparison.overlap) {
    const std::string k = std::to_string(overlap.k);
    jaccard[k] = overlap.jaccard;
    expected[k] = overlap.expected;
    p[k] = overlap.p;
  }
  for (const Mover& mover : comparison.movers) {
    movers.push_back({{"head", {mover.head.layer, mover.head.head}},
                      {"rank_a", mover.rank_a},
                      {"rank_b", mover.rank_b}});
  }
  return {{"jaccard", std::move(jaccard)},
          {"chance", {{"heads", comparison.universe}, {"jaccard", expected}, {"p", p}}},
          {"common", comparison.common},
          {"kendall_tau", json_number(comparison.kendall)},
          {"kendall_p", json_number(comparison.kendall_p)},
          {"spearman_rho", json_number(comparison.spearman)},
          {"movers", std::move(movers)}};
}

Result<Json> compare_heads(const Options& options) {
  HEADSCOPE_ASSIGN(const auto first, read_head_set(options.first));
  HEADSCOPE_ASSIGN(const auto second, read_head_set(options.second));
  const auto heads = [](const HeadSet& set) {
    return static_cast<std::size_t>(set.layers) * static_cast<std::size_t>(set.heads);
  };
  Json result = to_json(
      compare_rankings(first.ranking, second.ranking, std::max(heads(first), heads(second))));
  result["differences"] = differences(first.passport, second.passport);
  return result;
}

bool holds_directions(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored) || path.ends_with(".safetensors");
}

Result<Json> compare_vectors(const Options& options) {
  HEADSCOPE_ASSIGN(const auto first, read_directions(options.first));
  HEADSCOPE_ASSIGN(const auto second, read_directions(options.second));
  const Directions& directions = first.directions;
  HEADSCOPE_ASSIGN(const auto cosines, direction_cosines(directions, second.directions));
  std::vector<HeadId> heads;
  if (!options.heads.empty()) {
    HEADSCOPE_ASSIGN(auto set, read_head_set(options.heads));
    HEADSCOPE_TRY(check_fits(set, options.heads, directions.layers, directions.heads));
    heads = std::move(set.ranking);
    heads.resize(std::min(heads.size(), static_cast<std::size_t>(options.top_k)));
  }
  Json layers = Json::array();
  for (std::size_t i = 0; i < cosines.size(); ++i) {
    if (i % static_cast<std::size_t>(directions.heads) == 0) layers.push_back(Json::array());
    layers.back().push_back(json_number(cosines[i]));
  }
  Json result = {{"cosine_all_heads", json_number(mean_cosine(cosines, directions.heads, {}))},
                 {"chance_deviation", 1 / std::sqrt(static_cast<double>(directions.head_dim))},
                 {"cosines", std::move(layers)},
                 {"differences", differences(first.passport, second.passport)}};
  if (!heads.empty())
    result["cosine_heads"] = json_number(mean_cosine(cosines, directions.heads, heads));
  return result;
}

Result<> compare(const Options& options) {
  const bool vectors = holds_directions(options.first) || holds_directions(options.second);
  HEADSCOPE_ASSIGN(const auto result, vectors ? compare_vectors(options) : compare_heads(options));
  return write_result(vectors ? "direction_comparison" : "head_comparison", result, options.out);
}

}  // namespace

void add_compare(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      line.add("compare", "how far two head sets, or two files of focus directions, agree",
               [options] { return compare(*options); });
  command->add_option("first", options->first, "head set, or directions (file or folder)")
      ->required();
  command->add_option("second", options->second, "another one")->required();
  command->add_option("--heads", options->heads,
                      "of directions: head set whose first heads are averaged over");
  command->add_option("--top-k", options->top_k, "how many of them")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_common(*command, *options);
}

}  // namespace headscope::cli
