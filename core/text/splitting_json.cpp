#include "core/text/splitting_json.h"

namespace headscope {
namespace {

Result<ByteSpan> span_from(const JsonObject& object, const char* field) {
  HEADSCOPE_ASSIGN(const auto ends, object.integers(field));
  if (ends.size() != 2 || ends[0] < 0 || ends[1] < ends[0])
    return tl::unexpected<Error>(object.wrong(field, "[begin, end] in bytes"));
  return ByteSpan{static_cast<std::size_t>(ends[0]), static_cast<std::size_t>(ends[1])};
}

}  // namespace

Json to_json(const Splitting& splitting) {
  Json documents = Json::array();
  for (const DocumentBounds& bounds : splitting.by_hand) {
    documents.push_back({{"line", {bounds.line.begin, bounds.line.end}},
                         {"text", {bounds.content, bounds.content_end}},
                         {"number", bounds.number}});
  }
  Json json = {{"method", splitting.method}};
  if (!splitting.pattern.empty()) json["pattern"] = splitting.pattern;
  if (!documents.empty()) json["documents"] = std::move(documents);
  return json;
}

Result<Splitting> splitting_from_json(const JsonObject& object) {
  Splitting splitting;
  HEADSCOPE_ASSIGN(splitting.method, object.string("method"));
  HEADSCOPE_ASSIGN(splitting.pattern, object.string_or("pattern", ""));
  if (!object.has("documents")) return splitting;
  HEADSCOPE_ASSIGN(const Json* documents, object.array("documents"));
  for (std::size_t i = 0; i < documents->size(); ++i) {
    HEADSCOPE_ASSIGN(const JsonObject document, object.element("documents", i));
    HEADSCOPE_ASSIGN(const ByteSpan line, span_from(document, "line"));
    HEADSCOPE_ASSIGN(const ByteSpan text, span_from(document, "text"));
    HEADSCOPE_ASSIGN(const std::int64_t number, document.integer("number", 0, 1 << 20));
    splitting.by_hand.push_back({line, text.begin, text.end, static_cast<int>(number)});
  }
  return splitting;
}

}  // namespace headscope
