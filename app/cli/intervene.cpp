#include "app/cli/intervene.h"

namespace headscope::cli {

Result<std::vector<Intervention>> read_interventions(const PromptOptions& options,
                                                     const OpenedModel&, const PromptInput&,
                                                     std::uint64_t) {
  if (options.intervene.empty()) return std::vector<Intervention>{};
  return fail(ErrorKind::usage, "--intervene is not built in yet");
}

}  // namespace headscope::cli
