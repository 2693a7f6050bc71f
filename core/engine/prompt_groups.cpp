#include "core/engine/prompt_groups.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/text/sentences.h"
#include "core/text/spans.h"

namespace headscope {
namespace {

constexpr std::size_t kLongestName = 80;  // bytes of a sentence that are shown

// What part of a prompt a token stands in. Documents are numbered from 0.
constexpr int kSink = -1, kInstruction = -2, kLabels = -3, kQuestion = -4, kResponse = -5;

std::string_view part_name(int part) {
  switch (part) {
    case kSink:
      return "sink";
    case kInstruction:
      return "instruction";
    case kLabels:
      return "labels";
    case kQuestion:
      return "question";
    default:
      return "response";
  }
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// Blank sentences belong to the one before them, behind a document to the one after them.
std::vector<std::size_t> without_blank(const PromptView& prompt,
                                       const std::vector<std::size_t>& starts) {
  const auto is_end = [&](std::size_t at) {
    return std::any_of(prompt.documents.begin(), prompt.documents.end(),
                       [&](const DocumentView& d) { return d.relevant.end == at; });
  };
  std::vector<std::size_t> kept;
  bool held = false;  // the last one is blank, and waits for its sentence
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t end = i + 1 < starts.size() ? starts[i + 1] : prompt.text.size();
    const bool blank = is_blank(std::string_view(prompt.text).substr(starts[i], end - starts[i]));
    if (!held && (!blank || kept.empty() || is_end(starts[i]))) {
      kept.push_back(starts[i]);
      held = blank;
    } else if (!blank) {
      held = false;
    }
  }
  return kept;
}

// Bytes at which a sentence begins: those that are found, less those inside of titles, and the
// edges of documents and titles.
std::vector<std::size_t> sentence_starts(const PromptView& prompt) {
  std::vector<std::size_t> starts;
  if (const auto sentences = find_sentences(prompt.text)) {
    for (const ByteSpan& sentence : *sentences) starts.push_back(sentence.begin);
  }
  for (const DocumentView& document : prompt.documents) {
    const ByteSpan body = document.relevant;
    const std::string title = "(Title: " + document.title + ")";
    if (prompt.text.compare(body.begin, title.size(), title) == 0) {
      const std::size_t end = body.begin + title.size();
      std::erase_if(starts, [&](std::size_t at) { return at > body.begin && at < end; });
      starts.push_back(end);
    }
    starts.insert(starts.end(), {document.line.begin, body.begin, body.end});
  }
  std::sort(starts.begin(), starts.end());
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  return without_blank(prompt, starts);
}

std::string excerpt(const PromptView& prompt, std::size_t begin, std::size_t end) {
  const std::string_view text(prompt.text);
  const bool all = end - begin <= kLongestName;
  const ByteSpan span = whole_characters(text, {begin, all ? end : begin + kLongestName});
  std::string name(text.substr(span.begin, span.end - span.begin));
  std::replace(name.begin(), name.end(), '\n', ' ');
  while (!name.empty() && name.back() == ' ') name.pop_back();
  name.erase(0, std::min(name.find_first_not_of(' '), name.size()));
  return all ? name : name + " ...";
}

class Grouper {
 public:
  Grouper(const PromptView& prompt, bool sentences) : prompt_(prompt), sentences_(sentences) {
    if (sentences) starts_ = sentence_starts(prompt);
  }

  void add(std::int64_t token, int part) {
    const std::size_t sentence =
        part == kSink || part == kResponse || part == kLabels ? 0 : sentence_of(token, part);
    const auto [at, is_new] = known_.try_emplace({part, sentence}, groups_.groups.size());
    if (is_new) groups_.groups.push_back(make(token, part, sentence));
    groups_.groups[at->second].tokens++;
    groups_.of.push_back(static_cast<std::int32_t>(at->second));
  }
  PromptGroups take() { return std::move(groups_); }

