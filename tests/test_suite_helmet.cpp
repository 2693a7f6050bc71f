// links: headscope_suite headscope_analysis headscope_text
// HELMET's own files: prompts as its templates make them, spans, messages, exported predictions.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "core/base/file.h"
#include "core/suite/helmet_data.h"
#include "core/suite/helmet_export.h"
#include "core/suite/helmet_item.h"
#include "core/suite/result.h"
#include "tests/letters_tokenizer.h"
#include "tests/resources.h"
#include "tests/temporary_folder.h"

using namespace headscope;

namespace {

struct Files {
  test::TemporaryFolder folder;
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    const auto path = folder.path() / name;
    REQUIRE(write_file_atomically(path, text));
    return path;
  }
};

std::string part(const SuiteSample& sample, ByteSpan span) {
  return sample.text.substr(span.begin, span.end - span.begin);
}

SuiteSample loaded(HelmetOrder order) {
  if (order.length == 0) order.length = 5'000;
  const auto samples = load_helmet(order, test::letters_encoder());
  REQUIRE_MESSAGE(samples, (samples ? "" : samples.error().message));
  REQUIRE(samples->size() >= 1);
  return samples->front().sample;
}

std::string refusal(HelmetOrder order) {
  if (order.length == 0) order.length = 5'000;
  const auto samples = load_helmet(order, test::letters_encoder());
  REQUIRE_FALSE(samples);
  return samples.error().message;
}

}  // namespace

TEST_CASE("question answering: HELMET's prompt, demonstrations of other questions") {
  const Files files;
  const auto data = files.write(
      "nq.jsonl",
      R"({"question":"who?","answers":["Ann"],"ctxs":[{"title":"T1","text":"no","has_answer":false},)"
      R"({"title":"T2","text":"Ann did","has_answer":true}]})"
      "\n");
  const auto demos = files.write(
      "demos.jsonl",
      R"({"question":"who?","answers":["x"],"ctxs":[]})"
      "\n"
      R"({"question":"when?","answers":["now","then"],"ctxs":[{"title":"D","text":"it is now"}]})"
      "\n");
  const SuiteSample s = loaded({.dataset = "kilt_nq", .data = data, .demos = demos, .shots = 1});
  CHECK(s.prompt(false) ==
        "Use the given documents to write a concise and short answer to the question. Write your "
        "answer in the following format:\nAnswer: [answer]\n\nDocument (Title: D): it is "
        "now\n\nQuestion: when?\nAnswer: now\n\nDocument (Title: T1): no\n\nDocument (Title: T2): "
        "Ann did\n\nQuestion: who?\nAnswer:");
  REQUIRE(s.gold.size() == 1);
  CHECK(part(s, s.gold[0]) == "Document (Title: T2): Ann did");
  CHECK(s.max_new_tokens == 20);
  CHECK(suite_score(s, " Ann\nQuestion: Bob", false) == 1);
  CHECK(refusal({.dataset = "kilt_nq", .data = data}).find("--demo-data") != std::string::npos);
  CHECK(refusal({.dataset = "kilt_nq", .data = data, .demos = demos, .shots = 2})
            .find("1 items for 2 shots") != std::string::npos);
}

TEST_CASE("a file of another shape is refused by field and line") {
  const Files files;
  const auto data =
      files.write("x.jsonl", "\n{\"question\":\"q\",\"answers\":\"a\",\"ctxs\":[]}\n");
  const std::string message = refusal({.dataset = "kilt_nq", .data = data, .shots = 0});
  CHECK(message.find("line 2") != std::string::npos);
  CHECK(message.find("'answers'") != std::string::npos);
  const auto titles = files.write(
      "y.jsonl",
      R"({"question":"q","answers":["a"],"ctxs":[{"title":"t","text":"x"},{"title":"t"}]})");
  CHECK(refusal({.dataset = "kilt_nq", .data = titles, .shots = 0}).find("ctxs[1].text") !=
        std::string::npos);
  CHECK(refusal({.dataset = "frob", .data = data}).find("kilt_nq") != std::string::npos);
  const auto ruler = files.write("r.jsonl", R"({"context":"c","answer":["1"],"query":"k"})");
  CHECK(refusal({.dataset = "ruler_niah_mk_2", .data = ruler}).find("'type_needle_v'") !=
        std::string::npos);
}

