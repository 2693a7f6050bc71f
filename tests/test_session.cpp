// links: headscope_session
// Head sets, passports and directions as files.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "core/analysis/head_choice.h"
#include "core/base/file.h"
#include "core/base/safetensors.h"
#include "core/session/directions_file.h"
#include "core/session/head_set.h"
#include "core/session/head_set_folder.h"
#include "tests/resources.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using test::TemporaryFolder;

namespace {

Passport full_passport() {
  Passport passport = new_passport();
  passport.model = "demo";
  passport.weights_sha256 = std::string(64, 'a');
  passport.tokenizer_sha256 = std::string(64, 'b');
  passport.data = "nq.jsonl.gz";
  passport.data_sha256 = std::string(64, 'c');
  passport.n = 441;
  passport.seed = 18446744073709551615ull;
  passport.chat_template = "none";
  passport.dtype = "float32";
  passport.device = "cpu";
  passport.options = {{"rows", "input"}, {"samples", 3}};
  return passport;
}

HeadSet full_set() {
  ScoreAccumulator accumulator(2, 2);
  HeadScores scores;
  scores.layers = scores.heads = 2;
  scores.relevant = {0.1f, 0.30000001f, 0.0f, 0.25f};
  scores.sink = {0.5f, 0.25f, 0.125f, 1e-9f};
  scores.irrelevant_sum = scores.irrelevant_max = scores.sink;
  REQUIRE(accumulator.add(scores, &scores, true));
  accumulator.skip("empty response", 2);
  return head_set_from(accumulator.summary(), full_passport());
}

/// The error message of a text that must be refused.
std::string refused(const std::string& text) {
  const auto json = parse_json(text, "heads.json");
  REQUIRE(json);
  const auto set = head_set_from_json(*json, "heads.json");
  REQUIRE_FALSE(set);
  CHECK(set.error().kind == ErrorKind::bad_input);
  CHECK(set.error().message.find("heads.json") != std::string::npos);
  return set.error().message;
}

bool says(const std::string& message, const std::string& part) {
  return message.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a head set has the keys of cli.md") {
  const auto json = to_json(full_set());
  CHECK(json["layers"] == 2);
  CHECK(json["heads"] == 2);
  CHECK(json["samples"] == 1);
  for (const char* key : {"relevant", "relevant_low", "relevant_high", "sink", "irrelevant_sum",
                          "irrelevant_max", "gold_only_relevant", "gold_only_sink"}) {
    CAPTURE(key);
    REQUIRE(json[key].size() == 2);
    REQUIRE(json[key][0].size() == 2);
    CHECK(json[key][1][0].is_number());
  }
  CHECK(json["relevant"][1][1] == 0.25);
  CHECK(json["sink"][0][1] == 0.25);
  CHECK(json["ranking"] == Json::parse("[[0,1],[1,1],[0,0],[1,0]]"));
  CHECK(json["skipped"] == Json{{"empty response", 2}});
  CHECK(json["passport"]["weights_sha256"] == std::string(64, 'a'));
  CHECK(json["above_0.1"] == 3);  // 0.1f is a little more than 0.1
  CHECK(json["above_0.2"] == 2);
}

TEST_CASE("a head set survives its file") {
  const TemporaryFolder folder;
  auto set = full_set();
  set.relevant_low[2] = std::numeric_limits<float>::quiet_NaN();
  set.gold_only_sink.clear();
  set.extra["note"] = "kept";
  REQUIRE(write_head_set(folder / "heads.json", set));
  const auto read = read_head_set(folder / "heads.json");
  REQUIRE(read);
  CHECK(read->layers == 2);
  CHECK(read->samples == 1);
  CHECK(read->relevant == set.relevant);  // the same floats, bit for bit
  CHECK(read->sink == set.sink);
  CHECK(std::isnan(read->relevant_low[2]));
  CHECK(read->relevant_low[1] == set.relevant_low[1]);
  CHECK(read->gold_only_sink.empty());
  CHECK(read->ranking == set.ranking);
  CHECK(read->skipped == set.skipped);
  CHECK(read->extra == set.extra);
  CHECK(to_json(read->passport) == to_json(set.passport));
  CHECK(dump_json(to_json(*read)) == dump_json(to_json(set)));
  CHECK_FALSE(write_head_set(folder / "no/such/folder.json", set));
}

TEST_CASE("a ranking alone and a bare list of pairs are head sets") {
  const auto parse = [](const char* text) {
    return head_set_from_json(Json::parse(text), "heads.json");
  };
  for (const char* text : {"[[13, 23], [12, 1]]", R"({"ranking": [[13, 23], [12, 1]]})"}) {
    const auto set = parse(text);
    REQUIRE(set);
    CHECK(set->ranking == std::vector<HeadId>{{13, 23}, {12, 1}});
    CHECK(set->layers == 0);
    CHECK(check_fits(*set, "heads.json", 28, 24));
    const auto unfit = check_fits(*set, "heads.json", 28, 23);
    REQUIRE_FALSE(unfit);
    CHECK(says(unfit.error().message, "[13, 23]"));
    // What was read can be written and read again.
    const auto again = head_set_from_json(to_json(*set), "again");
    REQUIRE(again);
    CHECK(again->ranking == set->ranking);
  }
  const auto full = full_set();
  CHECK(check_fits(full, "heads.json", 2, 2));
  CHECK(says(check_fits(full, "heads.json", 3, 2).error().message, "2 layers of 2 heads"));
}

TEST_CASE("the authors' rankings are accepted") {
  const auto folder =
      test::shared_resource("reference/focus_direction/contextual_heads_scores_full_seq");
  if (!folder) SKIP_TEST("no shared reference");
  struct Model {
    const char* name;
    int layers, heads;
    HeadId first;
  };
  for (const auto& model : {Model{"meta-llama_Llama-3.2-3B-Instruct", 28, 24, {13, 23}},
                            Model{"mistralai_Ministral-8B-Instruct-2410", 36, 32, {17, 28}},
                            Model{"Qwen_Qwen2.5-7B-Instruct", 28, 28, {19, 15}}}) {
    const auto set = read_head_set(*folder / model.name / "relevant_heads.json");
    REQUIRE(set);
    CHECK(set->ranking.size() == static_cast<std::size_t>(model.layers * model.heads));
    CHECK(set->ranking.front() == model.first);
    CHECK(check_fits(*set, "relevant_heads.json", model.layers, model.heads));
  }
}

TEST_CASE("damaged head sets are refused, and the message says where") {
  CHECK(says(refused("{}"), "ranking"));
  CHECK(says(refused("3"), "ranking"));
  CHECK(says(refused("[]"), "not empty"));
  CHECK(says(refused("[[1,2],[1]]"), "entry 1"));
  CHECK(says(refused("[[1,2],[1,-2]]"), "entry 1"));
  CHECK(says(refused("[[1,2],[1,2.5]]"), "entry 1"));
  CHECK(says(refused("[[1,2],[1,9999999999]]"), "entry 1"));
  CHECK(says(refused("[[1,2],[0,0],[1,2]]"), "repeats [1,2]"));
  const std::string ranking = R"("ranking":[[0,0],[0,1]],)";
  CHECK(says(refused("{" + ranking + R"("layers":1})"), "'heads'"));
  CHECK(says(refused("{" + ranking + R"("layers":0,"heads":2})"), "'layers'"));
  CHECK(says(refused("{" + ranking + R"("layers":1,"heads":1})"), "[0, 1]"));
  CHECK(says(refused("{" + ranking + R"("layers":1,"heads":2,"sink":[[1]]})"), "'sink'"));
  CHECK(says(refused("{" + ranking + R"("layers":1,"heads":2,"sink":[1,2]})"), "'sink'"));
  CHECK(says(refused("{" + ranking + R"("layers":1,"heads":2,"sink":[["x",2]]})"), "'sink'"));
  CHECK(says(refused("{" + ranking + R"("skipped":{"why":"x"}})"), "why"));
  CHECK(says(refused("{" + ranking + R"("passport":[]})"), "heads.json"));
  CHECK(says(refused("{" + ranking + R"("passport":{"n":"many"}})"), "'n'"));
  CHECK(says(refused("{" + ranking + R"("passport":{"seed":-1}})"), "'seed'"));
}

TEST_CASE("passports: round trip and differences") {
  const auto passport = full_passport();
  const auto read = passport_from_json(to_json(passport), "passport");
  REQUIRE(read);
  CHECK(to_json(*read) == to_json(passport));
  CHECK(read->seed == passport.seed);
  CHECK_FALSE(read->version.empty());
  CHECK(differences(passport, *read).empty());
  auto other = passport;
  other.weights_sha256 = std::string(64, 'd');
  other.dtype = "bfloat16";
  other.device = "cuda";           // does not matter
  other.tokenizer_sha256.clear();  // not known
  const auto lines = differences(passport, other);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == "weights: aaaaaaaaaaaa... here, dddddddddddd... there");
  CHECK(lines[1] == "dtype: float32 here, bfloat16 there");
  CHECK(passport_from_json(Json::object(), "old")->model.empty());
}

