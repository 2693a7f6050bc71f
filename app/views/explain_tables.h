// The tables of the explaining views as CSV, for the clipboard and for exports: numbers as they
// were computed, not as they are rounded on the screen.
#pragma once

#include <string>
#include <vector>

#include "app/views/difference_view.h"
#include "core/engine/explain.h"

namespace headscope {

/// run, layer, kind (top or followed), rank, id, token, probability.
std::string lens_csv(const LogitLens& lens);

/// layer, head, row, key, token, place, before, after, base, moved_base, focus, log_factor.
std::string scores_csv(const PromptView& prompt, const ScoreSplit& split,
                       const std::vector<KeyShift>& keys);

/// layer, head, place_before, place_after, before, after, change; places from 1.
std::string moves_csv(const std::vector<HeadMove>& moves);

/// label, gold, before, after, change.
std::string documents_csv(const std::vector<DocumentChange>& lines);

/// baseline, intervened (token numbers from 1, empty where there is none), their texts, kind.
std::string alignment_csv(const AlignedResponses& aligned, const RunResult& baseline,
                          const RunResult& intervened);

/// Token at a position of prompt and response; null outside.
const TokenView* token_at(const PromptView& prompt, const RunResult& run, std::int64_t position);

/// A small button that copies what `make` gives, with a tooltip.
template <class Make>
void copy_button(const char* what, Make make) {
  if (ImGui::SmallButton("Copy")) ImGui::SetClipboardText(std::string(make()).c_str());
  ImGui::SetItemTooltip("Copy %s as CSV", what);
}

}  // namespace headscope
