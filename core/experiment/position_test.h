// "Lost in the middle" on a user's own prompt: one document moved through every place.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/experiment/sample_run.h"

namespace headscope {

/// One run: `document` stands at `position`, the others keep their order.
struct PositionRow {
  int document = 0;          ///< number as printed in the prompt as it was given
  std::size_t position = 0;  ///< from 0
  bool original = false;     ///< where it stood
  std::int64_t tokens = 0;
  std::string response;
  std::optional<bool> match;  ///< best_subspan_em
  double relevant_mass = 0;   ///< of the moved document, mean over rows and heads
  double irrelevant_mass = 0, sink_mass = 0;
  /// Of the reference after this prompt: log-probability of all of it, and of a token on average.
  std::optional<double> log_probability, log_probability_per_token;
};
/// Which documents are moved, and where to.
struct PositionTest {
  std::vector<int> documents = {};          ///< numbers as printed; empty = every one in turn
  std::vector<std::size_t> positions = {};  ///< from 0; empty = all
  std::vector<std::string> answers = {};    ///< for `match`; empty = not judged
  std::string reference = {};               ///< text whose log-probability is read; empty = none
  int max_new_tokens = 100;
  RowConvention rows = RowConvention::input;
  std::vector<HeadId> mass_heads = {};     ///< masses are means over these; empty = all heads
  const InterventionSet* set = nullptr;    ///< null = nothing is changed
  std::vector<PositionRow> finished = {};  ///< of an interrupted run: not run again
};

/// `text` with document `from` (index) at place `to`, order of the others kept. What stands before
/// a document's text ("Document [3]") stays where it is, as does everything between and around
/// documents, so that numbers count up as before. Spans in the result are those of the new text;
/// the moved document alone is gold. bad_input when an index is out of range.
Result<BuiltPrompt> with_document_at(const std::string& text, const BuiltPrompt& found,
                                     std::size_t from, std::size_t to);

/// Runs the prompt with each chosen document at each position. Errors: fewer than two documents, an
/// unknown number, a position out of range, a prompt beyond the context. `on_row` after each, those
/// of PositionTest::finished too.
Result<std::vector<PositionRow>> run_position_test(
    Model& model, const PromptEncoder& encoder, const BuiltPrompt& found, const PositionTest& test,
    const RunContext& context, const std::function<Result<>(const PositionRow&)>& on_row = {});
/// As `positions` writes its rows: JSON, which is read again, and CSV.
Json to_json(const PositionRow& row);
Result<PositionRow> position_row_from(const Json& value, const std::string& name);
std::string positions_csv(const std::vector<PositionRow>& rows);

}  // namespace headscope
