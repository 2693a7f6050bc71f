// selftest: does this copy of the program compute what it should, on this machine?
#include "core/experiment/selftest.h"

#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "app/cli/terminal.h"
#include "core/runner/open_model.h"

namespace headscope::cli {
namespace {

struct Options : CommonOptions, ModelChoice {};

Result<> selftest(const Options& options) {
  ProgressPrinter progress(options.quiet);
  HEADSCOPE_ASSIGN(const auto opened,
                   open_model(options.model, load_options(options, options), progress.context()));
  const auto checks =
      run_selftest(*opened.model, *opened.tokenizer, opened.is_demo, progress.context());
  Json list = Json::array(), failed = Json::array();
  std::string message;
  for (const SelfCheck& check : checks) {
    list.push_back({{"name", check.name}, {"passed", check.passed}, {"detail", check.detail}});
    if (check.passed) continue;
    failed.push_back(check.name);
    message += "\n  " + check.name + ": " + check.detail;
  }
  HEADSCOPE_TRY(write_result(
      "selftest", {{"passed", failed.empty()}, {"checks", list}, {"failed", failed}}, options.out));
  if (failed.empty()) return {};
  return fail(ErrorKind::internal, "selftest failed:" + message);
}

}  // namespace

void add_selftest(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command = line.add(
      "selftest", "checks in seconds that this copy of the program computes what it should",
      [options] { return selftest(*options); });
  add_loaded_model(*command, *options);
  add_common(*command, *options);
}

}  // namespace headscope::cli
