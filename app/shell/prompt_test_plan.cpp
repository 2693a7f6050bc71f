#include "app/shell/prompt_test_plan.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/head_json.h"
#include "core/base/json.h"
#include "core/exhibit/prompt_tests.h"
#include "core/text/splitting_json.h"

namespace headscope {
namespace {

namespace fs = std::filesystem;

struct TestText {
  const char *id, *name, *note;
};
constexpr std::array<TestText, prompt_tests> kTexts = {{
    {"positions", "Position",
     "The relevant (or likely) document at every place: is the answer lost in the middle?"},
    {"removal", "Removal",
     "Each document taken out of the prompt in turn: what the model's own answer loses in "
     "log-probability."},
    {"tune", "Best alpha and k",
     "A small grid of strengths and numbers of heads on this prompt, every setting run exactly."},
}};
const TestText& text_of(PromptTest test) {
  return kTexts[static_cast<std::size_t>(test)];
}

Json heads_of(const PromptTestInput& input) {
  if (!input.ranking.empty()) return heads_json(input.ranking);
  Json heads = Json::array();
  for (int layer = 0; layer < input.model->layers; ++layer) {
    for (int head = 0; head < input.model->heads; ++head) heads.push_back({layer, head});
  }
  return heads;
}

// Without a ranking no head is better than another: all are looked at.
int heads_looked_at(const PromptTestInput& input) {
  const int all = input.model->layers * input.model->heads;
  return input.ranking.empty() ? all : std::clamp(input.request.intervention.top_k, 1, all);
}

/// The answer as a model would write it behind the prompt.
std::string answer_of(const PromptTestInput& input) {
  const auto& answers = input.prompt->answers;
  if (answers.empty()) return "";
  const bool chat = input.request.prompt.chat && input.model->has_chat_template;
  return (chat ? "" : " ") + answers.front();
}

class Command {
 public:
  Command(const PromptTestInput& input, const fs::path& folder) : input_(input), folder_(folder) {}

  std::vector<std::string> of(PromptTest test) {
    arguments = {test == PromptTest::removal ? "causal" : text_of(test).id};
    common();
    if (test == PromptTest::positions) positions();
    if (test == PromptTest::removal) removal();
    if (test == PromptTest::tune) tune();
    return arguments;
  }

 private:
  void option(const std::string& name, const std::string& value) {
    // Answers may begin with a dash or a blank.
    arguments.push_back(name + "=" + value);
  }
  void common() {
    const Request& request = input_.request;
    option("--model", request.model);
    if (!request.adapter.empty()) option("--adapter", request.adapter);
    if (request.device != "auto") option("--device", request.device);
    if (request.dtype != "auto") option("--dtype", request.dtype);
    if (request.threads != 0) option("--threads", std::to_string(request.threads));
    const bool chat = request.prompt.chat && input_.model->has_chat_template;
    arguments.push_back(chat ? "--chat" : "--no-chat");
    option("--max-new-tokens", std::to_string(request.max_new_tokens));
    option("--prompt-file", (folder_ / "prompt.txt").string());
    option("--split", "@" + (folder_ / "splitting.json").string());
    option("--heads", (folder_ / "heads.json").string());
  }
  void gold() {
    std::string numbers;
    for (const int index : input_.prompt->gold_documents())
      numbers += (numbers.empty() ? "" : ",") + std::to_string(index + 1);
    if (!numbers.empty()) option("--gold", numbers);
  }
  void positions() {
    const int marked = input_.prompt->gold_document();
    option("--document", std::to_string((marked >= 0 ? marked : input_.likely) + 1));
    for (const std::string& answer : input_.prompt->answers) option("--answers", answer);
    if (const auto answer = answer_of(input_); !answer.empty()) option("--reference", answer);
    option("--top-k", std::to_string(heads_looked_at(input_)));
    option("--out", folder_.string());
  }
  void removal() {
    gold();
    arguments.insert(arguments.end(), {"--mask=remove", "--no-heads"});
    option("--top-k", std::to_string(heads_looked_at(input_)));
    option("--out", (folder_ / "removal.json").string());
  }
  void tune() {
    gold();
    if (input_.model->has_directions) option("--alpha", "-0.3,0.1,0.3,0.5,1");
    const InterventionSettings& settings = input_.request.intervention;
    if (!settings.directions.empty()) option("--directions", settings.directions);
    if (input_.prompt->gold_document() >= 0) option("--tau", "0.1,0.3,0.6");
    option("--top-ks", "1,5,10,20");
    if (const auto answer = answer_of(input_); !answer.empty()) option("--answer", answer);
    option("--out", (folder_ / "tune.json").string());
  }

  const PromptTestInput& input_;
  const fs::path& folder_;
  std::vector<std::string> arguments;
};

Result<> check(PromptTest test, const PromptTestInput& input) {
  if (input.prompt->documents.size() < 2)
    return bad_input("The prompt has fewer than two documents.");
  const bool known = input.prompt->gold_document() >= 0 || input.likely >= 0;
  if (test == PromptTest::positions && !known)
    return bad_input("Mark the relevant document: no likely one is known to move.");
  const bool can_tune = input.model->has_directions || input.prompt->gold_document() >= 0;
  if (test == PromptTest::tune && !can_tune)
    return bad_input(
        "This model has no focus directions, and split-softmax needs a document marked as "
        "relevant.");
  return {};
}

}  // namespace

const char* prompt_test_name(PromptTest test) {
  return text_of(test).name;
}
const char* prompt_test_note(PromptTest test) {
  return text_of(test).note;
}

std::string prompt_test_key(const PromptView& prompt) {
  return sha256_hex(prompt.text + dump_json(to_json(numbered_by_place(prompt))));
}

fs::path prompt_test_folder(PromptTest test, const PromptTestInput& input, const fs::path& root,
                            const std::string& prompt_key) {
  std::string key = prompt_key.empty() ? prompt_test_key(*input.prompt) : prompt_key;
  key += dump_json(heads_of(input));
  for (const auto& argument : Command(input, {}).of(test)) key += '\0' + argument;
  if (test == PromptTest::tune) key += input.request.intervention.directions_hash;
  return root / (std::string(text_of(test).id) + "-" + sha256_hex(key).substr(0, 16));
}

Result<ExperimentPlan> plan_prompt_test(PromptTest test, const PromptTestInput& input,
                                        const fs::path& root) {
  HEADSCOPE_TRY(check(test, input));
  ExperimentPlan plan;
  plan.folder = plan.report = prompt_test_folder(test, input, root, prompt_test_key(*input.prompt));
  plan.results = plan.folder / (std::string(text_of(test).id) + ".json");
  HEADSCOPE_TRY(create_folders(plan.folder));
  HEADSCOPE_TRY(write_file_atomically(plan.folder / "prompt.txt", input.prompt->text));
  HEADSCOPE_TRY(write_file_atomically(plan.folder / "splitting.json",
                                      dump_json(to_json(numbered_by_place(*input.prompt)))));
  HEADSCOPE_TRY(write_file_atomically(plan.folder / "heads.json", dump_json(heads_of(input))));
  plan.steps.push_back({text_of(test).id, Command(input, plan.folder).of(test), {}});
  return plan;
}

}  // namespace headscope
