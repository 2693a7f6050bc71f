#include "app/shell/frame_bench.h"

#include <imgui.h>
#include <imgui_impl_null.h>
#include <imgui_internal.h>
#include <implot.h>

#include <array>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "app/shell/app.h"
#include "app/shell/layout.h"
#include "core/base/make_large.h"
#include "core/base/platform.h"
#include "core/engine/fake_runner.h"

namespace headscope {
namespace {

using Clock = std::chrono::steady_clock;

constexpr ImVec2 kSize(1600, 1000);
constexpr auto kFrame = std::chrono::microseconds(16667);
constexpr std::int64_t kResponse = 100, kDocuments = 50;
constexpr int kWarmUp = 30;  // frames: glyphs, layout, caches

// Numbers of the size of attention weights, the same at every call.
float weight_at(std::int64_t row, std::int64_t key) {
  const auto mixed = static_cast<std::uint32_t>(row * 2654435761 + key * 40503 + 977);
  return std::ldexp(static_cast<float>(mixed >> 16) / 65536.0f, -static_cast<int>(mixed % 11));
}

// A model of 672 heads that answers at once: its heads share their weights, so that a long prompt
// needs little memory; what is touched gets weights of its own at every run, as from a real model.
class StandIn : public FakeRunner {
 public:
  explicit StandIn(const FakeOptions& options) : FakeRunner(options), options_(options) {}

  Result<std::shared_ptr<const RunOutlook>> outlook(const PromptView& prompt,
                                                    const Request& request) override {
    auto outlook = std::make_shared<RunOutlook>();
    outlook->prompt_tokens = prompt.prompt_tokens();
    outlook->new_tokens = request.max_new_tokens;
    outlook->chosen = KeepAttention::rows;
    return outlook;
  }

  Result<std::shared_ptr<const RunResult>> run(const PromptView& prompt,
                                               const InterventionSettings& settings,
                                               const std::vector<HeadId>& heads, const Request&,
                                               const AnswerContext&) override {
    auto result = make_large<RunResult>();
    const bool baseline = settings.is_identity() || heads.empty();
    if (!baseline) {
      result->settings = settings;
      result->touched = heads;
    }
    result->layers = options_.layers;
    result->heads = options_.heads;
    result->sets = static_cast<int>(prompt.documents.size()) + 1;
    TokenView word;
    word.text = " word";
    result->response.assign(static_cast<std::size_t>(kResponse), word);
    result->rows = {prompt.prompt_tokens(), prompt.prompt_tokens() + kResponse};
    result->keys = result->rows.end;
    const HeadWeights shared = block(result->keys, 1);
    result->weights.assign(static_cast<std::size_t>(options_.layers * options_.heads), shared);
    for (const HeadId head : result->touched)
      result->weights[result->index(head)] = block(result->keys, settings.tau);
    add_sums(prompt, *result);
    return result;
  }

  Result<std::shared_ptr<const FullMap>> full_map(const PromptView&, const RunResult& run,
                                                  HeadId head, const MapRegion& region,
                                                  const RunContext&) override {
    auto map = make_large<FullMap>();
    map->head = head;
    map->settings = run.settings;
    map->tokens = run.keys;
    while (map->side() > FullMap::max_side) ++map->level;
    if (!overview_ || static_cast<std::int64_t>(overview_->size()) != map->side() * map->side()) {
      std::vector<float> cells;
      for (std::int64_t i = 0; i < map->side(); ++i)
        for (std::int64_t j = 0; j < map->side(); ++j)
          cells.push_back(j <= i ? weight_at(i, j) : 0.0f);
      overview_ = std::make_shared<const std::vector<float>>(std::move(cells));
    }
    map->weights = overview_;
    if (map->level == 0) return map;
    map->region = region;
    for (std::int64_t i = region.rows.begin; i < region.rows.end; ++i)
      for (std::int64_t j = region.columns.begin; j < region.columns.end; ++j)
        map->exact.push_back(weight_at(i, j));
    return map;
  }

