#include "core/runner/prompt_view.h"

#include <algorithm>
#include <string>

#include "core/text/prompt.h"
#include "core/text/spans.h"

namespace headscope {
namespace {

constexpr std::int64_t kSinkTokens = 2;  // S0 = {0,1} of method.md

std::vector<TokenView> prompt_tokens(const Encoding& encoding, const Tokenizer& tokenizer) {
  std::vector<TokenView> tokens(encoding.size());
  const bool placed = encoding.offsets.size() == tokens.size();  // not of ids alone
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = {encoding.ids[i], tokenizer.token_label(encoding.ids[i]), {}};
    if (!placed) continue;
    tokens[i].bytes = encoding.offsets[i];
    tokens[i].special = encoding.special[i] != 0;
    tokens[i].unknown = encoding.unknown[i] != 0;
  }
  return tokens;
}

/// A token over which two documents meet belongs to the relevant one of them, else to the second:
/// no token counts twice.
void part(DocumentView& first, DocumentView& second) {
  if (first.tokens.size() == 0 || second.tokens.size() == 0) return;
  if (first.tokens.end <= second.tokens.begin) return;
  if (first.gold && !second.gold) {
    second.tokens.begin = std::min(first.tokens.end, second.tokens.end);
  } else {
    first.tokens.end = std::max(first.tokens.begin, second.tokens.begin);
  }
}

std::vector<DocumentView> documents_of(const std::vector<DocumentSpan>& spans,
                                       const Encoding& encoding) {
  std::vector<DocumentView> documents;
  for (const DocumentSpan& span : spans) {
    DocumentView view{span.number, span.title, span.line, span.relevant, {}, span.gold};
    view.tokens = token_range(encoding.offsets, span.relevant);
    if (!documents.empty()) part(documents.back(), view);
    documents.push_back(std::move(view));
  }
  return documents;
}

// Words of several unknown tokens are one word to the reader.
std::vector<ByteSpan> unknown_words(const Encoding& encoding) {
  std::vector<ByteSpan> words;
  for (std::size_t i = 0; i < encoding.unknown.size(); ++i) {
    if (encoding.unknown[i] == 0 || encoding.offsets[i].empty()) continue;
    const ByteSpan span = encoding.offsets[i];
    if (!words.empty() && words.back().end == span.begin) {
      words.back().end = span.end;
    } else {
      words.push_back(span);
    }
  }
  return words;
}

Result<> check(const PromptRequest& prompt, const BuiltPrompt& built, std::int64_t tokens,
               std::int64_t context_length) {
  if (tokens == 0) return bad_input("the prompt is empty");
  if (tokens > context_length) {
    return bad_input("the prompt has " + std::to_string(tokens) + " tokens, the model's context " +
                     std::to_string(context_length) + ": shorten it or take out documents");
  }
  const auto count = static_cast<int>(built.documents.size());
  for (const int gold : prompt.gold_documents()) {
    if (gold < count) continue;
    return bad_input("document " + std::to_string(gold + 1) +
                     " is marked as relevant, the prompt has " + std::to_string(count));
  }
  return {};
}

/// First tokens of the answers, as they are written and after a blank.
Result<std::vector<TokenView>> answer_starts(const std::vector<std::string>& answers,
                                             const Tokenizer& tokenizer) {
  std::vector<TokenView> starts;
  for (const std::string& answer : answers) {
    for (const std::string& text : {" " + answer, answer}) {
      HEADSCOPE_ASSIGN(const Encoding encoding, tokenizer.encode(text, false));
      if (encoding.ids.empty()) continue;
      const std::int32_t id = encoding.ids.front();
      const bool known = std::any_of(starts.begin(), starts.end(),
                                     [&](const TokenView& start) { return start.id == id; });
      if (!known && encoding.unknown[0] == 0)
        starts.push_back({id, tokenizer.token_label(id), {}, false, false});
    }
  }
  return starts;
}

}  // namespace

Result<std::shared_ptr<const PromptView>> make_prompt_view(const PromptRequest& prompt,
                                                           const PromptEncoder& encoder,
                                                           std::int64_t context_length) {
  if (prompt.text.empty()) return bad_input("the prompt is empty");
  HEADSCOPE_ASSIGN(const auto encoding, encoder.encode(prompt.text));
  HEADSCOPE_ASSIGN(const auto split, split_prompt(prompt.text, prompt.splitting));
  HEADSCOPE_TRY(
      check(prompt, split.prompt, static_cast<std::int64_t>(encoding.size()), context_length));
  auto documents = split.prompt.documents;
  for (std::size_t i = 0; i < documents.size(); ++i)
    documents[i].gold = prompt.is_gold(static_cast<int>(i));
  auto view = prompt_view_of(prompt.text, encoding, documents, encoder.tokenizer());
  view->splitting = prompt.splitting;
  view->split_method = split.method;
  view->split_reason = split.reason;
  view->answers = prompt.answers;
  HEADSCOPE_ASSIGN(view->answer_starts, answer_starts(prompt.answers, encoder.tokenizer()));
  return view;
}

std::shared_ptr<PromptView> prompt_view_of(std::string text, const Encoding& encoding,
                                           const std::vector<DocumentSpan>& documents,
                                           const Tokenizer& tokenizer) {
  auto view = std::make_shared<PromptView>();
  view->text = std::move(text);
  view->tokens = prompt_tokens(encoding, tokenizer);
  view->documents = documents_of(documents, encoding);
  view->unknown_words = unknown_words(encoding);
  return view;
}

std::vector<TokenView> response_tokens(std::span<const std::int32_t> ids,
                                       const Tokenizer& tokenizer) {
  std::vector<TokenView> tokens;
  for (const std::int32_t id : ids) {
    tokens.push_back({id,
                      tokenizer.token_label(id),
                      {},
                      tokenizer.is_special(id),
                      tokenizer.unknown_id() == id});
  }
  return tokens;
}

std::vector<std::int32_t> prompt_ids(const PromptView& prompt) {
  std::vector<std::int32_t> ids;
  ids.reserve(prompt.tokens.size());
  for (const TokenView& token : prompt.tokens) ids.push_back(token.id);
  return ids;
}

std::vector<TokenSet> document_sets(const PromptView& prompt) {
  std::vector<TokenSet> sets;
  for (const DocumentView& document : prompt.documents) {
    TokenSet set;
    for (auto t = document.tokens.begin; t < document.tokens.end; ++t) set.push_back(t);
    sets.push_back(std::move(set));
  }
  TokenSet sink;
  for (std::int64_t t = 0; t < std::min(kSinkTokens, prompt.prompt_tokens()); ++t)
    sink.push_back(t);
  sets.push_back(std::move(sink));
  return sets;
}

}  // namespace headscope
