// links: headscope_session
// `--intervene FILE`: what is accepted, what is refused and how the message says it.
#include <doctest/doctest.h>

#include "core/base/file.h"
#include "core/session/intervention_file.h"
#include "tests/temporary_folder.h"

using namespace headscope;

namespace {

Result<InterventionFile> parse(const std::string& text) {
  const auto json = parse_json(text, "edit.json");
  REQUIRE(json);
  return parse_interventions(*json, "edit.json");
}

InterventionDescription one(const std::string& text) {
  const auto file = parse(text);
  REQUIRE(file);
  REQUIRE(file->interventions.size() == 1);
  return file->interventions[0];
}

/// The message names the file and holds `part`.
void check_refused(const std::string& text, const std::string& part) {
  CAPTURE(text);
  const auto file = parse(text);
  REQUIRE_FALSE(file);
  CHECK(file.error().kind == ErrorKind::bad_input);
  CAPTURE(file.error().message);
  CHECK(file.error().message.find("edit.json") != std::string::npos);
  CHECK(file.error().message.find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("split-softmax") {
  const auto plain = one(R"({"method":"split-softmax","tau":0.1,"heads":[[3,4],[0,1]]})");
  CHECK(plain.method == &split_softmax_method);
  CHECK(plain.value("tau") == 0.1);
  CHECK(plain.heads == std::vector<HeadId>{{3, 4}, {0, 1}});
  CHECK(plain.rows == RowSelection{});
  CHECK(plain.gold);
  CHECK(plain.head_set.empty());
  CHECK_FALSE(plain.top_k);

  const auto spans = one(R"({"method":"split-softmax","tau":1,"head_set":"h.json","top_k":20,
                             "rows":"response","span":[[10,20],[30,31]]})");
  CHECK(spans.head_set == "h.json");
  CHECK(spans.top_k == 20);
  CHECK(spans.rows.kind == RowSelection::Kind::response);
  CHECK_FALSE(spans.gold);
  CHECK(spans.spans == std::vector<ByteSpan>{{10, 20}, {30, 31}});

  const auto from = one(R"({"method":"split-softmax","tau":0,"rows":17,"span":"gold"})");
  CHECK(from.rows == RowSelection{RowSelection::Kind::from, 17});
  CHECK(from.heads.empty());
}

TEST_CASE("focus directions") {
  const auto focus = one(R"({"method":"focus","alpha":-0.5,"directions":"random","top_k":5})");
  CHECK(focus.method == &focus_method);
  CHECK(focus.value("alpha") == -0.5);
  CHECK(focus.directions == "random");
  CHECK(focus.value("use_key", -1) == 0);
  CHECK(one(R"({"method":"focus","alpha":1,"use_key":true})").value("use_key") == 1);
}

TEST_CASE("ablation, PASTA, InstABoost and SpotLight: parameters, what they are when left out") {
  const auto value = [](const char* method, const char* key, const char* given) {
    const std::string text = std::string(R"({"method":")") + method + "\"" + given + "}";
    return one(text).value(key, -1);
  };
  CHECK(value("ablate", "replace", "") == 0);
  CHECK(value("ablate", "replace", R"(,"replace":"mean")") == 1);
  CHECK(value("pasta", "outside", "") == 0.01);
  CHECK(value("pasta", "outside", R"(,"outside":0.5,"span":[[1,2]])") == 0.5);
  CHECK(value("instaboost", "multiplier", "") == 3);
  CHECK(value("instaboost", "multiplier", R"(,"multiplier":10)") == 10);
  CHECK(value("spotlight", "target", "") == 0.3);
  CHECK(value("spotlight", "target", R"(,"target":0.05)") == 0.05);
  check_refused(R"({"method":"ablate","replace":"average"})", "\"zero\" or \"mean\"");
  check_refused(R"({"method":"pasta","outside":0})", "'outside'");
  check_refused(R"({"method":"pasta","outside":2})", "a number from 1e-06 to 1");
  check_refused(R"({"method":"instaboost","multiplier":-3})", "'multiplier'");
  check_refused(R"({"method":"spotlight","target":1.5})", "'target'");
  check_refused(R"({"method":"spotlight","psi":0.5})", "spotlight takes target, span");
}

TEST_CASE("a list composes in the order of method.md") {
  const auto file = parse(R"([{"method":"split-softmax","tau":0.2},{"method":"focus","alpha":0.1},
                              {"method":"split-softmax","tau":0.4},{"method":"focus","alpha":0.3}])");
  REQUIRE(file);
  REQUIRE(file->interventions.size() == 4);
  CHECK(file->interventions[0].value("alpha") == 0.1);
  CHECK(file->interventions[1].value("alpha") == 0.3);
  CHECK(file->interventions[2].value("tau") == 0.2);
  CHECK(file->interventions[3].value("tau") == 0.4);
  CHECK(file->notes.empty());
  const auto all = parse(R"([{"method":"ablate"},{"method":"instaboost"},{"method":"pasta"},
                             {"method":"split-softmax","tau":1},{"method":"focus","alpha":1},
                             {"method":"spotlight"}])");
  REQUIRE(all);
  std::string order;
  for (const auto& part : all->interventions) order += std::string(part.method->name) + " ";
  CHECK(order == "focus spotlight pasta instaboost split-softmax ablate ");
}