 private:
  // Number of the sentence, 1 for the first of the text; that of the token before where the token
  // has no bytes.
  std::size_t sentence_of(std::int64_t token, int part) {
    if (!sentences_) return 0;
    const ByteSpan bytes = prompt_.tokens[static_cast<std::size_t>(token)].bytes;
    if (bytes.end <= bytes.begin) return last_;
    std::size_t byte = bytes.end - 1;
    if (part >= 0) {  // what overlaps a document is the document's
      const ByteSpan body = prompt_.documents[static_cast<std::size_t>(part)].relevant;
      byte = std::clamp(byte, body.begin, std::max(body.end, body.begin + 1) - 1);
    }
    last_ = static_cast<std::size_t>(std::upper_bound(starts_.begin(), starts_.end(), byte) -
                                     starts_.begin());
    return last_;
  }

  TokenGroup make(std::int64_t token, int part, std::size_t sentence) {
    TokenGroup group;
    group.first = token;
    group.label = group.name = part_name(part);
    if (part >= 0) {
      const DocumentView& document = prompt_.documents[static_cast<std::size_t>(part)];
      group.document = part;
      group.gold = document.gold;
      group.label = std::to_string(document.number);
      group.name = "document " + group.label + ": " + document.title;
    }
    if (sentence == 0) return group;
    const std::string which = part >= 0 ? group.label : std::string(1, group.label[0]);
    group.label = which + "." + std::to_string(++sentences_in_[part]);
    const std::size_t end = sentence < starts_.size() ? starts_[sentence] : prompt_.text.size();
    group.name = excerpt(prompt_, starts_[sentence - 1], end);
    return group;
  }

  const PromptView& prompt_;
  const bool sentences_;
  std::vector<std::size_t> starts_;
  std::size_t last_ = 0;
  PromptGroups groups_;
  std::map<std::pair<int, std::size_t>, std::size_t> known_;  // part, sentence -> group
  std::map<int, int> sentences_in_;                           // part -> sentences so far
};

// The part of every token of the prompt.
std::vector<int> parts_of(const PromptView& prompt) {
  const std::int64_t count = prompt.prompt_tokens();
  std::vector<int> parts(static_cast<std::size_t>(count), kInstruction);
  std::int64_t last = 0;
  std::size_t first_byte = prompt.text.size();
  for (const DocumentView& document : prompt.documents) {
    last = std::max(last, document.tokens.end);
    first_byte = std::min(first_byte, document.line.begin);
  }
  bool before = true;
  for (std::int64_t t = 0; t < count && last > 0; ++t) {
    before = before && prompt.tokens[static_cast<std::size_t>(t)].bytes.end <= first_byte;
    if (!before) parts[static_cast<std::size_t>(t)] = t < last ? kLabels : kQuestion;
  }
  for (std::size_t d = 0; d < prompt.documents.size(); ++d) {
    const TokenRange tokens = prompt.documents[d].tokens;
    for (std::int64_t t = tokens.begin; t < tokens.end; ++t)
      parts[static_cast<std::size_t>(t)] = static_cast<int>(d);
  }
  for (std::int64_t t = 0; t < std::min<std::int64_t>(2, count); ++t)
    parts[static_cast<std::size_t>(t)] = kSink;
  return parts;
}

}  // namespace

PromptGroups prompt_groups(const PromptView& prompt, std::int64_t response_tokens,
                           TokenGrouping grouping) {
  Grouper grouper(prompt, grouping == TokenGrouping::sentences);
  const std::vector<int> parts = parts_of(prompt);
  const std::int64_t count = prompt.prompt_tokens();
  for (std::int64_t t = 0; t < count; ++t) grouper.add(t, parts[static_cast<std::size_t>(t)]);
  for (std::int64_t t = 0; t < response_tokens; ++t) grouper.add(count + t, kResponse);
  return grouper.take();
}

}  // namespace headscope
