// The answers: baseline beside intervened, as they are generated.
#pragma once

#include <vector>

#include "app/views/widgets.h"

namespace headscope {

void answer_view(ViewContext& context);

/// Bytes of every response token within the response's text; empty for one that cannot be placed.
std::vector<ByteSpan> token_spans(const RunResult& run);

}  // namespace headscope
