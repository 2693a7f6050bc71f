// A reader of foreign bytes, as libFuzzer calls it (libfuzzer.cpp) and as tests replay what was
// kept (replay.cpp):
//
//   FUZZ_READER(safetensors) {
//     const auto file = SafetensorsFile::from_bytes(input, "input");
//     if (file) require(..., "what holds of every file that is read");
//   }
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"

namespace headscope::fuzz {

using Input = std::span<const std::byte>;

inline std::string_view text_of(Input input) {
  return {reinterpret_cast<const char*>(input.data()), input.size()};
}

/// A property that every input keeps; otherwise the program ends, which libFuzzer and ctest see.
void require(bool holds, const char* what);

/// A file in memory that holds `input`, for readers that take paths. The next call replaces it.
std::filesystem::path file_of(Input input);
/// A folder whose file `name` is `file_of(input)`; what else is put there stays. One for each
/// `name`.
std::filesystem::path folder_with(const char* name, Input input);

/// What `read` makes of the input says, written and read again, the same.
template <class Read, class Write>
void require_same_again(std::string_view text, Read read, Write write, const char* what) {
  const auto json = parse_json(text, "input");
  if (!json) return;
  const auto first = read(*json);
  if (!first) return;
  const std::string written = dump_json(write(*first));
  const auto parsed = parse_json(written, "written");
  require(parsed.has_value(), "what is written is JSON");
  const auto second = read(*parsed);
  require(second.has_value(), what);
  require(dump_json(write(*second)) == written, what);
}

struct Reader {
  const char* name;
  void (*read)(Input input);
};

/// All readers that are linked into this program.
inline std::vector<Reader>& readers() {
  static std::vector<Reader> list;
  return list;
}

struct Registered {
  Registered(const char* name, void (*read)(Input)) { readers().push_back({name, read}); }
};

}  // namespace headscope::fuzz

#define FUZZ_READER(name)                                                           \
  static void read_##name(::headscope::fuzz::Input input);                          \
  static const ::headscope::fuzz::Registered registered_##name(#name, read_##name); \
  static void read_##name([[maybe_unused]] ::headscope::fuzz::Input input)
