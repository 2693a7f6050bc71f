// Tests of the prompt, one click each: position, removal, best alpha and k. Results stay with the
// prompt that they belong to.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>

#include "app/shell/experiment_job.h"
#include "app/shell/prompt_test_plan.h"
#include "app/views/export_menu.h"
#include "app/views/widgets.h"
#include "core/base/json.h"

namespace headscope {

class TestsPanel {
 public:
  /// `program`: headscope-cli; `root`: the folder below which results are kept.
  void configure(std::filesystem::path program, std::filesystem::path root);
  void draw(ViewContext& context);
  void start(AppState& state, PromptTest test);
  bool running() const;
  /// Has the page about this prompt written and opened; a notice says where it is.
  void save_report(AppState& state, ExportMenu& exports);
  /// What is known of a test of the prompt that is shown; null = nothing.
  const Json* result(const AppState& state, PromptTest test);
  /// Which of them is exported: the one named last, else the first; nothing without a result.
  void choose(PromptTest test) { chosen_ = test; }
  std::optional<PromptTest> chosen(const AppState& state);

 private:
  /// A test of one prompt, found by its folder.
  struct Held {
    std::unique_ptr<ExperimentJob> job;
    std::optional<Json> result;
    std::string error;
  };

  static PromptTestInput input_of(const AppState& state);
  Held& held(const AppState& state, PromptTest test);
  void refresh(const AppState& state);
  void test_line(ViewContext& context, PromptTest test);
  void positions(ViewContext& context, const Json& result);
  void removal(ViewContext& context, const Json& result);
  void tune(ViewContext& context, const Json& result);

  std::filesystem::path program_, root_;
  std::map<std::string, Held> held_;      ///< by folder
  std::string folders_[prompt_tests];     ///< of the prompt that is shown
  std::shared_ptr<const PromptView> of_;  ///< that they were made for ...
  std::shared_ptr<const RunResult> run_;  ///< ... its likely document is of this run
  Request request_;
  std::string prompt_key_;  ///< of the prompt in of_
  PromptTest chosen_ = PromptTest::positions;
};

}  // namespace headscope
