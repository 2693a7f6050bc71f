// From a generation of the model to what the window draws.
#pragma once

#include <memory>

#include "core/engine/snapshot.h"
#include "core/model/model.h"
#include "core/text/tokenizer.h"

namespace headscope {

/// Arrays of `generation` at the rows of `convention`, with scores. The captured rows are
/// P-1..P+n-1: `input` leaves out the first, `predict` the last. `captured`: the layers that were
/// kept, of `model_layers` (0 = all were); of a part of them there are weights, but neither masses
/// nor scores. Errors: cancelled.
Result<std::shared_ptr<RunResult>> make_run_result(const PromptView& prompt,
                                                   const Generation& generation,
                                                   RowConvention convention,
                                                   const Tokenizer& tokenizer,
                                                   const RunContext& context,
                                                   TokenRange captured = {}, int model_layers = 0);

}  // namespace headscope
