// Decoders of tokenizer.json: steps over the list of token texts.
#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "core/text/byte_level.h"
#include "core/text/metaspace.h"
#include "core/text/token_parts.h"
#include "core/text/token_text.h"
#include "core/text/unicode.h"

namespace headscope {
namespace {

using Tokens = std::vector<std::string>;

std::string joined(const Tokens& tokens) {
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

class ByteLevelDecoder final : public Decoder {
  void apply(Tokens& tokens) const override {
    std::string bytes;
    for (const std::string& token : tokens) bytes += byte_level::decode(token).value_or(token);
    tokens = {unicode::lossy(bytes)};
  }
};

class Fuse final : public Decoder {
  void apply(Tokens& tokens) const override { tokens = {joined(tokens)}; }
};

/// "<0xE2>" tokens become bytes; a run of them that is no valid text becomes U+FFFD for each byte.
class ByteFallback final : public Decoder {
  void apply(Tokens& tokens) const override {
    Tokens result;
    std::string run;
    const auto close_run = [&] {
      if (unicode::valid_prefix(run) == run.size()) {
        if (!run.empty()) result.push_back(run);
      } else {
        result.insert(result.end(), run.size(), "\xEF\xBF\xBD");
      }
      run.clear();
    };
    for (std::string& token : tokens) {
      if (const auto byte = fallback_byte(token)) {
        run += static_cast<char>(*byte);
      } else {
        close_run();
        result.push_back(std::move(token));
      }
    }
    close_run();
    tokens = std::move(result);
  }
};

class ReplaceDecoder final : public Decoder {
 public:
  ReplaceDecoder(Pattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void apply(Tokens& tokens) const override {
    std::vector<Segment> segments;
    for (std::string& token : tokens) {
      // A token on which the expression gives up stays as it is: decoding has no other way out.
      if (!pattern_.find(token, segments)) continue;
      std::string text;
      for (const Segment& segment : segments) {
        text +=
            segment.is_match ? content_ : token.substr(segment.begin, segment.end - segment.begin);
      }
      token = std::move(text);
    }
  }

 private:
  Pattern pattern_;
  std::string content_;
};

/// Removes up to `start` and `stop` times the character at the ends of each token.
class StripDecoder final : public Decoder {
 public:
  StripDecoder(std::string content, std::int64_t start, std::int64_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}
  void apply(Tokens& tokens) const override {
    for (std::string& token : tokens) {
      std::string_view text = token;
      for (std::int64_t i = 0; i < start_ && text.starts_with(content_); ++i) {
        text.remove_prefix(content_.size());
      }
      for (std::int64_t i = 0; i < stop_ && text.ends_with(content_); ++i) {
        text.remove_suffix(content_.size());
      }
      token = std::string(text);
    }
  }

 private:
  std::string content_;
  std::int64_t start_;
  std::int64_t stop_;
};

/// U+2581 becomes a space, except in the first token, where it was put by the pre-tokenizer.
class MetaspaceDecoder final : public Decoder {
 public:
  explicit MetaspaceDecoder(Metaspace options) : options_(std::move(options)) {}
  void apply(Tokens& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const bool drop = i == 0 && options_.prepend != Metaspace::Prepend::never;
      tokens[i] = replaced(tokens[i], options_.replacement, drop ? "" : " ");
    }
  }

 private:
  Metaspace options_;
};

/// "</w>" ends a word: a space, but behind the last token.
class BpeDecoder final : public Decoder {
 public:
  explicit BpeDecoder(std::string suffix) : suffix_(std::move(suffix)) {}
  void apply(Tokens& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = replaced(tokens[i], suffix_, i + 1 < tokens.size() ? " " : "");
    }
  }

 private:
  std::string suffix_;
};

/// "##" continues a word, any other token begins one.
class WordPieceDecoder final : public Decoder {
 public:
  WordPieceDecoder(std::string prefix, bool cleanup)
      : prefix_(std::move(prefix)), cleanup_(cleanup) {}
  void apply(Tokens& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::string& token = tokens[i];
      if (i > 0 && token.starts_with(prefix_)) {
        token.erase(0, prefix_.size());
      } else if (i > 0) {
        token.insert(0, 1, ' ');
      }
      if (cleanup_) token = cleaned(std::move(token));
    }
  }

