// Questions over documents: in English, and in the embedded model's world.
#include <algorithm>

#include "core/demo_world/demo_world.h"
#include "core/suite/marked_text.h"
#include "core/suite/task.h"
#include "core/suite/world.h"
#include "core/text/prompt.h"

namespace headscope {
namespace {

constexpr int kDemonstrations = 2, kDocumentsOfDemonstration = 3;
constexpr double kNamesakes =
    0.3;  // share of documents whose subject shares a name with the answer's
constexpr const char* kInstruction =
    "Use the given documents to write a concise and short answer to the question. Write your "
    "answer in the following format:\nAnswer: [answer]\n\n";

struct Asked {
  std::vector<Entity> entities;
  std::size_t gold = 0;
  FactClass fact = FactClass::person;
};

Asked ask(World& world, std::size_t documents, double depth) {
  Asked asked;
  asked.fact = static_cast<FactClass>(world.rng().below(fact_classes));
  const Entity subject = world.entity();
  asked.gold =
      std::min(static_cast<std::size_t>(depth * static_cast<double>(documents)), documents - 1);
  for (std::size_t i = 0; i < documents; ++i) {
    const bool namesake = world.rng().chance(kNamesakes);
    asked.entities.push_back(i == asked.gold ? subject
                             : namesake      ? world.namesake(subject)
                                             : world.entity());
  }
  return asked;
}

std::string document_text(const Entity& entity, Rng& rng) {
  return "Document (Title: " + entity.name + "): " + description(entity, rng);
}

const std::string& answer_of(const Asked& asked) {
  return asked.entities[asked.gold].values[static_cast<std::size_t>(asked.fact)];
}

std::string demonstration(World& world) {
  const Asked asked = ask(world, kDocumentsOfDemonstration, world.rng().uniform());
  std::string text;
  for (const Entity& entity : asked.entities) text += document_text(entity, world.rng()) + "\n\n";
  return text + "Question: " + question(asked.entities[asked.gold], asked.fact, world.rng()) +
         "\nAnswer: " + answer_of(asked) + "\n\n";
}

}  // namespace

SuiteSample make_question_over_documents(const SuiteTask& task, Rng rng, std::size_t units) {
  SuiteSample sample = task.empty_sample();
  const double depth = rng.uniform();
  World world(rng);
  MarkedText text;
  text.add(kInstruction);
  sample.demos.begin = text.size();
  for (int i = 0; i < kDemonstrations; ++i) text.add(demonstration(world));
  sample.demos.end = sample.context.begin = text.size();
  const Asked asked = ask(world, units, depth);
  for (std::size_t i = 0; i < units; ++i) {
    if (i > 0) text.add("\n\n");
    const ByteSpan place = text.add(document_text(asked.entities[i], world.rng()));
    (i == asked.gold ? sample.gold : sample.others).push_back(place);
  }
  sample.context.end = text.size();
  sample.question = question(asked.entities[asked.gold], asked.fact, world.rng());
  text.add("\n\nQuestion: " + sample.question);
  sample.text = text.take();
  sample.lead = "Answer:";
  sample.answers = {answer_of(asked)};
  sample.metric = SuiteMetric::substring_match;
  sample.max_new_tokens = 20;
  sample.one_line = true;
  return sample;
}

SuiteSample make_embedded_question(const SuiteTask& task, Rng rng, std::size_t units) {
  SuiteSample sample = task.empty_sample();
  DemoSampleOptions options;
  options.documents = static_cast<int>(std::min<std::size_t>(units, demo_max_documents));
  const int more_facts = static_cast<int>(units) - options.documents;
  options.facts = std::min(options.facts + more_facts, demo_max_facts);
  const double depth = rng.uniform();
  options.gold_position =
      std::min(static_cast<int>(depth * options.documents), options.documents - 1);
  const auto made = demo_sample(rng, options);
  if (!made) return sample;  // cannot be: the options are within their ranges
  const BuiltPrompt built = build_prompt(*made);
  constexpr std::string_view lead = "\nAnswer:";
  sample.text = built.text.substr(0, built.text.size() - lead.size());
  sample.lead = "Answer:";
  sample.question = made->question;
  sample.answers = made->answers;
  sample.gold = built.gold_spans();
  sample.others = built.other_spans();
  sample.context = {built.documents.front().line.begin, built.documents.back().line.end};
  sample.metric = SuiteMetric::substring_match;
  sample.max_new_tokens = 20;
  return sample;
}

}  // namespace headscope
