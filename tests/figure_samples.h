// Made-up results for tests of figures, from a seed: shaped like those of a real model.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "core/analysis/head_scores.h"
#include "core/base/rng.h"
#include "core/figure/attention_map.h"
#include "core/figure/curves.h"
#include "core/figure/document_bars.h"
#include "core/figure/head_map.h"
#include "core/figure/ranking.h"

namespace headscope::test {

inline figure::Provenance sample_provenance() {
  figure::Provenance p;
  p.model = "Llama-3.2-3B-Instruct";
  p.model_hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  p.data = "nq-20docs-gold9-441.jsonl.gz";
  p.data_hash = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
  p.samples = 441;
  p.settings = {"rows: input", "greedy, at most 100 new tokens", "bfloat16 on cpu"};
  p.version = "0.1.0";
  return p;
}

/// A few strong heads in the middle layers, many weak ones.
inline std::vector<float> sample_scores(int layers, int heads, std::uint64_t seed = 1) {
  Rng rng(seed);
  std::vector<float> scores;
  for (int layer = 0; layer < layers; ++layer) {
    const double place = (layer + 0.5) / layers - 0.52;
    for (int head = 0; head < heads; ++head) {
      const double middle = std::exp(-place * place / 0.02);
      scores.push_back(static_cast<float>(0.004 + 0.26 * middle * std::pow(rng.uniform(), 5) +
                                          0.012 * rng.uniform()));
    }
  }
  return scores;
}

inline figure::HeadMapFigure sample_head_map(int layers, int heads, int outlined) {
  figure::HeadMapFigure f;
  f.layers = layers;
  f.heads = heads;
  f.scores = sample_scores(layers, heads);
  f.outlined = outlined;
  std::vector<HeadId> all;
  for (int i = 0; i < layers * heads; ++i) all.push_back({i / heads, i % heads});
  std::stable_sort(all.begin(), all.end(), [&](HeadId a, HeadId b) {
    return f.scores[static_cast<std::size_t>(a.layer * heads + a.head)] >
           f.scores[static_cast<std::size_t>(b.layer * heads + b.head)];
  });
  f.ranking = all;
  f.provenance = sample_provenance();
  return f;
}

inline figure::RankingFigure sample_ranking(int layers, int heads) {
  figure::RankingFigure f;
  f.layers = layers;
  f.heads = heads;
  f.scores = sample_scores(layers, heads);
  for (const float v : f.scores) {
    f.low.push_back(v * 0.9f);
    f.high.push_back(v * 1.1f);
  }
  f.provenance = sample_provenance();
  return f;
}

/// `documents` documents of equal length before a question; every row looks at the gold one.
inline figure::AttentionFigure sample_attention(int documents, int document_tokens, int gold,
                                                int rows) {
  figure::AttentionFigure f;
  f.head = {13, 23};
  Rng rng(3);
  const std::int64_t begin = 30, prompt = begin + documents * document_tokens + 20;
  f.prompt_tokens = prompt;
  f.first_row = prompt;
  f.keys = prompt + rows;
  for (int d = 0; d < documents; ++d) {
    f.documents.push_back(
        {d + 1, {begin + d * document_tokens, begin + (d + 1) * document_tokens}, d == gold});
  }
  const std::vector<std::string> words = {" Wil", "helm",  " Con", "rad", " R",
                                          "ö",    "ntgen", ".",    "\n",  " The"};
  for (int row = 0; row < rows; ++row) {
    f.row_tokens.push_back(words[static_cast<std::size_t>(row) % words.size()]);
    double sum = 0;
    std::vector<double> raw;
    for (std::int64_t key = 0; key < f.keys; ++key) {
      const bool in_gold = f.documents[static_cast<std::size_t>(gold)].keys.contains(key);
      double weight = key > prompt + row
                          ? 0
                          : std::exp(3 * rng.normal() - 2 + (in_gold ? 5 : 0) + (key < 2 ? 13 : 0));
      raw.push_back(weight);
      sum += weight;
    }
    for (const double weight : raw) f.weights.push_back(static_cast<float>(weight / sum));
  }
  f.provenance = sample_provenance();
  f.provenance.samples = 0;
  return f;
}

inline figure::DocumentBarsFigure sample_documents(int documents, int gold) {
  figure::DocumentBarsFigure f;
  f.of = "Layer 13, head 23; split-softmax with τ = 0.1 on the top 20 heads";
  f.compares = true;
  Rng rng(4);
  for (int d = 0; d < documents; ++d) {
    const double mass = 0.004 + 0.012 * rng.uniform();
    f.documents.push_back(
        {d + 1, d == gold, d == gold ? 0.11 : mass, d == gold ? 0.31 : mass * 0.8});
  }
  f.sink_baseline = 0.62;
  f.sink_intervened = 0.41;
  f.provenance = sample_provenance();
  return f;
}

inline figure::EmStudy sample_study(const std::vector<double>& strengths, bool controls) {
  figure::EmStudy study;
  int place = 0;
  for (const double strength : strengths) {
    for (const bool control : {false, true}) {
      if (control && (!controls || place % 2 != 0)) continue;
      figure::EmSeries series{
          strength, control ? figure::EmArm::random_heads : figure::EmArm::contextual, {}};
      for (const int k : {1, 5, 10, 20, 30, 50, 100}) {
        const double gain = 0.32 * (1 - std::exp(-k / 9.0)) * (1 - 0.13 * place) - 0.0012 * k;
        const double em = 0.59 + (control ? -0.0011 * k : gain);
        series.points.push_back({k, em, em - 0.025, em + 0.025});
      }
      study.series.push_back(series);
    }
    ++place;
  }
  study.baselines = {{"all documents", 0.59, 0.55, 0.63},
                     {"gold only", 0.847, 0.81, 0.88},
                     {"all but gold", 0.21, 0.17, 0.25}};
  study.seeds = 5;
  study.provenance = sample_provenance();
  return study;
}

inline figure::PositionStudy sample_positions() {
  figure::PositionStudy study;
  study.documents = 20;
  int lift = 0;
  for (const char* name : {"baseline", "split-softmax τ = 0.1", "focus α = 0.3"}) {
    figure::PositionSeries series{name, {}, {}};
    for (const int p : {0, 4, 9, 14, 19}) {
      const double em = 0.58 + 0.0016 * (p - 9) * (p - 9) + 0.11 * lift;
      series.em.push_back({static_cast<double>(p), em, em - 0.03, em + 0.03});
      series.relevant_mass.push_back(
          {static_cast<double>(p), 0.05 + 0.05 * lift, 0.045 + 0.05 * lift, 0.055 + 0.05 * lift});
    }
    study.series.push_back(series);
    ++lift;
  }
  study.provenance = sample_provenance();
  return study;
}

}  // namespace headscope::test
