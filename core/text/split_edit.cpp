#include "core/text/split_edit.h"

#include <algorithm>

#include "core/text/spans.h"
#include "core/text/split_lines.h"

namespace headscope {
namespace {

/// `bounds` without blanks around its text; nothing where that leaves no text.
void add_part(std::string_view text, DocumentBounds bounds, std::vector<DocumentBounds>& parts) {
  const ByteSpan content = split::trimmed(text, {bounds.content, bounds.content_end});
  if (bounds.content >= bounds.content_end || content.empty()) return;
  bounds.content = content.begin;
  bounds.content_end = content.end;
  bounds.line.begin = std::min(bounds.line.begin, content.begin);
  bounds.line.end = std::max(bounds.line.end, content.end);
  parts.push_back(bounds);
}

DocumentBounds front_part(const DocumentBounds& bounds, std::size_t end) {
  return {{bounds.line.begin, end}, bounds.content, end, bounds.number};
}

DocumentBounds back_part(const DocumentBounds& bounds, std::size_t begin) {
  return {{begin, bounds.line.end}, begin, bounds.content_end, bounds.number};
}

/// Bounds with what `span` covers cut off. Of two parts that are left of a document the second one
/// gets the number `next`, so that every number names one document.
std::vector<DocumentBounds> cut_out(std::string_view text,
                                    const std::vector<DocumentBounds>& bounds, ByteSpan span,
                                    int next) {
  std::vector<DocumentBounds> kept;
  for (const DocumentBounds& document : bounds) {
    if (!document.line.overlaps(span)) {
      kept.push_back(document);
      continue;
    }
    const std::size_t before = kept.size();
    if (document.content < span.begin)
      add_part(text, front_part(document, std::min(span.begin, document.content_end)), kept);
    if (span.end >= document.content_end) continue;
    DocumentBounds back = back_part(document, std::max(span.end, document.content));
    if (kept.size() > before) back.number = next;
    add_part(text, back, kept);
  }
  return kept;
}

std::size_t insert_in_order(std::vector<DocumentBounds>& bounds, const DocumentBounds& added) {
  const auto at = std::find_if(bounds.begin(), bounds.end(), [&](const DocumentBounds& other) {
    return other.line.begin >= added.line.end;
  });
  const auto place = static_cast<std::size_t>(at - bounds.begin());
  bounds.insert(at, added);
  return place;
}

int unused_number(const std::vector<DocumentBounds>& bounds) {
  int number = 0;
  for (const DocumentBounds& document : bounds) number = std::max(number, document.number);
  return number + 1;
}

}  // namespace

std::vector<DocumentBounds> bounds_of(const std::vector<DocumentSpan>& documents) {
  std::vector<DocumentBounds> bounds;
  for (const DocumentSpan& document : documents) {
    bounds.push_back(
        {document.line, document.relevant.begin, document.relevant.end, document.number});
  }
  return bounds;
}

std::vector<DocumentBounds> split_at(std::string_view text, std::vector<DocumentBounds> bounds,
                                     std::size_t at) {
  at = whole_characters(text, {at, text.size()}).begin;
  std::vector<DocumentBounds> result;
  for (const DocumentBounds& document : bounds) {
    std::vector<DocumentBounds> parts;
    if (at > document.content && at < document.content_end) {
      add_part(text, front_part(document, at), parts);
      auto back = back_part(document, at);
      back.number = unused_number(bounds);
      add_part(text, back, parts);
    }
    if (parts.size() == 2) {
      result.insert(result.end(), parts.begin(), parts.end());
    } else {
      result.push_back(document);
    }
  }
  return result;
}

std::vector<DocumentBounds> merge_with_next(std::vector<DocumentBounds> bounds, std::size_t index) {
  if (index + 1 >= bounds.size()) return bounds;
  bounds[index].line.end = bounds[index + 1].line.end;
  bounds[index].content_end = bounds[index + 1].content_end;
  return without(std::move(bounds), index + 1);
}

std::vector<DocumentBounds> without(std::vector<DocumentBounds> bounds, std::size_t index) {
  if (index < bounds.size()) bounds.erase(bounds.begin() + static_cast<std::ptrdiff_t>(index));
  return bounds;
}

std::vector<DocumentBounds> with_document(std::string_view text, std::vector<DocumentBounds> bounds,
                                          ByteSpan span, std::size_t& place) {
  span = split::trimmed(text, whole_characters(text, span));
  if (span.empty()) return bounds;
  const int number = unused_number(bounds);
  bounds = cut_out(text, bounds, span, number + 1);
  place = insert_in_order(bounds, {span, span.begin, span.end, number});
  return bounds;
}

BuiltPrompt without_document(const BuiltPrompt& built, std::size_t index) {
  BuiltPrompt rest = built;
  ByteSpan gone = built.documents[index].line;
  const auto blank_between = [&](std::size_t begin, std::size_t end) {
    return split::trimmed(built.text, {begin, end}).empty();
  };
  const bool last = index + 1 == built.documents.size();
  if (!last && blank_between(gone.end, built.documents[index + 1].line.begin)) {
    gone.end = built.documents[index + 1].line.begin;
  } else if (index > 0 && blank_between(built.documents[index - 1].line.end, gone.begin)) {
    gone.begin = built.documents[index - 1].line.end;
  }
  rest.text.erase(gone.begin, gone.end - gone.begin);
  rest.documents.erase(rest.documents.begin() + static_cast<std::ptrdiff_t>(index));
  const auto moved = [&](ByteSpan span) {
    if (span.begin < gone.end) return span;
    const std::size_t by = gone.end - gone.begin;
    return ByteSpan{span.begin - by, span.end - by};
  };
  for (DocumentSpan& document : rest.documents) {
    document.line = moved(document.line);
    document.relevant = moved(document.relevant);
  }
  rest.question = moved(rest.question);
  return rest;
}

std::vector<DocumentBounds> after_edit(std::string_view before, std::string_view after,
                                       std::vector<DocumentBounds> bounds) {
  const std::size_t shorter = std::min(before.size(), after.size());
  std::size_t same_front = 0, same_back = 0;
  while (same_front < shorter && before[same_front] == after[same_front]) ++same_front;
  while (same_back < shorter - same_front &&
         before[before.size() - 1 - same_back] == after[after.size() - 1 - same_back])
    ++same_back;
  // An edit never begins or ends inside a character, of either text.
  const auto inside = [](std::string_view text, std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
  };
  while (same_front > 0 && (inside(before, same_front) || inside(after, same_front))) --same_front;
  while (same_back > 0 && inside(after, after.size() - same_back)) --same_back;
  const std::size_t old_end = before.size() - same_back, new_end = after.size() - same_back;
  const auto begin_after = [&](std::size_t at) {
    if (at < old_end) return std::min(at, same_front);
    return at - old_end + new_end;
  };
  // What is typed at the end of a document belongs to it.
  const auto end_after = [&](std::size_t at) {
    if (at < same_front) return at;
    return at >= old_end ? at - old_end + new_end : same_front;
  };
  std::vector<DocumentBounds> moved;
  std::size_t last = 0;
  for (const DocumentBounds& old : bounds) {
    DocumentBounds now{{std::max(last, begin_after(old.line.begin)), end_after(old.line.end)},
                       begin_after(old.content),
                       end_after(old.content_end),
                       old.number};
    now.content = std::max(now.content, now.line.begin);
    now.line.end = std::min(now.line.end, after.size());
    now.content_end = std::min(now.content_end, now.line.end);
    if (now.content >= now.content_end) continue;
    const ByteSpan content = split::trimmed(after, {now.content, now.content_end});
    if (content.empty()) continue;
    last = now.line.end;
    moved.push_back(now);
  }
  return moved;
}

}  // namespace headscope
