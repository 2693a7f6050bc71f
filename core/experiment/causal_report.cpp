#include "core/experiment/causal_report.h"

#include <cmath>

namespace headscope {
namespace {

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json correlation(const Agreement& agreement) {
  return {{"spearman", number(agreement.spearman)},
          {"kendall", number(agreement.kendall)},
          {"pearson", number(agreement.pearson)}};
}

Json correlation(const MeanAgreement& agreement) {
  return {{"n", agreement.n},
          {"spearman", number(agreement.spearman)},
          {"spearman_low", number(agreement.spearman_interval.low)},
          {"spearman_high", number(agreement.spearman_interval.high)},
          {"kendall", number(agreement.kendall)},
          {"pearson", number(agreement.pearson)}};
}

template <class Effect>
Json effect(Json name, const Effect& of, std::int64_t tokens) {
  name["mass"] = number(of.mass);
  name["drop"] = number(of.drop);
  name["drop_mean"] = number(of.drop / static_cast<double>(tokens));
  return name;
}

Json likely(const CausalSample& sample) {
  if (sample.likely.index < 0) return nullptr;
  const auto index = static_cast<std::size_t>(sample.likely.index);
  return {{"number", sample.check.documents[index].number},
          {"mass", number(sample.likely.mass)},
          {"share", number(sample.likely.share)},
          {"margin", number(sample.likely.margin)},
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
       {{"log_probability", number(check.log_probability)},
        {"log_probability_mean", number(check.log_probability / static_cast<double>(check.tokens))},
        {"tokens", check.tokens}}},
      {"documents", std::move(documents)},
      {"document_correlation", correlation(check.document_agreement())},
      {"heads", std::move(heads)},
      {"head_mass_of", check.mass_document < 0 ? Json(nullptr) : Json(check.documents[of].number)},
      {"head_correlation", correlation(check.head_agreement())},
      {"likely", likely(sample)},
      {"auc", number(sample.auc)}};
}

Json to_json(const CausalSummary& summary) {
  return {{"n", summary.n},
          {"document_correlation", correlation(summary.documents)},
          {"head_correlation", correlation(summary.heads)},
          {"top_mass_is_most_needed", number(summary.top_mass_is_most_needed)},
          {"gold_drop", number(summary.gold_drop)},
          {"other_drop", number(summary.other_drop)},
          {"guess",
           {{"n", summary.marked},
            {"accuracy", number(summary.guess_accuracy)},
            {"low", number(summary.guess_interval.low)},
            {"high", number(summary.guess_interval.high)},
            {"auc", number(summary.guess_auc)},
            {"clear_share", number(summary.clear_share)},
            {"clear_accuracy", number(summary.clear_accuracy)}}}};
}

}  // namespace headscope
