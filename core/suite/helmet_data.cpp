#include "core/suite/helmet_data.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/suite/helmet_item.h"
#include "core/text/spans.h"

namespace headscope {
namespace {

constexpr const char* kCutMark = " ... [the rest of the text is omitted]";
constexpr int kCuts = 8;  // re-tokenising a cut text can give a token more

struct NamedLine {
  Json value;
  std::string name;
};

// JSON lines, a JSON list, or the list "data" of an object.
Result<std::vector<NamedLine>> read_lines(const std::filesystem::path& path) {
  HEADSCOPE_ASSIGN(const std::string text, read_gzip_or_plain(path));
  const std::string name = path.string();
  std::vector<NamedLine> lines;
  const auto is_list = [&] {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    return path.extension() == ".json" || (first != std::string::npos && text[first] == '[');
  };
  if (is_list()) {
    HEADSCOPE_ASSIGN(const Json whole, parse_json(text, name));
    const Json* list = whole.is_object() && whole.contains("data") ? &whole["data"] : &whole;
    if (!list->is_array()) return bad_input(name + ": expected a list, or an object with 'data'");
    for (std::size_t i = 0; i < list->size(); ++i) {
      lines.push_back({(*list)[i], name + " item " + std::to_string(i + 1)});
    }
  } else {
    std::size_t number = 0;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      const std::string place = name + " line " + std::to_string(++number);
      const std::string_view line = std::string_view(text).substr(begin, end - begin);
      begin = end + 1;
      if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
      HEADSCOPE_ASSIGN(Json value, parse_json(line, place));
      lines.push_back({std::move(value), place});
    }
  }
  if (lines.empty()) return bad_input(name + ": holds no samples");
  return lines;
}

bool is_citation(const std::string& dataset) {
  return dataset.find("alce") != std::string::npos;
}

Result<HelmetSource> source_of(const HelmetOrder& order, const HelmetFormat& format) {
  HelmetSource source;
  source.dataset = order.dataset;
  source.seed = order.seed;
  source.shots = order.shots;
  const bool inside = order.dataset == "json_kv" || format.category == "recall";
  if (order.demos.empty()) {
    const bool needed =
        is_citation(order.dataset) || format.category == "icl" ||
        (order.shots > 0 && (format.category == "rag" || format.category == "rerank"));
    if (needed && !inside) {
      return fail(ErrorKind::usage, order.dataset +
                                        " needs --demo-data, HELMET's file of "
                                        "demonstrations (or --shots 0)");
    }
    return source;
  }
  if (is_citation(order.dataset)) {
    HEADSCOPE_ASSIGN(source.prompts, read_json_file(order.demos));
    return source;
  }
  HEADSCOPE_ASSIGN(auto lines, read_lines(order.demos));
  for (NamedLine& line : lines) source.demos.push_back(std::move(line.value));
  return source;
}

// popqa_3: only questions about subjects of a popularity below 10^3.
Result<bool> wanted(const JsonObject& line, const std::string& dataset) {
  if (dataset.find("popqa") == std::string::npos) return true;
  const std::size_t at = dataset.rfind('_');
  const double threshold = std::strtod(dataset.c_str() + at + 1, nullptr);
  if (threshold <= 0) return true;
  HEADSCOPE_ASSIGN(const double popularity, line.number("s_pop"));
  return std::log10(popularity) < threshold;
}

// Prompts of one data set, the context cut to what fits.
class Builder {
 public:
  Builder(const HelmetOrder& order, const HelmetFormat& format, const PromptEncoder& encoder)
      : order_(order), format_(format), encoder_(encoder) {}

  Result<FittedSample> fit(HelmetItem item, std::int64_t index, const std::string& name) const {
    if (format_.most_tokens > 0) HEADSCOPE_TRY(keep_tokens(item, format_.most_tokens));
    const std::int64_t room = order_.length - format_.max_new_tokens;
    for (int i = 0; i < kCuts; ++i) {
      HEADSCOPE_ASSIGN(auto sample, build(item, name));
      sample.index = index;
      HEADSCOPE_ASSIGN(const auto encoding, encoder_.encode(sample.prompt(is_chat(encoder_))));
      const auto tokens = static_cast<std::int64_t>(encoding.size());
      if (tokens <= room) return FittedSample{std::move(sample), order_.length, tokens};
      HEADSCOPE_ASSIGN(const auto context, tokens_of(item));
      const std::int64_t kept = static_cast<std::int64_t>(context) - (tokens - room) - i;
      if (kept <= 0) break;
      HEADSCOPE_TRY(keep_tokens(item, kept));
    }
    return bad_input(name + ": does not fit into " + std::to_string(order_.length) +
                     " tokens, even without its context");
  }

