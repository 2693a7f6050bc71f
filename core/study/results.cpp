#include "core/study/results.h"

#include <algorithm>
#include <cmath>

#include "core/base/file.h"

namespace headscope::study {
namespace {

Result<std::vector<EvaluatedSample>> read_lines(const std::filesystem::path& file) {
  HEADSCOPE_ASSIGN(const auto text, read_text_file(file));
  return parse_result_lines(text, file.string());
}

}  // namespace

Result<Cells> Cells::read(const std::filesystem::path& path, const std::vector<SweepCell>& grid) {
  Cells cells;
  const SweepFolder folder = SweepFolder::view(path);
  HEADSCOPE_ASSIGN(auto found, folder.results());
  for (SweepResult& result : found) {
    if (std::find(grid.begin(), grid.end(), result.cell) == grid.end()) continue;
    HEADSCOPE_ASSIGN(cells.samples_[cell_name(result.cell)],
                     read_lines(folder.lines_file(result.cell)));
    cells.results_.push_back(std::move(result));
  }
  std::sort(cells.results_.begin(), cells.results_.end(),
            [](const auto& a, const auto& b) { return a.cell < b.cell; });
  return cells;
}

const SweepResult* Cells::find(const SweepCell& cell) const {
  const auto found = std::find_if(results_.begin(), results_.end(),
                                  [&](const auto& result) { return result.cell == cell; });
  return found == results_.end() ? nullptr : &*found;
}

const std::vector<EvaluatedSample>& Cells::samples(const SweepCell& cell) const {
  static const std::vector<EvaluatedSample> none;
  const auto found = samples_.find(cell_name(cell));
  return found == samples_.end() ? none : found->second;
}

std::vector<SweepRow> Cells::rows() const {
  std::vector<SweepRow> rows;
  for (const SweepResult& result : results_) rows.push_back(row_of(result));
  return rows;
}

std::vector<SweepCell> Cells::random_heads_for(const SweepCell& cell) const {
  std::vector<SweepCell> draws;
  for (const SweepResult& result : results_) {
    SweepCell without_draw = result.cell;
    if (without_draw.heads != CellHeads::random) continue;
    without_draw.heads = CellHeads::contextual;
    without_draw.seed.reset();
    if (without_draw == cell) draws.push_back(result.cell);
  }
  return draws;
}

std::vector<SweepCell> Cells::random_directions_for(const SweepCell& cell) const {
  std::vector<SweepCell> draws;
  for (const SweepResult& result : results_) {
    SweepCell without_draw = result.cell;
    if (without_draw.method != SweepMethod::random_directions) continue;
    without_draw.method = SweepMethod::focus;
    without_draw.seed.reset();
    if (without_draw == cell) draws.push_back(result.cell);
  }
  return draws;
}

Result<Results> read_results(const Study& study, const Folder& folder) {
  Results results;
  results.study = study;
  HEADSCOPE_ASSIGN(results.heads, read_head_set(folder.heads()));
  const auto [layers, heads] = std::pair(study.model.layers, study.model.heads);
  HEADSCOPE_ASSIGN(const auto directions, read_json_file(folder.direction_check()));
  HEADSCOPE_ASSIGN(results.directions,
                   direction_check_from(directions, folder.direction_check().string()));
  HEADSCOPE_ASSIGN(const auto key, read_json_file(folder.key_check()));
  HEADSCOPE_ASSIGN(results.key, key_check_from(key, folder.key_check().string()));
  HEADSCOPE_ASSIGN(const auto causal, read_json_file(folder.causal()));
  HEADSCOPE_ASSIGN(results.causal, causal_facts_from(causal, folder.causal().string()));
  std::error_code ignored;
  if (std::filesystem::exists(folder.control(), ignored)) {
    HEADSCOPE_ASSIGN(const auto control, read_json_file(folder.control()));
    HEADSCOPE_ASSIGN(results.control, control_result_from_json(control, folder.control().string()));
  }
  if (!study.settings.suite_lengths.empty()) {
    HEADSCOPE_ASSIGN(const auto suites, read_json_file(folder.suite()));
    HEADSCOPE_ASSIGN(results.suites, suite_check_from(suites, folder.suite().string()));
  }
  HEADSCOPE_ASSIGN(const auto main,
                   main_grid(study.settings, results.heads.ranking, layers, heads));
  HEADSCOPE_ASSIGN(results.main, Cells::read(folder.sweep(), main.cells));
  if (study.settings.gold_positions.empty()) return results;
  HEADSCOPE_ASSIGN(const auto positions,
                   position_grid(study.settings, results.heads.ranking, layers, heads));
  HEADSCOPE_ASSIGN(results.positions, Cells::read(folder.positions(), positions.cells));
  return results;
}

std::vector<double> paired_differences(const std::vector<EvaluatedSample>& a,
                                       const std::vector<EvaluatedSample>& b, NumberOf number) {
  std::map<std::int64_t, double> second;
  for (const EvaluatedSample& sample : b) second[sample.index] = number(sample);
  std::vector<double> differences;
  for (const EvaluatedSample& sample : a) {
    const auto other = second.find(sample.index);
    if (other == second.end()) continue;
    const double difference = number(sample) - other->second;
    if (std::isfinite(difference)) differences.push_back(difference);
  }
  return differences;
}

double exact_match(const EvaluatedSample& sample) {
  return sample.correct ? 1 : 0;
}

double sink_mass(const EvaluatedSample& sample) {
  return sample.sink_mass;
}

double relevant_share(const EvaluatedSample& sample) {
  return sample.relevant_mass / (sample.relevant_mass + sample.irrelevant_mass);
}

}  // namespace headscope::study
