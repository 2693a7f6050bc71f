#include "core/bench/peers.h"

#include <cstdlib>

#include "core/base/file.h"
#include "core/base/process.h"

namespace headscope::bench {
namespace fs = std::filesystem;

namespace {

constexpr int kLevels = 4;  // from a build folder to the repository

Result<fs::path> peers_folder() {
  HEADSCOPE_ASSIGN(fs::path folder, executable_folder());
  for (int level = 0; level < kLevels; ++level) {
    std::error_code ignored;
    const fs::path peers = folder / "tests" / "peers";
    if (fs::is_directory(peers, ignored)) return peers;
    folder = folder.parent_path();
  }
  return bad_input("the folder tests/peers was not found above the program; name it with --peers");
}

// Nothing is fetched, and nothing is written beside the scripts.
std::vector<std::string> peer_environment() {
  return {"HF_HUB_OFFLINE=1", "PYTHONDONTWRITEBYTECODE=1", "TOKENIZERS_PARALLELISM=false"};
}

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.find_last_of('\n') + 1);
}

// A process that the system ends for lack of memory leaves no message.
std::string reason(const ProcessResult& result) {
  if (result.exit_code == kKilled) return "ended by the system (out of memory?)";
  const std::string line = last_line(result.messages);
  return line.empty() ? "exit code " + std::to_string(result.exit_code) : line;
}

}  // namespace

Peers no_peers(std::string reason) {
  Peers peers;
  peers.missing = std::move(reason);
  return peers;
}

Peers find_peers(const fs::path& wanted, const RunContext& context) {
  Peers peers;
  const char* named = std::getenv("HEADSCOPE_PYTHON");
  peers.python = named != nullptr && *named != '\0' ? named : "python3";
  const auto folder = wanted.empty() ? peers_folder() : Result<fs::path>(wanted);
  if (!folder) return no_peers(folder.error().message);
  peers.folder = *folder;
  const auto probe = run_process({peers.python, (peers.folder / "versions.py").string()},
                                 peer_environment(), context);
  if (!probe) return no_peers(probe.error().message);
  if (probe->exit_code != 0) {
    return no_peers(peers.python + ": " + reason(*probe) +
                    " (set HEADSCOPE_PYTHON to a Python with torch and transformers)");
  }
  const auto versions = parse_json(probe->output, "versions.py");
  if (!versions) return no_peers(versions.error().message);
  peers.versions = *versions;
  return peers;
}

Result<Json> run_measurement(std::vector<std::string> command, const fs::path& task, int threads,
                             const RunContext& context) {
  const std::string name = command.size() > 1 ? fs::path(command[1]).filename().string() : "";
  command.push_back(task.string());
  auto environment = peer_environment();
  environment.push_back("OMP_NUM_THREADS=" + std::to_string(threads));
  HEADSCOPE_ASSIGN(const auto result, run_process(command, environment, context));
  if (result.exit_code == exit_code(ErrorKind::out_of_memory)) {
    return fail(ErrorKind::out_of_memory, last_line(result.messages));
  }
  if (result.exit_code != 0) return bad_input(name + ": " + reason(result));
  return parse_json(last_line(result.output), name);
}

}  // namespace headscope::bench
