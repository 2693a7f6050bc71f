#include "app/shell/models_view.h"

#include <algorithm>
#include <filesystem>

#include "app/views/flow_row.h"
#include "core/base/parity_report.h"
#include "core/base/platform.h"
#include "core/base/units.h"

namespace headscope {
namespace {

void parity(ViewContext& context, const ParityReport& report) {
  text_colored(!report.checked() ? context.theme.muted
               : report.good()   ? context.theme.good
                                 : context.theme.bad,
               parity_badge(report));
  ImGui::SetItemTooltip("%s", parity_text(report).c_str());
}

std::string name_of(const std::string& path) {
  const std::filesystem::path whole(path);
  return whole.has_filename() ? whole.filename().string() : whole.parent_path().filename().string();
}

void details(const FoundModel& model) {
  if (!ImGui::BeginItemTooltip()) return;
  ImGui::PushTextWrapPos(em() * 30);
  ImGui::TextUnformatted(model.path.c_str());
  if (!model.problem.empty()) ImGui::TextUnformatted(model.problem.c_str());
  for (const auto& [dtype, bytes] : model.weights_bytes)
    ImGui::Text("%s: %s", dtype.c_str(), memory_text(bytes).c_str());
  if (model.problem.empty()) {
    for (const std::string& note : model.notes) ImGui::TextUnformatted(note.c_str());
  }
  ImGui::PopTextWrapPos();
  ImGui::EndTooltip();
}

}  // namespace

void ModelsView::draw(ViewContext& context, ModelFinder& finder,
                      const std::vector<std::string>& folders, const ModelHooks& hooks) {
  if (!looked_) {
    looked_ = true;
    free_bytes_ = static_cast<double>(platform::available_memory());
    hooks.look();
  }
  if (const std::uint64_t now = finder.version(); now != version_) {
    version_ = now;
    models_ = finder.models();
    free_bytes_ = static_cast<double>(platform::available_memory());
  }
  state_of_loading(context);
  FlowRow flow(ImGui::GetStyle().ItemSpacing.x);
  const auto button = [&](const char* label) {
    flow.next(button_width(label));
    return ImGui::Button(label);
  };
  if (button("Open ...")) hooks.ask_for_path();
  ImGui::SetItemTooltip("A model folder or a GGUF file by its path");
  if (button("Folder of models ...")) hooks.ask_for_folder();
  std::string note = memory_text(free_bytes_) + " free";
  if (finder.busy()) {
    if (button("Cancel##search")) finder.stop();
    const auto done =
        std::count_if(models_.begin(), models_.end(), [](const auto& m) { return m.looked_into; });
    note = "looking into " + std::to_string(done) + " of " + std::to_string(models_.size());
  } else if (button("Look again")) {
    hooks.look();
  }
  flow.next(ImGui::CalcTextSize(note.c_str()).x);
  text_muted(context, note);
  for (const std::string& folder : folders) text_muted(context, folder);
  table(context, hooks);
}

// The model that is open, on its way, or refused with the reason.
void ModelsView::state_of_loading(ViewContext& context) {
  const Snapshot& snapshot = *context.state.snapshot;
  const EngineStatus& status = snapshot.status;
  if (status.state == EngineStatus::State::loading_model) {
    text_bold(context, "Loading " + name_of(context.state.request.model));
    ImGui::SameLine();
    const double total = status.progress.total;
    ImGui::ProgressBar(total > 0 ? static_cast<float>(status.progress.done / total) : 0.0f,
                       ImVec2(em() * 10, 0));
    ImGui::SameLine();
    command_button(context, "run.cancel", "Cancel");
    return;
  }
  if (status.error && (!snapshot.model || snapshot.model->path != context.state.request.model) &&
      status.error->kind != ErrorKind::cancelled) {
    text_colored(context.theme.bad, "Not opened");
    ImGui::PushTextWrapPos(0);
    ImGui::TextUnformatted(status.error->message.c_str());
    text_muted(context, status.error->kind == ErrorKind::out_of_memory
                            ? "Model > Weights: int8 takes a quarter of the memory; a smaller "
                              "model, or the embedded one, opens beside the work that is here."
                            : "Choose another model below: the work that is here stays.");
    ImGui::PopTextWrapPos();
    return;
  }
  if (!snapshot.model) return;
  const std::string name = snapshot.model->is_demo ? "embedded model" : snapshot.model->name,
                    computed = snapshot.model->dtype + " on " + snapshot.model->device;
  FlowRow flow(ImGui::GetStyle().ItemSpacing.x);
  flow.next(ImGui::CalcTextSize(name.c_str()).x);
  text_bold(context, name);
  flow.next(ImGui::CalcTextSize(computed.c_str()).x);
  text_muted(context, computed);
  flow.next(ImGui::CalcTextSize(parity_badge(snapshot.model->parity).c_str()).x);
  parity(context, snapshot.model->parity);
}

void ModelsView::table(ViewContext& context, const ModelHooks& hooks) {
  constexpr ImGuiTableFlags flags = ImGuiTableFlags_ScrollY | ImGuiTableFlags_RowBg;
  if (!ImGui::BeginTable("models", 5, flags)) return;
  ImGui::TableSetupScrollFreeze(0, 1);
  ImGui::TableSetupColumn("model", ImGuiTableColumnFlags_WidthStretch);
  // In a narrow region: which one, and whether it fits. The tooltip has the rest.
  const auto only_in = [room = ImGui::GetContentRegionAvail().x](float width) {
    return room < em() * width ? ImGuiTableColumnFlags_Disabled : ImGuiTableColumnFlags_None;
  };
  ImGui::TableSetupColumn("layers x heads", ImGuiTableColumnFlags_WidthStretch | only_in(34));
  ImGui::TableSetupColumn("numbers", ImGuiTableColumnFlags_WidthFixed | only_in(44), em() * 5);
  ImGui::TableSetupColumn("memory", ImGuiTableColumnFlags_WidthFixed, em() * 5);
  ImGui::TableSetupColumn("", ImGuiTableColumnFlags_WidthFixed, em() * 6.4f);
  ImGui::TableHeadersRow();
  FoundModel embedded;
  embedded.path = "demo";
  row(context, embedded, hooks);
  ImGuiListClipper clipper;
  clipper.Begin(static_cast<int>(models_.size()));
  while (clipper.Step()) {
    for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i)
      row(context, models_[static_cast<std::size_t>(i)], hooks);
  }
  ImGui::EndTable();
}

