#include "app/views/experiments_view.h"

#include <imgui_stdlib.h>

#include <algorithm>
#include <utility>

#include "app/shell/desktop.h"

namespace headscope {
namespace {

using State = ExperimentJob::State;

const char* state_name(State state) {
  switch (state) {
    case State::running:
      return "running";
    case State::done:
      return "done";
    case State::failed:
      return "failed";
    case State::stopped:
      return "stopped";
  }
  return "";
}

void open_path(ViewContext& context, const std::filesystem::path& path) {
  if (const Result<> opened = open_with_desktop(path); !opened) {
    context.state.notify(Notice::Kind::info, opened.error().message);
  }
}

// Share of the whole job: steps count alike, for nobody knows how long the next one takes.
float share_done(const ExperimentJob::View& view, std::size_t steps) {
  const Progress& progress = view.progress.progress;
  const double inner = progress.total > 0 ? progress.done / progress.total : 0;
  return static_cast<float>((static_cast<double>(view.step) + std::clamp(inner, 0.0, 1.0)) /
                            static_cast<double>(std::max<std::size_t>(steps, 1)));
}

std::string progress_text(const ExperimentJob& job, const ExperimentJob::View& view) {
  const ExperimentStep& step = job.plan().steps[view.step];
  std::string text = std::to_string(view.step + 1) + "/" + std::to_string(job.plan().steps.size()) +
                     "  " + step.what;
  const ProgressLine& line = view.progress;
  if (line.progress.total > 0) {
    char numbers[64];
    std::snprintf(numbers, sizeof numbers, "  %.0f of %.0f", line.progress.done,
                  line.progress.total);
    text += numbers;
  }
  if (!line.remaining.empty()) text += "  (" + line.remaining + ")";
  return text;
}

// The first cell of a row would otherwise stand higher than those that follow its frame.
void field_label(const ViewContext& context, const char* text) {
  ImGui::AlignTextToFramePadding();
  text_muted(context, text);
}

}  // namespace

void ExperimentsPanel::configure(std::filesystem::path program, std::filesystem::path root) {
  program_ = std::move(program);
  root_ = std::move(root);
}

bool ExperimentsPanel::running() const {
  return std::any_of(jobs_.begin(), jobs_.end(),
                     [](const auto& job) { return job->view().state == State::running; });
}

ExperimentModel ExperimentsPanel::model(const ViewContext& context) const {
  const Request& request = context.state.request;
  return {request.model, request.adapter, request.device, request.dtype, request.threads};
}

void ExperimentsPanel::number_list(ViewContext& context, const char* label, std::string& value,
                                   const char* note) {
  ImGui::TableNextColumn();
  field_label(context, label);
  ImGui::SetNextItemWidth(-FLT_MIN);
  ImGui::InputText((std::string("##") + label).c_str(), &value);
  ImGui::SetItemTooltip("%s", note);
}

void ExperimentsPanel::data_field(ViewContext& context) {
  ImGui::TableNextColumn();
  field_label(context, "Data");
  ImGui::SetNextItemWidth(-FLT_MIN);
  const bool demo = context.state.request.model == "demo";
  ImGui::InputTextWithHint("##data", demo ? "own world" : "questions.jsonl", &form_.data);
  ImGui::SetItemTooltip(
      "Questions with documents, JSON lines (.jsonl, .jsonl.gz).\nEmpty with the embedded model: "
      "samples of its own world, 20 similar documents each.");
}

void ExperimentsPanel::fields(ViewContext& context) {
  const ExperimentFields used = fields_of(form_.kind);
  const int columns =
      std::max(2, static_cast<int>(ImGui::GetContentRegionAvail().x / (em() * 6.6f)));
  if (!ImGui::BeginTable("form", columns, ImGuiTableFlags_SizingStretchSame)) return;
  ImGui::TableNextColumn();
  field_label(context, "Samples");
  ImGui::SetNextItemWidth(-FLT_MIN);
  if (ImGui::InputInt("##samples", &form_.samples, 0)) {
    form_.samples = std::clamp(form_.samples, 1, 1000000);
  }
  ImGui::SetItemTooltip("How many questions each setting is tried on.");
  if (used.data) data_field(context);
  if (used.taus) {
    number_list(context, "Tau", form_.taus,
                "Strengths of split-softmax, 1 = off, smaller is stronger.");
  }
  if (used.alphas) {
    number_list(context, "Alpha", form_.alphas, "Strengths of focus directions, 0 = off.");
  }
  if (used.top_ks) {
    number_list(context, "Top k", form_.top_ks,
                "Numbers of heads acted on, from the top of the contextual ranking.");
  }
  if (used.positions) {
    number_list(context, "Positions", form_.positions,
                "Places the gold document is moved to, from 0.");
  }
  if (used.lengths) {
    number_list(context, "Tokens", form_.lengths, "Lengths of the prompts, in tokens.");
  }
  if (used.draws) {
    ImGui::TableNextColumn();
    field_label(context, "Controls");
    ImGui::SetNextItemWidth(-FLT_MIN);
    if (ImGui::InputInt("##draws", &form_.draws, 0)) form_.draws = std::clamp(form_.draws, 0, 50);
    ImGui::SetItemTooltip("How often random heads (or random directions) are drawn as a control.");
  }
  ImGui::EndTable();
}

void ExperimentsPanel::kind_and_start(ViewContext& context) {
  const Result<ExperimentPlan> plan = plan_experiment(form_, model(context), root_);
  const float start_width = ImGui::CalcTextSize("Start").x + em() * 1.6f,
              copy_width = ImGui::CalcTextSize("Copy command").x + em() * 1.2f,
              spacing = ImGui::GetStyle().ItemSpacing.x;
  ImGui::SetNextItemWidth(ImGui::GetContentRegionAvail().x - start_width - copy_width -
                          2 * spacing);
  if (ImGui::BeginCombo("##kind", experiment_name(form_.kind), ImGuiComboFlags_HeightLargest)) {
    for (int i = 0; i < experiment_kinds; ++i) {
      const auto kind = static_cast<ExperimentKind>(i);
      if (ImGui::Selectable(experiment_name(kind), kind == form_.kind)) form_.kind = kind;
      ImGui::SetItemTooltip("%s", experiment_note(kind));
    }
    ImGui::EndCombo();
  }
  ImGui::SameLine();
  command_line(context, plan);
  ImGui::SameLine();
  const bool same_runs =
      plan && std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& job) {
        return job->plan().folder == plan->folder && job->view().state == State::running;
      });
  ImGui::BeginDisabled(!plan || same_runs);
  ImGui::PushStyleColor(ImGuiCol_Button, context.theme.accent_soft);
  if (ImGui::Button("Start", ImVec2(start_width, 0)) && plan) start(context, *plan);
  ImGui::PopStyleColor();
  ImGui::EndDisabled();
  if (same_runs && ImGui::IsItemHovered(ImGuiHoveredFlags_AllowWhenDisabled)) {
    ImGui::SetTooltip("It runs already.");
  }
  if (plan) {
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x;
    draw_fitted_text(*ImGui::GetWindowDrawList(), at, width, context.theme.muted,
                     experiment_note(form_.kind));
    ImGui::Dummy(ImVec2(width, ImGui::GetTextLineHeight()));
    ImGui::SetItemTooltip("%s", experiment_note(form_.kind));
  } else {
    ImGui::PushTextWrapPos(0);
    text_colored(context.theme.bad, plan.error().message);
    ImGui::PopTextWrapPos();
  }
}