TEST_CASE("directions survive their file") {
  const TemporaryFolder folder;
  Directions directions;
  directions.layers = 2;
  directions.heads = 3;
  directions.head_dim = 4;
  for (int i = 0; i < 24; ++i) directions.query.push_back(0.5f * static_cast<float>(i) - 1);
  directions.key.assign(24, 0.25f);
  REQUIRE(write_directions(folder / "d.safetensors", directions, full_passport()));
  const auto read = read_directions(folder / "d.safetensors");
  REQUIRE(read);
  CHECK(read->directions.layers == 2);
  CHECK(read->directions.heads == 3);
  CHECK(read->directions.head_dim == 4);
  CHECK(read->directions.query == directions.query);
  CHECK(read->directions.key == directions.key);
  CHECK(read->directions.query_of({1, 2})[0] == directions.query[20]);
  CHECK(to_json(read->passport) == to_json(full_passport()));
  CHECK(check_fits(read->directions, "d", 2, 3, 4));
  CHECK(says(check_fits(read->directions, "d", 2, 3, 8).error().message, "[2, 3, 8]"));

  REQUIRE(write_directions(folder / "again.safetensors", directions, full_passport()));
  CHECK(*read_text_file(folder / "d.safetensors") == *read_text_file(folder / "again.safetensors"));

  directions.key.clear();
  REQUIRE(write_directions(folder / "no_key.safetensors", directions, {}));
  CHECK(read_directions(folder / "no_key.safetensors")->directions.key ==
        std::vector<float>(24, 0.0f));
  directions.query.pop_back();
  CHECK_FALSE(write_directions(folder / "bad.safetensors", directions, {}));
  CHECK_FALSE(std::filesystem::exists(folder / "bad.safetensors"));
}

