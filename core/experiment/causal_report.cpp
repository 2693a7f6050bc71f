#include "core/experiment/causal_report.h"

#include <limits>

#include "core/base/json_number.h"

namespace headscope {
namespace {

constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

Json correlation(const Agreement& agreement) {
  return {{"spearman", json_number(agreement.spearman)},
          {"kendall", json_number(agreement.kendall)},
          {"pearson", json_number(agreement.pearson)}};
}

Json correlation(const MeanAgreement& agreement) {
  return {{"n", agreement.n},
          {"spearman", json_number(agreement.spearman)},
          {"spearman_low", json_number(agreement.spearman_interval.low)},
          {"spearman_high", json_number(agreement.spearman_interval.high)},
          {"kendall", json_number(agreement.kendall)},
          {"pearson", json_number(agreement.pearson)}};
}

template <class Effect>
Json effect(Json name, const Effect& of, std::int64_t tokens) {
  name["mass"] = json_number(of.mass);
  name["drop"] = json_number(of.drop);
  name["drop_mean"] = json_number(of.drop / static_cast<double>(tokens));
  return name;
}

Result<> read_documents(const JsonObject& object, CausalSample& sample) {
  HEADSCOPE_ASSIGN(const Json* list, object.array("documents"));
  std::vector<double> masses;
  for (std::size_t i = 0; i < list->size(); ++i) {
    HEADSCOPE_ASSIGN(const auto entry, object.element("documents", i));
    DocumentEffect document;
    HEADSCOPE_ASSIGN(const auto number, entry.integer("number"));
    document.number = static_cast<int>(number);
    HEADSCOPE_ASSIGN(document.gold, entry.boolean("gold"));
    HEADSCOPE_ASSIGN(document.mass, entry.number_or("mass", undefined));
    HEADSCOPE_ASSIGN(document.drop, entry.number_or("drop", undefined));
    if (document.gold && !sample.gold) sample.gold = i;
    masses.push_back(document.mass);
    sample.check.documents.push_back(document);
  }
  sample.likely = likely_document(masses);
  sample.auc = sample.gold ? gold_auc(masses, *sample.gold) : undefined;
  sample.check.mass_document = sample.gold ? static_cast<int>(*sample.gold) : sample.likely.index;
  return {};
}

Result<> read_heads(const JsonObject& object, CausalSample& sample) {
  HEADSCOPE_ASSIGN(const Json* list, object.array("heads"));
  for (std::size_t i = 0; i < list->size(); ++i) {
    HEADSCOPE_ASSIGN(const auto entry, object.element("heads", i));
    HEADSCOPE_ASSIGN(const auto id, entry.integers("head"));
    if (id.size() != 2) return tl::unexpected<Error>(entry.wrong("head", "[layer, head]"));
    HeadEffect head;
    head.head = {static_cast<int>(id[0]), static_cast<int>(id[1])};
    HEADSCOPE_ASSIGN(head.mass, entry.number_or("mass", undefined));
    HEADSCOPE_ASSIGN(head.drop, entry.number_or("drop", undefined));
    sample.check.heads.push_back(head);
  }
  return {};
}

Json likely(const CausalSample& sample) {
  if (sample.likely.index < 0) return nullptr;
  const auto index = static_cast<std::size_t>(sample.likely.index);
  return {{"number", sample.check.documents[index].number},
          {"mass", json_number(sample.likely.mass)},
          {"share", json_number(sample.likely.share)},
          {"margin", json_number(sample.likely.margin)},
          {"clear", sample.likely.is_clear()}};
}

}  // namespace

Json to_json(const CausalSample& sample) {
  const CausalCheck& check = sample.check;
  Json documents = Json::array(), heads = Json::array();
  for (const DocumentEffect& document : check.documents) {
    documents.push_back(
        effect({{"number", document.number}, {"gold", document.gold}}, document, check.tokens));
  }
  for (const HeadEffect& head : check.heads) {
    heads.push_back(effect({{"head", {head.head.layer, head.head.head}}}, head, check.tokens));
  }
  const auto of = static_cast<std::size_t>(check.mass_document);
  return {
      {"index", sample.index},
      {"question", sample.question},
      {"response", sample.response},
      {"em", sample.correct ? Json(*sample.correct ? 1 : 0) : Json(nullptr)},
      {"mask", mask_name(check.mask)},
      {"answer",
       {{"log_probability", json_number(check.log_probability)},
        {"log_probability_mean",
         json_number(check.log_probability / static_cast<double>(check.tokens))},
        {"tokens", check.tokens}}},
      {"documents", std::move(documents)},
      {"document_correlation", correlation(check.document_agreement())},
      {"heads", std::move(heads)},
      {"head_mass_of", check.mass_document < 0 ? Json(nullptr) : Json(check.documents[of].number)},
      {"head_correlation", correlation(check.head_agreement())},
      {"likely", likely(sample)},
      {"auc", json_number(sample.auc)}};
}

Result<CausalSample> causal_sample_from(const Json& value, const std::string& name) {
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(value, name));
  CausalSample sample;
  HEADSCOPE_ASSIGN(sample.index, object.integer("index"));
  HEADSCOPE_ASSIGN(sample.question, object.string("question"));
  HEADSCOPE_ASSIGN(sample.response, object.string("response"));
  if (object.has("em")) {
    HEADSCOPE_ASSIGN(const auto em, object.integer("em", 0, 1));
    sample.correct = em == 1;
  }
  HEADSCOPE_ASSIGN(const auto mask, object.string("mask"));
  const bool removed = mask == mask_name(DocumentMask::remove);
  if (!removed && mask != mask_name(DocumentMask::hide)) {
    return tl::unexpected<Error>(object.wrong("mask", "\"hide\" or \"remove\""));
  }
  sample.check.mask = removed ? DocumentMask::remove : DocumentMask::hide;
  HEADSCOPE_ASSIGN(const auto answer, object.object("answer"));
  HEADSCOPE_ASSIGN(sample.check.tokens, answer.integer("tokens", 1));
  HEADSCOPE_ASSIGN(sample.check.log_probability, answer.number("log_probability"));
  HEADSCOPE_TRY(read_documents(object, sample));
  HEADSCOPE_TRY(read_heads(object, sample));
  return sample;
}

Json to_json(const CausalSummary& summary) {
  return {{"n", summary.n},
          {"document_correlation", correlation(summary.documents)},
          {"head_correlation", correlation(summary.heads)},
          {"top_mass_is_most_needed", json_number(summary.top_mass_is_most_needed)},
          {"gold_drop", json_number(summary.gold_drop)},
          {"other_drop", json_number(summary.other_drop)},
          {"guess",
           {{"n", summary.marked},
            {"accuracy", json_number(summary.guess_accuracy)},
            {"low", json_number(summary.guess_interval.low)},
            {"high", json_number(summary.guess_interval.high)},
            {"auc", json_number(summary.guess_auc)},
            {"clear_share", json_number(summary.clear_share)},
            {"clear_accuracy", json_number(summary.clear_accuracy)}}}};
}

}  // namespace headscope