void ExperimentsPanel::command_line(ViewContext& context, const Result<ExperimentPlan>& plan) {
  ImGui::BeginDisabled(!plan);
  const bool pressed = ImGui::Button("Copy command");
  ImGui::EndDisabled();
  if (!plan) return;
  std::string lines = "mkdir -p " + shell_line({plan->folder.string()}) + "\n";
  for (const ExperimentStep& step : plan->steps) {
    lines += "headscope-cli " + shell_line(step.arguments) + "\n";
  }
  if (ImGui::IsItemHovered(ImGuiHoveredFlags_DelayShort)) {
    ImGui::BeginTooltip();
    ImGui::PushTextWrapPos(em() * 45);
    text_muted(context, "What Start runs, for a terminal or a cluster:");
    ImGui::TextUnformatted(lines.c_str());
    ImGui::PopTextWrapPos();
    ImGui::EndTooltip();
  }
  if (pressed) ImGui::SetClipboardText(lines.c_str());
}

void ExperimentsPanel::start(ViewContext& context, ExperimentPlan plan) {
  // A stopped run of the same experiment goes on in its place.
  std::erase_if(jobs_, [&](const auto& job) { return job->plan().folder == plan.folder; });
  jobs_.push_back(
      std::make_unique<ExperimentJob>(program_, form_, std::move(plan), context.state.wake));
  shown_ = jobs_.size() - 1;
  select_shown_ = true;
}

