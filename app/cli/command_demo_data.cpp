// demo-data: samples of the embedded model's world.
#include <map>
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/made_by.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "core/demo_world/demo_world.h"
#include "core/text/dataset.h"

namespace headscope::cli {
namespace {

const std::map<std::string, DemoDistractors> kDistractors{{"similar", DemoDistractors::similar},
                                                          {"neutral", DemoDistractors::neutral},
                                                          {"mixed", DemoDistractors::mixed}};
const std::map<std::string, DemoSplit> kSplits{{"train", DemoSplit::train},
                                               {"test", DemoSplit::test}};
constexpr int kMaxSamples = 1'000'000;

struct Options : CommonOptions {
  int samples = 0;
  int documents = demo_max_documents;
  int facts = DemoSampleOptions{}.facts;
  std::optional<int> gold_position;
  std::string distractors = "mixed";
  std::string split = "test";
  std::string file;
};

Result<> demo_data(const Options& options) {
  if (options.gold_position && *options.gold_position >= options.documents) {
    return fail(ErrorKind::usage, "--gold-position " + std::to_string(*options.gold_position) +
                                      ": positions count from 0 and there are " +
                                      std::to_string(options.documents) + " documents");
  }
  const DemoSampleOptions sample{.documents = options.documents,
                                 .facts = options.facts,
                                 .gold_position = options.gold_position,
                                 .distractors = kDistractors.at(options.distractors),
                                 .split = kSplits.at(options.split)};
  HEADSCOPE_ASSIGN(const auto samples, demo_samples(sample, options.samples, options.seed));
  HEADSCOPE_TRY(write_dataset(options.file, samples));
  HEADSCOPE_TRY(write_made_by(options.file));
  return write_json({{"file", options.file},
                     {"samples", samples.size()},
                     {"documents", options.documents},
                     {"distractors", options.distractors},
                     {"split", options.split},
                     {"seed", options.seed}},
                    "");
}

}  // namespace

void add_demo_data(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command = line.add(
      "demo-data", "questions with documents of the made-up world that the model demo knows",
      [options] { return demo_data(*options); });
  command->add_option("--documents", options->documents, "documents of each question")
      ->check(CLI::Range(1, demo_max_documents))
      ->required();
  command->add_option("--samples", options->samples, "how many questions")
      ->check(CLI::Range(1, kMaxSamples))
      ->required();
  command->add_option("--facts", options->facts, "facts a document states")
      ->check(CLI::Range(1, demo_max_facts))
      ->capture_default_str();
  command
      ->add_option("--gold-position", options->gold_position,
                   "where the gold document stands, from 0 (default: drawn)")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--distractors", options->distractors, "similar, neutral or mixed names")
      ->check(CLI::IsMember({"similar", "neutral", "mixed"}))
      ->capture_default_str();
  command->add_option("--split", options->split, "people of training or of testing")
      ->check(CLI::IsMember({"train", "test"}))
      ->capture_default_str();
  command->add_option("--out,-o", options->file, "JSON lines; .gz is packed")->required();
  add_common(*command, *options, "");
}

}  // namespace headscope::cli
