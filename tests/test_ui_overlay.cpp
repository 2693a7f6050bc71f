// links: headscope_app_testing
// labels: window
// The token overlay without a window: lines, colours, states of the view, and what a frame costs.
#include <doctest/doctest.h>
#include <imgui.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

#include "app/shell/app.h"
#include "app/shell/layout.h"
#include "app/views/token_paint.h"
#include "tests/engine_fixture.h"
#include "tests/null_window.h"
#include "tests/ui_fixture.h"

using namespace headscope;
using test::NullWindow;

namespace {

constexpr ImVec2 kNormal(1280, 800);

// One unit a byte.
float width_of(std::string_view text) {
  return static_cast<float>(text.size());
}

PromptView prompt_of(const std::string& text, const std::vector<ByteSpan>& spans) {
  PromptView prompt;
  prompt.text = text;
  prompt.tokens.push_back({1, "<s>", {}, true, false});
  for (const ByteSpan span : spans)
    prompt.tokens.push_back({2,
                             text.substr(std::min(span.begin, text.size()), span.end - span.begin),
                             span, false, false});
  return prompt;
}

std::vector<std::string> lines_of(const TokenLines& lines) {
  std::vector<std::string> texts;
  for (const TextLine& line : lines.lines()) {
    std::string text;
    for (std::uint32_t i = line.first; i < line.last; ++i) text += lines.text_of(line, i);
    texts.push_back(text);
  }
  return texts;
}

TokenLines wrapped(const PromptView& prompt, float width) {
  TokenLines lines;
  auto pieces = prompt_pieces(prompt);
  std::erase_if(pieces, [](const TextPiece& piece) { return piece.hidden; });
  lines.set(std::move(pieces), width_of);
  lines.wrap(width);
  return lines;
}

// Shows the overlay and lets its worker come to an end.
int draw(NullWindow& window, App& app, int frames = 4) {
  window.draw(app, kNormal, 2);
  ImGui::SetWindowFocus(titles::overlay);
  window.draw(app, kNormal, frames);
  for (int i = 0; i < 2000 && app.overlay().busy(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    window.draw(app, kNormal, 1);
  }
  return window.draw(app, kNormal, 2);
}

}  // namespace

TEST_CASE("pieces give the text again, whatever the tokens leave out or share") {
  // "é" is two bytes that two tokens share; the blank before "b" belongs to none.
  const std::string text = "a \xc3\xa9 b\n\nc ";
  const PromptView prompt =
      prompt_of(text, {{0, 1}, {1, 4}, {2, 4}, {5, 6}, {6, 8}, {8, 9}, {50, 60}});
  const auto pieces = prompt_pieces(prompt);
  std::string joined;
  std::int64_t tokens = 0;
  for (const TextPiece& piece : pieces) {
    if (!piece.hidden) joined += piece.text;
    if (piece.is_token()) CHECK(piece.first == tokens);
    tokens += piece.last - piece.first;
  }
  CHECK(joined == text);
  CHECK(tokens == prompt.prompt_tokens());
  CHECK(pieces[0].hidden);
  CHECK(pieces[2].text == " \xc3\xa9");
  CHECK(pieces[2].last - pieces[2].first == 2);
}

TEST_CASE("lines break between words, at line breaks, and in a word only when it must be") {
  const PromptView prompt =
      prompt_of("one two three\n\n  four", {{0, 3}, {3, 5}, {5, 7}, {7, 13}, {13, 15}, {15, 21}});
  CHECK(lines_of(wrapped(prompt, 100)) == std::vector<std::string>{"one two three", "", "  four"});
  // " tw" + "o" is one word: it moves to the next line as a whole, without its blank.
  CHECK(lines_of(wrapped(prompt, 6)) ==
        std::vector<std::string>{"one", "two", "three", "", "  four"});
  CHECK(lines_of(wrapped(prompt, 1)) ==
        std::vector<std::string>{"one", "t", "wo", "three", "", "  four"});
  const PromptView without_blanks = prompt_of("aabbccdd", {{0, 2}, {2, 4}, {4, 6}, {6, 8}});
  CHECK(lines_of(wrapped(without_blanks, 5)) == std::vector<std::string>{"aabb", "ccdd"});
  TokenLines lines = wrapped(prompt, 6);
  CHECK(lines.piece_at(0, 1) == 0);
  CHECK(lines.piece_at(1, 0.5f) == 1);
  CHECK(lines.piece_at(1, 1.5f) == 2);
  CHECK(lines.piece_at(1, 3.5f) == -1);
  CHECK(lines.piece_at(99, 1) == -1);
}

TEST_CASE("colours of tokens") {
  Theme theme;
  theme.panel = IM_COL32(0, 0, 0, 255);
  theme.accent = IM_COL32(200, 100, 0, 255);
  TokenScale scale{&theme, 0.5f, false, false};
  CHECK(scale.share(0.25f) == doctest::Approx(0.5));
  CHECK(scale.color(0) == theme.panel);
  CHECK(scale.color(0.5f) == theme.accent);
  CHECK(scale.color(3) == theme.accent);
  scale.logarithmic = true;
  CHECK(scale.share(0.05f) == doctest::Approx(2.0 / 3));
  CHECK(scale.share(1e-9f) == 0);
  CHECK(scale.value_at(scale.share(0.02f)) == doctest::Approx(0.02));
  scale.difference = true;
  CHECK(scale.share(-0.05f) == doctest::Approx(-2.0 / 3));
  CHECK(scale.color(-0.5f) != scale.color(0.5f));
  CHECK(scale.color(0) == theme.panel);
  scale.largest = 0;
  CHECK(scale.color(0.5f) == theme.panel);
}

TEST_CASE("the overlay stands every state") {
  NullWindow window;
  App app(nullptr);
  AppState& state = app.state();
  OverlayOptions& options = state.view.overlay;
  SUBCASE("nothing yet") {
    CHECK(draw(window, app) > 0);
    CHECK(app.overlay().painted() == nullptr);
  }
  SUBCASE("selections") {
    state.request = test::edited_request();
    state.take(test::snapshot_of(state.request));
    state.select({5, 0});
    draw(window, app);
    REQUIRE(app.overlay().painted() != nullptr);
    const float mean_of_chosen = app.overlay().painted()->largest;
    options.pooling = Pooling::max;
    draw(window, app);
    CHECK(app.overlay().painted()->largest > mean_of_chosen);
    options.heads = OverlayHeads::all;
    for (const MapSource source :
         {MapSource::baseline, MapSource::intervened, MapSource::difference}) {
      options.source = source;
      draw(window, app);
      const auto* painted = app.overlay().painted();
      REQUIRE(painted != nullptr);
      CHECK(painted->values.size() == state.snapshot->prompt->tokens.size());
      const bool negative = std::any_of(painted->values.begin(), painted->values.end(),
                                        [](float v) { return v < 0; });
      CHECK(negative == (source == MapSource::difference));
    }
    options.rows = {1, 400};  // of a longer response
    options.mask_sink = options.logarithmic = false;
    draw(window, app);
    CHECK(options.rows == std::vector<std::int64_t>{1});
    state.request.intervention.top_k = 0;
    options.heads = OverlayHeads::chosen;
    CHECK(draw(window, app) > 0);
  }
  SUBCASE("span sums alone: it says so") {
    FakeOptions fake;
    fake.weights_budget = 0;
    state.request = test::edited_request();
    state.take(test::snapshot_of(state.request, fake));
    CHECK(draw(window, app) > 0);
    CHECK(app.overlay().painted() == nullptr);
  }
  SUBCASE("another prompt is not painted by the last one's attention") {
    state.request = test::edited_request();
    state.take(test::snapshot_of(state.request));
    draw(window, app);
    state.request.prompt.text = "Question: Who?\nAnswer:";
    state.request.prompt.gold_document = -1;
    state.take(test::snapshot_of(state.request));
    draw(window, app);
    if (const auto* painted = app.overlay().painted())
      CHECK(painted->values.size() == state.snapshot->prompt->tokens.size());
  }
  for (float x = 10; x < 320; x += 35) {  // the mouse may rest anywhere
    for (float y = 40; y < 800; y += 24) window.draw(app, kNormal, 1, ImVec2(x, y));
  }
  window.draw(app, ImVec2(40, 40), 3);
}

TEST_CASE("candidates stand every state") {
  NullWindow window;
  App app(nullptr);
  AppState& state = app.state();
  state.show_candidates();
  CHECK(window.draw(app, kNormal, 3) > 0);
  state.request = test::edited_request();
  auto snapshot = test::snapshot_of(state.request);
  SUBCASE("both runs") {}
  SUBCASE("the baseline alone") {
    snapshot->intervened = snapshot->baseline;
  }
  SUBCASE("the intervened run is on its way") {
    snapshot->intervened = nullptr;
  }
  SUBCASE("a preview") {
    auto preview = std::make_shared<RunResult>(*snapshot->intervened);
    preview->quality = Quality::preview;
    preview->candidates.clear();
    snapshot->intervened = preview;
  }
  state.take(snapshot);
  state.show_candidates(4000);
  const std::size_t intervened = snapshot->intervened ? snapshot->intervened->response.size() : 0;
  const int with = window.draw(app, kNormal, 4);
  CHECK(state.candidates.token < std::max(snapshot->baseline->response.size(), intervened));
  CHECK(with > 0);
  CHECK_FALSE(state.candidates.open);
}

TEST_CASE("a long prompt costs no more than the lines on screen") {
  NullWindow window;
  App app(nullptr);
  FakeOptions fake;
  fake.layers = fake.heads = fake.kv_heads = 2;
  fake.context_length = 1 << 20;
  AppState& state = app.state();
  state.request = test::edited_request();
  std::string text = "Instruction.\n\n";
  for (int i = 1; i <= 400; ++i) {
    text += "Document [" + std::to_string(i) + "](Title: Title " + std::to_string(i) + ") ";
    for (int w = 0; w < 8; ++w) text += "Some words that fill the line of the card. ";
    text += "\n";
  }
  state.request.prompt.text = text + "\nQuestion: Where?\nAnswer:";
  state.request.prompt.gold_document = 200;
  state.request.selected = {};
  state.take(test::snapshot_of(state.request, fake));
  const std::int64_t tokens = state.snapshot->prompt->prompt_tokens();
  REQUIRE(tokens > 32000);
  const int vertices = draw(window, app);
  CHECK(vertices < 120000);
  REQUIRE(app.overlay().painted() != nullptr);
  CHECK(app.overlay().painted()->values.size() == static_cast<std::size_t>(tokens));
  CHECK(app.overlay().lines().lines().size() > 1000);
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  window.draw(app, kNormal, 200);
  const double ms = std::chrono::duration<double, std::milli>(Clock::now() - begin).count() / 200;
  const auto other = Clock::now();
  app.state().view.overlay.heads = OverlayHeads::all;
  window.draw(app, kNormal, 1);
  const double change = std::chrono::duration<double, std::milli>(Clock::now() - other).count();
  const auto larger = Clock::now();
  app.set_scale(1.5f, 1);  // every token is measured again
  window.draw(app, kNormal, 1);
  const double set = std::chrono::duration<double, std::milli>(Clock::now() - larger).count();
  MESSAGE(set << " ms the frame that measures and breaks all lines");
  MESSAGE(tokens << " tokens: " << ms << " ms a frame of the whole window, " << change
                 << " ms the frame of a new selection");
}
