// links: headscope_session
// longest: 1024
// words: core/session/torch_pickle.cpp
// The program inside a file of torch.save, of which nothing is executed.
#include "core/session/torch_pickle.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;

FUZZ_READER(torch_pickle) {
  (void)read_pickled_tensor(fuzz::text_of(input), "input");
}
