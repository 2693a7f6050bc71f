// A test may skip only for a declared missing resource: a GPU, the shared folder, a Python peer.
#pragma once

#include <string>

namespace headscope::test {

/// Prints `SKIPPED: case: reason` and counts the running case as skipped.
void report_skip(const std::string& reason);

}  // namespace headscope::test

/// Leaves the running test case (or the void function it is used in).
#define SKIP_TEST(reason)                   \
  do {                                      \
    ::headscope::test::report_skip(reason); \
    return;                                 \
  } while (false)
