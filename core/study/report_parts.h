// The parts of a report that show experiments; used by report.cpp alone.
#pragma once

#include <string>
#include <vector>

#include "core/study/drawings.h"
#include "core/study/html.h"
#include "core/study/results.h"

namespace headscope::study {

/// Writes one section an experiment, each with its figures and numbers.
class ExperimentSections {
 public:
  ExperimentSections(Html body, const Results& results, const std::vector<Drawing>& drawings)
      : body_(body), results_(results), drawings_(drawings) {}
  /// All of them, in order.
  Result<> write();

 private:
  Result<> scores();
  void direction_table();
  void held_out_rows(const DirectionCheck& check);
  Result<> split_softmax();
  Result<> focus();
  Result<> positions();
  void key_half();
  Result<> control();
  void causal();
  Result<> long_contexts();
  void suite_rows(const SuiteCheck& suites);

  /// Numbered figures with this caption: all whose names begin so, which may be none.
  Result<> figure(const std::string& name, const std::string& caption);
  Html table(const std::string& caption, const std::vector<std::string>& head);
  void baselines_table();
  /// Exact match with rows of k and columns of tau or alpha, and the mean of the controls.
  void em_table(const std::vector<double>& strengths, SweepCell (*cell)(double, int),
                const std::string& symbol, const std::string& caption);

  Html body_;
  const Results& results_;
  const std::vector<Drawing>& drawings_;
  int figures_ = 0, tables_ = 0;
};

}  // namespace headscope::study
