// Templates and settings of HELMET's data sets; the words are HELMET's, so that scores compare.
#include <array>
#include <charconv>

#include "core/suite/helmet_data.h"
#include "core/suite/helmet_item.h"

namespace headscope {
namespace {

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// The number at the end of "narrativeqa_7892"; 0 without one.
std::int64_t number_at_end(const std::string& dataset) {
  const std::size_t at = dataset.rfind('_');
  std::int64_t number = 0;
  if (at == std::string::npos) return 0;
  std::from_chars(dataset.data() + at + 1, dataset.data() + dataset.size(), number);
  return number;
}

HelmetFormat qa_format() {
  HelmetFormat format;
  format.user =
      "Use the given documents to write a concise and short answer to the question. Write your "
      "answer in the following format:\nAnswer: [answer]\n\n{demos}{context}\n\nQuestion: "
      "{question}";
  format.lead = "Answer:";
  format.category = "rag";
  format.one_line = true;
  format.read = read_helmet_qa;
  return format;
}

HelmetFormat json_kv_format() {
  HelmetFormat format;
  format.user =
      "{context}\n\nExtract the value corresponding to the specified key in the JSON object "
      "below.\n\n{demos}Key: {question}";
  format.lead = "Corresponding value:";
  format.prefix = "corresponding value:";
  format.category = "recall";
  format.max_new_tokens = 100;
  format.read = read_helmet_json_kv;
  return format;
}

struct RulerText {
  std::string_view name;
  const char *user, *lead;
  int max_new_tokens;
};

constexpr const char* kManyNeedles =
    "Some special magic {type_needle_v} are hidden within the following text. Make sure to "
    "memorize "
    "it. I will quiz you about the {type_needle_v} afterwards.\n{context}\nWhat are all the "
    "special "
    "magic {type_needle_v} for {query} mentioned in the provided text?";
constexpr const char* kManyLead =
    "The special magic {type_needle_v} for {query} mentioned in the provided text are";
constexpr const char* kOneNeedle =
    "A special magic {type_needle_v} is hidden within the following text. Make sure to memorize "
    "it. "
    "I will quiz you about the {type_needle_v} afterwards.\n{context}\nWhat is the special magic "
    "{type_needle_v} for {query} mentioned in the provided text?";
constexpr const char* kOneLead =
    "The special magic {type_needle_v} for {query} mentioned in the provided text is";
constexpr const char* kQaUser =
    "Answer the question based on the given documents. Only give me the answer and do not output "
    "any "
    "other words.\n\nThe following are given documents.\n\n{context}\n\nAnswer the question based "
    "on "
    "the given documents. Only give me the answer and do not output any other words.\n\nQuestion: "
    "{question}";

// The first name that is part of the data set's decides.
constexpr std::array<RulerText, 8> kRuler{{
    {"niah_mv", kManyNeedles, kManyLead, 50},
    {"niah_mq", kManyNeedles, kManyLead, 100},
    {"niah_mk_3", kOneNeedle, kOneLead, 100},
    {"niah", kOneNeedle, kOneLead, 50},
    {"vt",
     "{example}Memorize and track the chain(s) of variable assignment hidden in the following "
     "text.\n\n{context}\nQuestion: Find all variables that are assigned the value {query} in the "
     "text above.",
     "Answer: According to the chain(s) of variable assignment in the text above, {num_v} "
     "variables "
     "are assigned the value {query}, they are:",
     50},
    {"cwe",
     "{example}Below is a numbered list of words. In these words, some appear more often than "
     "others. "
     "Memorize the ones that appear most often.\n{context}\nQuestion: What are the 10 most common "
     "words in the above list?",
     "Answer: The top 10 words that appear most often in the list are:", 100},
    {"fwe",
     "Read the following coded text and track the frequency of each coded word. Find the three "
     "most "
     "frequently appeared coded words.\n{context}\nQuestion: Do not provide any explanation. "
     "Please "
     "ignore the dots '....'. What are the three most frequently appeared words in the above coded "
     "text?",
     "Answer: According to the coded text above, the three most frequently appeared words are:",
     50},
    {"qa", kQaUser, "Answer:", 50},
}};

Result<HelmetFormat> ruler_format(const std::string& dataset) {
  for (const RulerText& text : kRuler) {
    if (!has(dataset, text.name)) continue;
    HelmetFormat format;
    format.user = text.user;
    format.lead = text.lead;
    format.category = "recall";
    format.max_new_tokens = text.max_new_tokens;
    format.metric = text.name == "qa" ? SuiteMetric::substring_match : SuiteMetric::answer_recall;
    format.read = read_helmet_ruler;
    return format;
  }
  return fail(ErrorKind::usage, "'" + dataset +
                                    "': no such RULER task; there are niah_*, vt, cwe, "
                                    "fwe and qa");
}

HelmetFormat rerank_format() {
  HelmetFormat format;
  format.user =
      "You are provided with a list of documents, each indicated by their ID. Rank each document "
      "based on their relevance to the question in descending order from most relelvant to least "
      "relevant texts. Include all documents in the rankings. Write your answer using the unique "
      "IDs, with the following format:\nRanking: ID3 > ID1 > ID2\n\n{demos}{context}\n\nQuery: "
      "{question}";
  format.lead = format.prefix = "Ranking:";
  format.category = "rerank";
  format.metric = SuiteMetric::ndcg_10;
  format.max_new_tokens = 200;
  format.one_line = true;
  format.read = read_helmet_rerank;
  return format;
}

HelmetFormat icl_format() {
  HelmetFormat format;
  format.user =
      "Use the provided mapping from the text to label to assign a label to the text. Only output "
      "\"label: {{label}}\" and nothing else. \n\n{context}\n\n{question}";
  format.lead = format.prefix = "label:";
  format.category = "icl";
  format.metric = SuiteMetric::exact_match;
  format.one_line = true;
  format.read = read_helmet_icl;
  return format;
}

HelmetFormat long_document(const char* instruction, const char* question, const char* lead,
                           SuiteMetric metric, int max_new_tokens, HelmetReader read) {
  HelmetFormat format;
  format.user = std::string(instruction) + "\n\n{demo}{context}\n\n" + question;
  format.lead = lead;
  format.category = "longqa";
  format.metric = metric;
  format.max_new_tokens = max_new_tokens;
  format.marks_cut = true;
  format.read = read;
  return format;
}

HelmetFormat narrative_format() {
  return long_document(
      "You are given a story, which can be either a novel or a movie script, and a question. "
      "Answer "
      "the question as concisely as you can, using a single phrase if possible.",
      "Question: {question}", "Answer:", SuiteMetric::rouge_l, 100, read_helmet_narrative);
}

HelmetFormat infbench_format(const std::string& dataset) {
  HelmetFormat format;
  if (has(dataset, "choice_eng")) {
    format = long_document(
        "You are given a story and a question with multiple choices. Choose the best answer from "
        "the "
        "options provided. Only one of the following options is correct, output the answer using "
        "one "
        "single letter (A, B, C, or D). Don't say anything else.",
        "Question: {question}\nOptions:\n{options}", "Answer:", SuiteMetric::choice, 10,
        read_helmet_infbench);
  } else if (has(dataset, "sum_eng")) {
    format = long_document(
        "You are given a book and you are tasked to summarize it. Write a summary of about 1000 to "
        "1200 words. Only write about the plot and characters of the story. Do not discuss the "
        "themes or background of the book. Do not provide any analysis or commentary.",
        "Now summarize the book.", "Summary:", SuiteMetric::needs_judge, 1200,
        read_helmet_infbench);
    format.category = "summarisation";
  } else {
    format = long_document(
        "You are given a story and a question. Answer the question as concisely as you can, using "
        "a "
        "single phrase if possible.",
        "Question: {question}", "Answer:", SuiteMetric::rouge_l, 10, read_helmet_infbench);
  }
  format.joint = "\n\n";
  return format;
}

HelmetFormat lexsum_format() {
  HelmetFormat format = long_document(
      "You are given the legal documents in a civil rights lawsuit, and you are tasked to "
      "summarize "
      "the case. Write a concise summary of one paragraph (200 to 250 words). The summary should "
      "contain a short description of the background, the parties involved, and the outcomes of "
      "the "
      "case.",
      "Now please summarize the case.", "Summary:", SuiteMetric::needs_judge, 400,
      read_helmet_lexsum);
  format.user = format.user.replace(format.user.find("{context}"), 0, "Legal documents:\n");
  format.joint = "\n\n";
  format.category = "summarisation";
  format.prefix = "Summary:";
  return format;
}

HelmetFormat citation_format(const std::string& dataset) {
  HelmetFormat format;
  format.user = "{demo_text}{instruction}\n\nQuestion: {question}\n\n{context}";
  format.lead = "Answer:";
  format.joint = "\n\n";
  format.category = "citation";
  format.metric = SuiteMetric::needs_judge;
  format.max_new_tokens = has(dataset, "nocite") ? 600 : 300;
  format.read = read_helmet_citation;
  return format;
}

}  // namespace

std::string helmet_datasets() {
  return "kilt_nq, kilt_triviaqa, kilt_hotpotqa, kilt_popqa_N, json_kv, ruler_*, "
         "msmarco_rerank_psg, icl_NAME_Nshot, narrativeqa_N, infbench_{qa,choice,sum}_eng_N, "
         "multi_lexsum_N, alce_*_N";
}

Result<HelmetFormat> helmet_format(const std::string& dataset) {
  // HELMET's own order: "ruler_qa_1" is RULER's, though "qa" is in it.
  if (has(dataset, "popqa") || has(dataset, "nq") || has(dataset, "hotpotqa") ||
      has(dataset, "triviaqa")) {
    return qa_format();
  }
  if (dataset == "json_kv") return json_kv_format();
  if (has(dataset, "msmarco")) return rerank_format();
  if (has(dataset, "alce")) return citation_format(dataset);
  if (has(dataset, "icl")) return icl_format();
  if (has(dataset, "ruler")) return ruler_format(dataset);
  HelmetFormat format;
  if (has(dataset, "narrativeqa")) {
    format = narrative_format();
  } else if (has(dataset, "multi_lexsum")) {
    format = lexsum_format();
  } else if (has(dataset, "infbench_qa_eng") || has(dataset, "infbench_choice_eng") ||
             has(dataset, "infbench_sum_eng")) {
    format = infbench_format(dataset);
  } else {
    return fail(ErrorKind::usage, "no HELMET data set '" + dataset + "'; there are " +
                                      helmet_datasets() + " (give one with --tasks)");
  }
  format.most_tokens = number_at_end(dataset);
  return format;
}

Result<std::string> filled_template(const std::string& text,
                                    const std::map<std::string, std::string>& fields,
                                    const std::string& name, ByteSpan* context) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c == '{' || c == '}') && i + 1 < text.size() && text[i + 1] == c) {
      result += c;
      ++i;
      continue;
    }
    if (c != '{') {
      result += c;
      continue;
    }
    const std::size_t end = text.find('}', i);
    if (end == std::string::npos) return bad_input(name + ": a template has '{' without '}'");
    const std::string field = text.substr(i + 1, end - i - 1);
    const auto value = fields.find(field);
    if (value == fields.end()) {
      return bad_input(name + ": field '" + field + "' is missing, which the prompt needs");
    }
    if (field == "context" && context != nullptr) {
      *context = {result.size(), result.size() + value->second.size()};
    }
    result += value->second;
    i = end;
  }
  return result;
}

}  // namespace headscope