TEST_CASE("key-value pairs") {
  const Files files;
  const auto data = files.write(
      "kv.jsonl",
      R"({"context":"JSON data:\n{\"a1\": \"v1\",\n \"b2\": \"v2\"}","question":"b2","answer":"v2",)"
      R"("demos":[["a1","v1"],["c","d"],["e","f"]],"num_kvs":2})");
  const SuiteSample s = loaded({.dataset = "json_kv", .data = data, .shots = 2});
  CHECK(s.prompt(false) ==
        "JSON data:\n{\"a1\": \"v1\",\n \"b2\": \"v2\"}\n\nExtract the value corresponding to the "
        "specified key in the JSON object below.\n\nKey: a1\nCorresponding value: v1\n\nKey: "
        "c\nCorresponding value: d\n\nKey: b2\nCorresponding value:");
  REQUIRE(s.gold.size() == 1);
  CHECK(part(s, s.gold[0]) == "\"b2\": \"v2\"}");
  CHECK(suite_score(s, " v2", false) == 1);
  CHECK(s.item["num_kvs"] == 2);
}

TEST_CASE("RULER's needles and tasks") {
  const Files files;
  const auto data = files.write(
      "mv.jsonl",
      R"({"context":"hay. One of the special magic numbers for k is: 12. hay. One of the special )"
      R"(magic numbers for k is: 34. hay","query":"k","answer":["12","34"],)"
      R"("type_needle_v":"numbers"})");
  const SuiteSample s = loaded({.dataset = "ruler_niah_mv", .data = data});
  REQUIRE(s.gold.size() == 2);
  CHECK(part(s, s.gold[1]) == "One of the special magic numbers for k is: 34.");
  CHECK(s.lead == "The special magic numbers for k mentioned in the provided text are");
  CHECK(suite_score(s, " 34", false) == 0.5);
  const auto vt = files.write(
      "vt.jsonl", R"({"context":"VAR A = 1","query":"1","num_v":1,"outputs":["A"],"example":"E"})");
  CHECK(loaded({.dataset = "ruler_vt", .data = vt}).text.starts_with("E\n\nMemorize and track"));
  const auto qa = files.write("qa.jsonl", R"({"context":"c","question":"q","outputs":["A"]})");
  CHECK(loaded({.dataset = "ruler_qa_1", .data = qa}).metric == SuiteMetric::substring_match);
}

TEST_CASE("re-ranking: grades, demonstrations, NDCG") {
  const Files files;
  const auto line = [](const std::string& qid, const std::string& query) {
    return R"({"qid":")" + qid + R"(","query":")" + query +
           R"(","ctxs":[{"id":"7","text":"x","label":0},{"id":"8","text":"y","label":3},)"
           R"({"id":"9","text":"z","label":1}]})"
           "\n";
  };
  const auto data = files.write("ms.jsonl", line("1", "one"));
  const auto demos = files.write("d.jsonl", line("1", "one") + line("2", "two"));
  const SuiteSample s =
      loaded({.dataset = "msmarco_rerank_psg", .data = data, .demos = demos, .shots = 1});
  CHECK(s.text.find("[ID: 7] Document: x\n\n[ID: 8] Document: y\n\n[ID: 9] Document: "
                    "z\n\nQuery: two\nRanking: 8 > 9 > 7\n\n[ID: 7]") != std::string::npos);
  REQUIRE(s.gold.size() == 1);
  CHECK(part(s, s.gold[0]) == "[ID: 8] Document: y");
  CHECK(suite_score(s, " ID8 > ID9 > ID7", false) == doctest::Approx(1));
  CHECK(suite_score(s, " ID7", false) == 0);
}

TEST_CASE("classification with numbers for labels") {
  const Files files;
  const auto data = files.write("t.jsonl", R"({"text":"who is it","label":"HUM"})");
  const auto train =
      files.write("train.jsonl",
                  "{\"text\":\"who a\",\"label\":\"HUM\"}\n{\"text\":\"where "
                  "b\",\"label\":\"LOC\"}\n{\"text\":\"who c\",\"label\":\"HUM\"}\n");
  const SuiteSample s =
      loaded({.dataset = "icl_trec_coarse_4shot_balance", .data = data, .demos = train});
  CHECK(s.gold.size() == 2);
  CHECK(s.others.size() == 2);
  CHECK(part(s, s.gold[0]).ends_with("\nlabel: " + s.answers[0]));
  CHECK(s.text.find("Only output \"label: {label}\" and nothing else. \n\n") != std::string::npos);
  CHECK(suite_score(s, " " + s.answers[0] + "\n\nwho", false) == 1);
  const SuiteSample natural = loaded(
      {.dataset = "icl_trec_coarse_4shot_balance_natural_label", .data = data, .demos = train});
  CHECK(natural.answers[0] == "HUM");
}

