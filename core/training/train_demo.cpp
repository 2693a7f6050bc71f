#include "core/training/train_demo.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <span>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/rng.h"
#include "core/base/safetensors.h"
#include "core/demo_world/demo_world.h"
#include "core/model/decoder.h"
#include "core/text/prompt.h"
#include "core/text/tokenizer.h"
#include "core/training/demo_init.h"

namespace headscope {
namespace {

constexpr const char* checkpoint_name = "training.safetensors";
constexpr double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
constexpr int warm_up_steps = 20;
constexpr double decay_share = 0.3;  ///< of a stage's steps, at its end, linearly to 2 %
/// Loss weight of a token by DemoTokenKind, the first entry being padding.
constexpr std::array<float, 5> kind_weights{0.0f, 0.2f, 1.0f, 3.0f, 1.5f};

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

DemoSequence draw_sequence(Rng& rng, const DemoStage& stage) {
  DemoSequenceOptions options;
  options.documents =
      rng.chance(stage.full_share)
          ? stage.max_documents
          : static_cast<int>(rng.uniform_int(stage.min_documents, stage.max_documents));
  options.facts = static_cast<int>(rng.uniform_int(stage.min_facts, stage.max_facts));
  options.questions = stage.questions;
  options.unanswerable = stage.unanswerable;
  options.near_miss = stage.near_miss;
  options.instruction = rng.chance(stage.instruction_share);
  if (options.documents > 1 && rng.chance(stage.similar_share)) {
    options.similar = static_cast<int>(rng.uniform_int(1, options.documents - 1));
  }
  if (rng.chance(stage.absent_share)) {
    options.drop_gold = true;
    options.similar = static_cast<int>(rng.uniform_int(0, options.documents));
    options.questions = std::min(stage.questions, 4);
    options.unanswerable = options.near_miss = 1.0;
  }
  return demo_sequence(rng, options);
}

/// Sequences of about `tokens` tokens, padding included, of similar length where the stage has a
/// pool.
std::vector<DemoSequence> draw_batch(Rng& rng, const DemoStage& stage, std::size_t tokens) {
  std::vector<DemoSequence> batch;
  std::size_t used = 0;
  const auto take = [&](DemoSequence sequence) {
    used += sequence.ids.size();
    batch.push_back(std::move(sequence));
  };
  if (stage.pool == 0) {
    while (used < tokens) take(draw_sequence(rng, stage));
    return batch;
  }
  std::vector<DemoSequence> pool;
  for (int i = 0; i < stage.pool; ++i) pool.push_back(draw_sequence(rng, stage));
  std::stable_sort(pool.begin(), pool.end(), [](const DemoSequence& a, const DemoSequence& b) {
    return a.ids.size() < b.ids.size();
  });
  for (auto i = static_cast<std::ptrdiff_t>(rng.below(pool.size())); i >= 0 && used < tokens; --i) {
    take(std::move(pool[static_cast<std::size_t>(i)]));
  }
  return batch;
}

struct Batch {
  at::Tensor ids, weights, is_value;  ///< [B, T]; the last two refer to the token itself
};

Batch to_tensors(const std::vector<DemoSequence>& sequences) {
  std::size_t longest = 0;
  for (const auto& sequence : sequences) longest = std::max(longest, sequence.ids.size());
  const auto rows = static_cast<std::int64_t>(sequences.size()),
             columns = static_cast<std::int64_t>(longest);
  Batch batch{at::zeros({rows, columns}, at::kLong), at::zeros({rows, columns}),
              at::zeros({rows, columns})};
  auto ids = batch.ids.accessor<std::int64_t, 2>();
  auto weights = batch.weights.accessor<float, 2>();
  auto is_value = batch.is_value.accessor<float, 2>();
  for (std::int64_t b = 0; b < rows; ++b) {
    const auto& sequence = sequences[static_cast<std::size_t>(b)];
    for (std::size_t t = 0; t < sequence.ids.size(); ++t) {
      const auto column = static_cast<std::int64_t>(t);
      const DemoTokenKind kind = sequence.kinds[t];
      ids[b][column] = sequence.ids[t];
      weights[b][column] = kind_weights[static_cast<std::size_t>(static_cast<int>(kind) + 1)];
      is_value[b][column] = kind == DemoTokenKind::value ? 1.0f : 0.0f;
    }
  }
  return batch;
}

/// Everything that a checkpoint holds.
struct State {
  DecoderWeights weights;
  std::vector<at::Tensor> first, second;  ///< Adam's moments
  std::size_t stage = 0;
  int step = 0;  ///< within the stage
  Rng rng;
  std::int64_t steps = 0, tokens = 0;
  double seconds = 0;
  double value_loss = 0;
};

class Trainer {
 public:
  Trainer(const TrainDemoOptions& options, const RunContext& context)
      : options_(options), context_(context), config_(demo_model_config()) {
    for (const DemoStage& stage : options.stages) total_steps_ += stage.steps;
  }

