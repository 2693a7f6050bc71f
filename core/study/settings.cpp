#include "core/study/settings.h"

#include <algorithm>

namespace headscope::study {
namespace {

template <class T>
void order(std::vector<T>& axis) {
  std::sort(axis.begin(), axis.end());
  axis.erase(std::unique(axis.begin(), axis.end()), axis.end());
}

SweepCell acting_cell(SweepMethod method, int top_k) {
  SweepCell cell;
  cell.method = method;
  cell.heads = CellHeads::contextual;
  cell.top_k = top_k;
  return cell;
}

bool is_focus_control(const SweepCell& cell) {
  return cell.is_control() && cell.alpha.has_value();
}

}  // namespace

Settings completed(Settings settings, int heads, std::size_t documents) {
  settings.taus.push_back(settings.tau);
  settings.alphas.insert(settings.alphas.end(), {settings.alpha, settings.less_alpha});
  settings.top_ks.push_back(settings.top_k);
  settings.top_k = std::min(settings.top_k, heads);
  for (int& k : settings.top_ks) k = std::min(k, heads);
  std::erase_if(settings.gold_positions,
                [documents](std::size_t position) { return position >= documents; });
  if (settings.suite_samples == 0) settings.suite_lengths.clear();
  order(settings.suite_lengths);
  order(settings.taus);
  order(settings.alphas);
  order(settings.top_ks);
  order(settings.gold_positions);
  return settings;
}

Json to_json(const Settings& settings) {
  return {{"samples", settings.samples},
          {"top_k", settings.top_k},
          {"tau", settings.tau},
          {"alpha", settings.alpha},
          {"less_alpha", settings.less_alpha},
          {"taus", settings.taus},
          {"alphas", settings.alphas},
          {"top_ks", settings.top_ks},
          {"gold_positions", settings.gold_positions},
          {"random_heads", settings.random_heads},
          {"random_directions", settings.random_directions},
          {"every_control", settings.every_control},
          {"suite_lengths", settings.suite_lengths},
          {"suite_samples", settings.suite_samples},
          {"seed", settings.seed},
          {"max_new_tokens", settings.max_new_tokens},
          {"rows", settings.rows == RowConvention::predict ? "predict" : "input"},
          {"epochs", settings.epochs},
          {"learning_rate", settings.learning_rate}};
}

std::vector<std::int64_t> suite_lengths_for(const Settings& settings, std::int64_t context_length) {
  std::vector<std::int64_t> lengths = settings.suite_lengths;
  std::erase_if(lengths, [context_length](std::int64_t length) { return length > context_length; });
  if (!lengths.empty() || settings.suite_lengths.empty()) return lengths;
  return {context_length / 4, context_length / 2, context_length};
}

Result<SweepGrid> main_grid(const Settings& settings, const std::vector<HeadId>& ranking,
                            int layers, int heads) {
  const SweepAxes axes{.taus = settings.taus,
                       .alphas = settings.alphas,
                       .top_ks = settings.top_ks,
                       .gold_positions = {},
                       .random_heads = settings.random_heads,
                       .random_directions = settings.random_directions,
                       .baselines = true,
                       .seed = settings.seed};
  HEADSCOPE_ASSIGN(auto grid, make_sweep_grid(axes, ranking, layers, heads));
  std::erase_if(grid.cells, [&](const SweepCell& cell) {
    return !settings.every_control && is_focus_control(cell) && cell.alpha != settings.alpha &&
           cell.top_k != settings.top_k;
  });
  return grid;
}

Result<SweepGrid> position_grid(const Settings& settings, const std::vector<HeadId>& ranking,
                                int layers, int heads) {
  const SweepAxes axes{.taus = {settings.tau},
                       .alphas = {settings.alpha},
                       .top_ks = {settings.top_k},
                       .gold_positions = settings.gold_positions,
                       .baselines = true,
                       .seed = settings.seed};
  HEADSCOPE_ASSIGN(auto grid, make_sweep_grid(axes, ranking, layers, heads));
  std::erase_if(grid.cells, [](const SweepCell& cell) { return cell.prompt != PromptKind::all; });
  return grid;
}

SweepCell baseline_cell(PromptKind prompt) {
  SweepCell cell;
  cell.prompt = prompt;
  return cell;
}

SweepCell split_cell(double tau, int top_k) {
  SweepCell cell = acting_cell(SweepMethod::split_softmax, top_k);
  cell.tau = tau;
  return cell;
}

SweepCell focus_cell(double alpha, int top_k) {
  SweepCell cell = acting_cell(SweepMethod::focus, top_k);
  cell.alpha = alpha;
  return cell;
}

}  // namespace headscope::study
