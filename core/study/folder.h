// The folder of a study:
//
//   study.json                what is run, with which model and data, and the rule of every claim;
//                             written before anything runs, and another study is refused by name
//   data.jsonl.gz             samples of the embedded model's world, where no data were given
//   heads.json                contextual scores (training part; heads.unfinished until then)
//   directions.safetensors    focus directions (directions.unfinished/ until they are there)
//   directions.json           their held-out check, and how far another seed agrees
//   key.json                  what the key half does
//   causal.json               do answers rest on what is attended to
//   control.json              how far heads that nobody touched move
//   suite.json, suites.jsonl  long contexts: scores of every task, and every answer
//   sweep/, positions/        folders of sweeps
//   verdicts.json             every claim's judgement
//   figures/, report.html     made of the files above alone
//   timing.json               what the steps took; no result depends on it
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "core/session/passport.h"
#include "core/study/settings.h"

namespace headscope::study {

/// What the report and the rules want to know of the model.
struct ModelFacts {
  std::string type;  ///< "llama"
  int layers = 0, heads = 0, kv_heads = 0, head_dim = 0;
  std::int64_t context_length = 0, parameters = 0;
  double softcap = 0;
  bool embedded = false;  ///< the embedded model
};
/// What was decided before anything ran.
struct Study {
  Settings settings;
  ModelFacts model;
  Passport passport;               ///< of the evaluation part
  std::vector<std::string> notes;  ///< about the data: what was moved or made
};

/// The content of study.json.
Json to_json(const Study& study);
/// Its SHA-256, by which every step's file says which study it belongs to.
std::string fingerprint(const Study& study);
/// Where a study's files are.
class Folder {
 public:
  explicit Folder(std::filesystem::path path) : path_(std::move(path)) {}

  /// Writes study.json, or checks that the one there is the same; bad_input names what differs.
  Result<> adopt(const Study& study) const;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path file(const std::string& name) const { return path_ / name; }
  std::filesystem::path study() const { return path_ / "study.json"; }
  std::filesystem::path data() const { return path_ / "data.jsonl.gz"; }
  std::filesystem::path heads() const { return path_ / "heads.json"; }
  std::filesystem::path score_work() const { return path_ / "heads.unfinished"; }
  std::filesystem::path directions() const { return path_ / "directions.safetensors"; }
  std::filesystem::path direction_work() const { return path_ / "directions.unfinished"; }
  std::filesystem::path direction_check() const { return path_ / "directions.json"; }
  std::filesystem::path key_check() const { return path_ / "key.json"; }
  std::filesystem::path causal() const { return path_ / "causal.json"; }
  std::filesystem::path control() const { return path_ / "control.json"; }
  std::filesystem::path suite() const { return path_ / "suite.json"; }
  std::filesystem::path suite_answers() const { return path_ / "suites.jsonl"; }
  std::filesystem::path sweep() const { return path_ / "sweep"; }
  std::filesystem::path positions() const { return path_ / "positions"; }
  std::filesystem::path verdicts() const { return path_ / "verdicts.json"; }
  std::filesystem::path figures() const { return path_ / "figures"; }
  std::filesystem::path report() const { return path_ / "report.html"; }
  std::filesystem::path timing() const { return path_ / "timing.json"; }

 private:
  std::filesystem::path path_;
};

// ---- results of single steps ----

/// Masses of held-out samples with fixed tokens: means over samples, the top-k heads and the
/// response rows; share = relevant / (relevant + irrelevant).
struct HeldOutMasses {
  double alpha = 0;
  double relevant = 0, irrelevant = 0, share = 0;
  /// 95 % of the share less that without directions, over samples; NaN = not known.
  double gain_low = std::numeric_limits<double>::quiet_NaN(), gain_high = gain_low;
};

/// Their means, without an interval; all zero where there is none.
HeldOutMasses mean_of(const std::vector<HeldOutMasses>& draws);
/// The check of trained directions, as it lies in the folder.
struct DirectionCheck {
  std::string study;  ///< fingerprint
  std::int64_t train_n = 0;
  std::vector<std::size_t> train_positions, held_out_positions;  ///< each once, in order
  bool disjoint = false;                                         ///< no position is in both
  std::vector<std::string> notes;     ///< on how gold documents were moved
  std::vector<double> relevant_mass;  ///< of each epoch, mean over layers and heads
  std::vector<double> cosine;         ///< of the two seeds, per head [layers * heads]
  std::int64_t held_out_n = 0;        ///< 0 = nothing below was measured
  HeldOutMasses unedited, trained;
  std::vector<HeldOutMasses> random;  ///< of equal norm, one a draw
  std::vector<HeldOutMasses> scan;    ///< trained directions at other strengths
  std::vector<double> gains;          ///< of each sample: share with trained ones minus without
  std::map<std::string, std::int64_t> skipped;
};

/// What key directions change, beside what query directions change (largest logit differences).
struct KeyCheck {
  std::string study;
  std::int64_t prompts = 0;
  double key_norm = 0, key_effect = 0, query_effect = 0, largest_logit = 0;
};

/// Rank correlation within each prompt, mean over prompts with its 95 % bootstrap interval.
struct RankCorrelation {
  std::int64_t n = 0;
  double spearman = 0, low = 0, high = 0;
};

/// Attention mass beside the drop of the answer's log-probability (core/experiment/causal.h).
struct CausalFacts {
  std::string study;
  RankCorrelation documents, heads;
  double gold_drop = 0, other_drop = 0;  ///< nats, mean
};

/// Reads what the step wrote; a correlation that is not defined is NaN.
Result<CausalFacts> causal_facts_from(const Json& value, const std::string& name);

/// Reads what the step wrote (core/experiment/reproduce_directions.cpp).
Result<DirectionCheck> direction_check_from(const Json& value, const std::string& name);
Json to_json(const KeyCheck& check);
Result<KeyCheck> key_check_from(const Json& value, const std::string& name);

}  // namespace headscope::study
