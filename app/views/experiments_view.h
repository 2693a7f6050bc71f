// Experiments from the window: a form, the jobs that were started, and what the newest has found.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/shell/experiment_job.h"
#include "app/views/sweep_plot.h"
#include "app/views/widgets.h"

namespace headscope {

class ExperimentsPanel {
 public:
  /// `program`: headscope-cli; `root`: the folder below which experiments keep their files.
  void configure(std::filesystem::path program, std::filesystem::path root);
  void draw(ViewContext& context);
  /// Chooses the kind that the form shows.
  void show(ExperimentKind kind) { form_.kind = kind; }
  /// Fills the form for a sweep around what the sliders stand at.
  void sweep_around(const InterventionSettings& sliders) {
    form_ = headscope::sweep_around(sliders, std::move(form_));
  }
  const ExperimentForm& form() const { return form_; }
  bool running() const;
  /// Folder of the experiment whose curves are shown; empty = none are.
  std::filesystem::path shown_folder() const;

 private:
  void kind_and_start(ViewContext& context);
  void fields(ViewContext& context);
  void number_list(ViewContext& context, const char* label, std::string& value, const char* note);
  void data_field(ViewContext& context);
  void command_line(ViewContext& context, const Result<ExperimentPlan>& plan);
  void start(ViewContext& context, ExperimentPlan plan);
  void job_tabs(ViewContext& context);
  void job_line(ViewContext& context, ExperimentJob& job, const ExperimentJob::View& view);
  void job_result(ViewContext& context, const ExperimentJob& job, const ExperimentJob::View& view);
  ExperimentModel model(const ViewContext& context) const;

  std::filesystem::path program_, root_;
  ExperimentForm form_;
  std::vector<std::unique_ptr<ExperimentJob>> jobs_;
  std::size_t shown_ = 0;  ///< of jobs_
  bool select_shown_ = false;
  SweepPlot plot_;
};

}  // namespace headscope