TEST_CASE("other files of directions: what is accepted and what is refused") {
  const TemporaryFolder folder;
  const auto path = folder / "d.safetensors";
  std::vector<float> values(24, 1.0f);
  const auto write = [&](std::vector<TensorToWrite> tensors,
                         const std::map<std::string, std::string>& metadata = {}) {
    REQUIRE(write_safetensors(path, std::move(tensors), metadata));
  };
  const auto tensor = [&](const char* name, std::vector<std::int64_t> shape) {
    std::int64_t count = 1;
    for (const auto n : shape) count *= n;
    return TensorToWrite{name, DType::f32, std::move(shape),
                         std::as_bytes(std::span(values).first(static_cast<std::size_t>(count)))};
  };
  const auto message = [&] {
    const auto read = read_directions(path);
    REQUIRE_FALSE(read);
    CHECK(read.error().kind == ErrorKind::bad_input);
    return read.error().message;
  };
  write({tensor("q", {2, 3, 4})});
  REQUIRE(read_directions(path));
  CHECK(read_directions(path)->directions.key.empty());
  CHECK(read_directions(path)->passport.model.empty());

  write({tensor("k", {2, 3, 4})});
  CHECK(says(message(), "'q'"));
  write({tensor("q", {6, 4})});
  CHECK(says(message(), "[6, 4]"));
  write({tensor("q", {2, 3, 4}), tensor("k", {2, 3, 2})});
  CHECK(says(message(), "[2, 3, 2]"));
  write({tensor("q", {2, 3, 4})}, {{"passport", "{"}});
  CHECK(says(message(), "passport"));
  values[7] = std::numeric_limits<float>::infinity();
  write({tensor("q", {2, 3, 4})});
  CHECK(says(message(), "not finite"));
  CHECK_FALSE(read_directions(folder / "missing.safetensors"));
}