  Result<std::shared_ptr<const PreviewInputs>> preview_inputs(const PromptView&, const RunResult&,
                                                              const RunContext&) override {
    return std::make_shared<PreviewInputs>();
  }

 private:
  static HeadWeights block(std::int64_t keys, double scale) {
    auto values = make_large<std::vector<float>>();
    values->reserve(static_cast<std::size_t>(kResponse * keys));
    for (std::int64_t row = 0; row < kResponse; ++row)
      for (std::int64_t key = 0; key < keys; ++key)
        values->push_back(weight_at(row, key) * static_cast<float>(scale));
    return values;
  }

  static void add_sums(const PromptView& prompt, RunResult& result) {
    const auto rows = static_cast<std::size_t>(result.layers * result.heads * kResponse);
    for (std::size_t i = 0; i < rows * static_cast<std::size_t>(result.sets); ++i)
      result.span_sums.push_back(static_cast<float>(i % 97) / 97.0f / 50.0f);
    const SpanLayout layout{result.sets - 1, prompt.gold_documents()};
    result.scores = scores_from_span_sums(result.span_sums, result.layers, result.heads, kResponse,
                                          {0, kResponse}, layout);
  }

  FakeOptions options_;
  HeadWeights overview_;
};

std::string long_prompt(std::int64_t tokens) {
  std::string text = "Answer with the documents.\n\n";
  const std::int64_t words = std::max<std::int64_t>(1, tokens / kDocuments - 12);
  for (std::int64_t d = 1; d <= kDocuments; ++d) {
    text += "Document [" + std::to_string(d) + "](Title: Part " + std::to_string(d) + ")";
    for (std::int64_t w = 0; w < words; ++w) text += w % 17 == 16 ? " end." : " word";
    text += "\n";
  }
  return text + "\nQuestion: Which one?\nAnswer:";
}

// ImGui on its null back end, and the window's content in it.
class Stand {
 public:
  explicit Stand(const FrameBenchOptions& options) {
    ImGui::CreateContext();
    ImPlot::CreateContext();
    ImGuiIO& io = ImGui::GetIO();
    io.IniFilename = nullptr;
    io.ConfigFlags |= ImGuiConfigFlags_DockingEnable | ImGuiConfigFlags_NavEnableKeyboard;
    const Fonts fonts = load_fonts(true);
    ImGui_ImplNull_Init();
    FakeOptions model;
    model.layers = 28;
    model.heads = 24;
    model.kv_heads = 8;
    model.context_length = options.tokens * 2;
    engine_ = std::make_unique<Engine>(
        [model]() -> Result<std::unique_ptr<Runner>> { return std::make_unique<StandIn>(model); },
        [] {});
    app_ = std::make_unique<App>(engine_.get());
    app_->set_fonts(fonts);
    app_->set_scale(1, 1);
    Request& request = app_->state().request;
    request.prompt.text = long_prompt(options.tokens);
    request.prompt.gold_document = 7;
    request.max_new_tokens = static_cast<int>(kResponse);
    request.intervention.tau = 0.5;
    request.want_full_map = true;
  }
  ~Stand() {
    app_.reset();
    engine_.reset();
    ImGui_ImplNull_Shutdown();
    ImPlot::DestroyContext();
    ImGui::DestroyContext();
  }
  Stand(const Stand&) = delete;
  Stand& operator=(const Stand&) = delete;

  App& app() { return *app_; }
  AppState& state() { return app_->state(); }

  // One frame: seconds by the clock and by the thread's processor time.
  std::pair<double, double> frame(ImVec2 mouse, bool pressed) {
    ImGuiIO& io = ImGui::GetIO();
    ImGui_ImplNull_NewFrame();
    io.DisplaySize = kSize;  // the null back end has its own idea at each frame
    io.DeltaTime = 1.0f / 60;
    io.AddMousePosEvent(mouse.x, mouse.y);
    io.AddMouseButtonEvent(0, pressed);
    const auto begin = Clock::now();
    const double own = platform::thread_seconds();
    app_->prepare_frame();
    ImGui::NewFrame();
    app_->frame();
    ImGui::Render();
    const double own_end = platform::thread_seconds();
    const std::chrono::duration<double> wall = Clock::now() - begin;
    ImGui_ImplNullRender_RenderDrawData(ImGui::GetDrawData());
    return {wall.count(), own_end - own};
  }

