// Experiments that the window starts: what the user filled in, and the commands of headscope-cli
// that do it. The window never runs a study itself: a command goes on where it was stopped, can be
// copied into a terminal or a cluster's script, and leaves the same files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/process.h"  // shell_line: a plan as text
#include "core/engine/settings.h"

namespace headscope {

enum class ExperimentKind {
  scores,     ///< contextual score of every head (paper Fig. 2 and 5)
  split,      ///< EM against top-k for several tau (Fig. 3)
  focus,      ///< EM against top-k for several alpha (Fig. 4)
  positions,  ///< EM and mass against the place of the gold document
  control,    ///< how far untouched heads move
  suites,     ///< long contexts, with and without focus directions
  study,      ///< everything, with a report
};
inline constexpr int experiment_kinds = 7;

/// "Contextual heads", and one sentence on what it shows.
const char* experiment_name(ExperimentKind kind);
const char* experiment_note(ExperimentKind kind);

/// Lists are numbers separated by commas, as on the command line.
struct ExperimentForm {
  ExperimentKind kind = ExperimentKind::split;
  int samples = 150;
  int draws = 5;  ///< of random heads or random directions
  std::string taus = "0.1,0.2,0.4";
  std::string alphas = "0.1,0.3,0.5,1";
  std::string top_ks = "1,5,10,20";
  std::string positions = "0,4,9,14,19";
  std::string lengths = "256,512,1024";
  std::string data;  ///< JSON lines; empty: samples of the embedded model's world
  friend bool operator==(const ExperimentForm&, const ExperimentForm&) = default;
};

/// Which fields of the form a kind reads.
struct ExperimentFields {
  bool data = true, draws = false, taus = false, alphas = false, top_ks = false, positions = false,
       lengths = false;
};
ExperimentFields fields_of(ExperimentKind kind);

/// `form` for a sweep around the sliders: of alpha where it alone is set, else of tau; what they
/// stand at is among the values.
ExperimentForm sweep_around(const InterventionSettings& sliders, ExperimentForm form);

/// The model as the window has it loaded.
struct ExperimentModel {
  std::string model = "demo", adapter, device = "auto", dtype = "auto";
  int threads = 0;
};

struct ExperimentStep {
  std::string what;                    ///< "score", "sweep"...: a word for the progress line
  std::vector<std::string> arguments;  ///< of headscope-cli
  std::filesystem::path makes;         ///< is skipped when this is there; empty = always runs
};

struct ExperimentPlan {
  std::filesystem::path folder;  ///< below `root`, named after kind and settings
  std::vector<ExperimentStep> steps;
  std::filesystem::path results;  ///< results.csv of a sweep; empty for other kinds
  std::filesystem::path report;   ///< what to look at in the end: a report or the figures' folder
};

/// Heads and directions are made first, from the training part of the data, so that nothing is
/// evaluated on what made it. The same form gives the same folder, where a stopped experiment goes
/// on. bad_input: a field is not a list of numbers, a model other than the embedded one without
/// data.
Result<ExperimentPlan> plan_experiment(const ExperimentForm& form, const ExperimentModel& model,
                                       const std::filesystem::path& root);

}  // namespace headscope
