// The prompt as text, painted by the attention of chosen response tokens and heads.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/views/token_lines.h"
#include "app/views/token_paint.h"
#include "app/views/widgets.h"
#include "core/engine/latest_worker.h"
#include "core/engine/overlay.h"

namespace headscope {

/// Nothing it does in a frame grows with the prompt: lines are broken once per text and width, rows
/// are pooled once per selection (a large one beside the window's thread), and what is off screen
/// is not drawn.
class OverlayView {
 public:
  OverlayView();
  void draw(ViewContext& context);

  /// A selection is being pooled.
  bool busy() const { return tokens_.busy() || rows_.busy(); }
  /// What the text is painted by; null = nothing yet.
  const TokenMasses* painted();
  const TokenLines& lines() const { return text_; }

 private:
  // Everything that a picture is of.
  struct Job {
    std::shared_ptr<const PromptView> prompt;
    std::shared_ptr<const RunResult> run, baseline;  // `baseline` for differences
    OverlaySelection selection;
    TokenRange keys;  // of the way back: whose rows
    friend bool operator==(const Job&, const Job&) = default;
  };

  bool find_runs(const ViewContext& context);
  void toolbar(ViewContext& context);
  void heads_combo(ViewContext& context, float width);
  void response(ViewContext& context);
  void response_token(ViewContext& context, const TextLine& line, std::uint32_t index, ImVec2 at,
                      float height);
  void response_title(ViewContext& context);
  void click(OverlayOptions& options, std::int64_t token);
  void ask(const ViewContext& context);
  void missing(ViewContext& context) const;
  void text(ViewContext& context);
  void scroll_to_largest(const OverlayOptions& options, float room);
  void text_line(const ViewContext& context, const TextLine& line, ImVec2 at, float height) const;
  void legend(const ViewContext& context);
  void tooltip(const ViewContext& context);
  void looked_at_from(const ViewContext& context) const;
  void point(ImVec2 offset, float height, float gutter);
  void gutter(const ViewContext& context, const TextLine& line, ImVec2 at, float height) const;
  int document_of(const TextLine& line) const;
  TokenRange pointed_keys() const;
  bool is_masked(const OverlayOptions& options, const TextPiece& piece) const;
  float value_of(const TextPiece& piece) const;

  Job job_;
  std::int64_t hovered_row_ = -1, hovered_token_ = -1;  ///< response, prompt
  int hovered_document_ = -1;                           ///< in the margin
  TouchedTokens touched_;                               ///< of the run that is painted
  std::int64_t anchor_ = 0;                             ///< where a range begins
  NewestResult<Job, TokenMasses> tokens_;
  NewestResult<Job, std::vector<float>> rows_;
  const TokenMasses* masses_ = nullptr;  ///< of this frame
  TokenScale scale_;
  TokenLines text_, response_;
  bool show_largest_ = false;  ///< scroll there: asked for, or another prompt came
  std::shared_ptr<const PromptView> text_of_;
  std::shared_ptr<const RunResult> response_of_;
  float text_font_ = 0, response_font_ = 0;
};

}  // namespace headscope
