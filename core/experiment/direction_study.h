// The whole of direction training (method.md 3): collecting keys and queries, training with one
// seed or several, and the held-out check.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "core/experiment/direction_check.h"
#include "core/experiment/direction_data.h"

namespace headscope {
/// Training, its repetitions and its check.
struct DirectionStudyOptions {
  DirectionDataOptions data;
  DirectionTrainingOptions training;
  int seeds = 1;  ///< trainings with training.seed, training.seed + 1 ...: the first is the result
  /// Heads to report on; empty = the `top_heads` with most relevant mass on the training samples.
  std::vector<HeadId> heads;
  std::size_t top_heads = 20;
  /// Strengths and draws of the held-out check; its heads and seed are those above.
  DirectionCheckOptions check;
  /// Where unfinished work is kept and goes on; empty = nowhere. See DirectionWork.
  std::filesystem::path work;
  Json settings = Json::object();  ///< what else decides the result: a passport
  bool restart = false;            ///< throw unfinished work of other settings away
  std::uint64_t memory_bytes = 0;  ///< for keys and queries; 0 = half of what is left
};

/// How far the directions of two seeds agree.
struct SeedAgreement {
  std::uint64_t seed = 0;      ///< of the other training
  std::vector<float> cosines;  ///< of query directions [layers * heads]
  double heads = 0, all = 0;   ///< means over the chosen heads, over all
};
/// A training with its check, as it goes into the file.
struct DirectionStudy {
  DirectionTraining training;  ///< cancelled: as far as it went
  std::size_t samples = 0, spilled = 0;
  SkipCounts skipped, held_out_skipped;
  std::vector<HeadId> heads;
  std::vector<SeedAgreement> agreement;
  std::optional<DirectionCheck> check;  ///< none without held-out samples, or when cancelled
  bool resumed = false;
};

/// Cancelled before training: ErrorKind::cancelled, what was collected is kept in `work`. After the
/// result is safe, finish_direction_study removes what was kept.
Result<DirectionStudy> run_direction_study(Model& model, const PromptEncoder& encoder,
                                           std::span<const QaSample> train,
                                           std::span<const QaSample> held_out,
                                           const DirectionStudyOptions& options,
                                           const RunContext& context);
Result<> finish_direction_study(const DirectionStudyOptions& options);

/// out_of_memory when not even the longest sample fits, bad_input when the disk of `work` cannot
/// take all of them.
Result<> check_room(const Model& model, const PromptEncoder& encoder,
                    std::span<const QaSample> train, std::span<const QaSample> held_out,
                    const DirectionStudyOptions& options);

}  // namespace headscope
