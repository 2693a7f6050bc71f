// links: headscope_exhibit headscope_engine
// What leaves the window: its numbers are those of the snapshot, in every format, and its captions
// say how it was made.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "core/base/file.h"
#include "core/base/process.h"
#include "core/base/safetensors.h"
#include "core/exhibit/views.h"
#include "tests/exhibit_fixture.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using test::csv_of;
using test::edited;
using test::lines_of;
using test::number;
using test::runs;
using test::snapshot;

namespace {

std::uint32_t big_endian(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

AttentionChoice attention(HeadId head, ShownRun shown = ShownRun::intervened) {
  AttentionChoice choice;
  choice.head = head;
  choice.shown = shown;
  return choice;
}

OverlayChoice overlay(ShownRun shown) {
  OverlayChoice choice;
  choice.heads = head_group({{5, 0}, {3, 2}}, 8, 8);
  choice.shown = shown;
  choice.without_sink = true;
  return choice;
}

}  // namespace

TEST_CASE("attention map: rows and keys of the CSV are the weights of the run") {
  const HeadId head{5, 0};
  const auto exhibit = attention_exhibit(runs(), attention(head));
  REQUIRE(exhibit);
  const RunResult& run = *snapshot().intervened;
  const auto lines = lines_of(csv_of(*exhibit));
  REQUIRE(lines.size() == static_cast<std::size_t>(run.rows.size() * run.keys) + 1);
  CHECK(lines[0] == std::vector<std::string>{"row", "row_token", "key", "key_token", "weight"});
  for (std::size_t i = 1; i < lines.size(); i += 7) {
    const std::int64_t row = std::stoll(lines[i][0]) - run.rows.begin,
                       key = std::stoll(lines[i][2]);
    CHECK(number(lines[i][4]) == run.row(head, row)[key]);
    if (key < snapshot().prompt->prompt_tokens())
      CHECK(lines[i][3] == snapshot().prompt->tokens[static_cast<std::size_t>(key)].text);
  }
  const auto change = attention_exhibit(runs(), attention(head, ShownRun::difference));
  REQUIRE(change);
  const auto changed = lines_of(csv_of(*change));
  for (std::size_t i = 1; i < changed.size(); i += 11) {
    const std::int64_t row = std::stoll(changed[i][0]) - run.rows.begin,
                       key = std::stoll(changed[i][2]);
    CHECK(number(changed[i][4]) ==
          run.row(head, row)[key] - snapshot().baseline->row(head, row)[key]);
  }
}

TEST_CASE("a part of the map: only what is on screen, with its positions") {
  AttentionChoice choice = attention({5, 0});
  choice.region = {{1, 3}, {20, 31}};
  const auto exhibit = attention_exhibit(runs(), choice);
  REQUIRE(exhibit);
  const auto lines = lines_of(csv_of(*exhibit));
  REQUIRE(lines.size() == 2 * 11 + 1);
  const RunResult& run = *snapshot().intervened;
  CHECK(std::stoll(lines[1][0]) == run.rows.begin + 1);
  CHECK(std::stoll(lines[1][2]) == 20);
  CHECK(number(lines[1][4]) == run.row({5, 0}, 1)[20]);
  CHECK(number(lines.back()[4]) == run.row({5, 0}, 2)[30]);
  const auto scene = exhibit->scene({});
  REQUIRE(scene);
  CHECK(scene->description.find("A part of the map is shown") != std::string::npos);
  CHECK(exhibit->arguments.empty());  // render draws whole maps: no command is promised
}

TEST_CASE("the full map: exact, pooled, and exact within a pooled one") {
  Request request = edited();
  request.want_full_map = true;
  const auto whole = test::snapshot_of(request);
  FakeOptions pooled_options;
  pooled_options.map_level = 2;
  request.map_region = {{8, 40}, {4, 36}};
  const auto pooled = test::snapshot_of(request, pooled_options);
  REQUIRE(pooled->full_map->cell() == 4);
  const auto made = [](const Snapshot& of, MapRegion region) {
    AttentionChoice choice = attention({5, 0});
    choice.full = of.full_map;
    choice.full_baseline = of.full_map_baseline;
    choice.region = region;
    return attention_figure(*runs_of(of), choice);
  };
  const auto exact = made(*whole, {});
  REQUIRE(exact);
  CHECK(exact->square);
  CHECK(exact->weights == *whole->full_map->weights);
  const auto rough = made(*pooled, {});
  REQUIRE(rough);
  CHECK(rough->cell == 4);
  CHECK(rough->row_tokens.empty());
  CHECK(rough->weights.size() == pooled->full_map->weights->size());
  const auto near = made(*pooled, {{10, 30}, {6, 20}});
  REQUIRE(near);
  CHECK(near->cell == 1);
  CHECK(near->rows() == 20);
  CHECK(near->keys == 14);
  const std::int64_t tokens = whole->full_map->tokens;
  for (std::int64_t row = 10; row < 30; ++row) {
    for (std::int64_t key = 6; key < 20; ++key) {
      CHECK(near->weights[static_cast<std::size_t>((row - 10) * 14 + key - 6)] ==
            (*whole->full_map->weights)[static_cast<std::size_t>(row * tokens + key)]);
    }
  }
  for (const auto* f : {&*exact, &*rough, &*near}) CHECK(figure::draw_attention(*f, {}));
}

TEST_CASE("documents: means over heads and rows; the parts add up to one") {
  const std::vector<HeadId> heads = {{5, 0}, {3, 2}};
  const auto exhibit = documents_exhibit(runs(), head_group(heads, 8, 8));
  REQUIRE(exhibit);
  const auto lines = lines_of(csv_of(*exhibit));
  REQUIRE(lines.size() == 6 + 2 + 1);
  for (const auto& [column, run] :
       {std::pair(4, snapshot().baseline), std::pair(5, snapshot().intervened)}) {
    double all = 0;
    for (int set = 0; set < 7; ++set) {
      double mean = 0;
      for (const HeadId head : heads) {
        for (std::int64_t row = 0; row < run->rows.size(); ++row)
          mean += static_cast<double>(run->span_sum(head, row, set)) /
                  static_cast<double>(run->rows.size() * 2);
      }
      const auto& line = lines[static_cast<std::size_t>(set) + 1];
      CHECK(static_cast<double>(number(line[static_cast<std::size_t>(column)])) ==
            doctest::Approx(mean).epsilon(1e-6));
      all += static_cast<double>(number(line[static_cast<std::size_t>(column)]));
    }
    CHECK(all + static_cast<double>(number(lines.back()[static_cast<std::size_t>(column)])) ==
          doctest::Approx(1).epsilon(1e-6));
  }
  CHECK(lines[5][3] == "1");  // the fifth is the gold one
  CHECK(lines[5][2] == "Lighthouse of Velmar");
}

TEST_CASE("overlay: the masses are the mean of the rows, the text is the prompt") {
  for (const ShownRun shown : {ShownRun::baseline, ShownRun::intervened, ShownRun::difference}) {
    const auto choice = overlay(shown);
    const auto exhibit = overlay_exhibit(runs(), choice);
    REQUIRE(exhibit);
    const auto lines = lines_of(csv_of(*exhibit));
    const RunResult& base = *snapshot().baseline;
    const RunResult& run = shown == ShownRun::baseline ? base : *snapshot().intervened;
    const auto& tokens = snapshot().prompt->tokens;
    REQUIRE(lines.size() == tokens.size() + 1);
    for (std::size_t t = 0; t < tokens.size(); t += 5) {
      double mean = 0;
      for (const HeadId head : choice.heads.heads) {
        for (std::int64_t row = 0; row < run.rows.size(); ++row) {
          mean += static_cast<double>(run.row(head, row)[t]);
          if (shown == ShownRun::difference) mean -= static_cast<double>(base.row(head, row)[t]);
        }
      }
      mean /= static_cast<double>(run.rows.size() * 2);
      CHECK(static_cast<double>(number(lines[t + 1][7])) ==
            doctest::Approx(mean).epsilon(1e-4).scale(1e-3));
    }
    const auto f = overlay_figure(runs(), choice);
    REQUIRE(f);
    std::string text;
    for (const auto& piece : f->pieces) text += piece.text;
    CHECK(text == snapshot().prompt->text);
  }
  OverlayChoice some = overlay(ShownRun::intervened);
  some.rows = {0, 2, 3};
  const auto scene = overlay_exhibit(runs(), some)->scene({});
  REQUIRE(scene);
  CHECK(scene->description.find("response tokens 1, 3–4") != std::string::npos);
}

TEST_CASE("head map and ranking: scores, ranks, and what is outlined") {
  HeadScoreChoice choice;
  choice.baseline = snapshot().baseline->scores.relevant;
  choice.intervened = snapshot().intervened->scores.relevant;
  choice.shown = ShownRun::difference;
  choice.outlined = {{5, 0}};
  const auto exhibit = head_map_exhibit(runs(), choice);
  REQUIRE(exhibit);
  const auto lines = lines_of(csv_of(*exhibit));
  REQUIRE(lines.size() == 65);
  for (std::size_t i = 0; i < 64; ++i) {
    CHECK(number(lines[i + 1][2]) == choice.intervened[i] - choice.baseline[i]);
    CHECK(number(lines[i + 1][5]) == choice.baseline[i]);
  }
  const auto ranking = rank_heads(choice.baseline, 8, 8);
  const auto ranked = ranking_exhibit(runs(), ranking, {}, nullptr);
  REQUIRE(ranked);
  const auto rows = lines_of(csv_of(*ranked));
  REQUIRE(rows.size() == 65);
  CHECK(rows[1][1] == std::to_string(ranking[0].layer));
  for (std::size_t i = 2; i < rows.size(); ++i) CHECK(number(rows[i][4]) <= number(rows[i - 1][4]));
  HeadScoreChoice nothing;
  nothing.name = "irrelevant mass";
  const auto refused = head_map_exhibit(runs(), nothing);
  REQUIRE(!refused);
  CHECK(refused.error().message.find("irrelevant mass") != std::string::npos);
}

TEST_CASE("answers: every candidate with its probability; the figure shows both columns") {
  const auto exhibit = answers_exhibit(runs());
  REQUIRE(exhibit);
  const auto lines = lines_of(csv_of(*exhibit));
  std::size_t expected = 1;
  for (const auto& run : {snapshot().baseline, snapshot().intervened}) {
    for (std::size_t i = 0; i < run->response.size(); ++i)
      expected +=
          i < run->candidates.size() ? std::max<std::size_t>(1, run->candidates[i].size()) : 1;
  }
  CHECK(lines.size() == expected);
  CHECK(lines[1][0] == "baseline");
  CHECK(lines.back()[0] == "intervened");
  CHECK(exhibit->scene({}));
}

TEST_CASE("safetensors are read back, by us and by Python; JSON holds caption, origin and table") {
  const test::TemporaryFolder folder;
  const auto exhibit = attention_exhibit(runs(), attention({5, 0}));
  REQUIRE(exhibit);
  const auto path = folder / "map.safetensors";
  REQUIRE(write_exhibit(path, *exhibit, ExportFormat::safetensors, {}));
  const auto file = SafetensorsFile::open(path);
  REQUIRE(file);
  const RunResult& run = *snapshot().intervened;
  CHECK(*file->floats("attention") == *run.weights[run.index({5, 0})]);
  CHECK(file->find("attention")->shape == std::vector<std::int64_t>{run.rows.size(), run.keys});
  CHECK(file->find("keys")->dtype == DType::i64);
  CHECK(file->metadata().at("caption").find("split-softmax τ = 0.1") != std::string::npos);

  const auto json_path = folder / "map.json";
  REQUIRE(write_exhibit(json_path, *exhibit, ExportFormat::json, {}));
  const auto json = read_json_file(json_path);
  REQUIRE(json);
  CHECK(json->at("table").at("rows").size() ==
        static_cast<std::size_t>(run.rows.size() * run.keys));
  CHECK(json->at("table").at("rows")[3][4].get<float>() == run.row({5, 0}, 0)[3]);
  CHECK(json->at("origin").at("prompt") == snapshot().prompt->text);
  CHECK(json->at("repeat").at("files").at("prompt.txt") == snapshot().prompt->text);
  CHECK(json->at("origin").at("intervention")[0].at("tau") == 0.1);

  const char* python = std::getenv("HEADSCOPE_PYTHON");
  if (python == nullptr) SKIP_TEST("HEADSCOPE_PYTHON names no Python with safetensors");
  const auto read = run_process(
      {python, "-c",
       "import sys\nfrom safetensors.numpy import load_file\nt = load_file(sys.argv[1])\n"
       "print(t['attention'].shape, t['attention'].dtype, float(t['attention'].sum()))",
       path.string()},
      {}, {});
  REQUIRE(read);
  CAPTURE(read->messages);
  REQUIRE(read->exit_code == 0);
  CHECK(read->output.find("(" + std::to_string(run.rows.size()) + ", " + std::to_string(run.keys) +
                          ") float32") != std::string::npos);
}

TEST_CASE("pictures: PNG follows the scale, SVG and PDF have real text with the whole caption") {
  const test::TemporaryFolder folder;
  const auto exhibit = documents_exhibit(runs(), head_group({{5, 0}}, 8, 8));
  REQUIRE(exhibit);
  ExportLook look;
  std::map<int, std::pair<std::uint32_t, std::uint32_t>> sizes;
  for (const int scale : {1, 2, 4}) {
    look.scale = scale;
    const auto png = picture_of(*exhibit, ExportFormat::png, look);
    REQUIRE(png);
    sizes[scale] = {big_endian(*png, 16), big_endian(*png, 20)};
  }
  CHECK(sizes[1].first == 468);
  CHECK(sizes[2].first == 2 * 468);
  CHECK(sizes[4].first == 4 * 468);
  CHECK(std::abs(static_cast<int>(sizes[4].second) - 4 * static_cast<int>(sizes[1].second)) <= 4);
  const auto svg = picture_of(*exhibit, ExportFormat::svg, {});
  REQUIRE(svg);
  for (const char* part : {"Attention on the documents", "Layer 5, head 0",
                           "--intervene intervention.json", "--layer 5 --head 0"})
    CHECK_MESSAGE(svg->find(part) != std::string::npos, part);
  if (std::system("command -v pdftotext >/dev/null 2>&1") != 0)
    SKIP_TEST("pdftotext is not installed");
  const auto pdf = folder / "bars.pdf";
  REQUIRE(write_exhibit(pdf, *exhibit, ExportFormat::pdf, {}));
  const auto text = run_process({"pdftotext", "-raw", pdf.string(), "-"}, {}, {});
  REQUIRE(text);
  CHECK(text->output.find("Attention on the documents") != std::string::npos);
  CHECK(text->output.find("split-softmax") != std::string::npos);
}

TEST_CASE("what cannot be written: the message names the path, nothing is left behind") {
  const test::TemporaryFolder folder;
  const auto exhibit = documents_exhibit(runs(), head_group({{5, 0}}, 8, 8));
  REQUIRE(exhibit);
  const auto missing = folder / "none" / "bars.png";
  const auto refused = write_exhibit(missing, *exhibit, ExportFormat::png, {});
  REQUIRE(!refused);
  CHECK(refused.error().message.find("none") != std::string::npos);
  const auto kept = folder / "kept.csv";
  REQUIRE(write_file_atomically(kept, "as it was"));
  RunContext stop;
  stop.is_cancelled = [] { return true; };
  const auto cancelled = write_exhibit(kept, *exhibit, ExportFormat::csv, {}, stop);
  REQUIRE(!cancelled);
  CHECK(cancelled.error().kind == ErrorKind::cancelled);
  CHECK(*read_text_file(kept) == "as it was");
  Exhibit large = *exhibit;
  large.table.rows = kMostTableRows + 1;
  CHECK(!write_exhibit(kept, large, ExportFormat::csv, {}));
  Exhibit table_only = *exhibit;
  table_only.draw = nullptr;
  CHECK(!can_write(table_only, ExportFormat::svg));
  CHECK(!write_exhibit(folder / "a.svg", table_only, ExportFormat::svg, {}));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("origin: settings as a file says them, heads by name, the command quoted for a shell") {
  const Origin origin = origin_of(snapshot());
  CHECK(in_words(origin) == "split-softmax τ = 0.1 on 5 heads");
  CHECK(origin.gold == std::vector<int>{5});
  const auto parsed = parse_interventions(intervention_json(origin), "test");
  REQUIRE(parsed);
  REQUIRE(parsed->interventions.size() == 1);
  CHECK(parsed->interventions[0].heads == snapshot().intervened->touched);
  CHECK(parsed->interventions[0].gold);

  InterventionSettings settings;
  settings.alpha = 0.3;
  settings.tau = 0.5;
  settings.also = "pasta";
  settings.also_strength = 0.02;
  settings.span = SpanChoice::document;
  settings.marked_document = 2;
  settings.rows = {RowSelection::Kind::from, 17};
  const auto parts = descriptions_of(settings, {{1, 2}}, *snapshot().prompt);
  REQUIRE(parts.size() == 3);  // in the order in which they act
  CHECK(parts[0].method == &focus_method);
  CHECK(parts[1].method == &pasta_method);
  CHECK(parts[2].method == &split_softmax_method);
  CHECK(parts[2].spans == std::vector<ByteSpan>{snapshot().prompt->documents[2].relevant});
  CHECK(parts[1].rows == settings.rows);
  settings.marked_document = -1;  // nothing to act on: left out beside focus
  CHECK(descriptions_of(settings, {{1, 2}}, *snapshot().prompt).size() == 1);
  CHECK(descriptions_of({}, {{1, 2}}, *snapshot().prompt).empty());
  CHECK(parts[0].directions.empty());  // the model's own need no name
  settings.directions = "/models/mine.safetensors";
  Origin opened = origin;
  opened.intervention = descriptions_of(settings, {{1, 2}}, *snapshot().prompt);
  CHECK(in_words(opened).find("focus α = 0.3 (mine.safetensors)") != std::string::npos);
  CHECK(intervention_json(opened)[0]["directions"] == settings.directions);

  Origin quoted = origin;
  quoted.prompt_file = "it's a prompt.txt";
  const std::string command = command_of(quoted, {"render", "--figure", "documents"});
  CHECK(command.find("--prompt-file 'it'\\''s a prompt.txt'") != std::string::npos);
  CHECK(command.find("--gold 5") != std::string::npos);
  Snapshot adapted = snapshot();
  auto model = std::make_shared<ModelInfo>(*adapted.model);
  model->is_demo = false;
  model->name = "tiny + mine";
  adapted.model = model;
  adapted.request.adapter = "folder/mine";
  CHECK(command_of(origin_of(adapted), {"render"}).find("--model tiny --adapter mine") !=
        std::string::npos);

  Snapshot preview = snapshot();
  auto run = std::make_shared<RunResult>(*preview.intervened);
  run->quality = Quality::preview;
  preview.intervened = run;
  CHECK(command_of(origin_of(preview), {"render"}).empty());  // no command gives an estimate
}

TEST_CASE("heads by name, and tables that were CSV") {
  CHECK(heads_as_text({{3, 1}, {10, 0}}) == "3:1,10:0");
  CHECK(heads_from_text("3:1,10:0", "--choose").value() == std::vector<HeadId>{{3, 1}, {10, 0}});
  for (const char* wrong : {"", "3", "3:", "3:1,", "3:1;4:2", "-1:2", "a:b"})
    CHECK_MESSAGE(!heads_from_text(wrong, "--choose"), wrong);
  const std::string csv = "a,\"b, or \"\"c\"\"\"\n1,\"two\nlines\"\n,x\n";
  const Table table = table_from_csv(csv);
  CHECK(table.columns == std::vector<std::string>{"a", "b, or \"c\""});
  REQUIRE(table.rows == 2);
  CHECK(std::get<std::string>(table.row(0)[1]) == "two\nlines");
  CHECK(table_as_csv(table).value() == csv);
  CHECK(table_as_tabs(table).value() == "a\tb, or \"c\"\n1\ttwo lines\n\tx\n");
}

TEST_CASE("documents with a causal check: a panel of drops, and no command that leaves it out") {
  auto check = std::make_shared<CausalCheck>();
  for (int i = 0; i < 6; ++i)
    check->documents.push_back({i + 1, i == 4, 0.1, i == 4 ? 2.5 : -0.25 * i});
  const auto exhibit = documents_exhibit(runs(), head_group({{5, 0}}, 8, 8), check);
  REQUIRE(exhibit);
  CHECK(exhibit->arguments.empty());
  const auto scene = exhibit->scene({});
  REQUIRE(scene);
  int drops = 0;
  for (const auto& item : scene->items) {
    const auto* rect = std::get_if<figure::Rect>(&item);
    if (rect == nullptr || std::string(rect->role) != "drop") continue;
    ++drops;
    CHECK(rect->box.height >= 0);
    CHECK(rect->box.bottom() <= scene->height);
  }
  CHECK(drops == 6);
  CHECK(lines_of(csv_of(*exhibit))[5][6] == "2.5");
}

TEST_CASE("every head of a layer: its pictures, marked where it is acted on") {
  LayerChoice choice;
  choice.question.layer = 5;
  choice.marked = {{5, 0}, {4, 1}};
  const auto exhibit = layer_exhibit(runs(), choice);
  REQUIRE(exhibit);
  const auto maps = layer_maps(*snapshot().intervened, nullptr, choice.question);
  REQUIRE(maps);
  CHECK(std::get<std::vector<float>>(exhibit->arrays[0].values) == maps->values);
  CHECK(exhibit->table.rows == maps->values.size());
  const auto scene = exhibit->scene({});
  REQUIRE(scene);
  int rings = 0, pictures = 0;
  for (const auto& item : scene->items) {
    if (const auto* rect = std::get_if<figure::Rect>(&item))
      rings += std::string(rect->role) == "ring" ? 1 : 0;
    if (const auto* cells = std::get_if<figure::Cells>(&item))
      pictures += cells->values.size() == maps->values.size() / 8 ? 1 : 0;
  }
  CHECK(rings == 1);
  CHECK(pictures == 8);
  choice.question.layer = 99;
  CHECK(!layer_exhibit(runs(), choice));
}

TEST_CASE("difference: documents by change, then heads with their places") {
  DifferenceChoice choice;
  choice.heads = head_group({{5, 0}}, 8, 8);
  choice.moves = head_moves(snapshot().baseline->scores.relevant,
                            snapshot().intervened->scores.relevant, 8, 8);
  REQUIRE(!choice.moves.empty());
  const auto exhibit = difference_exhibit(runs(), choice);
  REQUIRE(exhibit);
  const auto lines = lines_of(csv_of(*exhibit));
  REQUIRE(lines.size() == 1 + 6 + 1 + 64);
  for (std::size_t i = 2; i <= 6; ++i) CHECK(number(lines[i][5]) <= number(lines[i - 1][5]));
  CHECK(lines[7][0] == "sink");
  CHECK(lines[8][0] == "head");
  CHECK(exhibit->scene({}));
  ShownRuns alone = runs();
  alone.intervened = alone.baseline;
  CHECK(!difference_exhibit(alone, choice));
}

TEST_CASE("logit lens and scores: their numbers, a curve for each followed token") {
  auto run = std::make_shared<LensRun>();
  for (const float p : {0.1f, 0.4f, 0.9f})
    run->layers.push_back({{{7, "north", p}, {8, "south", 0.05f}}, {p, 0.01f}, {1, 12}});
  auto lens = std::make_shared<LogitLens>();
  lens->token = 2;
  lens->followed = {{7, "north", true, false, false}, {9, "east", false, true, false}};
  lens->baseline = run;
  const auto exhibit = lens_exhibit(runs(), lens, false);
  REQUIRE(exhibit);
  CHECK(lines_of(csv_of(*exhibit)).size() == 1 + 3 * 4);
  CHECK(exhibit->scene({}));
  CHECK(lens_exhibit(runs(), lens, true)->scene({}));
  CHECK(!lens_exhibit(runs(), nullptr, false));

  auto split = std::make_shared<ScoreSplit>();
  split->head = {5, 0};
  split->row = 30;
  split->before = snapshot().baseline;
  split->after = snapshot().intervened;
  auto row = std::make_shared<RowScores>();
  row->base = {1, 2, 3};
  row->focus = {0, 0.5f, 0};
  row->log_factor = {0, 0, -1};
  row->weights = {0.2f, 0.5f, 0.3f};
  split->baseline = split->intervened = row;
  const auto scores = scores_exhibit(runs(), split);
  REQUIRE(scores);
  const auto lines = lines_of(csv_of(*scores));
  REQUIRE(lines.size() == 4);
  CHECK(lines[1][0] == "1");  // the largest weight first
  CHECK(lines[1][4] == "0.5");
  CHECK(scores->scene({}));
  CHECK(!scores_exhibit(runs(), nullptr));
}

TEST_CASE("documents token by token: masses of the run on screen, the gold one in brackets") {
  for (const ShownRun shown : {ShownRun::baseline, ShownRun::intervened}) {
    const bool baseline = shown == ShownRun::baseline;
    const auto exhibit = document_strip_exhibit(runs(), head_group({{5, 0}}, 8, 8), shown);
    REQUIRE(exhibit);
    const RunResult& run = baseline ? *snapshot().baseline : *snapshot().intervened;
    const auto lines = lines_of(csv_of(*exhibit));
    REQUIRE(lines.size() == 1 + 7 * static_cast<std::size_t>(run.rows.size()));
    for (int set = 0; set < 7; ++set) {
      for (std::int64_t row = 0; row < run.rows.size(); ++row) {
        const auto& line = lines[static_cast<std::size_t>(1 + set * run.rows.size() + row)];
        CHECK(line[1] == (set == 4 ? "[5]" : set == 6 ? "sink" : std::to_string(set + 1)));
        CHECK(number(line[4]) == doctest::Approx(run.span_sum({5, 0}, row, set)).epsilon(1e-5));
      }
    }
    CHECK(exhibit->origin.intervention.empty() == baseline);
    const auto svg = picture_of(*exhibit, ExportFormat::svg, {});
    REQUIRE(svg);
    CHECK((svg->find("split-softmax") == std::string::npos) == baseline);
    CHECK(svg->find(">sink<") == std::string::npos);  // not on screen, it would set the scale
  }
}

// Labels of the colour bar of a map with these ends.
std::vector<std::string> bar_labels(ShownRun shown, bool logarithmic, figure::ColorRange range) {
  AttentionChoice choice = attention({5, 0}, shown);
  choice.logarithmic = logarithmic;
  choice.range = range;
  const auto scene = attention_exhibit(runs(), choice)->scene({});
  REQUIRE(scene);
  std::vector<std::string> labels;
  double right = 0;
  for (const auto& item : scene->items) {
    if (const auto* cells = std::get_if<figure::Cells>(&item)) right = cells->box.right();
    const auto* text = std::get_if<figure::Text>(&item);
    if (text != nullptr && std::string(text->role) == "tick" && text->at.x > right)
      labels.push_back(text->text);
  }
  return labels;
}

TEST_CASE("the ends of the colours are those on screen: in the bar, the caption, the command") {
  CHECK(bar_labels(ShownRun::intervened, true, {0.001f, 0.1f}) ==
        std::vector<std::string>{"10⁻³", "10⁻²", "10⁻¹"});
  CHECK(bar_labels(ShownRun::intervened, false, {0.0f, 0.2f}) ==
        std::vector<std::string>{"0.00", "0.05", "0.10", "0.15", "0.20"});
  CHECK(bar_labels(ShownRun::difference, true, {0.01f, 1.0f}).back() == "0");
  AttentionChoice choice = attention({5, 0});
  choice.range = figure::ColorRange{0.001f, 0.1f};
  const auto exhibit = attention_exhibit(runs(), choice);
  REQUIRE(exhibit);
  CHECK(exhibit->scene({})->description.find("logarithmic, from 0.001 to 0.1;") !=
        std::string::npos);
  CHECK(command_of(exhibit->origin, exhibit->arguments).find("--range 0.001:0.1 ") !=
        std::string::npos);
  for (const char* wrong : {"", "0.1", "0.2:0.1", "-1:1", "0:2", "0:1x", "nan:1"})
    CHECK_FALSE(range_from_text(wrong, "--range"));
  const auto read = range_from_text(range_as_text({1e-7f, 0.1f}), "--range");
  REQUIRE(read);
  CHECK(read->low == 1e-7f);
  CHECK(read->high == 0.1f);
}
