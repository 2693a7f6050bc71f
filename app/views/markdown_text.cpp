#include "app/views/markdown_text.h"

#include <algorithm>
#include <vector>

namespace headscope {
namespace {

// Text of one look without a blank in it.
struct Piece {
  std::string text;
  const MarkdownRun* run = nullptr;
  float width = 0;
};

// Pieces that stay on one line.
struct Word {
  std::vector<Piece> pieces;
  float width = 0;
  bool line_break = false;  ///< before it
};

float line_height() {
  return em() * 1.4f;
}

ImFont* font_of(const ViewContext& context, const MarkdownRun& run) {
  return run.bold || run.live ? context.fonts.bold : context.fonts.regular;
}

float text_width(const ViewContext& context, const Piece& piece) {
  ImFont* font = font_of(context, *piece.run);
  const char* begin = piece.text.data();
  return font->CalcTextSizeA(em(), FLT_MAX, 0, begin, begin + piece.text.size()).x;
}

class Words {
 public:
  explicit Words(const ViewContext& context) : context_(context) {}

  void add(const MarkdownRun& run, const std::string& text) {
    std::string piece;
    for (const char c : text) {
      if (c != ' ' && c != '\n') {
        piece += c;
        continue;
      }
      finish_piece(run, piece);
      finish_word();
      if (c == '\n') word_.line_break = true;
    }
    finish_piece(run, piece);
  }
  std::vector<Word> take() {
    finish_word();
    return std::move(words_);
  }

 private:
  void finish_piece(const MarkdownRun& run, std::string& text) {
    if (text.empty()) return;
    Piece piece{std::move(text), &run, 0};
    piece.width = text_width(context_, piece);
    word_.width += piece.width;
    word_.pieces.push_back(std::move(piece));
    text.clear();
  }
  void finish_word() {
    if (word_.pieces.empty()) return;
    words_.push_back(std::move(word_));
    word_ = {};
  }

  const ViewContext& context_;
  std::vector<Word> words_;
  Word word_;
};

void draw_piece(const ViewContext& context, const Piece& piece, ImVec2 at, ImU32 color) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const MarkdownRun& run = *piece.run;
  if (run.code || run.live) {
    list.AddRectFilled(ImVec2(at.x - 1, at.y - 1),
                       ImVec2(at.x + piece.width + 1, at.y + em() * 1.15f),
                       run.live ? context.theme.accent_soft : context.theme.card, em() * 0.2f);
  }
  if (run.italic) {  // there is no slanted font: a thin line says the same
    const float y = at.y + em() * 1.08f;
    list.AddLine(ImVec2(at.x, y), ImVec2(at.x + piece.width, y), context.theme.muted, em() * 0.05f);
  }
  list.AddText(font_of(context, run), em(), at, color, piece.text.data(),
               piece.text.data() + piece.text.size());
}

void draw_words(const ViewContext& context, const std::vector<Word>& words, ImU32 color) {
  const ImVec2 origin = ImGui::GetCursorScreenPos();
  const float width = std::max(ImGui::GetContentRegionAvail().x, em() * 4);
  const float blank = ImGui::CalcTextSize(" ").x;
  ImVec2 at(0, 0);
  for (const Word& word : words) {
    if (at.x > 0 && (word.line_break || at.x + word.width > width))
      at = ImVec2(0, at.y + line_height());
    float x = at.x;
    for (const Piece& piece : word.pieces) {
      draw_piece(context, piece, ImVec2(origin.x + x, origin.y + at.y), color);
      x += piece.width;
    }
    at.x = x + blank;
  }
  ImGui::Dummy(ImVec2(width, at.y + line_height()));
}

void draw_block(const ViewContext& context, const MarkdownBlock& block, const LiveText& live) {
  using Kind = MarkdownBlock::Kind;
  Words words(context);
  for (const MarkdownRun& run : block.runs) words.add(run, run.live ? live(*run.live) : run.text);
  const bool listed = block.kind == Kind::item;
  const float indent = em() * (static_cast<float>(block.depth) * 1.2f +
                               (listed || block.kind == Kind::quote ? 1.2f : 0.0f));
  const ImVec2 at = ImGui::GetCursorScreenPos();
  if (listed) {
    const std::string mark = block.number > 0 ? std::to_string(block.number) + "." : "-";
    ImGui::GetWindowDrawList()->AddText(ImVec2(at.x + indent - em() * 1.1f, at.y),
                                        context.theme.muted, mark.c_str());
  }
  if (indent > 0) ImGui::Indent(indent);
  draw_words(context, words.take(),
             block.kind == Kind::quote ? context.theme.muted : context.theme.text);
  if (indent > 0) ImGui::Unindent(indent);
}

void code_block(const ViewContext& context, const MarkdownBlock& block) {
  std::string text;
  for (const MarkdownRun& run : block.runs) text += run.text;
  while (text.ends_with('\n')) text.pop_back();
  ImGui::PushTextWrapPos(0);
  text_muted(context, text);
  ImGui::PopTextWrapPos();
}

}  // namespace

void markdown_text(const ViewContext& context, const Markdown& markdown, const LiveText& live) {
  bool first = true;
  for (const MarkdownBlock& block : markdown) {
    const bool listed = block.kind == MarkdownBlock::Kind::item;
    if (!first && !listed) ImGui::Dummy(ImVec2(0, em() * 0.25f));
    first = false;
    if (block.kind == MarkdownBlock::Kind::heading) ImGui::PushFont(context.fonts.bold, 0.0f);
    if (block.kind == MarkdownBlock::Kind::code) {
      code_block(context, block);
    } else {
      draw_block(context, block, live);
    }
    if (block.kind == MarkdownBlock::Kind::heading) ImGui::PopFont();
  }
}

}  // namespace headscope