TEST_CASE("long documents: cut to the length, multiple choice, summaries for a judge") {
  const Files files;
  const std::string story(4'000, 'x');
  const auto choice = files.write(
      "c.jsonl", R"({"id":1,"context":")" + story +
                     R"(","input":"what?","answer":["hat"],"options":["cat","hat","mat","rat"]})");
  const SuiteSample s =
      loaded({.dataset = "infbench_choice_eng_3000", .data = choice, .length = 2'000});
  CHECK(s.prompt(false).size() + 10 <= 2'000);
  CHECK(s.prompt(false).size() > 1'900);
  CHECK(
      s.text.find(" ... [the rest of the text is omitted]\n\nQuestion: what?\nOptions:\nA. cat\nB. "
                  "hat\nC. mat\nD. rat") != std::string::npos);
  CHECK(s.answers == std::vector<std::string>{"B", "B. hat"});
  CHECK(suite_score(s, " B", false) == 1);
  CHECK(suite_score(s, " C. mat", false) == 0);
  const SuiteSample cut = loaded({.dataset = "infbench_choice_eng_500", .data = choice});
  CHECK(cut.context.end - cut.context.begin == 500);

  const auto qa =
      files.write("n.jsonl", R"({"document":{"text":"a story"},"question":{"text":"why?"},)"
                             R"("answers":[{"text":"for love of running"},{"text":"hate"}]})");
  const SuiteSample n = loaded({.dataset = "narrativeqa_7892", .data = qa, .shots = 0});
  CHECK(n.metric == SuiteMetric::rouge_l);
  CHECK(suite_score(n, " love of runs", false) == doctest::Approx(2.0 * 3 / (3 + 4)));

  const auto summary = files.write(
      "l.jsonl",
      R"({"id":"c1","sources":["one","two"],"summary/short":"s","summary/long":"long"})");
  const SuiteSample l = loaded({.dataset = "multi_lexsum_7492", .data = summary});
  CHECK(metric_name(l.metric) == "needs a judge");
  CHECK(l.text.find("Legal documents:\none\n\ntwo\n\nNow please") != std::string::npos);
  CHECK(l.item["summary/long"] == "long");
}

TEST_CASE("citation: templates of the prompt file, documents kept for the scorer") {
  const Files files;
  const auto data = files.write(
      "a.json",
      R"([{"question":"q","qa_pairs":[1],"docs":[{"title":"t","text":"x"},{"title":"u","text":"y"}]}])");
  const auto prompts = files.write(
      "p.json", R"({"instruction":"I","doc_prompt":"Document [{ID}](Title: {title}): {text}"})");
  const SuiteSample s =
      loaded({.dataset = "alce_asqa_1", .data = data, .demos = prompts, .shots = 0});
  CHECK(s.text == "I\n\nQuestion: q\n\nDocument [1](Title: t): x");
  CHECK(s.item["docs"].size() == 2);
}

TEST_CASE("prompts and scores equal those of HELMET's own code") {
  // tests/goldens/make_helmet_goldens.py
  const auto goldens = read_json_file(test::source_folder() / "tests/goldens/helmet.json");
  REQUIRE(goldens);
  REQUIRE(goldens->size() == 9);
  const Files files;
  for (const auto& [dataset, golden] : goldens->items()) {
    std::string lines;
    for (const Json& line : golden["lines"]) lines += line.dump() + "\n";
    const auto path = files.write(dataset + ".jsonl", lines);
    const auto samples = load_helmet(
        {.dataset = dataset, .data = path, .shots = golden["shots"].get<int>(), .length = 9'000},
        test::letters_encoder());
    REQUIRE_MESSAGE(samples, (samples ? "" : samples.error().message));
    REQUIRE(samples->size() == golden["items"].size());
    for (const FittedSample& fitted : *samples) {
      const SuiteSample& sample = fitted.sample;
      const Json& item = golden["items"][static_cast<std::size_t>(sample.index)];
      CAPTURE(dataset);
      CHECK(sample.prompt(false) == item["prompt"].get<std::string>());
      CHECK(sample.prompt(true) == item["user"].get<std::string>());
      CHECK(sample.lead == item["lead"].get<std::string>());
      for (const Json& score : item["scores"]) {
        CAPTURE(score.dump());
        // HELMET rounds NDCG to five digits.
        CHECK(suite_score(sample, score[0].get<std::string>(), false) ==
              doctest::Approx(score[1].get<double>()).epsilon(2e-5));
      }
    }
  }
}

TEST_CASE("predictions are exported in HELMET's shape") {
  const Files files;
  const auto data = files.write(
      "kv.jsonl",
      R"({"context":"{\"k\": \"v\"}","question":"k","answer":"v","demos":[],"num_kvs":1})");
  const auto samples = load_helmet({.dataset = "json_kv", .data = data, .shots = 0, .length = 900},
                                   test::letters_encoder());
  REQUIRE(samples);
  SuiteLine line;
  line.response = " v\nmore";
  line.metric = "substring_exact_match";
  line.value = 1;
  const std::vector lines{line};
  const HelmetArguments arguments{
      .model = "m", .dataset = "json_kv", .method = "focus alpha 0.3", .length = 900, .samples = 1};
  const Json file = helmet_predictions(*samples, lines, arguments);
  const Json& entry = file["data"][0];
  CHECK(entry["output"] == "Corresponding value: v\nmore");
  CHECK(entry["parsed_output"] == "v");
  CHECK(entry["answer"] == "v");
  CHECK(entry["num_kvs"] == 1);
  CHECK_FALSE(entry.contains("context"));
  CHECK(file["averaged_metrics"]["substring_exact_match"] == 100);
  CHECK(file["metrics"]["substring_exact_match"].size() == 1);
  CHECK(helmet_file_name(arguments) ==
        "json_kv_focus-alpha-0.3_in900_size1_shots0_chatFalse_0.json");
}

TEST_CASE("the table: intervals, paired differences, the mean of tasks, there and back") {
  std::vector<SuiteLine> lines;
  for (int i = 0; i < 10; ++i) {
    for (const char* method : {"none", "focus alpha 0.3"}) {
      const bool with = method[0] == 'f';
      lines.push_back({.task = "a",
                       .category = "c",
                       .method = method,
                       .metric = "substring_exact_match",
                       .index = i,
                       .length = 100,
                       .tokens = 90,
                       .question = "q",
                       .response = "r",
                       .em = false,
                       .value = i < (with ? 8 : 5) ? 1.0 : 0.0,
                       .relevant_mass = 0.5});
      lines.push_back({.task = "b",
                       .category = "c",
                       .method = method,
                       .metric = "NDCG@10",
                       .index = i,
                       .length = 100,
                       .tokens = 90,
                       .question = "q",
                       .response = "r",
                       .em = false,
                       .value = with ? 0.2 : 0.3,
                       .relevant_mass = NAN});
    }
  }
  lines.push_back({.task = "s",
                   .category = "summarisation",
                   .method = "none",
                   .metric = "needs a judge",
                   .index = 0,
                   .length = 100,
                   .tokens = 90,
                   .question = "q",
                   .response = "r",
                   .em = false,
                   .value = NAN});
  const auto rows = suite_table(lines, "m");
  REQUIRE(rows.size() == 7);
  CHECK(rows[0].value == 0.5);
  CHECK(rows[0].interval.low == doctest::Approx(wilson_interval(5, 10).low));
  CHECK_FALSE(rows[0].difference);
  CHECK(*rows[1].difference == doctest::Approx(0.3));
  CHECK(rows[1].difference_interval.low >= 0);
  CHECK(rows[1].difference_interval.high <= 0.7);
  CHECK(*rows[3].difference == doctest::Approx(-0.1));
  CHECK(rows[3].difference_interval.low == doctest::Approx(-0.1));
  CHECK(std::isnan(rows[4].value));
  CHECK(rows[4].metric == "needs a judge");
  CHECK(rows[5].task == "average");
  CHECK(rows[5].value == doctest::Approx((0.5 + 0.3) / 2));
  CHECK(*rows[6].difference == doctest::Approx((0.3 - 0.1) / 2));
  Json list = Json::array();
  for (const SuiteRow& row : rows) list.push_back(to_json(row));
  const auto back = parse_suite_table({{"rows", list}}, "suite.json");
  REQUIRE(back);
  for (std::size_t i = 0; i < rows.size(); ++i) CHECK(to_json((*back)[i]) == to_json(rows[i]));
  const std::string csv = suite_csv(rows);
  CHECK(csv.starts_with("model,task,category,length,method,metric,n,value,low,high,difference,"));
  CHECK(csv.find("\nm,s,summarisation,100,none,needs a judge,1,,,,,,") != std::string::npos);
  const auto again = parse_suite_lines(suite_lines_text(lines), "run.jsonl");
  REQUIRE(again);
  CHECK(suite_lines_text(*again) == suite_lines_text(lines));
  CHECK_FALSE(parse_suite_lines("{\"task\":1}\n", "run.jsonl"));
}
