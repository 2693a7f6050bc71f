// SpotLight (method.md 4, arXiv 2505.12025): in rows whose mass psi on S is below the target psi_t,
// ln(psi_t / psi) is added to the scores of S, after a soft-cap. The mass becomes
// psi_t / (psi_t + 1 - psi): the row is normalised again, so it stays below the target.
#include <cmath>

#include "core/intervention/method.h"

namespace headscope {

const InterventionMethod spotlight_method = {
    .name = "spotlight",
    .label = "SpotLight",
    .summary = "rows that look at the marked keys less than a target get a bias towards them",
    .parameters = {{.name = "target",
                    .meaning = "share of a row's attention to aim at; 0 changes nothing",
                    .low = 0,
                    .high = 1,
                    .standard = 0.3}},
    .marks_keys = true,
    .is_identity = [](const MethodValues& values) { return values[0] == 0; },
    .log_mass =
        [](double log_p, const MethodValues& values) {
          const double target = values[0], p = std::exp(log_p);
          return p < target ? std::log(target / (target + 1 - p)) : log_p;
        },
};

}  // namespace headscope