  Result<TrainDemoReport> run() {
    HEADSCOPE_TRY(create_folders(options_.folder));
    HEADSCOPE_ASSIGN(const bool resumed, resume());
    if (!resumed) start();
    HEADSCOPE_TRY(train());
    return finish();
  }

 private:
  /// Settings that a checkpoint must agree with to be continued.
  std::string settings() const {
    nlohmann::ordered_json json = {{"seed", options_.seed},
                                   {"tokens_per_step", options_.tokens_per_step},
                                   {"learning_rate", options_.learning_rate}};
    for (const DemoStage& s : options_.stages) {
      json["stages"].push_back({s.name, s.steps, s.min_documents, s.max_documents, s.full_share,
                                s.min_facts, s.max_facts, s.questions, s.similar_share,
                                s.unanswerable, s.near_miss, s.absent_share, s.instruction_share,
                                s.pool});
    }
    return json.dump();
  }

  void start() {
    state_.weights = demo_initial_weights(config_, options_.seed);
    state_.rng = Rng(options_.seed, 0x7EA1);
    prepare();
    reset_optimiser();
  }

  void prepare() {
    slots_ = tensor_slots(state_.weights, config_);
    for (TensorSlot& slot : slots_) {
      *slot.tensor = slot.tensor->detach().contiguous().clone();
      slot.tensor->set_requires_grad(true);
    }
  }

  void reset_optimiser() {
    state_.first.clear();
    state_.second.clear();
    for (const TensorSlot& slot : slots_) {
      state_.first.push_back(at::zeros(slot.shape));
      state_.second.push_back(at::zeros(slot.shape));
    }
  }

  Result<> train() {
    begin_ = std::chrono::steady_clock::now();
    seconds_before_ = state_.seconds;
    for (; state_.stage < options_.stages.size();
         ++state_.stage, state_.step = 0, reset_optimiser()) {
      const DemoStage& stage = options_.stages[state_.stage];
      while (state_.step < stage.steps) {
        step(stage);
        const bool stop = context_.cancelled();
        if (stop || state_.steps % options_.checkpoint_every == 0) HEADSCOPE_TRY(save());
        if (stop)
          return fail(ErrorKind::cancelled, "training stopped at step " +
                                                std::to_string(state_.steps) +
                                                "; run again to continue");
      }
    }
    state_.seconds = seconds_before_ + seconds_since(begin_);
    return {};
  }

  void step(const DemoStage& stage) {
    const Batch batch = to_tensors(
        draw_batch(state_.rng, stage, static_cast<std::size_t>(options_.tokens_per_step)));
    const std::int64_t length = batch.ids.size(1);
    const auto logits = decoder_forward(state_.weights, config_, batch.ids.slice(1, 0, length - 1));
    const auto losses = at::cross_entropy_loss(
        logits.flatten(0, 1), batch.ids.slice(1, 1).reshape(-1), {}, at::Reduction::None);
    const auto weights = batch.weights.slice(1, 1).reshape(-1);
    const auto loss = (losses * weights).sum() / weights.sum();
    for (TensorSlot& slot : slots_) slot.tensor->mutable_grad().reset();
    loss.backward();
    update(stage);
    ++state_.step;
    ++state_.steps;
    state_.tokens += batch.ids.numel();
    const auto is_value = batch.is_value.slice(1, 1).reshape(-1);
    const double count = is_value.sum().item<double>();
    if (count > 0) {
      const double now = (losses.detach() * is_value).sum().item<double>() / count;
      state_.value_loss = state_.steps == 1 ? now : 0.98 * state_.value_loss + 0.02 * now;
    }
    report(stage);
  }

  void update(const DemoStage& stage) {
    const at::NoGradGuard no_grad;
    const double done = static_cast<double>(state_.step) / stage.steps;
    const double rate = options_.learning_rate *
                        std::min(1.0, (state_.step + 1.0) / warm_up_steps) *
                        std::min(1.0, (1.0 - done) / decay_share + 0.02);
    const int t = state_.step + 1;
    const double bias1 = 1 - std::pow(beta1, t), bias2 = 1 - std::pow(beta2, t);
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const at::Tensor& gradient = slots_[i].tensor->grad();
      state_.first[i].mul_(beta1).add_(gradient, 1 - beta1);
      state_.second[i].mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
      const auto scale = state_.second[i].div(bias2).sqrt_().add_(epsilon);
      slots_[i].tensor->addcdiv_(state_.first[i], scale, -rate / bias1);
    }
  }

