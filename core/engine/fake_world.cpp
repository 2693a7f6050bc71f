#include "core/engine/fake_world.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>
#include <tuple>

#include "core/base/hash.h"
#include "core/base/rng.h"
#include "core/intervention/method.h"
#include "core/text/prompt.h"

namespace headscope {
namespace {

/// Weights before softmax's normalisation: of the sink, and of the document that the strongest head
/// likes best; the others fall off with their distance in salience.
constexpr double sink_weight = 60.0;
constexpr double favourite_weight = 40.0;
constexpr double document_gain = 9.0;

std::set<std::string> content_words(std::string_view text) {
  std::set<std::string> words;
  std::string word;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const unsigned char c = i < text.size() ? static_cast<unsigned char>(text[i]) : ' ';
    if (std::isalnum(c) != 0 || c >= 0x80) {
      word += static_cast<char>(std::tolower(c));
    } else {
      if (word.size() > 3) words.insert(word);
      word.clear();
    }
  }
  return words;
}

/// Content words shared with the question, relative to the best document: [documents] in [0,1].
std::vector<double> question_overlap(const PromptView& prompt) {
  const auto question =
      content_words(std::string_view(prompt.text)
                        .substr(std::min(prompt.text.size(), prompt.text.rfind("Question:"))));
  std::vector<double> overlap;
  for (const auto& document : prompt.documents) {
    const auto words = content_words(
        std::string_view(prompt.text)
            .substr(document.relevant.begin, document.relevant.end - document.relevant.begin));
    double shared = 0;
    for (const auto& word : question) shared += words.contains(word) ? 1 : 0;
    overlap.push_back(shared);
  }
  double best = 1;
  for (const double value : overlap) best = std::max(best, value);
  for (auto& value : overlap) value /= best;
  return overlap;
}

void softmax(std::vector<double>& scores) {
  const double top = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (auto& score : scores) sum += score = std::exp(score - top);
  for (auto& score : scores) score /= sum;
}

bool contains(const std::vector<TokenRange>& marked, std::size_t token) {
  return std::any_of(marked.begin(), marked.end(), [&](const TokenRange& range) {
    return range.contains(static_cast<std::int64_t>(token));
  });
}

/// method.md 2, written as it stands there.
void split(std::vector<double>& weights, const std::vector<TokenRange>& marked, double tau) {
  double p = 0;
  for (std::size_t j = 0; j < weights.size(); ++j)
    if (contains(marked, j)) p += weights[j];
  if (!(p > 0) || p >= 1 || std::log(p) < -80) return;
  const double marked_mass = std::pow(p, tau);
  for (std::size_t j = 0; j < weights.size(); ++j) {
    weights[j] *= contains(marked, j) ? marked_mass / p : (1 - marked_mass) / (1 - p);
  }
}

/// The method's map of the mass on S.
void move_mass(std::vector<double>& weights, const std::vector<TokenRange>& marked,
               const MassMap& map) {
  double p = 0;
  for (std::size_t j = 0; j < weights.size(); ++j)
    if (contains(marked, j)) p += weights[j];
  const MassFactors factors = map.factors(std::log(p));
  for (std::size_t j = 0; j < weights.size(); ++j)
    weights[j] *= contains(marked, j) ? factors.inside : factors.outside;
}

bool same_word(std::string_view text, std::size_t at, std::string_view wanted) {
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (std::tolower(static_cast<unsigned char>(text[at + i])) !=
        std::tolower(static_cast<unsigned char>(wanted[i])))
      return false;
  }
  return true;
}

bool contains_ignoring_case(std::string_view text, std::string_view wanted) {
  if (wanted.empty()) return false;
  for (std::size_t at = 0; at + wanted.size() <= text.size(); ++at)
    if (same_word(text, at, wanted)) return true;
  return false;
}

/// The last two words of a document: what a model that looks there would quote.
std::string last_words(std::string_view text) {
  while (!text.empty() && std::isalnum(static_cast<unsigned char>(text.back())) == 0)
    text.remove_suffix(1);
  std::size_t begin = text.size();
  for (int word = 0; word < 2 && begin != std::string_view::npos && begin > 0; ++word)
    begin = text.find_last_of(" \n", begin - 1);
  begin = begin == std::string_view::npos ? 0 : begin + 1;
  return std::string(text.substr(std::min(begin, text.size())));
}

std::string quote(const PromptView& prompt, const DocumentView& document) {
  const auto text =
      std::string_view(prompt.text)
          .substr(document.relevant.begin, document.relevant.end - document.relevant.begin);
  for (const auto& answer : prompt.answers)
    if (contains_ignoring_case(text, answer)) return answer;
  return last_words(text);
}

}  // namespace

