// Numbers as a report shows them.
#pragma once

#include <string>
#include <vector>

#include "core/base/types.h"

namespace headscope::study {

/// Three decimals: "0.583"; "–" for what is not finite.
std::string fixed_number(double value, int decimals = 3);
/// With its sign: "+0.407", "−0.025".
std::string signed_number(double value, int decimals = 3);
/// Three significant digits: "0.19", "3.1e-07".
std::string short_number(double value);
/// "0.031", or "< 0.001".
std::string p_number(double p);
/// "[1,1] [1,0] [2,1]".
std::string head_list(const std::vector<HeadId>& heads);

}  // namespace headscope::study