  void report(const DemoStage& stage) const {
    if (state_.step != 1 && state_.step % 10 != 0) return;
    char loss[32];
    std::snprintf(loss, sizeof loss, "%.3f", state_.value_loss);
    context_.progress(stage.name + ", loss of values " + loss, static_cast<double>(state_.steps),
                      static_cast<double>(total_steps_));
  }

  std::filesystem::path checkpoint_path() const { return options_.folder / checkpoint_name; }

  Result<> save() {
    state_.seconds = seconds_before_ + seconds_since(begin_);
    std::vector<TensorToWrite> tensors;
    const auto add = [&](const std::string& name, const at::Tensor& tensor,
                         const std::vector<std::int64_t>& shape) {
      const auto* data = static_cast<const std::byte*>(tensor.const_data_ptr());
      tensors.push_back({name, DType::f32, shape, {data, tensor.nbytes()}});
    };
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      add("weight." + slots_[i].name, *slots_[i].tensor, slots_[i].shape);
      add("first." + slots_[i].name, state_.first[i], slots_[i].shape);
      add("second." + slots_[i].name, state_.second[i], slots_[i].shape);
    }
    const nlohmann::ordered_json json = {
        {"stage", state_.stage},
        {"step", state_.step},
        {"steps", state_.steps},
        {"tokens", state_.tokens},
        {"seconds", state_.seconds},
        {"value_loss", state_.value_loss},
        {"rng", {state_.rng.state().state, state_.rng.state().increment}}};
    return write_safetensors(checkpoint_path(), std::move(tensors),
                             {{"state", json.dump()}, {"settings", settings()}});
  }

