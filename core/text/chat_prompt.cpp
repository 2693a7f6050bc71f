#include "core/text/chat_prompt.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/text/jinja_builtins.h"

namespace headscope {
namespace {

// Stands in for the user's text to see where the template puts it.
constexpr std::string_view kMarker = "HEADSCOPEzqvxUSERzqvxTEXT";

std::size_t occurrences(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size())
    ++count;
  return count;
}

// Templates strip one end or both, or nothing.
std::array<ByteSpan, 4> kept_spans(std::string_view text) {
  const std::size_t right = chat::stripped(text, false, true, nullptr).size();
  const std::size_t left =
      std::min(right, text.size() - chat::stripped(text, true, false, nullptr).size());
  return {{{0, text.size()}, {left, right}, {0, right}, {left, text.size()}}};
}

// Between what stands before and behind the marker.
std::optional<ChatPrompt> place_by_marker(std::string_view marked, const std::string& rendered,
                                          std::string_view user_text) {
  const std::size_t begin = marked.find(kMarker);
  const std::string_view behind = marked.substr(begin + kMarker.size());
  const bool fits = rendered.size() >= begin + behind.size() &&
                    rendered.starts_with(marked.substr(0, begin)) && rendered.ends_with(behind);
  if (!fits) return std::nullopt;
  const ByteSpan place{begin, rendered.size() - behind.size()};
  const std::string_view found =
      std::string_view(rendered).substr(place.begin, place.end - place.begin);
  for (const ByteSpan& kept : kept_spans(user_text)) {
    if (found == user_text.substr(kept.begin, kept.end - kept.begin))
      return ChatPrompt{rendered, place, kept};
  }
  return std::nullopt;
}

// A template that looks at the text may treat the marker in another way: then the text must be
// there exactly once.
std::optional<ChatPrompt> place_by_search(const std::string& rendered, std::string_view user_text) {
  for (const ByteSpan& kept : kept_spans(user_text)) {
    const std::string_view part = user_text.substr(kept.begin, kept.end - kept.begin);
    if (part.empty() || occurrences(rendered, part) != 1) continue;
    const std::size_t begin = rendered.find(part);
    return ChatPrompt{rendered, {begin, begin + part.size()}, kept};
  }
  return std::nullopt;
}

}  // namespace

Result<ChatPrompt> wrap_in_chat(const ChatTemplate& chat, std::string_view user_text,
                                const ChatOptions& options) {
  ChatOptions same_moment = options;
  if (!same_moment.now) same_moment.now = std::time(nullptr);
  const std::array<ChatMessage, 1> messages = {{{"user", std::string(user_text)}}};
  HEADSCOPE_ASSIGN(const std::string rendered, chat.render(messages, same_moment));
  const std::array<ChatMessage, 1> marker = {{{"user", std::string(kMarker)}}};
  const auto marked = chat.render(marker, same_moment);
  const bool writes_it_once = !marked || occurrences(*marked, kMarker) == 1;
  if (marked && writes_it_once) {
    if (auto prompt = place_by_marker(*marked, rendered, user_text)) return *prompt;
  }
  if (writes_it_once) {
    if (auto prompt = place_by_search(rendered, user_text)) return *prompt;
  }
  return bad_input(
      "the chat template does not keep the prompt in one piece, so that byte spans of it cannot be "
      "followed; "
      "use --no-chat");
}

Result<Encoding> encode_chat(const Tokenizer& tokenizer, const ChatPrompt& prompt) {
  HEADSCOPE_ASSIGN(Encoding encoding, tokenizer.encode(prompt.text, false));
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    ByteSpan& offset = encoding.offsets[i];
    if (!offset.empty() && offset.overlaps(prompt.place)) {
      const auto in_user_text = [&](std::size_t byte) {
        return std::clamp(byte, prompt.place.begin, prompt.place.end) - prompt.place.begin +
               prompt.kept.begin;
      };
      offset = {in_user_text(offset.begin), in_user_text(offset.end)};
    } else {
      offset = {};
      encoding.special[i] = 1;
    }
  }
  return encoding;
}

Result<Encoding> PromptEncoder::encode(std::string_view prompt) const {
  if (!chat_) return tokenizer_.encode(prompt);
  HEADSCOPE_ASSIGN(const ChatPrompt wrapped, wrap_in_chat(*chat_, prompt));
  return encode_chat(tokenizer_, wrapped);
}

std::string PromptEncoder::template_name() const {
  return chat_ ? "chat " + chat_->fingerprint() : "none";
}

}  // namespace headscope
