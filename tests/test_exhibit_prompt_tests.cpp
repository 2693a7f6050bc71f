// links: headscope_exhibit headscope_engine
// The tests of a prompt as figures and tables: made of what `positions`, `causal` and `tune` write.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/exhibit/prompt_tests.h"
#include "tests/exhibit_fixture.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using test::csv_of;
using test::lines_of;
using test::runs;

TEST_CASE("tests of a prompt: every number of the result, in each format, with its command") {
  const Origin origin = test_origin(runs());
  const Json passport = {{"options",
                          {{"heads", {{5, 0}, {3, 2}}},
                           {"mass_heads", {{5, 0}}},
                           {"answers", {"Velmar"}},
                           {"reference", " Velmar"}}}};
  const auto row = [](int position, double mass, double log_probability) {
    return Json{{"document", 5},
                {"position", position},
                {"original", position == 4},
                {"tokens", 90},
                {"response", "Velmar"},
                {"match", position == 4 ? 1 : 0},
                {"relevant_mass", mass},
                {"irrelevant_mass", 0.2},
                {"sink_mass", 0.1},
                {"log_probability", log_probability},
                {"log_probability_per_token", -1.5}};
  };
  const auto moved = positions_exhibit(
      {{"rows", {row(0, 0.25, -7.5), row(4, 0.5, -3)}}, {"places", 6}, {"passport", passport}},
      origin);
  REQUIRE(moved);
  CHECK(lines_of(csv_of(*moved))[1] == std::vector<std::string>{"5", "0", "0", "90", "0", "0.25",
                                                                "0.2", "0.1", "-7.5", "-1.5",
                                                                "Velmar"});
  const std::string command = command_of(moved->origin, moved->arguments);
  CHECK(command.find("positions --document=5 --positions=0,4 --answers=Velmar "
                     "'--reference= Velmar' --top-k 1") != std::string::npos);
  CHECK(command.find("--heads heads.json") != std::string::npos);
  CHECK(command.find("--gold") == std::string::npos);
  CHECK(command.find("--intervene") == std::string::npos);
  const auto document = [](int number, double drop) {
    return Json{{"number", number},
                {"gold", number == 5},
                {"mass", 0.125},
                {"drop", drop},
                {"drop_mean", drop / 4}};
  };
  const auto removed = causal_exhibit({{"mask", "remove"},
                                       {"documents", {document(1, -0.5), document(5, 2.5)}},
                                       {"heads", Json::array()},
                                       {"passport", passport}},
                                      origin);
  REQUIRE(removed);
  CHECK(lines_of(csv_of(*removed))[2] ==
        std::vector<std::string>{"document", "5", "1", "0.125", "2.5", "0.625"});
  CHECK(command_of(removed->origin, removed->arguments)
            .find("causal --mask remove --no-heads --top-k 2") != std::string::npos);
  const auto setting = [](double alpha, double tau, int k, double share) {
    return Json{{"alpha", alpha},
                {"tau", tau},
                {"top_k", k},
                {"log_probability", -2 * share},
                {"relevant_share", share}};
  };
  const auto tuned = tune_exhibit({{"rows",
                                    {setting(0, 1, 0, 0.25), setting(0.5, 1, 1, 0.5),
                                     setting(0.5, 1, 5, 0.75), setting(0, 0.3, 1, 0.375)}},
                                   {"best", setting(0.5, 1, 5, 0.75)},
                                   {"measured", "share"},
                                   {"passport", passport}},
                                  origin);
  REQUIRE(tuned);
  CHECK(lines_of(csv_of(*tuned))[3] ==
        std::vector<std::string>{"0.5", "1", "5", "-1.5", "0.75", "1"});
  CHECK(command_of(tuned->origin, tuned->arguments)
            .find("tune --alpha=0.5 --tau=0.3 --top-ks=1,5 ") != std::string::npos);
  const test::TemporaryFolder folder;
  for (const auto* exhibit : {&*moved, &*removed, &*tuned}) {
    for (int format = 0; format < export_formats; ++format) {
      const auto kind = static_cast<ExportFormat>(format);
      CHECK(can_write(*exhibit, kind));
      CHECK(write_exhibit(folder / ("test." + std::string(format_name(kind))), *exhibit, kind, {}));
    }
  }
  const auto svg = picture_of(*tuned, ExportFormat::svg, {});
  REQUIRE(svg);
  CHECK(svg->find("Best: α = 0.5 on 5 heads") != std::string::npos);
  CHECK(write_files_beside(folder / "test.svg", *removed, ExportFormat::svg, {}).value() ==
        std::vector<std::string>{"prompt.txt", "splitting.json", "heads.json",
                                 "test.svg.made_by.json"});
  // No command writes the table of these, nor draws them in another look.
  CHECK(arguments_of(*removed, ExportFormat::csv, {}).empty());
  ExportLook dark;
  dark.figure.theme = figure::Theme::dark;
  CHECK(arguments_of(*removed, ExportFormat::svg, dark).empty());
  for (const Json& broken : {Json::array(), Json{{"rows", "none"}}, Json{{"rows", Json::array()}},
                             Json{{"mask", "remove"}, {"documents", 3}}}) {
    CHECK_FALSE(positions_exhibit(broken, origin));
    CHECK_FALSE(causal_exhibit(broken, origin));
    CHECK_FALSE(tune_exhibit(broken, origin));
  }
}