 private:
  Result<std::size_t> tokens_of(const HelmetItem& item) const {
    HEADSCOPE_ASSIGN(const auto encoding,
                     encoder_.tokenizer().encode(item.fields.at("context"), false));
    return encoding.size();
  }

  // Cuts the context behind its first `count` tokens; spans that are cut are forgotten.
  Result<> keep_tokens(HelmetItem& item, std::int64_t count) const {
    std::string& context = item.fields.at("context");
    HEADSCOPE_ASSIGN(const auto encoding, encoder_.tokenizer().encode(context, false));
    if (static_cast<std::int64_t>(encoding.size()) <= count) return {};
    std::int64_t kept = count;
    if (format_.marks_cut) {
      HEADSCOPE_ASSIGN(const auto mark, encoder_.tokenizer().encode(kCutMark, false));
      kept = std::max<std::int64_t>(1, count - static_cast<std::int64_t>(mark.size()));
    }
    const ByteSpan whole =
        whole_characters(context, {0, encoding.offsets[static_cast<std::size_t>(kept) - 1].end});
    context.resize(whole.end);
    for (auto* spans : {&item.gold, &item.others}) {
      std::erase_if(*spans, [&](const ByteSpan& span) { return span.end > whole.end; });
    }
    if (format_.marks_cut) context += kCutMark;
    return {};
  }

  Result<SuiteSample> build(const HelmetItem& item, const std::string& name) const {
    SuiteSample sample;
    HEADSCOPE_ASSIGN(sample.text,
                     filled_template(format_.user, item.fields, name, &sample.context));
    HEADSCOPE_ASSIGN(sample.lead, filled_template(format_.lead, item.fields, name));
    sample.task = order_.dataset;
    sample.category = format_.category;
    sample.joint = format_.joint;
    sample.question = item.fields.at("question");
    sample.answers = item.answers;
    for (const ByteSpan& span : item.gold)
      sample.gold.push_back(shifted(span, sample.context.begin));
    for (const ByteSpan& span : item.others) {
      sample.others.push_back(shifted(span, sample.context.begin));
    }
    sample.relevance = item.relevance;
    sample.metric = format_.metric;
    sample.prefix = format_.prefix;
    sample.max_new_tokens = format_.max_new_tokens;
    sample.one_line = format_.one_line;
    sample.item = item.kept;
    return sample;
  }

  const HelmetOrder& order_;
  const HelmetFormat& format_;
  const PromptEncoder& encoder_;
};

}  // namespace

Result<std::vector<FittedSample>> load_helmet(const HelmetOrder& order,
                                              const PromptEncoder& encoder) {
  HEADSCOPE_ASSIGN(const auto format, helmet_format(order.dataset));
  HEADSCOPE_ASSIGN(const auto source, source_of(order, format));
  HEADSCOPE_ASSIGN(const auto lines, read_lines(order.data));
  const Builder builder(order, format, encoder);
  std::vector<std::size_t> chosen(lines.size());
  std::iota(chosen.begin(), chosen.end(), std::size_t{0});
  Rng(order.seed).shuffle(chosen);
  std::vector<FittedSample> samples;
  for (const std::size_t i : chosen) {
    if (std::ssize(samples) == order.samples) break;
    HEADSCOPE_ASSIGN(const auto line, JsonObject::open(lines[i].value, lines[i].name));
    HEADSCOPE_ASSIGN(const bool take, wanted(line, order.dataset));
    if (!take) continue;
    HEADSCOPE_ASSIGN(auto item, format.read(line, source));
    HEADSCOPE_ASSIGN(auto fitted,
                     builder.fit(std::move(item), static_cast<std::int64_t>(i), lines[i].name));
    samples.push_back(std::move(fitted));
  }
  return samples;
}

}  // namespace headscope