void ExperimentsPanel::job_tabs(ViewContext& context) {
  if (jobs_.size() == 1) return;
  if (!ImGui::BeginTabBar("jobs", ImGuiTabBarFlags_FittingPolicyScroll)) return;
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    const bool select = select_shown_ && i == shown_;
    const std::string label = std::string(experiment_name(jobs_[i]->form().kind)) + " " +
                              std::to_string(i + 1) + "###" + jobs_[i]->plan().folder.string();
    if (ImGui::BeginTabItem(label.c_str(), nullptr,
                            select ? ImGuiTabItemFlags_SetSelected : ImGuiTabItemFlags_None)) {
      if (!select_shown_) shown_ = i;
      ImGui::EndTabItem();
    }
  }
  ImGui::EndTabBar();
  select_shown_ = false;
  (void)context;
}

void ExperimentsPanel::job_line(ViewContext& context, ExperimentJob& job,
                                const ExperimentJob::View& view) {
  const bool is_running = view.state == State::running;
  const char* label = is_running ? "Stop" : "Open folder";
  const bool report = view.state == State::done;
  const char* report_label =
      job.form().kind == ExperimentKind::study ? "Open report" : "Open figures";
  const float spacing = ImGui::GetStyle().ItemSpacing.x, padding = em() * 1.2f;
  const float buttons = ImGui::CalcTextSize(label).x + padding + spacing +
                        (report ? ImGui::CalcTextSize(report_label).x + padding + spacing : 0);
  if (is_running) {
    const std::string text = progress_text(job, view);
    ImGui::PushStyleColor(ImGuiCol_PlotHistogram, context.theme.accent_soft);
    ImGui::ProgressBar(share_done(view, job.plan().steps.size()),
                       ImVec2(ImGui::GetContentRegionAvail().x - buttons, 0), text.c_str());
    ImGui::PopStyleColor();
  } else {
    const bool bad = view.state == State::failed;
    ImGui::AlignTextToFramePadding();
    badge(state_name(view.state), bad ? context.theme.gold_soft : context.theme.accent_soft,
          context.theme.text);
    ImGui::SameLine();
    ImGui::AlignTextToFramePadding();
    text_muted(context, view.state == State::stopped ? "Start goes on where it was stopped."
                                                     : format_seconds(view.seconds));
    same_line_right(buttons - spacing);
  }
  if (is_running) ImGui::SameLine();
  if (report) {
    if (ImGui::Button(report_label)) open_path(context, job.plan().report);
    ImGui::SameLine();
  }
  if (ImGui::Button(label)) is_running ? job.stop() : open_path(context, job.plan().folder);
  ImGui::SetItemTooltip("%s", job.plan().folder.c_str());
}

void ExperimentsPanel::job_result(ViewContext& context, const ExperimentJob& job,
                                  const ExperimentJob::View& view) {
  if (!view.message.empty() && view.state != State::stopped) {
    ImGui::PushTextWrapPos(0);
    text_colored(view.state == State::failed ? context.theme.bad : context.theme.muted,
                 view.message);
    ImGui::PopTextWrapPos();
  }
  if (!job.plan().results.empty() && view.state != State::failed) {
    plot_.draw(context, job.plan().results);
  }
}

void ExperimentsPanel::draw(ViewContext& context) {
  kind_and_start(context);
  fields(context);
  if (jobs_.empty()) {
    empty_note(context, "Nothing started yet",
               "Experiments run beside the window and go on where they were stopped.");
    return;
  }
  job_tabs(context);
  shown_ = std::min(shown_, jobs_.size() - 1);
  ExperimentJob& job = *jobs_[shown_];
  const ExperimentJob::View view = job.view();
  job_line(context, job, view);
  job_result(context, job, view);
}

std::filesystem::path ExperimentsPanel::shown_folder() const {
  if (shown_ >= jobs_.size() || jobs_[shown_]->plan().results.empty()) return {};
  return jobs_[shown_]->plan().results.parent_path();
}

}  // namespace headscope
