// Attention per document: baseline beside intervened, with sink and rest.
#pragma once

#include "app/views/widgets.h"

namespace headscope {

void documents_view(ViewContext& context);

}  // namespace headscope
