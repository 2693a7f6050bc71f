// fuzz_replay READER FOLDER COUNT: gives a reader every file of the folder, and then COUNT
// mutations of them, always the same ones. For builds without libFuzzer: what was found once is
// never found again.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "core/base/rng.h"
#include "tests/fuzz/fuzz.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#include <sanitizer/common_interface_defs.h>
#endif

using namespace headscope;

namespace {

std::string g_now;  // what is being read

void tell_what_was_read() {
  std::fprintf(stderr, "while reading %s\n", g_now.c_str());
}

void on_signal(int signal) {
  tell_what_was_read();
  std::_Exit(128 + signal);
}

void tell_when_it_ends() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  __sanitizer_set_death_callback(tell_what_was_read);
  std::signal(SIGABRT, on_signal);
#else
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL})
    std::signal(signal, on_signal);
#endif
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// One small change, of the kinds that damage files and that attackers make.
void mutate(std::string& bytes, const std::string& other, Rng& rng) {
  const auto place = [&](const std::string& in) {
    return static_cast<std::size_t>(rng.below(in.size() + 1));
  };
  const std::size_t at = place(bytes);
  const std::size_t length = std::min<std::size_t>(rng.below(64), bytes.size() - at);
  static constexpr const char* kPieces[] = {
      "\"",   "{",  "[", "]", "}", "\\u0000", "-1", "0", "null", "1e308", "9223372036854775807",
      "\xff", "{{", "%}"};
  switch (rng.below(7)) {
    case 0:
      if (at < bytes.size()) bytes[at] = static_cast<char>(rng.below(256));
      break;
    case 1:
      if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1u << rng.below(8)));
      break;
    case 2:
      bytes.resize(at);
      break;
    case 3:
      bytes.erase(at, length);
      break;
    case 4:
      bytes.insert(at, bytes.substr(at, length));
      break;
    case 5:
      bytes.replace(at, length, kPieces[rng.below(std::size(kPieces))]);
      break;
    default:
      bytes.insert(at, other.substr(place(other), rng.below(64)));
      break;
  }
}

int run(const fuzz::Reader& reader, const std::filesystem::path& folder, std::uint64_t count) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<std::string> inputs;
  const auto read = [&](const std::string& bytes) {
    // A copy of the exact size: sanitizers see what is read beyond it.
    const std::vector<char> exact(bytes.begin(), bytes.end());
    reader.read(std::as_bytes(std::span(exact)));
  };
  for (const auto& file : files) {
    g_now = file.filename().string();
    inputs.push_back(content_of(file));
    read(inputs.back());
  }
  if (inputs.empty()) {
    std::fprintf(stderr, "%s holds no input\n", folder.c_str());
    return 1;
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    Rng rng(i, 8);
    const std::size_t first = rng.below(inputs.size());
    std::string bytes = inputs[first];
    for (std::uint64_t changes = rng.below(4) + 1; changes > 0; --changes)
      mutate(bytes, inputs[rng.below(inputs.size())], rng);
    g_now = "mutation " + std::to_string(i) + " of " + files[first].filename().string();
    read(bytes);
  }
  std::printf("%s: %zu kept inputs and %llu mutations read\n", reader.name, inputs.size(),
              static_cast<unsigned long long>(count));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4) {
    tell_when_it_ends();
    for (const fuzz::Reader& reader : fuzz::readers()) {
      if (std::string_view(reader.name) == argv[1])
        return run(reader, argv[2], std::strtoull(argv[3], nullptr, 10));
    }
  }
  std::fprintf(stderr, "usage: fuzz_replay READER FOLDER COUNT; readers:");
  for (const fuzz::Reader& reader : fuzz::readers()) std::fprintf(stderr, " %s", reader.name);
  std::fprintf(stderr, "\n");
  return 2;
}
