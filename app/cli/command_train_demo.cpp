// train-demo: trains the embedded model.
#include <algorithm>
#include <limits>
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/made_by.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "app/cli/terminal.h"
#include "core/training/train_demo.h"

namespace headscope::cli {
namespace {

constexpr int kMost = std::numeric_limits<int>::max();

struct Options : CommonOptions {
  TrainDemoOptions training;
  int stage_steps = 0;  ///< 0 = as the curriculum says
};

Result<> train(const Options& options) {
  TrainDemoOptions training = options.training;
  training.folder = options.out;
  training.seed = options.seed;
  training.threads = options.threads;
  if (options.stage_steps > 0) {
    for (DemoStage& stage : training.stages) {
      stage.steps = std::min(stage.steps, options.stage_steps);
    }
  }
  ProgressPrinter progress(options.quiet);
  HEADSCOPE_ASSIGN(const auto report, train_demo(training, progress.context()));
  HEADSCOPE_TRY(write_made_by(options.out));
  return write_json({{"folder", options.out},
                     {"seed", options.seed},
                     {"steps", report.steps},
                     {"tokens", report.tokens},
                     {"seconds", report.seconds},
                     {"value_loss", report.value_loss},
                     {"held_out",
                      {{"gold_alone", report.held_out.gold_alone},
                       {"neutral", report.held_out.neutral},
                       {"similar", report.held_out.similar}}}},
                    "");
}

}  // namespace

void add_train_demo(CommandLine& line) {
  auto options = std::make_shared<Options>();
  options->seed = TrainDemoOptions{}.seed;
  CLI::App* command =
      line.add("train-demo", "trains the model demo from nothing (hours); run again to continue",
               [options] { return train(*options); });
  command->add_option("--out,-o", options->out, "folder for the model and its checkpoint")
      ->required();
  command->add_option("--tokens-per-step", options->training.tokens_per_step, "batch size")
      ->check(CLI::Range(64, kMost))
      ->capture_default_str();
  command->add_option("--learning-rate", options->training.learning_rate, "highest learning rate")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--checkpoint-every", options->training.checkpoint_every, "in steps")
      ->check(CLI::Range(1, kMost))
      ->capture_default_str();
  command
      ->add_option("--evaluation-samples", options->training.evaluation_samples,
                   "held-out samples of each kind at the end")
      ->check(CLI::Range(0, kMost))
      ->capture_default_str();
  command
      ->add_option("--stage-steps", options->stage_steps,
                   "at most so many steps in each stage (to try the command out)")
      ->check(CLI::PositiveNumber);
  add_common(*command, *options, "");
}

}  // namespace headscope::cli