  /// False when there is no checkpoint.
  Result<bool> resume() {
    const auto path = checkpoint_path();
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) return false;
    HEADSCOPE_ASSIGN(const auto file, SafetensorsFile::open(path));
    const auto settings_entry = file.metadata().find("settings"),
               state_entry = file.metadata().find("state");
    if (settings_entry == file.metadata().end() || state_entry == file.metadata().end() ||
        settings_entry->second != settings()) {
      return bad_input(path.string() +
                       " belongs to a training with other settings or another seed; remove it or "
                       "choose another folder");
    }
    const auto json = nlohmann::json::parse(state_entry->second, nullptr, false);
    if (!json.is_object()) return bad_input(path.string() + ": metadata \"state\" is not JSON");
    state_.weights = random_weights(config_, 0);
    prepare();
    reset_optimiser();
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      HEADSCOPE_TRY(read(file, "weight." + slots_[i].name, *slots_[i].tensor));
      HEADSCOPE_TRY(read(file, "first." + slots_[i].name, state_.first[i]));
      HEADSCOPE_TRY(read(file, "second." + slots_[i].name, state_.second[i]));
    }
    state_.stage = json.at("stage"), state_.step = json.at("step"), state_.steps = json.at("steps");
    state_.tokens = json.at("tokens"), state_.seconds = json.at("seconds");
    state_.value_loss = json.at("value_loss");
    state_.rng = Rng(Rng::State{json.at("rng").at(0), json.at("rng").at(1)});
    return true;
  }

  static Result<> read(const SafetensorsFile& file, const std::string& name, at::Tensor& tensor) {
    HEADSCOPE_ASSIGN(const auto values, file.floats(name));
    if (static_cast<std::int64_t>(values.size()) != tensor.numel()) {
      return bad_input(file.name() + ": " + name + " has " + std::to_string(values.size()) +
                       " numbers, expected " + std::to_string(tensor.numel()));
    }
    std::memcpy(tensor.mutable_data_ptr(), values.data(), tensor.nbytes());
    return {};
  }

  Result<TrainDemoReport> finish() {
    HEADSCOPE_TRY(save_checkpoint(options_.folder.string(), state_.weights, config_));
    HEADSCOPE_TRY(write_file_atomically(options_.folder / "tokenizer.json", demo_tokenizer_json()));
    HEADSCOPE_TRY(write_file_atomically(options_.folder / "tokenizer_config.json",
                                        demo_tokenizer_config_json()));
    TrainDemoReport report{state_.steps, state_.tokens, state_.seconds, state_.value_loss, {}};
    const struct {
      int documents;
      DemoDistractors distractors;
      double* result;
    } conditions[] = {{1, DemoDistractors::neutral, &report.held_out.gold_alone},
                      {demo_max_documents, DemoDistractors::neutral, &report.held_out.neutral},
                      {demo_max_documents, DemoDistractors::similar, &report.held_out.similar}};
    for (const auto& condition : conditions) {
      HEADSCOPE_ASSIGN(*condition.result, exact_match(condition.documents, condition.distractors));
    }
    std::error_code ignored;
    std::filesystem::remove(checkpoint_path(), ignored);
    return report;
  }

  /// Share of samples whose answer sentence is, word by word, the most likely continuation (greedy
  /// decoding would write it).
  Result<double> exact_match(int documents, DemoDistractors distractors) {
    const at::NoGradGuard no_grad;
    HEADSCOPE_ASSIGN(const Tokenizer tokenizer,
                     Tokenizer::from_json(demo_tokenizer_json(), "tokenizer.json"));
    DemoSampleOptions options;
    options.documents = documents;
    options.distractors = distractors;
    HEADSCOPE_ASSIGN(const auto samples,
                     demo_samples(options, options_.evaluation_samples, 0xE7A1));
    int right = 0;
    for (const QaSample& sample : samples) {
      if (context_.cancelled())
        return fail(ErrorKind::cancelled, "stopped during the final measurement");
      HEADSCOPE_ASSIGN(const auto prompt, tokenizer.encode(build_prompt(sample).text));
      HEADSCOPE_ASSIGN(const auto answer, tokenizer.encode(demo_answer(sample), false));
      std::vector<std::int64_t> ids(prompt.ids.begin(), prompt.ids.end());
      ids.insert(ids.end(), answer.ids.begin(), answer.ids.end());
      const auto tensor = at::tensor(ids).unsqueeze(0);
      const auto begin = static_cast<std::int64_t>(prompt.ids.size());
      const auto hidden =
          decoder_hidden(state_.weights, config_, tensor.slice(1, 0, tensor.size(1) - 1));
      const auto best =
          decoder_logits(state_.weights, config_, hidden.slice(1, begin - 1)).argmax(-1);
      right += at::equal(best, tensor.slice(1, begin)) ? 1 : 0;
    }
    return static_cast<double>(right) /
           static_cast<double>(std::max<std::size_t>(1, samples.size()));
  }

  const TrainDemoOptions& options_;
  const RunContext& context_;
  ModelConfig config_;
  State state_;
  std::vector<TensorSlot> slots_;
  std::int64_t total_steps_ = 0;
  std::chrono::steady_clock::time_point begin_;
  double seconds_before_ = 0;
};

}  // namespace

std::vector<DemoStage> demo_stages() {
  const DemoStage recall{.name = "short rosters",
                         .steps = 450,
                         .min_documents = 1,
                         .max_documents = 4,
                         .min_facts = 1,
                         .max_facts = 2,
                         .questions = 6,
                         .similar_share = 0.45,
                         .unanswerable = 0.1,
                         .instruction_share = 0,
                         .pool = 200};
  const DemoStage documents{.name = "documents",
                            .steps = 220,
                            .min_documents = 2,
                            .max_documents = 8,
                            .min_facts = 2,
                            .max_facts = 3,
                            .questions = 8,
                            .similar_share = 0.3,
                            .unanswerable = 0.2,
                            .instruction_share = 0.5,
                            .pool = 60};
  // Namesakes mostly mean that nobody knows: the model learns to give up among them, which is the
  // distraction that interventions on its heads can undo.
  const DemoStage prompts{.name = "full prompts",
                          .steps = 330,
                          .min_documents = 1,
                          .max_documents = 20,
                          .full_share = 0.67,
                          .min_facts = 2,
                          .max_facts = 3,
                          .questions = 6,
                          .unanswerable = 0.5,
                          .near_miss = 0.8,
                          .absent_share = 0.45};
  return {recall, documents, prompts};
}

Result<TrainDemoReport> train_demo(const TrainDemoOptions& options, const RunContext& context) {
  try {
    if (options.threads > 0) at::set_num_threads(options.threads);
    return Trainer(options, context).run();
  } catch (const c10::Error& error) {
    return fail(ErrorKind::internal,
                std::string("training failed: ") + error.what_without_backtrace());
  } catch (const std::exception& error) {
    return fail(ErrorKind::internal, std::string("training failed: ") + error.what());
  }
}

}  // namespace headscope
