#include "core/bench/slider_task.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/rng.h"
#include "core/bench/measure.h"
#include "core/bench/slider_desk.h"
#include "core/engine/preview.h"
#include "core/runner/open_model.h"

namespace headscope::bench {
namespace {

using Clock = RunWatch::Clock;

constexpr double kFrame = 1.0 / 60;
constexpr double kLongest = 600;  // seconds of any single run here

void sleep_for(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

std::vector<HeadId> heads_of(const Json& list) {
  std::vector<HeadId> heads;
  for (const Json& head : list) heads.push_back({head.at(0), head.at(1)});
  return heads;
}

/// Strengths that no move had before: what was computed once is not computed again.
class Strengths {
 public:
  double next() { return 0.05 + 0.4 * std::fmod(0.618033988749895 * ++count_, 1.0); }

 private:
  int count_ = 0;
};

class SliderTask {
 public:
  SliderTask(const Json& task, const RunContext& context)
      : task_(task), desk_(context), rng_(task.at("seed").get<std::uint64_t>()) {
    base_.model = task.at("model");
    base_.device = "cpu";
    base_.dtype = "float32";
    base_.threads = task.at("threads");
    base_.max_new_tokens = task.at("new_tokens");
    base_.intervention.choice = HeadChoice::picked;
    if (task.contains("heads")) base_.intervention.picked = heads_of(task.at("heads"));
  }

  Result<Json> run() {
    HEADSCOPE_ASSIGN(const auto folder, model_folder(base_.model));
    HEADSCOPE_ASSIGN(const auto tokenizer, Tokenizer::load(folder));
    HEADSCOPE_ASSIGN(base_.prompt, slider_prompt(tokenizer, task_.at("tokens"),
                                                 task_.at("seed").get<std::uint64_t>()));
    const std::string wanted = task_.at("measure");
    if (wanted == "preview") return preview();
    if (wanted == "moves") return moves();
    if (wanted == "drop") return drop();
    if (wanted == "restart") return restart();
    return bad_input("measuring task: 'measure' is none of preview, moves, drop, restart");
  }

 private:
  Result<Json> preview();
  Result<Json> moves();
  Result<Json> drop();
  Result<Json> restart();
  /// Of the run after a move of the cell's slider to a place where it was not before.
  Result<double> move_seconds(const Json& cell);

  int count() const { return task_.at("count"); }
  Request moved(double alpha, double tau = 1) const {
    Request request = base_;
    request.intervention.alpha = alpha;
    request.intervention.tau = tau;
    return request;
  }
  static std::shared_ptr<const RunResult> previewed(const Snapshot& shown,
                                                    const InterventionSettings& settings,
                                                    const std::vector<HeadId>& heads) {
    return preview_run(*shown.prompt, *shown.baseline, shown.preview_inputs.get(), settings, heads);
  }
  /// Moves alpha, and waits until the runner begins with it.
  Result<> begin_run();
  /// The engine's error, or the user's interruption.
  Result<> good() {
    return desk_.wait([](const Snapshot& snapshot) { return !snapshot.status.error; })
        .map([](const auto&) {});
  }
  Result<double> preview_seconds(const Snapshot& shown);
  Result<std::vector<double>> while_computing(const Snapshot& shown);
  Result<> drag(Json& result);
  Result<Json> errors();

  const Json& task_;
  SliderDesk desk_;
  Rng rng_;
  Strengths strengths_;
  Request base_;
};

Result<double> SliderTask::preview_seconds(const Snapshot& shown) {
  const auto settings = moved(strengths_.next()).intervention;
  const auto start = Clock::now();
  const auto result = previewed(shown, settings, settings.picked);
  const double seconds = seconds_since(start);
  if (result) return seconds;
  return fail(ErrorKind::internal, "there is no preview: directions or weights are missing");
}

Result<> SliderTask::begin_run() {
  const std::size_t before = desk_.runs().begun();
  desk_.submit(moved(strengths_.next()));
  if (desk_.runs().wait_begun(before, kLongest)) return {};
  return fail(ErrorKind::internal, "no run has begun for ten minutes");
}

// Previews beside runs of the model, which is what they are for.
Result<std::vector<double>> SliderTask::while_computing(const Snapshot& shown) {
  constexpr int most = 20;  // runs for one figure: those of a tiny model are over at once
  std::vector<double> seconds;
  for (int i = 0; i < most * count() && std::ssize(seconds) < count(); ++i) {
    HEADSCOPE_TRY(begin_run());
    while (desk_.runs().running() && std::ssize(seconds) < count()) {
      HEADSCOPE_ASSIGN(const double one, preview_seconds(shown));
      if (desk_.runs().running()) seconds.push_back(one);
      sleep_for(kFrame);
    }
    HEADSCOPE_TRY(good());
  }
  return seconds;
}

// The slider as a hand moves it: 60 moves a second, whatever the engine has finished.
Result<> SliderTask::drag(Json& result) {
  std::vector<double> seconds;
  int overtaken = 0;
  for (int i = 0; i < count(); ++i) {
    const auto start = Clock::now();
    const std::uint64_t id = desk_.submit(moved(strengths_.next()));
    bool there = false;
    while (!there && seconds_since(start) < kFrame) {
      const auto shown = desk_.snapshot();
      there = shown->request_id == id && shown->intervened;
      if (!there) sleep_for(2e-4);
    }
    if (there) {
      seconds.push_back(seconds_since(start));
    } else {
      ++overtaken;
    }
    sleep_for(std::max(0.0, kFrame - seconds_since(start)));
  }
  result["moved"] = seconds;
  result["overtaken"] = overtaken;
  return {};
}

Result<Json> SliderTask::errors() {
  Json all = Json::array();
  for (const double tau : task_.at("taus")) {
    for (const double alpha : task_.at("alphas")) {
      const Request request = moved(alpha, tau);
      HEADSCOPE_ASSIGN(const auto shown, desk_.settle(request));
      const auto estimate = previewed(*shown, request.intervention, shown->intervened->touched);
      const auto error = estimate ? preview_error(*estimate, *shown->intervened) : std::nullopt;
      all.push_back({{"alpha", alpha},
                     {"tau", tau},
                     {"largest", error ? Json(error->largest) : Json(nullptr)},
                     {"mean", error ? Json(error->mean) : Json(nullptr)},
                     {"rows", error ? error->rows : 0}});
    }
  }
  return all;
}

Result<Json> SliderTask::preview() {
  base_.keep = KeepAttention::rows;
  HEADSCOPE_ASSIGN(const auto shown, desk_.settle(moved(0)));
  Json result = {{"tokens", shown->prompt->prompt_tokens()},
                 {"keys", shown->baseline->keys},
                 {"rows", shown->baseline->rows.size()},
                 {"heads", base_.intervention.picked.size()}};
  for (int i = 0; i < count(); ++i) {
    HEADSCOPE_ASSIGN(const double one, preview_seconds(*shown));
    result["alone"].push_back(one);
  }
  HEADSCOPE_ASSIGN(result["computing"], while_computing(*shown));
  HEADSCOPE_TRY(drag(result));
  HEADSCOPE_ASSIGN(result["errors"], errors());
  return result;
}

Result<Json> SliderTask::moves() {
  base_.keep = KeepAttention::rows;
  base_.intervention.choice = HeadChoice::contextual;
  base_.intervention.top_k = task_.at("top_k");
  HEADSCOPE_ASSIGN(const auto shown, desk_.settle(moved(0)));
  Json result = {{"tokens", shown->prompt->prompt_tokens()},
                 {"documents", shown->prompt->documents.size()},
                 {"preview", Json::array()}};
  for (int i = 0; i < count(); ++i) {
    sleep_for(rng_.uniform(0, 0.05));
    const auto start = Clock::now();
    const std::uint64_t id = desk_.submit(moved(strengths_.next()));
    const auto answered = [id](const Snapshot& snapshot) {
      return snapshot.request_id == id && snapshot.intervened;
    };
    HEADSCOPE_ASSIGN(auto now, desk_.wait(answered));
    if (now->intervened->quality == Quality::preview) {
      result["preview"].push_back(seconds_since(start));
      HEADSCOPE_ASSIGN(now, desk_.wait([&](const Snapshot& snapshot) {
        return answered(snapshot) && snapshot.intervened->quality == Quality::exact;
      }));
    }
    result["exact"].push_back(seconds_since(start));
  }
  HEADSCOPE_ASSIGN(result["errors"], errors());
  return result;
}

Result<Json> SliderTask::drop() {
  HEADSCOPE_TRY(desk_.settle(moved(0)));
  const double alpha = strengths_.next();
  HEADSCOPE_TRY(desk_.settle(moved(alpha)));
  const RunWatch& runs = desk_.runs();
  const auto finished = runs.last_with(alpha);
  const double whole = finished ? finished->seconds() : 0;
  Json result = {{"dropped", Json::array()}, {"next", Json::array()}, {"finished", 0}};
  HEADSCOPE_TRY(begin_run());
  for (int i = 0; i < count(); ++i) {
    sleep_for(rng_.uniform(0, whole));
    const bool running = runs.running();
    const std::size_t before = runs.ended();
    const auto start = Clock::now();
    HEADSCOPE_TRY(begin_run());
    const double next = seconds_since(start);
    const auto run = running ? runs.wait_ended(before, kLongest) : std::nullopt;
    if (!run || run->done) {
      result["finished"] = result["finished"].get<int>() + 1;
      continue;
    }
    result["dropped"].push_back(std::chrono::duration<double>(run->end - start).count());
    result["next"].push_back(next);
    HEADSCOPE_TRY(good());
  }
  return result;
}

Result<Json> SliderTask::restart() {
  HEADSCOPE_TRY(desk_.settle(moved(0)));
  const auto whole = desk_.runs().last_with(0);
  Json result = {{"whole", whole ? whole->seconds() : 0.0}};
  for (const Json& cell : task_.at("cells")) {
    // A second move of tau finds what the first one left of the first touched layer.
    if (cell.at("slider") == "tau") HEADSCOPE_TRY(move_seconds(cell));
    HEADSCOPE_ASSIGN(const double seconds, move_seconds(cell));
    result["cells"].push_back(seconds);
  }
  return result;
}

Result<double> SliderTask::move_seconds(const Json& cell) {
  const double strength = strengths_.next();
  const bool tau = cell.at("slider") == "tau";
  Request request = tau ? moved(0, strength) : moved(strength);
  request.intervention.picked = heads_of(cell.at("heads"));
  if (cell.at("rows") == "response") request.intervention.rows.kind = RowSelection::Kind::response;
  HEADSCOPE_TRY(desk_.settle(request));
  const auto run = desk_.runs().last_with(request.intervention.alpha, request.intervention.tau);
  if (run) return run->seconds();
  return fail(ErrorKind::internal, "the runner was not asked for a new strength");
}

}  // namespace

Result<Json> run_slider_task(const Json& task, const RunContext& context) {
  return SliderTask(task, context).run();
}

}  // namespace headscope::bench
