// compare: how far two head sets agree.
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "core/analysis/compare_heads.h"
#include "core/session/head_set.h"

namespace headscope::cli {
namespace {

struct Options : CommonOptions {
  std::string first, second;
};

Json to_json(const HeadComparison& comparison) {
  Json jaccard = Json::object(), movers = Json::array();
  for (const auto& [k, overlap] : comparison.jaccard) jaccard[std::to_string(k)] = overlap;
  for (const Mover& mover : comparison.movers) {
    movers.push_back({{"head", {mover.head.layer, mover.head.head}},
                      {"rank_a", mover.rank_a},
                      {"rank_b", mover.rank_b}});
  }
  return {{"jaccard", std::move(jaccard)},
          {"common", comparison.common},
          {"kendall_tau", json_number(comparison.kendall)},
          {"spearman_rho", json_number(comparison.spearman)},
          {"movers", std::move(movers)}};
}

Result<> compare(const Options& options) {
  HEADSCOPE_ASSIGN(const auto first, read_head_set(options.first));
  HEADSCOPE_ASSIGN(const auto second, read_head_set(options.second));
  Json result = to_json(compare_rankings(first.ranking, second.ranking));
  result["differences"] = differences(first.passport, second.passport);
  return write_json(result, options.out);
}

}  // namespace

void add_compare(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command = line.add("compare", "overlap of two head sets: Jaccard, Kendall, movers",
                               [options] { return compare(*options); });
  command->add_option("first", options->first, "head set")->required();
  command->add_option("second", options->second, "head set")->required();
  add_common(*command, *options);
}

}  // namespace headscope::cli