  Result<> settle() {
    const auto limit = Clock::now() + std::chrono::minutes(2);
    for (int quiet = 0; quiet < kWarmUp;) {
      if (Clock::now() > limit)
        return fail(ErrorKind::internal, "frames: the engine does not come to rest");
      frame(ImVec2(-1, -1), false);
      quiet = app_->settled() ? quiet + 1 : 0;
      if (quiet == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return {};
  }

 private:
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<App> app_;
};

struct Phase {
  const char* name;
  bool full_map, pan, sliders, overlay;
};
constexpr std::array kPhases = {
    Phase{"still", true, false, false, false}, Phase{"pan", true, true, false, false},
    Phase{"sliders", false, false, true, false}, Phase{"overlay", false, false, true, true},
    Phase{"both", true, true, true, false}};

// A drag that goes to and fro over a third of the map.
ImVec2 dragged(int frame) {
  const ImGuiWindow* window = ImGui::FindWindowByName(titles::attention);
  const ImRect rect = window != nullptr ? window->InnerRect : ImRect(0, 0, 1, 1);
  const auto angle = static_cast<float>(frame) * 0.07f;
  return {rect.Min.x + rect.GetWidth() * (0.5f + 0.17f * std::sin(angle)),
          rect.Min.y + rect.GetHeight() * (0.7f + 0.1f * std::cos(angle))};
}

Result<Json> measure(Stand& stand, const Phase& phase, int frames) {
  AppState& state = stand.state();
  state.request.want_full_map = phase.full_map;
  stand.app().commands().run("map.whole");
  HEADSCOPE_TRY(stand.settle());
  ImGui::SetWindowFocus(phase.overlay ? titles::overlay : titles::prompt);
  const MapZoom& zoom = stand.app().attention().zoom();
  if (phase.pan) {
    const double side = std::min<double>(1400, static_cast<double>(zoom.columns) * 0.5);
    const double at = static_cast<double>(zoom.columns) * 0.45;
    stand.app().attention().look_at({at, at, at + side, at + side});
  }
  HEADSCOPE_TRY(stand.settle());
  std::vector<double> wall, own;
  auto next = Clock::now();
  for (int i = 0; i < frames; ++i) {
    if (phase.sliders) state.request.intervention.tau = 0.05 + 0.9 * (i % 61) / 61.0;
    // A slider that moves is held: so is the map.
    const bool held = phase.pan || phase.sliders;
    const ImVec2 mouse = held ? dragged(phase.pan ? i : 0) : ImVec2(-1, -1);
    const auto [seconds, processor] = stand.frame(mouse, held && i > 0);
    wall.push_back(seconds * 1e3);
    own.push_back(processor * 1e3);
    next += kFrame;
    std::this_thread::sleep_until(next);
  }
  return Json{{"wall_ms", wall}, {"cpu_ms", own}};
}

}  // namespace

Result<Json> measure_frames(const FrameBenchOptions& options) {
  Stand stand(options);
  HEADSCOPE_TRY(stand.settle());
  const Snapshot& snapshot = *stand.state().snapshot;
  if (!snapshot.intervened) return fail(ErrorKind::internal, "frames: the engine has no answer");
  Json report = {{"tokens", snapshot.intervened->keys},
                 {"heads", snapshot.intervened->layers * snapshot.intervened->heads}};
  for (const Phase& phase : kPhases) {
    HEADSCOPE_ASSIGN(report["phases"][phase.name], measure(stand, phase, options.frames));
  }
  report["vertices"] = ImGui::GetDrawData()->TotalVtxCount;
  int draw_calls = 0;
  for (const ImDrawList* list : ImGui::GetDrawData()->CmdLists) draw_calls += list->CmdBuffer.Size;
  report["draw_calls"] = draw_calls;
  return report;
}

}  // namespace headscope
