#include "core/experiment/accuracy.h"

#include <algorithm>
#include <cmath>

#include "core/base/rng.h"

namespace headscope {
namespace {

constexpr const char* kText =
    "The lighthouse keeper wrote down the weather every evening, although nobody had asked him to. "
    "On the third of March he noted wind from the north-west, a falling barometer and two ships "
    "that passed without a signal. Years later an engineer found the books in a dry cupboard, "
    "copied 4,120 entries into a table and plotted them: the storms came earlier each decade. "
    "What began as a habit had become a measurement, and the measurement an argument.";

/// Scores of one position become log-probabilities, in double so that rounding here is no part of
/// what is measured.
void normalise(std::span<float> scores) {
  const float most = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (const float score : scores) sum += std::exp(double(score) - most);
  const double log_sum = most + std::log(sum);
  for (float& score : scores) score = static_cast<float>(score - log_sum);
}

}  // namespace

Result<std::vector<std::int32_t>> accuracy_probe(const ModelConfig& config,
                                                 const Tokenizer* tokenizer) {
  std::vector<std::int32_t> ids;
  if (tokenizer != nullptr) {
    HEADSCOPE_ASSIGN(auto encoding, tokenizer->encode(kText));
    ids = std::move(encoding.ids);
  }
  Rng rng(1);
  while (ids.size() < 64) {  // no tokenizer, or one that knows few of these words
    ids.push_back(
        static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(config.vocab_size))));
  }
  const auto most = static_cast<std::size_t>(std::min<std::int64_t>(config.context_length, 256));
  ids.resize(std::min(ids.size(), most));
  return ids;
}

Result<std::vector<float>> log_probabilities(Model& model, const std::vector<std::int32_t>& ids,
                                             const RunContext& context) {
  ForwardRequest request;
  request.ids = ids;
  request.logit_rows = {0, static_cast<std::int64_t>(ids.size())};
  HEADSCOPE_ASSIGN(auto result, model.forward(request, context));
  const std::size_t vocabulary = result.logits.size() / ids.size();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    normalise(std::span(result.logits).subspan(i * vocabulary, vocabulary));
  }
  return std::move(result.logits);
}

AccuracyReport compare_log_probabilities(std::span<const float> exact,
                                         std::span<const float> narrow, std::int64_t vocabulary) {
  AccuracyReport report;
  const auto width = static_cast<std::size_t>(vocabulary);
  report.tokens = static_cast<std::int64_t>(exact.size() / width);
  for (std::size_t begin = 0; begin < exact.size(); begin += width) {
    const auto a = exact.subspan(begin, width), b = narrow.subspan(begin, width);
    for (std::size_t i = 0; i < width; ++i) {
      const double difference = double(a[i]) - b[i];
      report.largest = std::max(report.largest, std::abs(difference));
      report.mean += std::abs(difference);
      report.divergence += std::exp(double(a[i])) * difference;
    }
    const auto first_a = std::max_element(a.begin(), a.end()) - a.begin();
    const auto first_b = std::max_element(b.begin(), b.end()) - b.begin();
    report.same_first += first_a == first_b ? 1 : 0;
  }
  report.mean /= static_cast<double>(exact.size());
  report.divergence /= static_cast<double>(report.tokens);
  report.same_first /= static_cast<double>(report.tokens);
  return report;
}

}  // namespace headscope
