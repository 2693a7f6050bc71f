// links: headscope_engine
// The rules of the board, without threads: what may be shown over what, who is told to stop.
#include <doctest/doctest.h>

#include "core/engine/board.h"

using namespace headscope;

namespace {

std::shared_ptr<const RunResult> result(Quality quality) {
  auto run = std::make_shared<RunResult>();
  run->quality = quality;
  return run;
}

/// A board on which a first request has its baseline.
struct Scene {
  Scene() {
    work = submit();
    board.publish_baseline(work, baseline);
  }
  Work submit() {
    const auto id = board.submit(Request{});
    return {id, std::make_shared<const Request>()};
  }
  const RunResult* shown() const { return board.snapshot()->intervened.get(); }

  int updates = 0;
  Board board{[this] { ++updates; }};
  std::shared_ptr<const RunResult> baseline = result(Quality::exact);
  std::shared_ptr<const RunResult> exact = result(Quality::exact);
  std::shared_ptr<const RunResult> preview = result(Quality::preview);
  Work work;
};

}  // namespace

TEST_CASE("a preview is shown until the exact result comes, never after it") {
  Scene scene;
  const auto basis = scene.board.preview_basis();
  CHECK_FALSE(basis.has_exact);
  scene.board.publish_preview(scene.work, basis, {}, scene.preview);
  CHECK(scene.shown() == scene.preview.get());
  CHECK(scene.board.preview_overtaken(scene.work));
  scene.board.publish_exact(scene.work, {}, scene.exact, 0.5);
  CHECK(scene.shown() == scene.exact.get());
  CHECK(scene.board.snapshot()->preview_error == 0.5);
  CHECK(scene.board.preview_basis().has_exact);
  scene.board.publish_preview(scene.work, basis, {}, scene.preview);
  CHECK(scene.shown() == scene.exact.get());
}

TEST_CASE("an older request's result does not replace a newer request's preview") {
  Scene scene;
  const auto newer = scene.submit();
  scene.board.publish_preview(newer, scene.board.preview_basis(), {}, scene.preview);
  scene.board.publish_exact(scene.work, {}, scene.exact, 0.1);
  CHECK(scene.shown() == scene.preview.get());
  scene.board.publish_preview(scene.work, scene.board.preview_basis(), {}, scene.exact);
  CHECK(scene.shown() == scene.preview.get());
  scene.board.publish_exact(newer, {}, scene.exact, 0.1);
  CHECK(scene.shown() == scene.exact.get());
  CHECK(scene.board.snapshot()->request_id == newer.id);
}

TEST_CASE("a preview of an old baseline is dropped, and a new baseline clears what was derived") {
  Scene scene;
  const auto basis = scene.board.preview_basis();
  scene.board.publish_exact(scene.work, {}, scene.exact, 0.1);
  const auto newer = scene.submit();
  scene.board.publish_baseline(newer, result(Quality::exact));
  CHECK(scene.shown() == nullptr);
  CHECK_FALSE(scene.board.snapshot()->preview_error);
  scene.board.publish_preview(newer, basis, {}, scene.preview);
  CHECK(scene.shown() == nullptr);
  // Nothing derived is shown, so the older request's exact result may be.
  scene.board.publish_exact(scene.work, {}, scene.exact, {});
  CHECK(scene.shown() == scene.exact.get());
}

TEST_CASE("after the user's cancellation no preview appears") {
  Scene scene;
  scene.board.cancel();
  scene.board.publish_preview(scene.work, scene.board.preview_basis(), {}, scene.preview);
  CHECK(scene.shown() == nullptr);
  CHECK(scene.board.unwanted(scene.work, [](const Request&) { return true; }));
  scene.board.finish_cancelled();
  CHECK(scene.board.idle());
  const auto next = scene.submit();
  CHECK_FALSE(scene.board.unwanted(next, [](const Request&) { return false; }));
  CHECK_FALSE(scene.board.cancelled());
  CHECK_FALSE(scene.board.idle());
  scene.board.finish_cancelled();  // comes too late: there is a newer request
  CHECK_FALSE(scene.board.idle());
}

