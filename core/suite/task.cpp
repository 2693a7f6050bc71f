#include "core/suite/task.h"

#include <algorithm>
#include <array>

namespace headscope {
namespace {

constexpr std::size_t kMany = 1'000'000;

std::vector<SuiteTask> make_tasks() {
  std::vector<SuiteTask> tasks = {
      {"rag_qa", "rag", "questions over documents", make_question_over_documents, 1, kMany},
      {"json_kv", "recall", "key-value recall", make_key_values, 3, kMany}};
  constexpr std::array<std::array<const char*, 2>, 8> needles{{
      {"niah_single_1", "one number in repeated sentences"},
      {"niah_single_2", "one number in prose"},
      {"niah_single_3", "one UUID in prose"},
      {"niah_multikey_1", "one of four keys in prose"},
      {"niah_multikey_2", "one number among needles"},
      {"niah_multikey_3", "one UUID among needles of UUIDs"},
      {"niah_multivalue", "four values of one key"},
      {"niah_multiquery", "values of four keys"},
  }};
  for (std::size_t i = 0; i < needles.size(); ++i) {
    tasks.push_back({needles[i][0], "recall", needles[i][1], make_needles, 8, kMany, false,
                     static_cast<int>(i)});
  }
  tasks.push_back({"icl_coarse", "icl", "6 labels", make_classification, 6, kMany, false, 0});
  tasks.push_back({"icl_fine", "icl", "24 labels", make_classification, 6, kMany, false, 1});
  tasks.push_back({"rerank", "rerank", "passages ranked by relevance", make_ranking, 3, 9999});
  tasks.push_back({"demo_qa", "rag", "questions in the embedded model's world",
                   make_embedded_question, 1, 25, true});
  return tasks;
}

// HELMET's recall; the other needles are RULER's.
constexpr std::array<std::string_view, 4> kRecall{"json_kv", "niah_multikey_2", "niah_multikey_3",
                                                  "niah_multivalue"};

bool belongs(const SuiteTask& task, std::string_view suite, bool embedded) {
  if (suite == "all") return task.embedded == embedded;
  if (suite == "demo") return task.embedded;
  if (suite == "recall") return std::ranges::find(kRecall, task.name) != kRecall.end();
  if (suite == "needles") return task.name.starts_with("niah_");
  return suite == task.name || (suite == task.category && !task.embedded);
}

}  // namespace

const std::vector<SuiteTask>& suite_tasks() {
  static const std::vector<SuiteTask> tasks = make_tasks();
  return tasks;
}

Result<std::vector<const SuiteTask*>> tasks_of_suite(std::string_view suite, bool embedded) {
  std::vector<const SuiteTask*> chosen;
  for (const SuiteTask& task : suite_tasks()) {
    if (belongs(task, suite, embedded)) chosen.push_back(&task);
  }
  if (!chosen.empty()) return chosen;
  std::string known = "all, recall, needles, rag, icl, rerank, demo";
  for (const SuiteTask& task : suite_tasks()) known += ", " + task.name;
  return fail(ErrorKind::usage,
              "no suite or task '" + std::string(suite) + "'; there are " + known);
}

}  // namespace headscope