FakeScene::FakeScene(const PromptView& prompt_view)
    : prompt(&prompt_view), document(prompt_view.tokens.size(), -1) {
  relevance = question_overlap(prompt_view);
  for (std::size_t d = 0; d < prompt_view.documents.size(); ++d) {
    const auto& range = prompt_view.documents[d].tokens;
    for (auto j = range.begin; j < range.end; ++j)
      document[static_cast<std::size_t>(j)] = static_cast<int>(d);
    size.push_back(static_cast<double>(std::max<std::int64_t>(range.size(), 1)));
    const auto prejudice = stable_hash(prompt_view.documents[d].title) % 1000;
    salience.push_back(0.6 * relevance[d] + 0.4 * static_cast<double>(prejudice) / 1000.0);
  }
}

bool FakeEdit::touches(HeadId head) const {
  return std::binary_search(heads.begin(), heads.end(), head);
}

FakeEdit FakeEdit::from(const PromptView& prompt, const InterventionSettings& settings,
                        std::vector<HeadId> heads) {
  FakeEdit edit;
  edit.tau = settings.tau;
  edit.alpha = settings.alpha;
  edit.rows = settings.rows;
  const InterventionMethod* also = find_method(settings.also);
  if (also != nullptr && also->log_mass != nullptr) edit.also = {also, {settings.also_strength}};
  const auto marked =
      marked_among(settings, prompt.gold_documents(), static_cast<int>(prompt.documents.size()));
  for (const int index : marked)
    edit.marked.push_back(prompt.documents[static_cast<std::size_t>(index)].tokens);
  std::sort(heads.begin(), heads.end());
  edit.heads = std::move(heads);
  return edit;
}

FakeWorld::FakeWorld(const FakeOptions& options) : options_(options) {
  const auto total =
      static_cast<std::size_t>(options.layers) * static_cast<std::size_t>(options.heads);
  for (int layer = 0; layer < options.layers; ++layer)
    for (int head = 0; head < options.heads; ++head) ranking_.push_back({layer, head});
  Rng rng(options.seed);
  rng.shuffle(ranking_);
  // Contextual heads sit in the middle layers, as in the models the paper looked at.
  std::stable_partition(ranking_.begin(), ranking_.end(), [&](HeadId id) {
    return 3 * id.layer >= options.layers && 4 * id.layer < 3 * options.layers;
  });
  contextual_ =
      static_cast<int>(std::min<std::size_t>(total, std::max<std::size_t>(5, total / 18)));
  strength_.assign(total, 0.0);
  for (int rank = 0; rank < contextual_; ++rank) {
    const auto id = ranking_[static_cast<std::size_t>(rank)];
    strength_[index(id)] = 1.0 - 0.6 * rank / contextual_;
  }
}

std::size_t FakeWorld::index(HeadId head) const {
  return static_cast<std::size_t>(head.layer) * static_cast<std::size_t>(options_.heads) +
         static_cast<std::size_t>(head.head);
}

double FakeWorld::strength(HeadId head) const {
  return strength_[index(head)];
}

std::vector<float> FakeWorld::known_scores() const {
  std::vector<float> scores(strength_.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const HeadId id{static_cast<int>(i) / options_.heads, static_cast<int>(i) % options_.heads};
    const double faint = 0.03 * (1.0 + noise(1, id, 0));
    scores[i] = static_cast<float>(strength_[i] > 0 ? 0.3 * strength_[i] : faint);
  }
  return scores;
}

/// Uniform in [-1,1), a pure function of its arguments.
double FakeWorld::noise(std::uint64_t kind, HeadId head, std::int64_t a, std::int64_t b) const {
  std::uint64_t x = splitmix64(options_.seed * 16 + kind);
  x = splitmix64(x ^ static_cast<std::uint64_t>(head.layer * 4096 + head.head));
  x = splitmix64(x ^ (static_cast<std::uint64_t>(a) << 32) ^ static_cast<std::uint64_t>(b));
  return static_cast<double>(x >> 11) * 0x1.0p-52 - 1.0;
}

std::vector<double> FakeWorld::base_scores(const FakeScene& scene, HeadId head,
                                           std::int64_t keys) const {
  const double contextual = strength(head);
  const double sink = sink_weight * std::exp(1.2 * noise(2, head, 0));
  double favourite = 0;
  for (const double salience : scene.salience) favourite = std::max(favourite, salience);
  std::vector<double> scores(static_cast<std::size_t>(keys));
  for (std::int64_t j = 0; j < keys; ++j) {
    const int d = j < static_cast<std::int64_t>(scene.document.size())
                      ? scene.document[static_cast<std::size_t>(j)]
                      : -1;
    double score = -3.5;
    if (j == 0) score = std::log(0.9 * sink);
    if (j == 1) score = std::log(0.1 * sink);
    if (d >= 0) {
      const auto n = static_cast<std::size_t>(d);
      const double liking = document_gain * contextual * (scene.salience[n] - favourite);
      const double weight = contextual > 0 ? favourite_weight * contextual : 0.2;
      score = std::log(weight / scene.size[n]) + liking;
    }
    scores[static_cast<std::size_t>(j)] = score + (j > 1 ? 0.8 * noise(3, head, j) : 0.0);
  }
  return scores;
}