TEST_CASE("work goes on exactly while the newest request wants the same") {
  Scene scene;
  const auto never = [](const Request&) { return false; };
  const auto always = [](const Request&) { return true; };
  CHECK_FALSE(scene.board.unwanted(scene.work, never));  // it is the newest itself
  const auto signal = scene.board.signal();
  scene.submit();
  CHECK(scene.board.signal() != signal);
  CHECK(scene.board.unwanted(scene.work, never));
  CHECK_FALSE(scene.board.unwanted(scene.work, always));
  CHECK(scene.board.overtaken(scene.work));
  scene.board.stop();
  CHECK(scene.board.unwanted(scene.work, always));
  CHECK_FALSE(scene.board.unanswered());
  CHECK_FALSE(scene.board.wait_preview());
}

TEST_CASE("idle means answered and no preview under way; the last of both tells the window") {
  Scene scene;
  CHECK_FALSE(scene.board.idle());
  const auto preview_work = scene.board.wait_preview();
  REQUIRE(preview_work);
  CHECK(preview_work->id == scene.work.id);
  scene.board.finish(scene.work, std::nullopt);
  CHECK_FALSE(scene.board.idle());
  const int updates = scene.updates;
  scene.board.preview_done();
  CHECK(scene.board.idle());
  CHECK(scene.updates == updates + 1);
  CHECK(scene.board.snapshot()->status.state == EngineStatus::State::idle);
  scene.submit();
  CHECK_FALSE(scene.board.idle());
}

TEST_CASE("a request's preview is made again only where it would start from something else") {
  Scene scene;
  const auto asked_again = [&] {
    scene.board.post_preview(scene.work);
    return !scene.board.idle();
  };
  scene.board.finish(scene.work, std::nullopt);
  REQUIRE(scene.board.wait_preview());
  scene.board.preview_done();
  CHECK_FALSE(asked_again());
  scene.board.publish([](Snapshot& snapshot) { snapshot.streaming_text = "news"; });
  CHECK_FALSE(asked_again());
  scene.board.publish([](Snapshot& snapshot) {
    snapshot.preview_inputs = std::make_shared<const PreviewInputs>();
  });
  CHECK(asked_again());
  REQUIRE(scene.board.wait_preview());
  scene.board.preview_done();
  scene.board.publish_baseline(scene.work, result(Quality::exact));
  CHECK(asked_again());
}

TEST_CASE("a run that grows is shown where nothing whole is, and goes with its run") {
  Board board([] {});
  const Work work{board.submit(Request{}), std::make_shared<const Request>()};
  const auto few = result(Quality::growing), more = result(Quality::growing);
  board.publish_growing(work, true, few);
  CHECK(board.snapshot()->baseline == few);
  board.publish_growing(work, true, more);
  CHECK(board.snapshot()->baseline == more);
  SUBCASE("the whole one takes its place") {
    const auto whole = result(Quality::exact);
    board.publish_baseline(work, whole);
    board.publish_growing(work, true, few);
    CHECK(board.snapshot()->baseline == whole);
    board.publish_growing(work, false, few);
    CHECK(board.snapshot()->intervened == few);
  }
  SUBCASE("an error ends it") {
    board.finish(work, Error{ErrorKind::internal, "no more"});
    CHECK_FALSE(board.snapshot()->baseline);
  }
  SUBCASE("the user's cancellation ends it") {
    board.cancel();
    board.publish_growing(work, true, few);
    CHECK(board.snapshot()->baseline == more);
    board.finish_cancelled();
    CHECK_FALSE(board.snapshot()->baseline);
  }
}

TEST_CASE("a run that grows replaces no preview") {
  Scene scene;
  scene.board.publish_preview(scene.work, scene.board.preview_basis(), {}, scene.preview);
  scene.board.publish_growing(scene.work, false, result(Quality::growing));
  CHECK(scene.shown() == scene.preview.get());
}
