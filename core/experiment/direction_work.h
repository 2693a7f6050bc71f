// What a direction training leaves beside its result until it is finished, so that it can be killed
// and go on.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "core/base/error.h"
#include "core/base/file_lock.h"
#include "core/base/json.h"
#include "core/experiment/direction_store.h"

namespace headscope {

/// A folder with settings.json, the samples of training and check, and the state of each seed's
/// training after its last whole epoch. One process at a time works in it.
class DirectionWork {
 public:
  /// `settings`: everything that decides the result. A folder of other settings is bad_input that
  /// names what differs, unless `restart`: then it is emptied. `memory_bytes`: what the samples may
  /// take. An empty `folder` keeps nothing.
  static Result<DirectionWork> open(const std::filesystem::path& folder, const Json& settings,
                                    bool restart, const DirectionShape& shape,
                                    std::uint64_t memory_bytes);

  DirectionStore& train() { return *train_; }
  DirectionStore& held_out() { return *held_out_; }
  bool resumed() const { return resumed_; }

  /// After the last whole epoch of this seed; nothing when it was not begun.
  Result<std::optional<DirectionTrainingState>> state(std::uint64_t seed) const;
  /// bad_input when the disk is full.
  Result<> keep(std::uint64_t seed, const DirectionTrainingState& state) const;

 private:
  DirectionWork() = default;
  std::filesystem::path state_file(std::uint64_t seed) const;

  std::filesystem::path folder_;
  std::optional<FileLock> lock_;
  std::unique_ptr<DirectionStore> train_, held_out_;
  bool resumed_ = false;
};

}  // namespace headscope
