#include "app/shell/open_document.h"

#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <string>
#include <thread>

#include "core/base/process.h"

namespace headscope {
namespace {

constexpr const char* kOpener = "xdg-open";

bool in_path(const char* program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access((std::filesystem::path(folder) / program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

}  // namespace

bool open_document(const std::filesystem::path& document) {
  if (!in_path(kOpener)) return false;
  // Some desktops keep xdg-open until the document is closed.
  std::thread([name = document.string()] { (void)run_process({kOpener, name}, {}, {}); }).detach();
  return true;
}

}  // namespace headscope
