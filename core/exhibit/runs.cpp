#include <algorithm>
#include <array>
#include <charconv>

#include "core/exhibit/views.h"

namespace headscope {

std::optional<ShownRuns> runs_of(const Snapshot& snapshot) {
  if (!snapshot.prompt || !snapshot.baseline) return std::nullopt;
  return ShownRuns{snapshot.prompt, snapshot.baseline, snapshot.intervened, origin_of(snapshot)};
}

std::string heads_as_text(const std::vector<HeadId>& heads) {
  std::string text;
  for (const HeadId id : heads) {
    text += (text.empty() ? "" : ",") + std::to_string(id.layer) + ":" + std::to_string(id.head);
  }
  return text;
}

Result<std::vector<HeadId>> heads_from_text(const std::string& text, const std::string& option) {
  std::vector<HeadId> heads;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto number = [&](int& value) {
    const auto [next, problem] = std::from_chars(at, end, value);
    if (problem != std::errc{} || value < 0) return false;
    at = next;
    return true;
  };
  for (;;) {
    HeadId id;
    const bool good = number(id.layer) && at != end && *at++ == ':' && number(id.head);
    if (!good || (at != end && *at != ',')) {
      return fail(ErrorKind::usage, option +
                                        ": expected heads as LAYER:HEAD separated by commas, such "
                                        "as 3:1,3:4, found '" +
                                        text + "'");
    }
    heads.push_back(id);
    if (at == end) return heads;
    ++at;
  }
}

std::string range_as_text(figure::ColorRange range) {
  std::array<char, 80> text{};
  char* const end = text.data() + text.size();
  char* at = std::to_chars(text.data(), end, range.low).ptr;
  *at++ = ':';
  return {text.data(), std::to_chars(at, end, range.high).ptr};
}

Result<figure::ColorRange> range_from_text(const std::string& text, const std::string& option) {
  figure::ColorRange range;
  const char* const end = text.data() + text.size();
  const auto [colon, problem] = std::from_chars(text.data(), end, range.low);
  if (problem == std::errc{} && colon != end && *colon == ':') {
    const auto [last, wrong] = std::from_chars(colon + 1, end, range.high);
    if (wrong == std::errc{} && last == end && range.low >= 0 && range.low < range.high &&
        range.high <= 1)
      return range;
  }
  return fail(ErrorKind::usage, option +
                                    ": expected LOW:HIGH with 0 <= LOW < HIGH <= 1, such as "
                                    "0.001:0.2, found '" +
                                    text + "'");
}

HeadGroup head_group(std::vector<HeadId> heads, int layers, int model_heads) {
  HeadGroup group;
  const std::size_t all = static_cast<std::size_t>(layers) * static_cast<std::size_t>(model_heads);
  if (heads.size() == 1) {
    const HeadId id = heads.front();
    group.words = "Layer " + std::to_string(id.layer) + ", head " + std::to_string(id.head);
    group.arguments = {"--layer", std::to_string(id.layer), "--head", std::to_string(id.head)};
  } else if (heads.size() == all) {
    group.words = "Mean over all " + std::to_string(all) + " heads";
    group.arguments = {"--choose", "all"};
  } else {
    group.words = "Mean over " + std::to_string(heads.size()) + " chosen heads";
    group.arguments = {"--choose", heads_as_text(heads)};
  }
  group.heads = std::move(heads);
  return group;
}

}  // namespace headscope