TEST_CASE("a key of the other method is noted, not obeyed") {
  const auto file = parse(R"({"method":"focus","alpha":0.3,"tau":0.1,"span":"gold"})");
  REQUIRE(file);
  CHECK(file->notes.size() == 2);
  CHECK(file->interventions[0].value("tau", 1) == 1);
}

TEST_CASE("what is not understood is refused by name") {
  check_refused(R"({"tau":0.1})", "'method'");
  check_refused(R"({"method":"magic","tau":0.1})", "magic");
  check_refused(R"({"method":"ablation","heads":[[0,0]]})", "\"ablate\"");
  check_refused(R"({"method":"ablate","heads":[[0,0]],"strength":1})", "'strength'");
  check_refused(R"({"method":"split-softmax","tau":0.1,"strength":3})", "'strength'");
  check_refused(R"({"method":"split-softmax"})", "'tau'");
  check_refused(R"({"method":"split-softmax","tau":1.5})", "'tau'");
  check_refused(R"({"method":"split-softmax","tau":-0.1})", "'tau'");
  check_refused(R"({"method":"split-softmax","tau":"0.1"})", "'tau'");
  check_refused(R"({"method":"focus"})", "'alpha'");
  check_refused(R"({"method":"focus","alpha":1,"directions":7})", "'directions'");
  check_refused(R"({"method":"focus","alpha":1,"use_key":1})", "'use_key'");
  check_refused(R"({"method":"focus","alpha":1,"heads":[]})", "'heads'");
  check_refused(R"({"method":"focus","alpha":1,"heads":[[1,-1]]})", "'heads'");
  check_refused(R"({"method":"focus","alpha":1,"heads":[[1,2,3]]})", "'heads'");
  check_refused(R"({"method":"focus","alpha":1,"heads":[[1,99999]]})", "'heads'");
  check_refused(R"({"method":"focus","alpha":1,"heads":[[1,1]],"top_k":3})", "'heads'");
  check_refused(R"({"method":"focus","alpha":1,"top_k":-1})", "'top_k'");
  check_refused(R"({"method":"focus","alpha":1,"rows":"some"})", "'rows'");
  check_refused(R"({"method":"focus","alpha":1,"rows":-3})", "'rows'");
  check_refused(R"({"method":"split-softmax","tau":0.1,"span":"golden"})", "'span'");
  check_refused(R"({"method":"split-softmax","tau":0.1,"span":[]})", "'span'");
  check_refused(R"({"method":"split-softmax","tau":0.1,"span":[[5,5]]})", "'span'");
  check_refused(R"({"method":"split-softmax","tau":0.1,"span":[5,9]})", "'span'");
  check_refused("[]", "empty");
  check_refused("3", "edit.json");
  check_refused(R"([{"method":"focus","alpha":1},{"method":"focus"}])", "entry 1");
}

TEST_CASE("files named inside are found beside the file") {
  const test::TemporaryFolder folder;
  REQUIRE(write_file_atomically(folder / "heads.json", "[[0,0]]"));
  REQUIRE(write_file_atomically(
      folder / "edit.json",
      R"([{"method":"focus","alpha":1,"directions":"elsewhere.safetensors","head_set":"heads.json"},
          {"method":"focus","alpha":1,"directions":"random"}])"));
  const auto file = read_interventions_file(folder / "edit.json");
  REQUIRE(file);
  CHECK(file->interventions[0].head_set == (folder / "heads.json").string());
  CHECK(file->interventions[0].directions == "elsewhere.safetensors");
  CHECK(file->interventions[1].directions == "random");
  CHECK_FALSE(read_interventions_file(folder / "missing.json"));
}

TEST_CASE("a description survives its JSON") {
  for (const char* text :
       {R"({"method":"split-softmax","tau":0.1,"span":[[1,2]],"rows":"all","heads":[[1,2],[3,4]]})",
        R"({"method":"split-softmax","tau":0.1,"span":"gold","rows":"response","head_set":"h"})",
        R"({"method":"focus","alpha":0.3,"directions":"d","use_key":true,"rows":4,"top_k":7})",
        R"({"method":"ablate","replace":"mean","rows":"all","heads":[[0,1]]})",
        R"({"method":"pasta","outside":0.25,"span":"gold","rows":"all"})",
        R"({"method":"instaboost","multiplier":3.0,"span":[[4,9]],"rows":"response"})",
        R"({"method":"spotlight","target":0.5,"span":"gold","rows":7,"top_k":2})"}) {
    const auto json = Json::parse(text);
    CHECK(to_json(one(text)) == json);
    const auto again = parse_interventions(to_json(one(text)), "again");
    REQUIRE(again);
    CHECK(to_json(again->interventions[0]) == json);
  }
}
