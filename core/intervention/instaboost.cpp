// InstABoost (method.md 4, arXiv 2506.13734): weights on S are multiplied by M and the row is
// normalised again, on every head of the model unless heads are named.
#include "core/intervention/method.h"

namespace headscope {

const InterventionMethod instaboost_method = {
    .name = "instaboost",
    .label = "InstABoost",
    .summary = "attention on the marked keys is multiplied, and the row normalised again",
    .parameters = {{.name = "multiplier",
                    .meaning = "attention on the span is multiplied by it; 1 changes nothing",
                    .low = 0.1,
                    .high = 1e6,
                    .standard = 3,
                    .slider_end = 10}},
    .marks_keys = true,
    .every_head = true,
    .is_identity = [](const MethodValues& values) { return values[0] == 1; },
    .log_mass = [](double log_p,
                   const MethodValues& values) { return log_mass_with_odds(log_p, values[0]); },
};

}  // namespace headscope
