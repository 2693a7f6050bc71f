#include "core/gguf/pre_tokenizers.h"

#include <array>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace headscope {
namespace {

// The expressions are those of the tokenizer.json of the models that the names stand for.
constexpr const char* llama3_words =
    R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|)re"
    R"re( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";
constexpr const char* qwen2_words =
    R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|)re"
    R"re( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";
constexpr const char* qwen35_words =
    R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}|)re"
    R"re( ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";
constexpr const char* tekken_words =
    R"re([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)re"
    R"re([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)re"
    R"re(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";
constexpr const char* gpt4o_words =
    R"re([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)re"
    R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)?|)re"
    R"re([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)re"
    R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)?|)re"
    R"re(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";
constexpr const char* deepseek_v3_words =
    R"re([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|)re"
    R"re([^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";
constexpr const char* deepseek_letters =
    "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-"
    "Ᏽᏸ-"
    "ᏽᲐ-"
    "ᲺᲽ-"
    "Ჿᴀ-"
    "ᴫᵫ-ᵷ"
    "ᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄ"
    "Ⰰ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-"
    "𐑏𐒰-"
    "𐓓𐓘-"
    "𐓻𐲀-"
    "𐲲𐳀-"
    "𐳲𑢠-𑣟𞤀-𞥃]+";

enum class Words {
  llama3,
  qwen2,
  qwen35,
  tekken,
  gpt4o,
  gpt2,
  gpt2_digits,
  deepseek_llm,
  deepseek_coder,
  deepseek_v3,
  falcon
};

struct Entry {
  std::string_view name;
  Words words;
  NamedPreTokenizer options;
};

constexpr NamedPreTokenizer plain = {};
constexpr NamedPreTokenizer whole_words = {.ignore_merges = true, .begins_text = true};
constexpr NamedPreTokenizer composing = {.composes = true};

constexpr std::array entries = {
    Entry{"llama-bpe", Words::llama3, whole_words},
    Entry{"llama3", Words::llama3, whole_words},
    Entry{"llama-v3", Words::llama3, whole_words},
    Entry{"falcon3", Words::llama3, whole_words},
    Entry{"pixtral", Words::llama3, whole_words},
    Entry{"dbrx", Words::llama3, plain},
    Entry{"smaug-bpe", Words::llama3, plain},
    Entry{"qwen2", Words::qwen2, composing},
    Entry{"deepseek-r1-qwen", Words::qwen2, composing},
    Entry{"megrez", Words::qwen2, plain},
    Entry{"stablelm2", Words::qwen2, plain},
    Entry{"qwen35", Words::qwen35, plain},
    Entry{"tekken", Words::tekken, whole_words},
    Entry{"gpt-4o", Words::gpt4o, plain},
    Entry{"gpt-2", Words::gpt2, plain},
    Entry{"phi-2", Words::gpt2, plain},
    Entry{"mpt", Words::gpt2, plain},
    Entry{"olmo", Words::gpt2, plain},
    Entry{"starcoder", Words::gpt2_digits, plain},
    Entry{"refact", Words::gpt2_digits, plain},
    Entry{"command-r", Words::gpt2_digits, plain},
    Entry{"smollm", Words::gpt2_digits, plain},
    Entry{"codeshell", Words::gpt2_digits, plain},
    Entry{"minerva-7b", Words::gpt2_digits, plain},
    Entry{"deepseek-llm", Words::deepseek_llm, plain},
    Entry{"deepseek-coder", Words::deepseek_coder, plain},
    Entry{"deepseek-v3", Words::deepseek_v3, plain},
    Entry{"falcon", Words::falcon, plain},
};

const Entry* find_entry(std::string_view name) {
  for (const Entry& entry : entries) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

Json cut(const char* expression) {
  return {{"type", "Split"},
          {"pattern", {{"Regex", expression}}},
          {"behavior", "Isolated"},
          {"invert", false}};
}

Json bytes(bool cuts_as_gpt2) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", cuts_as_gpt2}};
}

Json digits(bool individual) {
  return {{"type", "Digits"}, {"individual_digits", individual}};
}

Json steps(Words words) {
  switch (words) {
    case Words::llama3:
      return Json::array({cut(llama3_words), bytes(false)});
    case Words::qwen2:
      return Json::array({cut(qwen2_words), bytes(false)});
    case Words::qwen35:
      return Json::array({cut(qwen35_words), bytes(false)});
    case Words::tekken:
      return Json::array({cut(tekken_words), bytes(false)});
    case Words::gpt4o:
      return Json::array({cut(gpt4o_words), bytes(false)});
    case Words::gpt2:
      return Json::array({bytes(true)});
    case Words::gpt2_digits:
      return Json::array({digits(true), bytes(true)});
    case Words::deepseek_llm:
      return Json::array({cut("[\r\n]"), cut(deepseek_letters),
                          cut("\\s?[!-/:-~！-／：-～‘-‟　-。]+"), cut("\\s+$"),
                          cut("[一-龥ࠀ-一가-퟿]+"), digits(true), bytes(false)});
    case Words::deepseek_coder:
      return Json::array({cut("[\r\n]"), cut("\\s?\\p{L}+"), cut("\\s?\\p{P}+"),
                          cut("[一-龥ࠀ-一가-퟿]+"), digits(true), bytes(false)});
    case Words::deepseek_v3:
      return Json::array({cut("\\p{N}{1,3}"), cut("[一-龥぀-ゟ゠-ヿ]+"),
                          cut(deepseek_v3_words), bytes(false)});
    case Words::falcon:
      return Json::array({Json{{"type", "Punctuation"}, {"behavior", "Contiguous"}}, bytes(true),
                          digits(false), cut("[0-9][0-9][0-9]")});
  }
  return Json::array();
}

}  // namespace

const NamedPreTokenizer* find_pre_tokenizer(std::string_view name) {
  const Entry* entry = find_entry(name);
  return entry == nullptr ? nullptr : &entry->options;
}

Json pre_tokenizer_json(std::string_view name) {
  return {{"type", "Sequence"}, {"pretokenizers", steps(find_entry(name)->words)}};
}

}  // namespace headscope
