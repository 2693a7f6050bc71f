#include "core/gguf/gguf_tokenizer.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "core/base/json.h"
#include "core/gguf/pre_tokenizers.h"
#include "core/text/unicode.h"

namespace headscope {
namespace {

constexpr const char* space_mark = "\xE2\x96\x81";  // ▁

/// "tokenizer.ggml.token_type"
enum class Kind { undefined = 0, normal, unknown, control, user_defined, unused, byte };

struct TokenList {
  std::vector<std::string> texts;
  std::vector<std::int64_t> kinds;
  std::unordered_map<std::string_view, std::size_t> ids;

  Kind kind(std::size_t id) const { return static_cast<Kind>(kinds[id]); }
  /// Looked for in the text before anything else.
  bool is_added(std::size_t id) const {
    return kind(id) == Kind::control || kind(id) == Kind::user_defined || kind(id) == Kind::unknown;
  }
  /// May come out of merging pieces of text.
  bool is_mergeable(std::size_t id) const { return !is_added(id) && kind(id) != Kind::byte; }
};

Result<TokenList> read_tokens(const GgufFile& file) {
  TokenList list;
  HEADSCOPE_ASSIGN(list.texts, file.strings("tokenizer.ggml.tokens"));
  HEADSCOPE_ASSIGN(list.kinds, file.integers("tokenizer.ggml.token_type"));
  if (list.texts.empty())
    return bad_input(file.name() + ": field 'tokenizer.ggml.tokens' is missing");
  if (list.kinds.size() < list.texts.size()) {
    return bad_input(file.name() + ": field 'tokenizer.ggml.token_type' expected " +
                     std::to_string(list.texts.size()) + " numbers, found " +
                     std::to_string(list.kinds.size()) +
                     " (a file of an old version? convert the model again)");
  }
  for (std::size_t id = 0; id < list.texts.size(); ++id) {
    if (list.texts[id].empty()) list.texts[id] = "[EMPTY_" + std::to_string(id) + "]";
    const auto [place, is_new] = list.ids.emplace(list.texts[id], id);
    if (is_new) continue;
    return bad_input(file.name() + ": field 'tokenizer.ggml.tokens': '" + list.texts[id] +
                     "' is there twice (" + std::to_string(place->second) + " and " +
                     std::to_string(id) + ")");
  }
  return list;
}

/// Id of a special token; -1 when the file names none.
Result<std::int64_t> special_id(const JsonObject& values, const TokenList& tokens,
                                const std::string& which, std::int64_t usual = -1) {
  const std::string key = "tokenizer.ggml." + which + "_token_id";
  HEADSCOPE_ASSIGN(const std::int64_t id, values.integer_or(key, usual));
  if (id < static_cast<std::int64_t>(tokens.texts.size())) return id;
  return tl::unexpected(
      values.wrong(key, "a token id below " + std::to_string(tokens.texts.size())));
}

Json vocabulary(const TokenList& tokens) {
  Json vocabulary = Json::object();
  for (std::size_t id = 0; id < tokens.texts.size(); ++id) vocabulary[tokens.texts[id]] = id;
  return vocabulary;
}

/// Phi-3's control tokens swallow the spaces behind them, but for three.
bool strips_right(const JsonObject& values, const std::string& token) {
  const Json* architecture = values.find("general.architecture");
  return architecture != nullptr && *architecture == "phi3" && token != "<unk>" && token != "<s>" &&
         token != "<|endoftext|>";
}

Json added_tokens(const TokenList& tokens, const JsonObject& values, bool has_scores) {
  Json added = Json::array();
  for (std::size_t id = 0; id < tokens.texts.size(); ++id) {
    if (!tokens.is_added(id)) continue;
    const bool special = tokens.kind(id) != Kind::user_defined;
    added.push_back({{"id", id},
                     {"content", tokens.texts[id]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", has_scores && special && strips_right(values, tokens.texts[id])},
                     {"normalized", false},
                     {"special", special}});
  }
  return added;
}

/// The template that puts "bos" and "eos" around a text, null when there are none.
Result<Json> around_text(const GgufFile& file, const JsonObject& values, const TokenList& tokens,
                         bool usually_begins, std::int64_t usual_bos) {
  Json single = Json::array();
  Json special = Json::object();
  const auto add = [&](std::int64_t id) {
    const std::string& text = tokens.texts[static_cast<std::size_t>(id)];
    single.push_back({{"SpecialToken", {{"id", text}, {"type_id", 0}}}});
    special[text] = {{"id", text}, {"ids", Json::array({id})}, {"tokens", Json::array({text})}};
  };
  const auto missing = [&](const char* which) {
    return bad_input(file.name() + ": field 'tokenizer.ggml." + which +
                     "_token_id' is missing, but texts are to have that token");
  };
  HEADSCOPE_ASSIGN(const std::int64_t bos, special_id(values, tokens, "bos", usual_bos));
  HEADSCOPE_ASSIGN(const std::int64_t eos, special_id(values, tokens, "eos"));
  HEADSCOPE_ASSIGN(const bool begins,
                   values.boolean_or("tokenizer.ggml.add_bos_token", usually_begins));
  HEADSCOPE_ASSIGN(const bool ends, values.boolean_or("tokenizer.ggml.add_eos_token", false));
  if (begins && bos < 0) return missing("bos");
  if (ends && eos < 0) return missing("eos");
  if (begins) add(bos);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  if (ends) add(eos);
  if (!begins && !ends) return Json(nullptr);
  return Json{{"type", "TemplateProcessing"},
              {"single", std::move(single)},
              {"pair", Json::array()},
              {"special_tokens", std::move(special)}};
}

/// Pieces with scores merge neighbours whose union scores highest. As a list of merges: every way
/// to make a piece of two others, ordered by the score of the piece.
Json merges_of_scores(const TokenList& tokens, const std::vector<float>& scores) {
  struct Merge {
    float score;
    std::size_t merged, cut;
  };
  std::vector<Merge> merges;
  for (std::size_t id = 0; id < tokens.texts.size(); ++id) {
    if (!tokens.is_mergeable(id)) continue;
    const std::string_view text = tokens.texts[id];
    const auto is_piece = [&](std::string_view part) {
      const auto found = tokens.ids.find(part);
      return found != tokens.ids.end() && tokens.is_mergeable(found->second);
    };
    for (std::size_t at = unicode::length_of(text[0]); at < text.size();
         at += unicode::length_of(text[at])) {
      if (is_piece(text.substr(0, at)) && is_piece(text.substr(at))) {
        merges.push_back({scores[id], id, at});
      }
    }
  }
  std::stable_sort(merges.begin(), merges.end(),
                   [](const Merge& a, const Merge& b) { return a.score > b.score; });
  Json list = Json::array();
  for (const Merge& merge : merges) {
    const std::string& text = tokens.texts[merge.merged];
    list.push_back({text.substr(0, merge.cut), text.substr(merge.cut)});
  }
  return list;
}

Result<Json> scored_model(const GgufFile& file, const JsonObject& values, const TokenList& tokens) {
  HEADSCOPE_ASSIGN(const auto scores, file.numbers("tokenizer.ggml.scores"));
  if (scores.size() < tokens.texts.size()) {
    return bad_input(file.name() + ": field 'tokenizer.ggml.scores' expected " +
                     std::to_string(tokens.texts.size()) + " numbers, found " +
                     std::to_string(scores.size()));
  }
  HEADSCOPE_ASSIGN(const std::int64_t unknown, special_id(values, tokens, "unknown", 0));
  return Json{
      {"type", "BPE"},
      {"unk_token", tokens.texts[static_cast<std::size_t>(std::max<std::int64_t>(unknown, 0))]},
      {"fuse_unk", true},
      {"byte_fallback", true},
      {"ignore_merges", false},
      {"vocab", vocabulary(tokens)},
      {"merges", merges_of_scores(tokens, scores)}};
}

/// "llama": SentencePiece's BPE, spaces written as U+2581, unknown characters as bytes.
Result<Json> scored_tokenizer(const GgufFile& file, const JsonObject& values,
                              const TokenList& tokens) {
  HEADSCOPE_ASSIGN(const bool prefixes, values.boolean_or("tokenizer.ggml.add_space_prefix", true));
  Json normalizers = Json::array();
  if (prefixes) normalizers.push_back({{"type", "Prepend"}, {"prepend", space_mark}});
  normalizers.push_back(
      {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", space_mark}});
  Json decoders = Json::array();
  decoders.push_back(
      {{"type", "Replace"}, {"pattern", {{"String", space_mark}}}, {"content", " "}});
  decoders.push_back({{"type", "ByteFallback"}});
  decoders.push_back({{"type", "Fuse"}});
  if (prefixes) {
    decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  Json json = {{"version", "1.0"}, {"pre_tokenizer", nullptr}};
  json["normalizer"] = {{"type", "Sequence"}, {"normalizers", std::move(normalizers)}};
  json["decoder"] = {{"type", "Sequence"}, {"decoders", std::move(decoders)}};
  json["added_tokens"] = added_tokens(tokens, values, true);
  HEADSCOPE_ASSIGN(json["model"], scored_model(file, values, tokens));
  HEADSCOPE_ASSIGN(json["post_processor"], around_text(file, values, tokens, true, 1));
  return json;
}

Result<Json> listed_merges(const GgufFile& file) {
  HEADSCOPE_ASSIGN(const auto stored, file.strings("tokenizer.ggml.merges"));
  if (stored.empty()) return bad_input(file.name() + ": field 'tokenizer.ggml.merges' is missing");
  Json merges = Json::array();
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const std::size_t space = stored[i].find(' ', 1);
    if (space == std::string::npos) {
      return bad_input(file.name() + ": field 'tokenizer.ggml.merges', element " +
                       std::to_string(i) + " expected two texts with a space between");
    }
    merges.push_back({stored[i].substr(0, space), stored[i].substr(space + 1)});
  }
  return merges;
}

/// "gpt2": byte-level BPE.
Result<Json> byte_level_tokenizer(const GgufFile& file, const JsonObject& values,
                                  const TokenList& tokens) {
  HEADSCOPE_ASSIGN(const std::string name, values.string("tokenizer.ggml.pre"));
  const NamedPreTokenizer* cutting = find_pre_tokenizer(name);
  if (cutting == nullptr) {
    return bad_input(file.name() + ": pre-tokenizer \"" + name +
                     "\" (tokenizer.ggml.pre) is not supported");
  }
  Json json = {{"version", "1.0"}, {"normalizer", nullptr}};
  if (cutting->composes) json["normalizer"] = {{"type", "NFC"}};
  json["pre_tokenizer"] = pre_tokenizer_json(name);
  json["decoder"] = {{"type", "ByteLevel"},
                     {"add_prefix_space", true},
                     {"trim_offsets", true},
                     {"use_regex", true}};
  json["added_tokens"] = added_tokens(tokens, values, false);
  json["model"] = {{"type", "BPE"},
                   {"unk_token", nullptr},
                   {"ignore_merges", cutting->ignore_merges},
                   {"vocab", vocabulary(tokens)}};
  HEADSCOPE_ASSIGN(json["model"]["merges"], listed_merges(file));
  HEADSCOPE_ASSIGN(json["post_processor"],
                   around_text(file, values, tokens, cutting->begins_text, -1));
  return json;
}

}  // namespace

Result<std::string> gguf_tokenizer_json(const GgufFile& file) {
  HEADSCOPE_ASSIGN(const JsonObject values, JsonObject::open(file.metadata(), file.name()));
  HEADSCOPE_ASSIGN(const std::string model, values.string("tokenizer.ggml.model"));
  if (model != "llama" && model != "gpt2") {
    return bad_input(file.name() + ": tokenizer \"" + model +
                     "\" (tokenizer.ggml.model) is not supported (supported: llama, gpt2)");
  }
  HEADSCOPE_ASSIGN(const TokenList tokens, read_tokens(file));
  HEADSCOPE_ASSIGN(const Json json, model == "llama" ? scored_tokenizer(file, values, tokens)
                                                     : byte_level_tokenizer(file, values, tokens));
  return dump_json(json);
}

Result<std::optional<GgufChatTemplate>> gguf_chat_template(const GgufFile& file) {
  HEADSCOPE_ASSIGN(const JsonObject values, JsonObject::open(file.metadata(), file.name()));
  if (!values.has("tokenizer.chat_template")) return std::nullopt;
  GgufChatTemplate found;
  HEADSCOPE_ASSIGN(found.text, values.string("tokenizer.chat_template"));
  HEADSCOPE_ASSIGN(const auto tokens, file.strings("tokenizer.ggml.tokens"));
  for (const auto& [which, text] :
       {std::pair("bos", &found.bos_token), std::pair("eos", &found.eos_token)}) {
    const std::string key = std::string("tokenizer.ggml.") + which + "_token_id";
    HEADSCOPE_ASSIGN(const std::int64_t id, values.integer_or(key, -1));
    if (id >= 0 && id < static_cast<std::int64_t>(tokens.size())) {
      *text = tokens[static_cast<std::size_t>(id)];
    }
  }
  return found;
}

}  // namespace headscope
