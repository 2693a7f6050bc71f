// In-context classification with numbers as labels, and re-ranking.
#include <algorithm>
#include <numeric>

#include "core/suite/marked_text.h"
#include "core/suite/task.h"
#include "core/suite/world.h"

namespace headscope {
namespace {

// ---- classification ----

struct Labels {
  std::size_t count = fact_classes;
  bool fine = false;

  // Fine labels tell kinds of entities apart too.
  std::string text(std::size_t label, World& world) const {
    const std::size_t kind = fine ? label / fact_classes : world.rng().below(entity_kinds);
    const Entity entity = world.entity(static_cast<EntityKind>(kind));
    return question(entity, static_cast<FactClass>(label % fact_classes), world.rng());
  }
};

// ---- re-ranking ----

constexpr int kDemonstrations = 2;
constexpr const char* kRankingInstruction =
    "You are provided with a list of documents, each indicated by their ID. Rank each document "
    "based "
    "on their relevance to the question in descending order from most relelvant to least relevant "
    "texts. Include all documents in the rankings. Write your answer using the unique IDs, with "
    "the "
    "following format:\nRanking: ID3 > ID1 > ID2\n\n";

struct Passage {
  std::string id, text;
  int grade = 0;
};

// Two sentences about an entity: `asked` is among them, or left out.
std::string passage_text(const Entity& entity, FactClass asked, bool answers, Rng& rng) {
  std::vector<std::string> sentences;
  for (const std::size_t fact : distinct_numbers(fact_classes, fact_classes, rng)) {
    if (static_cast<FactClass>(fact) == asked || sentences.size() == (answers ? 1u : 2u)) continue;
    sentences.push_back(statement(entity, static_cast<FactClass>(fact), rng));
  }
  if (answers) {
    const auto place = sentences.begin() + static_cast<std::ptrdiff_t>(rng.below(2));
    sentences.insert(place, statement(entity, asked, rng));
  }
  return sentences[0] + " " + sentences[1];
}

// 3: answers the question; 2: about the same subject; 1: answers it for a namesake; 0: the rest.
int grade_of(std::size_t i, std::size_t passages) {
  const std::size_t related = std::max<std::size_t>(1, passages / 12);
  if (i == 0) return 3;
  if (i <= related) return 2;
  return i <= 3 * related ? 1 : 0;
}

struct RankingTask {
  std::string query;
  std::vector<Passage> passages;

  std::string best_order() const {
    std::vector<const Passage*> order;
    for (const Passage& passage : passages) order.push_back(&passage);
    std::ranges::stable_sort(order, std::ranges::greater(), &Passage::grade);
    std::string text;
    for (const Passage* passage : order) text += (text.empty() ? "" : " > ") + passage->id;
    return text;
  }
};

RankingTask ranking_task(World& world, std::size_t passages) {
  RankingTask task;
  const auto asked = static_cast<FactClass>(world.rng().below(fact_classes));
  const Entity subject = world.entity();
  task.query = question(subject, asked, world.rng());
  const auto ids = distinct_numbers(passages, 9999, world.rng());
  for (std::size_t i = 0; i < passages; ++i) {
    const int grade = grade_of(i, passages);
    const Entity about = grade >= 2   ? subject
                         : grade == 1 ? world.namesake(subject)
                                      : world.entity();
    const bool answers = grade == 3 || grade == 1;
    task.passages.push_back(
        {std::to_string(ids[i] + 1), passage_text(about, asked, answers, world.rng()), grade});
  }
  world.rng().shuffle(task.passages);
  return task;
}

std::string passage_line(const Passage& passage) {
  return "[ID: " + passage.id + "] Document: " + passage.text;
}

std::string ranking_demonstration(World& world, std::size_t passages) {
  const RankingTask task = ranking_task(world, passages);
  std::string text;
  for (const Passage& passage : task.passages) text += passage_line(passage) + "\n\n";
  return text + "Query: " + task.query + "\nRanking: " + task.best_order() + "\n\n";
}

}  // namespace

SuiteSample make_classification(const SuiteTask& task, Rng rng, std::size_t units) {
  SuiteSample sample = task.empty_sample();
  Labels labels;
  labels.fine = task.variant == 1;
  if (labels.fine) labels.count *= entity_kinds;
  // Numbers stand for labels, and mean nothing by themselves.
  const auto number = distinct_numbers(labels.count, labels.count, rng);
  // The label asked about is among the demonstrations, however few they are.
  const auto first_round = distinct_numbers(labels.count, labels.count, rng);
  const std::size_t shown = std::min(labels.count, units);
  const std::size_t asked = first_round[rng.below(shown)];
  World world{Rng(rng.next_u64())};
  MarkedText text;
  text.add(
      "Use the provided mapping from the text to label to assign a label to the text. Only "
      "output \"label: {label}\" and nothing else. \n\n");
  sample.context.begin = text.size();
  std::vector<std::size_t> round = first_round;
  for (std::size_t i = 0; i < units; ++i) {
    if (i > 0 && i % labels.count == 0) rng.shuffle(round);
    const std::size_t label = round[i % labels.count];
    if (i > 0) text.add("\n\n");
    const ByteSpan place =
        text.add(labels.text(label, world) + "\nlabel: " + std::to_string(number[label]));
    (label == asked ? sample.gold : sample.others).push_back(place);
  }
  sample.context.end = text.size();
  sample.question = labels.text(asked, world);
  text.add("\n\n" + sample.question);
  sample.text = text.take();
  sample.lead = sample.prefix = "label:";
  sample.answers = {std::to_string(number[asked])};
  sample.metric = SuiteMetric::exact_match;
  sample.max_new_tokens = 20;
  sample.one_line = true;
  return sample;
}

SuiteSample make_ranking(const SuiteTask& task, Rng rng, std::size_t units) {
  SuiteSample sample = task.empty_sample();
  World world(rng);
  // HELMET's demonstrations have ten passages; a short prompt has no room for so many.
  const std::size_t shown = std::clamp<std::size_t>(units / 4, 3, 10);
  MarkedText text;
  text.add(kRankingInstruction);
  sample.demos.begin = text.size();
  for (int i = 0; i < kDemonstrations; ++i) text.add(ranking_demonstration(world, shown));
  sample.demos.end = sample.context.begin = text.size();
  const RankingTask asked = ranking_task(world, units);
  for (std::size_t i = 0; i < units; ++i) {
    const Passage& passage = asked.passages[i];
    if (i > 0) text.add("\n\n");
    const ByteSpan place = text.add(passage_line(passage));
    (passage.grade >= 2 ? sample.gold : sample.others).push_back(place);
    sample.relevance[passage.id] = passage.grade;
  }
  sample.context.end = text.size();
  sample.question = asked.query;
  text.add("\n\nQuery: " + sample.question);
  sample.text = text.take();
  sample.lead = sample.prefix = "Ranking:";
  sample.answers = {asked.best_order()};
  sample.metric = SuiteMetric::ndcg_10;
  sample.max_new_tokens = 200;
  sample.one_line = true;
  return sample;
}

}  // namespace headscope
