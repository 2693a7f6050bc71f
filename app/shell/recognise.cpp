#include "app/shell/recognise.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "app/shell/session_file.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/session/directions_file.h"
#include "core/session/head_set.h"
#include "core/text/dataset.h"

namespace headscope {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBeginning = 64u << 10;
constexpr std::uint64_t kMostJson = 64u << 20;
constexpr const char* kOpens =
    "The window opens a model (a folder with config.json, or a GGUF file), a LoRA adapter, a "
    "session, a head set, focus directions, questions as JSON lines, a lesson (Markdown), or the "
    "text of a prompt.";

tl::unexpected<Error> unknown(const std::string& path, const std::string& what) {
  return bad_input(path + ": " + what + ".\n" + kOpens);
}

Result<FileKind> recognise_folder(const std::string& path) {
  std::error_code ignored;
  const fs::path folder(path);
  if (fs::exists(folder / "adapter_config.json", ignored)) return FileKind::adapter;
  if (fs::exists(folder / "config.json", ignored)) return FileKind::model;
  for (const char* name : {"head_q_directions_0.pth", "direction_relevant"}) {
    if (fs::exists(folder / name, ignored)) return FileKind::directions;
  }
  return unknown(path, "a folder without config.json or adapter_config.json");
}

Result<std::string> beginning_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(kBeginning, '\0');
  if (!file) return bad_input(path + ": cannot be read");
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return bytes;
}

// Eight bytes of length, then a JSON object.
bool is_safetensors(std::string_view bytes) {
  return bytes.size() > 9 && bytes[8] == '{' && bytes[6] == '\0' && bytes[7] == '\0';
}

// Text, as far as it was read: a character may be cut at the end.
bool is_text(std::string_view bytes) {
  if (bytes.find('\0') != std::string_view::npos) return false;
  std::size_t i = 0;
  while (i < bytes.size()) {
    const auto c = static_cast<unsigned char>(bytes[i]);
    const std::size_t more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc2 ? 1 : 9;
    if (more == 9 || c > 0xf4) return false;
    if (i + more >= bytes.size()) return bytes.size() == kBeginning || more == 0;
    for (std::size_t k = 1; k <= more; ++k) {
      if ((static_cast<unsigned char>(bytes[i + k]) & 0xc0) != 0x80) return false;
    }
    i += more + 1;
  }
  return true;
}

bool is_sample(const Json& json) {
  return json.is_object() && (json.contains("ctxs") || json.contains("ordered_kv_records"));
}

// One JSON value on the first line that holds anything, and it is a question with documents.
bool first_line_is_sample(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return false;
  const auto line = text.substr(begin, text.find('\n', begin) - begin);
  const auto json = parse_json(line, "line");
  if (json) return is_sample(*json);
  // A line longer than what was read: its keys tell.
  return line.size() > kBeginning / 2 && line.starts_with("{") &&
         (line.find("\"ctxs\"") != std::string_view::npos ||
          line.find("\"ordered_kv_records\"") != std::string_view::npos);
}

Result<FileKind> recognise_json(const std::string& path) {
  HEADSCOPE_ASSIGN(const Json json, read_json_file(path, kMostJson));
  if (looks_like_session(json)) return FileKind::session;
  if (is_sample(json)) return FileKind::data;
  if (head_set_from_json(json, path)) return FileKind::head_set;
  return unknown(path, "JSON, but no session, no head set and no question with \"ctxs\"");
}

}  // namespace

std::string file_kind_name(FileKind kind) {
  switch (kind) {
    case FileKind::model:
      return "a model";
    case FileKind::adapter:
      return "a LoRA adapter";
    case FileKind::session:
      return "a session";
    case FileKind::head_set:
      return "a head set";
    case FileKind::directions:
      return "focus directions";
    case FileKind::data:
      return "questions with documents";
    case FileKind::lesson:
      return "a lesson";
    case FileKind::prompt:
      return "the text of a prompt";
  }
  return {};
}

Result<FileKind> recognise(const std::string& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return bad_input(path + ": no such file or folder");
  if (fs::is_directory(path, ignored)) return recognise_folder(path);
  HEADSCOPE_ASSIGN(const std::string bytes, beginning_of(path));
  const std::string_view text = bytes;
  if (text.starts_with("GGUF")) return FileKind::model;
  if (is_safetensors(text)) {
    if (text.find("\"q\":") != std::string_view::npos) return FileKind::directions;
    return unknown(
        path,
        "tensors, but no focus directions (they have a tensor 'q'); of a model, open the folder");
  }
  if (directions_named_by(path) != fs::path(path)) return FileKind::directions;
  if (text.starts_with("\x1f\x8b")) return FileKind::data;
  if (text.empty()) return unknown(path, "an empty file");
  if (!is_text(text)) return unknown(path, "neither text nor a format that is known");
  if (first_line_is_sample(text)) return FileKind::data;
  const char first = text[std::min(text.find_first_not_of(" \t\r\n"), text.size() - 1)];
  if (first == '{' || first == '[') {
    const auto found = recognise_json(path);
    // A prompt may begin with a bracket; a file that calls itself JSON is not one.
    if (found || path.ends_with(".json") || path.ends_with(".jsonl")) return found;
  }
  if (path.ends_with(".md") && text.find("```window") != std::string_view::npos)
    return FileKind::lesson;
  return FileKind::prompt;
}

}  // namespace headscope
