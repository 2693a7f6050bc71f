// When the window draws: it sleeps unless something is due. Free of window and clock.
#pragma once

namespace headscope {

class FramePace {
 public:
  /// ImGui needs a few frames to size and place what is new.
  static constexpr int settling_frames = 3;

  /// Somebody typed or moved something, at `now` (seconds of any clock).
  void input(double now);
  /// True: the next frame comes at once; counts it.
  bool take_due_frame();
  void want_frames(int count) { due_ = count; }

  /// How long to sleep from `now`; < 0 = until something happens. `next` is when the views want a
  /// frame (the same way), `text_cursor` that one blinks.
  double sleep(double now, double next, bool text_cursor) const;

 private:
  int due_ = settling_frames;
  double last_input_ = 0;
};

}  // namespace headscope
