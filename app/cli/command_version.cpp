// version: what this program is made of, and what it found on this machine.
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "core/base/version.h"
#include "core/model/device_report.h"

namespace headscope::cli {
namespace {

struct Options : CommonOptions {};

Result<> version(const Options& options) {
  const DeviceReport report = device_report();
  return write_json({{"name", "headscope"},
                     {"version", kVersion},
                     {"libtorch", report.libtorch_version},
                     {"cuda", report.cuda_usable},
                     {"cuda_note", report.cuda_message}},
                    options.out);
}

}  // namespace

void add_version(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      line.add("version", "versions of Headscope and libtorch, and whether a GPU can be used",
               [options] { return version(*options); });
  add_common(*command, *options);
}

}  // namespace headscope::cli