TEST_CASE("head sets of the user: saved, listed, replaced, deleted") {
  const TemporaryFolder folder;
  HeadSetFolder sets;
  CHECK_FALSE(sets.configured());
  CHECK_FALSE(sets.save("a", 2, 3, {{0, 1}}, "demo"));  // no folder
  sets.configure(folder / "new" / "sets");
  sets.refresh();
  CHECK(sets.sets().empty());
  REQUIRE(sets.save("copying heads", 2, 3, {{1, 2}, {0, 1}}, "demo"));
  REQUIRE(sets.save("a", 2, 3, {{0, 0}}, "demo"));
  REQUIRE(sets.sets().size() == 2);
  CHECK(sets.sets()[0].name == "a");
  const SavedHeads* saved = sets.find("copying heads");
  REQUIRE(saved != nullptr);
  CHECK(saved->heads(1) == std::vector<HeadId>{{1, 2}, {0, 1}});  // all, whatever k is
  CHECK_FALSE(saved->is_ranking());
  CHECK(saved->set.passport.model == "demo");
  CHECK(saved->fits(2, 3));
  CHECK_FALSE(saved->fits(3, 2));
  CHECK(read_head_set(saved->path));  // the format that everything else reads
  REQUIRE(sets.save("a", 2, 3, {{1, 1}, {0, 0}}, "demo"));
  CHECK(sets.find("a")->heads(1).size() == 2);
  REQUIRE(sets.remove("a"));
  CHECK(sets.find("a") == nullptr);
  CHECK_FALSE(sets.remove("a"));
  for (const char* name : {"", "../a", ".hidden", "a/b", "a\n"}) {
    CAPTURE(name);
    const auto refused = sets.save(name, 2, 3, {{0, 1}}, "demo");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ErrorKind::bad_input);
  }
  CHECK_FALSE(sets.save("b", 2, 3, {}, "demo"));
  CHECK_FALSE(sets.save("b", 2, 3, {{2, 0}}, "demo"));  // not in this model
  CHECK(sets.sets().size() == 1);
}

TEST_CASE("head sets from elsewhere: a whole ranking stands for its first heads") {
  const TemporaryFolder folder;
  HeadSetFolder sets;
  sets.configure(folder / "sets");
  REQUIRE(write_head_set(folder / "scores.json", full_set()));
  const auto name = sets.import(folder / "scores.json");
  REQUIRE(name);
  CHECK(*name == "scores");
  CHECK(*sets.import(folder / "scores.json") == "scores 2");
  CHECK(*sets.import(folder / "sets" / "scores.json") == "scores");
  CHECK(sets.sets().size() == 2);
  const SavedHeads& saved = *sets.find("scores");
  CHECK(saved.is_ranking());
  CHECK(saved.heads(2) == std::vector<HeadId>{{0, 1}, {1, 1}});
  CHECK(saved.heads(100).size() == 4);
  REQUIRE(write_file_atomically(folder / "pairs.json", "[[0, 1], [5, 2]]"));
  CHECK(sets.find(*sets.import(folder / "pairs.json"))->heads(1).size() == 2);
  REQUIRE(write_file_atomically(folder / "sets" / "damaged.json", "{\"ranking\": 7}"));
  REQUIRE(write_file_atomically(folder / "sets" / "notes.txt", "not a head set"));
  sets.refresh();
  CHECK(sets.sets().size() == 4);
  REQUIRE(sets.find("damaged") != nullptr);
  CHECK(sets.find("damaged")->problem);
  CHECK(sets.find("damaged")->heads(3).empty());
  CHECK_FALSE(sets.import(folder / "sets" / "damaged.json"));
  CHECK_FALSE(sets.import(folder / "missing.json"));
}

TEST_CASE("head sets combined") {
  const std::vector<HeadId> a = {{1, 0}, {0, 2}, {1, 0}}, b = {{0, 1}, {0, 2}};
  CHECK(combined_heads(a, HeadSetOperation::unite, b) ==
        std::vector<HeadId>{{1, 0}, {0, 2}, {0, 1}});
  CHECK(combined_heads(a, HeadSetOperation::subtract, b) == std::vector<HeadId>{{1, 0}});
  CHECK(combined_heads(a, HeadSetOperation::intersect, b) == std::vector<HeadId>{{0, 2}});
  CHECK(combined_heads(b, HeadSetOperation::intersect, a) == std::vector<HeadId>{{0, 2}});
  CHECK(combined_heads(a, HeadSetOperation::subtract, a).empty());
  CHECK(combined_heads({}, HeadSetOperation::unite, b) == b);
}
