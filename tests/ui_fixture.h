// What the tests of the window share: a display, a place for pictures, snapshots without an engine.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>

#include "core/engine/engine.h"
#include "core/engine/fake_runner.h"
#include "tests/resources.h"

namespace headscope::test {

/// ctest runs tests with the label "ui" on a virtual display (packaging/with_display.sh).
inline bool has_display() {
  return std::getenv("DISPLAY") != nullptr;
}

/// Where pictures of the tests are kept.
inline std::filesystem::path picture_folder() {
  const std::filesystem::path folder = build_folder() / "ui_pictures";
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  return folder;
}

/// What an idle engine would publish for `request`, computed here and now by the fake model.
inline std::shared_ptr<Snapshot> snapshot_of(const Request& request,
                                             const FakeOptions& options = {}) {
  FakeRunner runner(options);
  const RunContext context;
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->request = request;
  snapshot->request_id = 1;
  snapshot->model = runner.load(request, context).value();
  snapshot->prompt = runner.prepare(request.prompt).value();
  snapshot->outlook = runner.outlook(*snapshot->prompt, request).value();
  snapshot->baseline = runner.run(*snapshot->prompt, {}, {}, request, context).value();
  const ModelInfo& model = *snapshot->model;
  std::vector<HeadId> ranking = model.known_ranking;
  if (ranking.empty())
    ranking = rank_heads(snapshot->baseline->scores.relevant, model.layers, model.heads);
  const auto heads = chosen_heads(request.intervention, ranking, model.layers, model.heads);
  snapshot->intervened =
      request.intervention.is_identity()
          ? snapshot->baseline
          : runner.run(*snapshot->prompt, request.intervention, heads, request, context).value();
  if (request.want_full_map) {
    snapshot->full_map_baseline =
        runner.full_map(*snapshot->prompt, *snapshot->baseline, request.selected, context).value();
    snapshot->full_map =
        runner.full_map(*snapshot->prompt, *snapshot->intervened, request.selected, context)
            .value();
  }
  snapshot->status.state = EngineStatus::State::idle;
  return snapshot;
}

}  // namespace headscope::test