void ModelsView::row(ViewContext& context, const FoundModel& model, const ModelHooks& hooks) {
  const bool demo = model.path == "demo";
  const Request& request = context.state.request;
  ImGui::TableNextRow();
  ImGui::TableNextColumn();
  const std::string label = (demo ? "embedded model" : name_of(model.path)) + "###" + model.path;
  ImGui::BeginDisabled(!model.problem.empty());
  if (ImGui::Selectable(label.c_str(), request.model == model.path,
                        ImGuiSelectableFlags_SpanAllColumns))
    hooks.open(model.path);
  ImGui::EndDisabled();
  if (!demo && ImGui::IsItemHovered(ImGuiHoveredFlags_AllowWhenDisabled)) details(model);
  ImGui::TableNextColumn();
  if (demo) return text_muted(context, "needs no file");
  if (!model.looked_into) return text_muted(context, "...");
  if (!model.problem.empty()) return text_colored(context.theme.bad, model.problem);
  text_muted(context, model.model_type + " " + std::to_string(model.layers) + " x " +
                          std::to_string(model.heads));
  ImGui::TableNextColumn();
  text_muted(context, count_text(model.parameters));
  ImGui::TableNextColumn();
  const double bytes = model.bytes_as(request.dtype);
  text_muted(context, bytes > 0 ? memory_text(bytes) : "");
  ImGui::TableNextColumn();
  if (bytes <= 0 || free_bytes_ <= 0) return;
  const bool fits = bytes < free_bytes_;
  text_colored(fits ? context.theme.good : context.theme.bad, fits ? "fits" : "does not fit");
}

}  // namespace headscope