/// Above the first touched layer the residual stream has changed: small, in every head.
void FakeWorld::add_upper_layer_effect(std::vector<double>& scores, HeadId head,
                                       const FakeEdit& edit) const {
  double below = 0;
  for (const auto& id : edit.heads) below += id.layer < head.layer ? 1 : 0;
  const double strength =
      (std::abs(edit.alpha) + std::abs(1 - edit.tau)) * std::min(1.0, below / 5);
  if (strength == 0) return;
  for (std::size_t j = 0; j < scores.size(); ++j)
    scores[j] += 0.4 * strength * noise(4, head, static_cast<std::int64_t>(j));
}

std::vector<double> FakeWorld::focus_bias(const FakeScene& scene, HeadId head,
                                          std::int64_t keys) const {
  const double gain = 0.4 + 2.6 * strength(head);
  std::vector<double> bias(static_cast<std::size_t>(keys));
  for (std::int64_t j = 0; j < keys; ++j) {
    const auto at = static_cast<std::size_t>(j);
    const int d = at < scene.document.size() ? scene.document[at] : -1;
    double value = 0.2 * noise(5, head, j);
    if (j < 2) value -= 1.0;
    if (d >= 0) value += 2.0 * scene.relevance[static_cast<std::size_t>(d)] - 0.5;
    bias[at] = gain * value;
  }
  return bias;
}

std::vector<float> FakeWorld::weights(const FakeScene& scene, HeadId head, TokenRange rows,
                                      std::int64_t keys, const FakeEdit& edit) const {
  auto base = base_scores(scene, head, keys);
  add_upper_layer_effect(base, head, edit);
  const bool touched = edit.touches(head);
  const auto bias = touched ? focus_bias(scene, head, keys) : std::vector<double>();
  const double locality = strength(head) > 0 ? 0.0 : 1.5 + noise(6, head, 0);
  std::vector<float> weights(static_cast<std::size_t>(rows.size() * keys), 0.0f);
  std::vector<double> row;
  for (auto t = rows.begin; t < rows.end; ++t) {
    row.assign(base.begin(), base.begin() + t + 1);
    for (std::int64_t j = 2; j <= t; ++j) {
      row[static_cast<std::size_t>(j)] +=
          0.15 * noise(7, head, t, j) + locality * (2.5 / (1.0 + 0.3 * static_cast<double>(t - j)));
    }
    const bool edited = touched && t >= edit.rows.first_row(scene.prompt->prompt_tokens());
    if (edited)
      for (std::size_t j = 0; j < row.size(); ++j) row[j] += edit.alpha * bias[j];
    softmax(row);
    if (edited && edit.also) move_mass(row, edit.marked, *edit.also);
    if (edited && edit.tau != 1) split(row, edit.marked, edit.tau);
    std::transform(row.begin(), row.end(), weights.begin() + (t - rows.begin) * keys,
                   [](double w) { return static_cast<float>(w); });
  }
  return weights;
}

std::string FakeWorld::answer(const FakeScene& scene, const FakeEdit& edit) const {
  const PromptView& prompt = *scene.prompt;
  if (prompt.documents.empty() || prompt.tokens.empty()) return " I do not know.";
  const auto last = prompt.prompt_tokens() - 1;
  std::vector<double> mass(prompt.documents.size(), 0.0);
  for (int rank = 0; rank < contextual_; ++rank) {
    const auto row =
        weights(scene, ranking_[static_cast<std::size_t>(rank)], {last, last + 1}, last + 1, edit);
    for (std::size_t d = 0; d < mass.size(); ++d) {
      for (auto j = prompt.documents[d].tokens.begin; j < prompt.documents[d].tokens.end; ++j)
        mass[d] += static_cast<double>(row[static_cast<std::size_t>(j)]);
    }
  }
  const auto best = std::max_element(mass.begin(), mass.end()) - mass.begin();
  return " The answer is " + quote(prompt, prompt.documents[static_cast<std::size_t>(best)]) + ".";
}

std::vector<TokenView> fake_tokens(std::string_view text, bool with_start) {
  std::vector<TokenView> tokens;
  if (with_start) tokens.push_back({1, "<s>", {}, true, false});
  const auto is_word = [&](std::size_t i) {
    const auto c = static_cast<unsigned char>(text[i]);
    return std::isalnum(c) != 0 || c >= 0x80;
  };
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t begin = i;
    while (i < text.size() && text[i] == ' ') ++i;
    bool unknown = false;
    if (i < text.size() && is_word(i)) {
      for (; i < text.size() && is_word(i); ++i)
        unknown |= static_cast<unsigned char>(text[i]) >= 0x80;
    } else if (i < text.size()) {
      ++i;
    }
    TokenView token;
    token.text = std::string(text.substr(begin, i - begin));
    token.id = static_cast<std::int32_t>(3 + stable_hash(token.text) % 30000);
    token.bytes = {begin, i};
    token.unknown = unknown;
    tokens.push_back(std::move(token));
  }
  return tokens;
}

}  // namespace headscope
