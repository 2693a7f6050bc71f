// PASTA (method.md 4, arXiv 2311.02262): ln(outside), ln(0.01) in the paper, is added to the scores
// of the keys outside S, after a soft-cap. The paper says it as scaling attention outside S and
// normalising again; both divide the odds (1 - p) : p by 1 / outside.
#include "core/intervention/method.h"

namespace headscope {

const InterventionMethod pasta_method = {
    .name = "pasta",
    .label = "PASTA",
    .summary = "attention outside the marked keys is scaled down, by a bias on its scores",
    .parameters = {{.name = "outside",
                    .meaning = "attention outside the span is multiplied by it; 1 changes nothing",
                    .low = 1e-6,
                    .high = 1,
                    .standard = 0.01}},
    .marks_keys = true,
    .is_identity = [](const MethodValues& values) { return values[0] == 1; },
    .log_mass = [](double log_p,
                   const MethodValues& values) { return log_mass_with_odds(log_p, 1 / values[0]); },
};

}  // namespace headscope
