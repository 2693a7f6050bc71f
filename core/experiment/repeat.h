// A result made again, beside what lies on disk: what differs, and by how much.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/intervention/spec.h"
#include "core/session/head_set.h"
#include "core/sweep/result_lines.h"

namespace headscope {

/// Collects differences between the file's values and those of the repetition.
class Repetition {
 public:
  /// Numbers may differ by `tolerance`; everything else must be the same.
  explicit Repetition(double tolerance) : tolerance_(tolerance) {}
  /// Single values; `what` names them in the report.
  void number(const std::string& what, double before, double now);
  void numbers(const std::string& what, const std::vector<float>& before,
               const std::vector<float>& now);  ///< one by one
  void text(const std::string& what, const std::string& before,
            const std::string& now);  ///< equal to the letter

  /// Two values of JSON, field by field; "seconds" in an object is what it took, and left out.
  void json(const std::string& what, const Json& before, const Json& now);

  /// Scores of every head, and the ranking.
  void head_sets(const HeadSet& before, const HeadSet& now);
  /// Query and key directions.
  void directions(const Directions& before, const Directions& now);
  /// Answers and masses of every sample of a run, which `where` names.
  void runs(const std::string& where, const std::vector<EvaluatedSample>& before,
            const std::vector<EvaluatedSample>& now);

  bool equal() const { return found_ == 0; }
  std::int64_t found() const { return found_; }
  /// {"equal","compared","tolerance","largest_difference","differences":[first 20 lines]}
  Json report() const;

 private:
  void differs(const std::string& line);
  void fields(const std::string& what, const Json& before, const Json& now);
  void elements(const std::string& what, const Json& before, const Json& now);

  double tolerance_ = 0, largest_ = 0;
  std::int64_t compared_ = 0, found_ = 0;
  std::vector<std::string> lines_;
};

}  // namespace headscope
