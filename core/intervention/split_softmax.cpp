// Split-softmax (method.md 2): the mass p on S becomes p^tau.
#include "core/intervention/method.h"

namespace headscope {

const InterventionMethod split_softmax_method = {
    .name = "split-softmax",
    .label = "Split-softmax",
    .summary = "the share p of the marked keys in a row becomes p^tau",
    .parameters = {{.name = "tau",
                    .meaning = "1 changes nothing; smaller is stronger; 0 puts everything on S",
                    .low = 0,
                    .high = 1,
                    .standard = {}}},
    .marks_keys = true,
    .is_identity = [](const MethodValues& values) { return values[0] == 1; },
    .log_mass = [](double log_p, const MethodValues& values) { return values[0] * log_p; },
};

SplitSoftmax::operator MethodCall() const {
  return {&split_softmax_method, {tau}, marked, {}};
}

}  // namespace headscope