 private:
  /// English as it is written.
  static std::string cleaned(std::string text) {
    static constexpr std::pair<std::string_view, std::string_view> steps[] = {
        {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
        {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
        {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    for (const auto& [from, to] : steps) text = replaced(text, from, to);
    return text;
  }

  std::string prefix_;
  bool cleanup_;
};

class DecoderSequence final : public Decoder {
 public:
  explicit DecoderSequence(std::vector<std::unique_ptr<Decoder>> steps)
      : steps_(std::move(steps)) {}
  void apply(Tokens& tokens) const override {
    for (const auto& step : steps_) step->apply(tokens);
  }

 private:
  std::vector<std::unique_ptr<Decoder>> steps_;
};

using Made = Result<std::unique_ptr<Decoder>>;

Made make_replace(const JsonObject& object, TokenSpelling& spelling) {
  constexpr double most_growth = 256;
  HEADSCOPE_ASSIGN(Pattern pattern, read_pattern(object));
  HEADSCOPE_ASSIGN(std::string content, object.string("content"));
  HEADSCOPE_ASSIGN(const JsonObject raw, object.object("pattern"));
  double replaced_bytes = 1;  // an expression may find a byte, or the place between two
  if (raw.has("String")) {
    HEADSCOPE_ASSIGN(std::string from, raw.string("String"));
    replaced_bytes = static_cast<double>(std::max<std::size_t>(from.size(), 1));
    spelling.replaced.emplace_back(std::move(from), content);
  }
  spelling.growth *= 1 + static_cast<double>(content.size()) / replaced_bytes;
  if (spelling.growth > most_growth)
    return tl::unexpected(object.wrong("content", "less: decoded texts would grow without end"));
  return std::make_unique<ReplaceDecoder>(std::move(pattern), std::move(content));
}

Made make_strip(const JsonObject& object, TokenSpelling& spelling) {
  HEADSCOPE_ASSIGN(std::string content, object.string("content"));
  HEADSCOPE_ASSIGN(const std::int64_t start, object.integer("start", 0));
  HEADSCOPE_ASSIGN(const std::int64_t stop, object.integer("stop", 0));
  if (content.empty() || unicode::length_of(content[0]) != content.size()) {
    return tl::unexpected(object.wrong("content", "one character"));
  }
  if (spelling.joined && stop > 0) spelling.piecewise = false;
  return std::make_unique<StripDecoder>(std::move(content), start, stop);
}

void note_step(std::string_view type, TokenSpelling& spelling) {
  // Other steps may change what is there already when they see the text as a whole.
  if (spelling.joined && type != "Fuse" && type != "Strip") spelling.piecewise = false;
  spelling.joined = spelling.joined || type == "Fuse" || type == "ByteLevel";
}

Made make(const JsonObject& object, TokenSpelling& spelling) {
  HEADSCOPE_ASSIGN(const std::string type, object.string("type"));
  note_step(type, spelling);
  if (type == "ByteLevel") {
    spelling.byte_level = true;
    return std::make_unique<ByteLevelDecoder>();
  }
  if (type == "ByteFallback") {
    spelling.byte_fallback = true;
    return std::make_unique<ByteFallback>();
  }
  if (type == "Fuse") return std::make_unique<Fuse>();
  if (type == "Replace") return make_replace(object, spelling);
  if (type == "Strip") return make_strip(object, spelling);
  if (type == "Metaspace") {
    HEADSCOPE_ASSIGN(Metaspace options, Metaspace::read(object));
    spelling.replaced.emplace_back(options.replacement, " ");
    return std::make_unique<MetaspaceDecoder>(std::move(options));
  }
  if (type == "BPEDecoder") {
    HEADSCOPE_ASSIGN(std::string suffix, object.string("suffix"));
    if (suffix.empty()) return tl::unexpected(object.wrong("suffix", "a text that is not empty"));
    spelling.replaced.emplace_back(suffix, " ");
    spelling.piecewise = false;  // the last suffix is no space until there is more
    return std::make_unique<BpeDecoder>(std::move(suffix));
  }
  if (type == "WordPiece") {
    HEADSCOPE_ASSIGN(std::string prefix, object.string("prefix"));
    HEADSCOPE_ASSIGN(const bool cleanup, object.boolean("cleanup"));
    return std::make_unique<WordPieceDecoder>(std::move(prefix), cleanup);
  }
  if (type == "Sequence") {
    HEADSCOPE_ASSIGN(const Json* list, object.array("decoders"));
    std::vector<std::unique_ptr<Decoder>> steps;
    for (std::size_t i = 0; i < list->size(); ++i) {
      HEADSCOPE_ASSIGN(const JsonObject element, object.element("decoders", i));
      HEADSCOPE_ASSIGN(std::unique_ptr<Decoder> step, make(element, spelling));
      steps.push_back(std::move(step));
    }
    return std::make_unique<DecoderSequence>(std::move(steps));
  }
  return tl::unexpected(unsupported(object, "decoder", type));
}

}  // namespace

Result<std::unique_ptr<Decoder>> read_decoder(const JsonObject& root, std::string_view field,
                                              TokenSpelling& spelling) {
  if (!root.has(field)) return nullptr;
  HEADSCOPE_ASSIGN(const JsonObject object, root.object(field));
  return make(object, spelling);
}

}  // namespace headscope
