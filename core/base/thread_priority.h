// The window's thread goes first, whatever else the program does.
#pragma once

namespace headscope {

/// What a thread beside the window's works for.
enum class BackgroundWork {
  shown_soon,  ///< what the window waits to show: preview, pooled maps, files on their way out
  computing,   ///< the model, and giving memory back
};

/// Lowers the calling thread's priority, and that of threads it starts from now on. Does nothing
/// where the system has no priorities per thread, or refuses: only smoothness is lost.
void lower_priority(BackgroundWork work);

/// From now on `lower_priority` does nothing. For tests: side by side they use all cores, and a
/// thread of low priority hardly ever runs.
void keep_priorities();

}  // namespace headscope
