// The tests of one prompt (a document at every place, documents taken out, strengths and numbers of
// heads) as exhibits: made of the JSON that `headscope-cli positions`, `causal` and `tune` write,
// by the window and by those commands alike.
#pragma once

#include "core/base/json.h"
#include "core/exhibit/exhibit.h"
#include "core/exhibit/views.h"

namespace headscope {

/// The prompt's documents by hand, numbered by their places from 1: so that parts of one document
/// are told apart in the results of a test.
Splitting numbered_by_place(const PromptView& prompt);

/// Of the tests that the window starts: the unedited model on the prompt as it stands, documents
/// numbered by their places. Which heads were looked at is set by the exhibits.
Origin test_origin(const ShownRuns& runs);

/// Of `positions`: relevant mass, log-probability and exact match against the place. All three:
/// bad_input names the field that is missing or of another type.
Result<Exhibit> positions_exhibit(const Json& result, Origin origin);
/// Of `causal` on one prompt: what the answer loses without each document, below its attention.
Result<Exhibit> causal_exhibit(const Json& result, Origin origin);
/// Of `tune`: log-probability and relevant share against the number of heads, by strength.
Result<Exhibit> tune_exhibit(const Json& result, Origin origin);

}  // namespace headscope
