// The tasks that Headscope makes itself, each of any size.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/rng.h"
#include "core/suite/sample.h"

namespace headscope {
/// One task and how its samples are made.
struct SuiteTask {
  std::string name, category, title;
  /// A sample of `units` documents, pairs, sentences or demonstrations: same `rng`, same sample.
  SuiteSample (*make)(const SuiteTask& task, Rng rng, std::size_t units) = nullptr;
  std::size_t least_units = 1, most_units = 1;
  bool embedded = false;  ///< in the words of the embedded model
  int variant = 0;        ///< for `make`
  /// A sample that names the task and nothing else.
  SuiteSample empty_sample() const {
    SuiteSample sample;
    sample.task = name;
    sample.category = category;
    return sample;
  }
};

/// All of them, in the order of tables.
const std::vector<SuiteTask>& suite_tasks();

/// The tasks of a suite ("recall", "needles", "rag", "icl", "rerank", "demo", "all") or the task of
/// that name. `embedded`: "all" is what the embedded model can read. Error: unknown name, which
/// lists the known ones.
Result<std::vector<const SuiteTask*>> tasks_of_suite(std::string_view suite, bool embedded);

/// Makers. Instructions and templates are word for word those of HELMET and RULER, so that what a
/// model does with them can be compared; everything else is made here.
SuiteSample make_question_over_documents(const SuiteTask& task, Rng rng, std::size_t units);
SuiteSample make_key_values(const SuiteTask& task, Rng rng, std::size_t units);
SuiteSample make_needles(const SuiteTask& task, Rng rng, std::size_t units);
SuiteSample make_classification(const SuiteTask& task, Rng rng, std::size_t units);
SuiteSample make_ranking(const SuiteTask& task, Rng rng, std::size_t units);
SuiteSample make_embedded_question(const SuiteTask& task, Rng rng, std::size_t units);

}  // namespace headscope
