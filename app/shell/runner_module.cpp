#include "app/shell/runner_module.h"

#include <filesystem>
#include <string>

#include "core/base/file.h"
#include "core/base/platform.h"
#include "core/runner/factory.h"

namespace headscope {
namespace {

// Where an installed program keeps its modules, relative to the program.
Result<std::filesystem::path> find_module() {
  HEADSCOPE_ASSIGN(const std::filesystem::path folder, executable_folder());
  const std::string module = platform::library_file("headscope_torch");
  std::error_code ignored;
  for (const auto& candidate :
       {folder / module, folder / ".." / module, folder / ".." / "lib" / "headscope" / module}) {
    if (std::filesystem::exists(candidate, ignored)) return candidate;
  }
  return bad_input(module + ": not found beside the program in " + folder.string() +
                   "; the model cannot run without it. Build it with 'bash packaging/run.sh'");
}

Result<std::unique_ptr<Runner>> create() {
  HEADSCOPE_ASSIGN(const std::filesystem::path module, find_module());
  std::string problem;
  void* const library = platform::open_library(module.string(), problem);
  if (library == nullptr) return bad_input(module.string() + ": cannot be loaded: " + problem);
  using Create = decltype(&headscope_create_runner);
  const auto make =
      reinterpret_cast<Create>(platform::library_symbol(library, "headscope_create_runner"));
  if (make == nullptr)
    return bad_input(module.string() +
                     ": has no headscope_create_runner; it belongs to another version");
  char error[2048] = "";
  std::unique_ptr<Runner> runner(make(error, sizeof error));
  if (!runner) return bad_input(module.string() + ": " + error);
  return runner;
}

}  // namespace

Engine::RunnerFactory torch_runner_factory() {
  // Threads that wait for each other shall sleep, not spin: the window needs a core too. libgomp
  // reads this when the module is opened; the user's own setting wins.
  platform::set_environment("OMP_WAIT_POLICY", "PASSIVE", false);
  return create;
}

}  // namespace headscope
