// links: headscope_text
// The peer of test_peer_tokenizer.py: answers JSON lines, so that one process serves many texts.
//
//   peer_tokenizer TOKENIZER                 {"text","special"} or {"ids","skip"} a line -> a line
//   peer_tokenizer TOKENIZER --speed TEXT    encodes the file TEXT whole and prints the speed
//   peer_tokenizer --assigned VERSION        ranges of characters that Unicode VERSION knows
#include <unicode/uchar.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/text/tokenizer.h"
#include "core/text/unicode.h"

using namespace headscope;

namespace {

/// The text that pushes return; "broken" where one of them ends inside a character.
Json streamed(const Tokenizer& tokenizer, const std::vector<std::int32_t>& ids, bool skip) {
  StreamDecoder stream(tokenizer, skip);
  std::string shown;
  bool whole = true;
  const auto add = [&](const std::string& piece) {
    whole = whole && unicode::valid_prefix(piece) == piece.size();
    shown += piece;
  };
  for (const std::int32_t id : ids) add(stream.push(id));
  add(stream.finish());
  return whole ? Json(shown) : Json{{"broken", shown}};
}

Json answer(const Tokenizer& tokenizer, const Json& request) {
  const bool special = request.value("special", true);
  const bool skip = request.value("skip", !special);
  Json reply;
  std::vector<std::int32_t> ids;
  if (request.contains("text")) {
    const auto encoding = tokenizer.encode(request["text"].get<std::string>(), special);
    if (!encoding) return {{"error", encoding.error().message}};
    ids = encoding->ids;
    reply["ids"] = ids;
    reply["offsets"] = Json::array();
    for (const ByteSpan& span : encoding->offsets) {
      reply["offsets"].push_back({span.begin, span.end});
    }
  } else {
    ids = request["ids"].get<std::vector<std::int32_t>>();
  }
  reply["decoded"] = tokenizer.decode(ids, skip);
  reply["streamed"] = streamed(tokenizer, ids, skip);
  return reply;
}

int print_speed(const Tokenizer& tokenizer, const char* path) {
  const auto text = read_text_file(path, std::uint64_t{1} << 30);
  if (!text) {
    std::fprintf(stderr, "%s\n", text.error().message.c_str());
    return 1;
  }
  double best = 0;
  std::size_t tokens = 0;
  for (int repeat = 0; repeat < 3; ++repeat) {
    const auto begin = std::chrono::steady_clock::now();
    const auto encoding = tokenizer.encode(*text);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    if (!encoding) return 1;
    tokens = encoding->size();
    best = std::max(best, static_cast<double>(text->size()) / took.count() / 1e6);
  }
  std::printf("%zu bytes, %zu tokens, %.2f MB/s\n", text->size(), tokens, best);
  return 0;
}

int print_assigned(int version) {
  Json ranges = Json::array();
  for (UChar32 point = 0; point <= 0x10ffff; ++point) {
    UVersionInfo age;
    u_charAge(point, age);
    if (age[0] == 0 || age[0] > version || U_IS_SURROGATE(point) || U_IS_UNICODE_NONCHAR(point)) {
      continue;
    }
    if (ranges.empty() || ranges.back()[1] != point) ranges.push_back({point, point});
    ranges.back()[1] = point + 1;
  }
  std::printf("%s\n", dump_json(ranges).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--assigned") return print_assigned(atoi(argv[2]));
  if (argc != 2 && argc != 4) return 2;
  const auto tokenizer = Tokenizer::load(argv[1]);
  if (!tokenizer) {
    std::fprintf(stderr, "%s\n", tokenizer.error().message.c_str());
    return 1;
  }
  if (argc == 4) return print_speed(*tokenizer, argv[3]);
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << dump_json(answer(*tokenizer, Json::parse(line))) << std::endl;
  }
  return 0;
}
