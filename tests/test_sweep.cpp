// Sweeps without a model: the grid, who runs what, and the folder that processes share.
// links: headscope_sweep
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <set>
#include <thread>

#include "core/base/file.h"
#include "core/sweep/sweep_folder.h"
#include "core/sweep/sweep_grid.h"
#include "core/sweep/sweep_ranks.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using headscope::test::TemporaryFolder;

namespace {

// Heads of a model of layers x heads, last ones first.
std::vector<HeadId> ranking_of(int layers, int heads) {
  std::vector<HeadId> ranking;
  for (int i = layers * heads; i-- > 0;) ranking.push_back({i / heads, i % heads});
  return ranking;
}

SweepGrid grid_of(const SweepAxes& axes, int layers = 4, int heads = 8) {
  auto grid = make_sweep_grid(axes, ranking_of(layers, heads), layers, heads);
  REQUIRE(grid);
  return *grid;
}

std::vector<std::string> names_of(const SweepGrid& grid) {
  std::vector<std::string> names;
  for (const SweepCell& cell : grid.cells) names.push_back(cell_name(cell));
  return names;
}

std::string refusal(const SweepAxes& axes) {
  const auto grid = make_sweep_grid(axes, ranking_of(4, 8), 4, 8);
  REQUIRE_FALSE(grid);
  CHECK(grid.error().kind == ErrorKind::usage);
  return grid.error().message;
}

Result<ProcessRank> rank_in(std::map<std::string, std::string> variables,
                            std::optional<int> rank = {}, std::optional<int> ranks = {}) {
  return find_rank(rank, ranks, [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

std::string rank_refusal(std::map<std::string, std::string> variables, std::optional<int> rank = {},
                         std::optional<int> ranks = {}) {
  const auto found = rank_in(std::move(variables), rank, ranks);
  REQUIRE_FALSE(found);
  CHECK(found.error().kind == ErrorKind::usage);
  return found.error().message;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Passport settings() {
  Passport passport;
  passport.model = "tiny";
  passport.weights_sha256 = std::string(64, 'a');
  passport.data = "d.jsonl";
  passport.data_sha256 = std::string(64, 'b');
  passport.n = 3;
  passport.dtype = "float32";
  passport.device = "cuda:0 (a card)";
  passport.options = {{"rows", "input"}, {"heads", "heads.json"}, {"heads_sha256", "cc"}};
  return passport;
}

SweepFolder open_folder(const std::filesystem::path& path) {
  auto folder = SweepFolder::open(path, settings());
  if (!folder) FAIL(folder.error().message);
  return *folder;
}

// A made-up evaluation which the cell alone decides.
EvaluateRun run_of(const SweepCell& cell) {
  EvaluateRun run;
  const std::size_t mark = cell_name(cell).size();
  for (std::size_t i = 0; i < 3; ++i) {
    EvaluatedSample sample;
    sample.index = static_cast<std::int64_t>(i);
    sample.question = "q" + std::to_string(i);
    sample.response = cell_name(cell);
    sample.correct = (mark + i) % 3 != 0;
    sample.relevant_mass = static_cast<double>(mark) / 128;
    run.samples.push_back(std::move(sample));
  }
  return run;
}

SweepResult result_of(const SweepCell& cell, const EvaluateRun& run) {
  SweepResult result;
  result.cell = cell;
  result.heads = heads_of_cell(cell, ranking_of(4, 8), 4, 8);
  result.mass_heads = {{0, 1}};
  result.summary = summary_json(run);
  return result;
}

// What a process does with the cells; it stops (as if killed) after `limit` of them, unmerged.
void work(const std::filesystem::path& path, const std::vector<SweepCell>& cells, int rank,
          int ranks, std::size_t limit = 1000) {
  const SweepFolder folder = open_folder(path);
  for (const std::size_t index : work_order(cells.size(), rank, ranks)) {
    if (limit == 0) return;
    if (folder.finished(cells[index])) continue;
    const auto claim = folder.claim(cells[index]);
    REQUIRE(claim);
    if (!*claim || folder.finished(cells[index])) continue;
    const EvaluateRun run = run_of(cells[index]);
    REQUIRE(folder.finish(result_of(cells[index], run), run));
    --limit;
  }
  REQUIRE(folder.merge());
}

std::string table_in(const std::filesystem::path& path) {
  return read_text_file(path / "results.csv").value_or("");
}

SweepGrid whole_grid() {
  SweepAxes axes{{0.1, 0.4}, {-0.5, 0.3}, {1, 5}, {0, 19}, 2, 2, true, 7};
  return grid_of(axes);
}

}  // namespace

TEST_CASE("the grid: every combination, in the order of the table, each once") {
  const SweepAxes axes{{0.4, 0.1, 0.1}, {}, {5, 1}, {}, 2, 0, true, 3};
  CHECK(names_of(grid_of(axes)) ==
        std::vector<std::string>{
            "none-all", "none-gold", "none-no-gold", "split-softmax-tau0.1-k1-all",
            "split-softmax-tau0.1-k5-all", "split-softmax-tau0.1-k1-random-s3-all",
            "split-softmax-tau0.1-k1-random-s4-all", "split-softmax-tau0.1-k5-random-s3-all",
            "split-softmax-tau0.1-k5-random-s4-all", "split-softmax-tau0.4-k1-all",
            "split-softmax-tau0.4-k5-all", "split-softmax-tau0.4-k1-random-s3-all",
            "split-softmax-tau0.4-k1-random-s4-all", "split-softmax-tau0.4-k5-random-s3-all",
            "split-softmax-tau0.4-k5-random-s4-all"});
  const SweepAxes focus{{}, {0.3, -1}, {2}, {4}, 0, 1, false, 0};
  CHECK(names_of(grid_of(focus)) ==
        std::vector<std::string>{"focus-alpha-1-k2-all-g4", "focus-alpha0.3-k2-all-g4",
                                 "random-directions-alpha-1-k2-s0-all-g4",
                                 "random-directions-alpha0.3-k2-s0-all-g4"});
  // 2 positions x (3 baselines + 2 taus x 2 k x 3 + 2 alphas x 2 k x 5)
  const SweepGrid whole = whole_grid();
  CHECK(whole.cells.size() == 2 * (3 + 12 + 20));
  const auto names = names_of(whole);
  CHECK(std::set<std::string>(names.begin(), names.end()).size() == names.size());
}

TEST_CASE("k is clipped to the heads there are, once, and random heads need heads left over") {
  const SweepGrid grid = grid_of({{0.1}, {}, {4, 8, 50, 100}, {}, 5, 0, false, 0}, 2, 4);
  // Eight heads: at 4 exactly four are left (one draw), at 8 none; 50 and 100 are 8.
  CHECK(names_of(grid) == std::vector<std::string>{"split-softmax-tau0.1-k4-all",
                                                   "split-softmax-tau0.1-k8-all",
                                                   "split-softmax-tau0.1-k4-random-s0-all"});
  std::string notes;
  for (const std::string& note : grid.notes) notes += note + "\n";
  CHECK(has(notes, "--top-k 50 is clipped to the 8 heads"));
  CHECK(has(notes, "top-k 4: one draw"));
  CHECK(has(notes, "top-k 8: none, since only 0"));
  const auto short_ranking = make_sweep_grid({{0.1}, {}, {5}, {}, 0, 0, false, 0}, {{1, 1}}, 4, 8);
  CHECK(*short_ranking->cells.at(0).top_k == 1);
}

TEST_CASE("heads of a cell: the first of the ranking, or as many outside the contextual ones") {
  const auto ranking = ranking_of(4, 8);
  for (const SweepCell& cell : whole_grid().cells) {
    const auto heads = heads_of_cell(cell, ranking, 4, 8);
    CHECK(heads.size() == static_cast<std::size_t>(cell.top_k.value_or(0)));
    const std::size_t contextual = std::max<std::size_t>(heads.size(), 3);
    const std::set<HeadId> first(ranking.begin(),
                                 ranking.begin() + static_cast<std::ptrdiff_t>(contextual));
    for (const HeadId head : heads) {
      CHECK(first.contains(head) == (cell.heads == CellHeads::contextual));
    }
  }
}

TEST_CASE("what the grid cannot mean is refused") {
  CHECK(has(refusal({}), "nothing to run"));
  CHECK(has(refusal({{0.1}, {}, {}, {}, 0, 0, false, 0}), "--top-k"));
  CHECK(has(refusal({{1.5}, {}, {1}, {}, 0, 0, false, 0}), "--tau 1.5"));
  CHECK(has(refusal({{-0.1}, {}, {1}, {}, 0, 0, false, 0}), "--tau -0.1"));
  CHECK(has(refusal({{std::nan("")}, {}, {1}, {}, 0, 0, false, 0}), "--tau"));
  CHECK(has(refusal({{0.1}, {}, {0}, {}, 0, 0, false, 0}), "--top-k 0"));
  CHECK(has(refusal({{0.1}, {}, {1}, {}, -1, 0, false, 0}), "--random-heads"));
  CHECK(has(refusal({{0.1}, {}, {1}, {}, 0, 2, false, 0}), "--random-directions"));
  CHECK(has(refusal({{}, {}, {}, {}, 2, 0, true, 0}), "--random-heads"));
  CHECK(has(refusal({{0.1}, {}, {1}, {}, 1, 0, false, std::uint64_t{1} << 60}), "--seed"));
}

TEST_CASE("cells go to JSON and back") {
  for (const SweepCell& cell : whole_grid().cells) {
    const Json json = to_json(cell);
    const auto back = cell_from_json(*JsonObject::open(json, "cell"));
    REQUIRE(back);
    CHECK((*back == cell));
  }
  Json json = to_json(whole_grid().cells[0]);
  json["prompt"] = "some";
  CHECK(has(cell_from_json(*JsonObject::open(json, "f.json")).error().message, "prompt"));
  json["method"] = "magic";
  CHECK(has(cell_from_json(*JsonObject::open(json, "f.json")).error().message, "split-softmax"));
}

TEST_CASE("ranks: from each launcher, innermost first, Slurm last") {
  CHECK(rank_in({})->ranks == 1);
  const auto slurm =
      rank_in({{"SLURM_PROCID", "3"}, {"SLURM_NTASKS", "8"}, {"SLURM_LOCALID", "1"}});
  REQUIRE(slurm);
  CHECK(slurm->rank == 3);
  CHECK(slurm->ranks == 8);
  CHECK(slurm->local_rank == 1);
  CHECK(slurm->launcher == "Slurm");
  const auto mpi = rank_in({{"OMPI_COMM_WORLD_RANK", "1"},
                            {"OMPI_COMM_WORLD_SIZE", "3"},
                            {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                            {"OMPI_COMM_WORLD_LOCAL_SIZE", "3"},
                            {"SLURM_PROCID", "0"},
                            {"SLURM_NTASKS", "3"}});
  REQUIRE(mpi);
  CHECK(mpi->rank == 1);
  CHECK(mpi->local_ranks == 3);
  CHECK(mpi->launcher == "Open MPI");
  CHECK(rank_in({{"PMI_RANK", "2"}, {"PMI_SIZE", "4"}})->rank == 2);
  const auto torchrun = rank_in({{"RANK", "5"},
                                 {"WORLD_SIZE", "6"},
                                 {"LOCAL_RANK", "1"},
                                 {"LOCAL_WORLD_SIZE", "4"},
                                 {"SLURM_PROCID", "1"},
                                 {"SLURM_NTASKS", "2"}});
  CHECK(torchrun->rank == 5);
  CHECK(torchrun->local_rank == 1);
  CHECK(rank_in({{"RANK", "5"}, {"WORLD_SIZE", "6"}}, 0, 2)->ranks == 2);
}

TEST_CASE("ranks: a Slurm allocation alone is no launcher") {
  CHECK(rank_in({{"SLURM_NTASKS", "4"}})->ranks == 1);
  CHECK(rank_in({{"SLURM_PROCID", "0"}})->ranks == 1);
  CHECK(has(rank_refusal({{"SLURM_PROCID", "2"}}), "SLURM_NTASKS"));
}

TEST_CASE("ranks: contradictions and nonsense are errors that name the variable") {
  CHECK(has(rank_refusal({{"RANK", "1"}}), "WORLD_SIZE"));
  CHECK(has(rank_refusal({{"PMI_SIZE", "1"}}), "PMI_RANK"));
  CHECK(has(rank_refusal({{"RANK", "x"}, {"WORLD_SIZE", "2"}}), "RANK=x"));
  CHECK(has(rank_refusal({{"RANK", "-1"}, {"WORLD_SIZE", "2"}}), "RANK=-1"));
  CHECK(has(rank_refusal({{"RANK", ""}, {"WORLD_SIZE", "2"}}), "RANK="));
  CHECK(has(rank_refusal({{"SLURM_PROCID", "4"}, {"SLURM_NTASKS", "4"}}), "rank 4 of 4"));
  CHECK(has(rank_refusal({{"RANK", "0"}, {"WORLD_SIZE", "0"}}), "rank 0 of 0"));
  CHECK(has(rank_refusal({{"RANK", "1"},
                          {"WORLD_SIZE", "2"},
                          {"OMPI_COMM_WORLD_RANK", "0"},
                          {"OMPI_COMM_WORLD_SIZE", "2"}}),
            "torchrun say process 1 of 2, those of Open MPI say 0 of 2"));
  CHECK(has(rank_refusal({}, 1, {}), "go together"));
  CHECK(has(rank_refusal({}, 2, 2), "--rank"));
}

TEST_CASE("processes of one machine share its cards") {
  const std::vector<std::string> cards{"4", "5", "6", "7"};
  const auto of = [&](int local_rank, std::optional<int> local_ranks) {
    return cards_of_process(cards, {0, 8, local_rank, local_ranks, ""}).value_or("all");
  };
  CHECK(of(1, 4) == "5");
  CHECK(of(1, 2) == "6,7");
  CHECK(of(5, 8) == "5");
  CHECK(of(2, {}) == "6");
  CHECK(of(0, 1) == "all");
  CHECK_FALSE(cards_of_process(cards, {}));
  CHECK_FALSE(cards_of_process({"3"}, {1, 2, 1, 2, ""}));
  const auto listed = visible_cards([](const std::string& name) -> std::optional<std::string> {
    return name == "CUDA_VISIBLE_DEVICES" ? std::optional<std::string>("2,MIG-x") : std::nullopt;
  });
  CHECK((listed == std::vector<std::string>{"2", "MIG-x"}));
}

TEST_CASE("shares: every cell in exactly one, sizes differ by one at most, others' cells last") {
  for (const int ranks : {1, 2, 3, 7}) {
    for (const std::size_t cells : {0U, 1U, 5U, 20U}) {
      std::vector<int> owners(cells, 0);
      for (int rank = 0; rank < ranks; ++rank) {
        const auto order = work_order(cells, rank, ranks);
        CHECK(std::set<std::size_t>(order.begin(), order.end()).size() == cells);
        CHECK(order.size() == cells);
        std::size_t own = 0;
        while (own < order.size() && in_own_share(order[own], rank, ranks)) ++owners[order[own++]];
        for (std::size_t i = own; i < order.size(); ++i)
          CHECK_FALSE(in_own_share(order[i], rank, ranks));
        CHECK(own >= cells / static_cast<std::size_t>(ranks));
        CHECK(own <= cells / static_cast<std::size_t>(ranks) + 1);
      }
      CHECK(std::count(owners.begin(), owners.end(), 1) == static_cast<std::ptrdiff_t>(cells));
    }
  }
}

TEST_CASE("the table: the columns of the contract, empty where there is nothing") {
  SweepCell split;
  split.method = SweepMethod::split_softmax;
  split.tau = 0.05;
  split.top_k = 20;
  split.heads = CellHeads::random;
  split.seed = 4;
  split.gold_position = 9;
  SweepRow a{split, {{"n", 4}, {"em", 0.25}, {"em_low", 0.125}, {"em_high", 0.5}}};
  a.summary["relevant_mass"] = nullptr;
  a.summary["sink_mass"] = 1e-05;
  SweepCell none;
  none.prompt = PromptKind::no_gold;
  const SweepRow b{none, summary_json({})};
  const std::string table =
      "method,tau,alpha,top_k,heads,seed,prompt,gold_position,n,em,em_low,em_high,relevant_mass,"
      "sink_mass\n"
      "none,,,,,,no-gold,,0,,,,,\n"
      "split-softmax,0.05,,20,random,4,all,9,4,0.25,0.125,0.5,,1e-05\n";
  CHECK(sweep_table({a, b}) == table);
  const auto read = parse_sweep_table(table, "t.csv");
  REQUIRE(read);
  CHECK((read->at(1).cell == split));
  CHECK(sweep_table(*read) == table);
}

TEST_CASE("a table that is none is refused with its line") {
  const std::string table = sweep_table({{{}, summary_json({})}});
  const auto refused = [](const std::string& text) {
    const auto read = parse_sweep_table(text, "t.csv");
    REQUIRE_FALSE(read);
    CHECK(read.error().kind == ErrorKind::bad_input);
    return read.error().message;
  };
  CHECK(has(refused(""), "no column 'method'"));
  CHECK(has(refused("method,tau\n"), "no column 'alpha'"));
  CHECK(has(refused(table + "none,,\n"), "t.csv line 3: has 3 fields, expected 14"));
  CHECK(has(refused(table + "magic,,,,,,all,,0,,,,,\n"), "line 3"));
  CHECK(has(refused(table + "none,,,,,,all,,x,,,,,\n"), "'n'"));
  CHECK(has(refused(table + "none,,,,,,all,,2,high,,,,\n"), "'em'"));
}

TEST_CASE("any number of processes, in any order, leave the same bytes") {
  const auto cells = whole_grid().cells;
  TemporaryFolder folder;
  work(folder / "one", cells, 0, 1);
  const std::string expected = table_in(folder / "one");
  CHECK(std::count(expected.begin(), expected.end(), '\n') ==
        static_cast<std::ptrdiff_t>(cells.size()) + 1);
  for (int round = 0; round < 10; ++round) {
    const auto path = folder / ("many" + std::to_string(round));
    std::vector<std::thread> processes;
    for (int rank = 0; rank < 4; ++rank)
      processes.emplace_back([&, rank] { work(path, cells, rank, 4); });
    for (auto& process : processes) process.join();
    CHECK(table_in(path) == expected);
  }
}

TEST_CASE("what a killed process left is completed by any number of others") {
  const auto cells = whole_grid().cells;
  TemporaryFolder folder;
  work(folder / "one", cells, 0, 1);
  work(folder / "two", cells, 1, 3, 4);  // dies after four cells, before it merged
  CHECK(table_in(folder / "two").empty());
  work(folder / "two", cells, 0, 2, 9);
  work(folder / "two", cells, 1, 2);
  CHECK(table_in(folder / "two") == table_in(folder / "one"));
}

TEST_CASE("a claim keeps others out until its holder ends, however it ends") {
  TemporaryFolder folder;
  const auto cell = whole_grid().cells[0];
  const SweepFolder sweep = open_folder(folder / "s");
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t holder = ::fork();
  if (holder == 0) {
    const auto claim = sweep.claim(cell);
    const char mark = claim && claim->has_value() ? '+' : '-';
    if (::write(ready[1], &mark, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char mark = 0;
  REQUIRE(::read(ready[0], &mark, 1) == 1);
  CHECK(mark == '+');
  CHECK_FALSE(sweep.claim(cell)->has_value());
  ::kill(holder, SIGKILL);
  int status = 0;
  ::waitpid(holder, &status, 0);
  CHECK(sweep.claim(cell)->has_value());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("other settings are refused by name; a larger grid is not another setting") {
  TemporaryFolder folder;
  const auto path = folder / "s";
  open_folder(path);
  const auto refused = [&](const Passport& now) {
    const auto opened = SweepFolder::open(path, now);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().kind == ErrorKind::bad_input);
    return opened.error().message;
  };
  Passport now = settings();
  now.dtype = "bfloat16";
  now.n = 4;
  now.options["rows"] = "predict";
  const std::string message = refused(now);
  CHECK(has(message, "dtype is float32 there, bfloat16 now"));
  CHECK(has(message, "n is 3 there, 4 now"));
  CHECK(has(message, "options.rows is input there, predict now"));
  CHECK_FALSE(has(message, "weights"));
  now = settings();
  now.weights_sha256 = std::string(64, 'f');
  CHECK(has(refused(now), "weights_sha256 is aaaaaaaaaaaa... there, ffffffffffff... now"));
  now = settings();
  now.device = "cpu";
  CHECK(has(refused(now), "device is cuda there, cpu now"));
  now = settings();
  now.device = "cuda:3 (another card)";  // another process of the same cluster
  now.model = "copy";
  now.data = "copy.jsonl";
  CHECK(SweepFolder::open(path, now));
  now = settings();
  now.options["directions_sha256"] = "dd";
  CHECK(SweepFolder::open(path, now));
  CHECK(SweepFolder::open(path, settings()));
  now.options["directions_sha256"] = "ee";
  CHECK(has(refused(now), "directions_sha256 is dd there, ee now"));
  REQUIRE(create_folders(folder / "foreign"));
  REQUIRE(write_file_atomically(folder / "foreign" / "results.csv", "mine"));
  CHECK(has(SweepFolder::open(folder / "foreign", settings()).error().message, "sweep.json"));
  REQUIRE(write_file_atomically(path / "sweep.json", "{\"format\":\"x\"}"));
  CHECK(has(refused(settings()), "format"));
}

TEST_CASE("an unfinished cell keeps its samples, and is in no table") {
  TemporaryFolder folder;
  const SweepFolder sweep = open_folder(folder / "s");
  const SweepCell cell = whole_grid().cells[0];
  EvaluateRun run = run_of(cell);
  run.samples[1].relevant_mass = 0.1 + 0.2;  // comes back as the same bits
  CHECK(sweep.samples_before(cell).empty());
  REQUIRE(sweep.keep(cell, run));
  const auto before = sweep.samples_before(cell);
  REQUIRE(before.size() == 3);
  CHECK(before[1].relevant_mass == run.samples[1].relevant_mass);
  CHECK_FALSE(sweep.finished(cell));
  CHECK(sweep.results()->empty());
  REQUIRE(write_file_atomically(sweep.lines_file(cell), "{\"index\":0"));
  CHECK(sweep.samples_before(cell).empty());  // runs again
}

TEST_CASE("a damaged result is named, with what to do") {
  TemporaryFolder folder;
  const SweepFolder sweep = open_folder(folder / "s");
  const SweepCell cell = whole_grid().cells[0];
  REQUIRE(sweep.finish(result_of(cell, run_of(cell)), run_of(cell)));
  const auto results = sweep.results();
  REQUIRE(results);
  CHECK((results->at(0).cell == cell));
  CHECK((results->at(0).mass_heads == std::vector<HeadId>{{0, 1}}));
  for (const char* text : {"", "{}", "[1]", "{\"cell\":{},\"summary\":{}}"}) {
    REQUIRE(write_file_atomically(sweep.result_file(cell), text));
    const auto merged = sweep.merge();
    REQUIRE_FALSE(merged);
    CHECK(has(merged.error().message, "none-all-g0.json"));
    CHECK(has(merged.error().message, "delete"));
  }
}
