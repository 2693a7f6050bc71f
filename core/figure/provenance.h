// What a figure's caption says of the result it shows.
#pragma once

#include "core/figure/page.h"
#include "core/session/passport.h"

namespace headscope::figure {

/// Model, data, n and every setting that the passport names.
Provenance provenance_of(const Passport& passport);

}  // namespace headscope::figure
