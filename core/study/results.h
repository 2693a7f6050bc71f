// What the steps of a study left, read from its folder, and the evidence for each claim. Free of
// libtorch: a report can be made again without the model.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/session/head_set.h"
#include "core/study/folder.h"
#include "core/study/suites.h"
#include "core/sweep/control_result.h"
#include "core/sweep/result_lines.h"
#include "core/sweep/sweep_folder.h"

namespace headscope::study {

/// The finished cells of one sweep with their samples.
class Cells {
 public:
  /// Those of `grid` that are finished.
  static Result<Cells> read(const std::filesystem::path& folder,
                            const std::vector<SweepCell>& grid);
  /// Null when the cell is not there.
  const SweepResult* find(const SweepCell& cell) const;
  /// Empty when the cell is not there.
  const std::vector<EvaluatedSample>& samples(const SweepCell& cell) const;
  /// In the order of the table.
  const std::vector<SweepResult>& results() const { return results_; }
  std::vector<SweepRow> rows() const;  ///< of the table
  /// Controls of a cell: as many random heads, or random directions on the same ones.
  std::vector<SweepCell> random_heads_for(const SweepCell& cell) const;
  std::vector<SweepCell> random_directions_for(const SweepCell& cell) const;  ///< the latter

 private:
  std::vector<SweepResult> results_;
  std::map<std::string, std::vector<EvaluatedSample>> samples_;  ///< by cell_name
};
/// Everything that claims are judged by.
struct Results {
  Study study;
  HeadSet heads;
  DirectionCheck directions;
  KeyCheck key;
  CausalFacts causal;
  std::optional<ControlResult> control;  ///< nothing where a model leaves no room for the control
  std::optional<SuiteCheck> suites;      ///< nothing where they were left out
  Cells main, positions;
};

/// Everything from the files of a complete study.
Result<Results> read_results(const Study& study, const Folder& folder);

/// A number of each sample of two cells, one minus the other, paired by the sample's index. Samples
/// that one of them lacks, or whose number is not finite, are left out.
using NumberOf = double (*)(const EvaluatedSample&);
std::vector<double> paired_differences(const std::vector<EvaluatedSample>& a,
                                       const std::vector<EvaluatedSample>& b, NumberOf number);
/// Numbers of a sample, for paired_differences.
double exact_match(const EvaluatedSample& sample);  ///< 1 or 0
double sink_mass(const EvaluatedSample& sample);
double relevant_share(const EvaluatedSample& sample);  ///< relevant / (relevant + irrelevant)

/// For each rule of `rules`, by its id.
std::vector<Evidence> collect_evidence(const std::vector<Rule>& rules, const Results& results);

}  // namespace headscope::study
