#include "app/shell/frame_pace.h"

#include <algorithm>

namespace headscope {

void FramePace::input(double now) {
  last_input_ = now;
  due_ = settling_frames;
}

bool FramePace::take_due_frame() {
  if (due_ <= 0) return false;
  --due_;
  return true;
}

double FramePace::sleep(double now, double next, bool text_cursor) const {
  constexpr double kBlink = 0.3, kTooltip = 0.1, kAfterInput = 1;
  double sleep = next;
  const auto at_most = [&](double seconds) {
    sleep = sleep < 0 ? seconds : std::min(sleep, seconds);
  };
  if (text_cursor) at_most(kBlink);
  if (now - last_input_ < kAfterInput) at_most(kTooltip);
  return sleep;
}

}  // namespace headscope
