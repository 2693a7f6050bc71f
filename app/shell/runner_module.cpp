#include "app/shell/runner_module.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/base/file.h"
#include "core/runner/factory.h"

namespace headscope {
namespace {

constexpr const char* kModule = "libheadscope_torch.so";

// Where an installed program keeps its modules, relative to the program.
Result<std::filesystem::path> find_module() {
  HEADSCOPE_ASSIGN(const std::filesystem::path folder, executable_folder());
  std::error_code ignored;
  for (const auto& candidate :
       {folder / kModule, folder / ".." / kModule, folder / ".." / "lib" / "headscope" / kModule}) {
    if (std::filesystem::exists(candidate, ignored)) return candidate;
  }
  return bad_input(std::string(kModule) + ": not found beside the program in " + folder.string() +
                   "; the model cannot run without it. Build it with 'bash packaging/run.sh'");
}

Result<std::unique_ptr<Runner>> create() {
  HEADSCOPE_ASSIGN(const std::filesystem::path module, find_module());
  void* handle = dlopen(module.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (handle == nullptr) {
    const char* why = dlerror();
    return bad_input(module.string() +
                     ": cannot be loaded: " + (why != nullptr ? why : "unknown reason"));
  }
  using Create = decltype(&headscope_create_runner);
  const auto make = reinterpret_cast<Create>(dlsym(handle, "headscope_create_runner"));
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
  setenv("OMP_WAIT_POLICY", "PASSIVE", 0);
  return create;
}

}  // namespace headscope
