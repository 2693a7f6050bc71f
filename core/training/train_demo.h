// Training of the embedded model (`headscope-cli train-demo`): from a seed, resumable, on the
// decoder code that inference uses. Attention itself is never supervised: the loss is that of the
// next token.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/run_context.h"

namespace headscope {

/// One part of the curriculum: what its sequences look like and how long it takes.
struct DemoStage {
  std::string name;
  int steps = 0;
  int min_documents = 1, max_documents = 1;
  double full_share = 0;  ///< share of sequences with max_documents; the rest is drawn evenly
  int min_facts = 1, max_facts = 3;
  int questions = 1;
  double similar_share = 0;      ///< share of sequences with documents about namesakes
  double unanswerable = 0;       ///< share of questions about somebody without a document
  double near_miss = 0.5;        ///< share of those about a namesake of somebody with one
  double absent_share = 0;       ///< share of sequences in which no question has an answer
  double instruction_share = 1;  ///< share of sequences with the instruction line
  int pool =
      0;  ///< sequences drawn per step, of which neighbours in length are used; 0 = as many as fit
};

/// The curriculum of the model that ships.
std::vector<DemoStage> demo_stages();
/// Where and how long.
struct TrainDemoOptions {
  std::filesystem::path folder;  ///< model and checkpoint go here
  std::uint64_t seed = 1;
  int threads = 0;  ///< 0 = all cores; the same number gives the same bits
  int tokens_per_step = 4096;
  double learning_rate = 1e-3;
  int checkpoint_every = 50;  ///< steps
  int evaluation_samples = 200;
  std::vector<DemoStage> stages = demo_stages();
};

/// Share of exact answers among samples about people never trained on.
struct DemoExactMatch {
  double gold_alone = 0, neutral = 0, similar = 0;
};
/// What a training came to.
struct TrainDemoReport {
  std::int64_t steps = 0, tokens = 0;
  double seconds = 0;     ///< of training, over all sessions
  double value_loss = 0;  ///< last hundred steps: nats per word to be found
  DemoExactMatch held_out;
};

/// Trains and writes config.json, model.safetensors, tokenizer.json and tokenizer_config.json into
/// `options.folder`. A checkpoint found there with the same seed and settings is continued, with
/// the same result, bit for bit, as without the interruption; it is removed at the end. Cancelled:
/// a checkpoint is written first.
Result<TrainDemoReport> train_demo(const TrainDemoOptions& options, const RunContext& context);

}  // namespace headscope
