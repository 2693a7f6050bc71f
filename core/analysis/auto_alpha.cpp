#include "core/analysis/auto_alpha.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace headscope {
namespace {

constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

std::string text_of(const char* format, double value) {
  char text[40];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

double sum_over(const std::vector<double>& values, TokenRange keys) {
  const auto size = static_cast<std::int64_t>(values.size());
  double sum = 0;
  for (auto j = std::max<std::int64_t>(keys.begin, 0); j < std::min(keys.end, size); ++j) {
    sum += values[static_cast<std::size_t>(j)];
  }
  return sum;
}

/// exp(alpha * bias) relative to the largest: the same for every row of a head.
std::vector<double> factors_of(std::span<const float> bias, double alpha) {
  double top = -std::numeric_limits<double>::infinity();
  for (const float b : bias) top = std::max(top, alpha * static_cast<double>(b));
  std::vector<double> factors;
  factors.reserve(bias.size());
  for (const float b : bias) factors.push_back(std::exp(alpha * static_cast<double>(b) - top));
  return factors;
}

/// weights * factors into `edited`; returns their sum.
double multiply(std::span<const float> row, const std::vector<double>& factors,
                std::vector<double>& edited) {
  double sum = 0;
  for (std::size_t j = 0; j < row.size(); ++j) {
    edited[j] = static_cast<double>(row[j]) * factors[j];
    sum += edited[j];
  }
  return sum;
}

/// The same for a row whose own keys lie so far below the largest factor that doubles lose them.
double multiply_in_logarithms(std::span<const float> row, std::span<const float> bias, double alpha,
                              std::vector<double>& edited) {
  double top = -std::numeric_limits<double>::infinity();
  for (std::size_t j = 0; j < row.size(); ++j) {
    if (row[j] > 0) top = std::max(top, alpha * static_cast<double>(bias[j]));
  }
  double sum = 0;
  for (std::size_t j = 0; j < row.size(); ++j) {
    const double factor = row[j] > 0 ? std::exp(alpha * static_cast<double>(bias[j]) - top) : 0;
    edited[j] = static_cast<double>(row[j]) * factor;
    sum += edited[j];
  }
  return sum;
}

void add_row(const std::vector<double>& edited, double sum, const ContextSets& sets,
             AttentionShares& total) {
  total.sink += sum_over(edited, sets.sink) / sum;
  for (std::size_t i = 0; i < sets.documents.size(); ++i) {
    const double mass = sum_over(edited, sets.documents[i]) / sum;
    total.context += mass;
    if (std::binary_search(sets.gold.begin(), sets.gold.end(), static_cast<int>(i)))
      total.relevant += mass;
  }
}

/// Distance of a ratio from the middle of the band, in factors.
double distance(double ratio, const AutoAlpha& choice) {
  const double middle = std::sqrt(choice.band_low * choice.band_high);
  return std::abs(std::log(std::max(ratio, 1e-300) / middle));
}

void take(const AlphaPoint& point, AlphaVerdict verdict, AutoAlpha& choice) {
  choice.alpha = point.alpha;
  choice.preview = point.shares;
  choice.verdict = verdict;
}

void choose_by_sink(const AutoAlphaOptions& options, AutoAlpha& choice) {
  const double before = choice.before.sink_to_context();
  const double unit = options.relative ? before : 1;
  choice.band_low = options.band_low * unit;
  choice.band_high = options.band_high * unit;
  take({0, choice.before}, AlphaVerdict::nothing_to_drain, choice);
  if (!(choice.before.sink >= options.least_sink)) return;
  choice.verdict = AlphaVerdict::below_band;
  if (before < choice.band_low) return;
  const AlphaPoint* best = nullptr;
  for (const AlphaPoint& point : choice.scan) {
    const bool nearer = best == nullptr || distance(point.shares.sink_to_context(), choice) <
                                               distance(best->shares.sink_to_context(), choice);
    if (nearer) best = &point;
  }
  const double reached = best->shares.sink_to_context();
  const bool inside = reached >= choice.band_low && reached <= choice.band_high;
  take(*best, inside ? AlphaVerdict::in_band : AlphaVerdict::out_of_reach, choice);
}

void choose_by_mark(AutoAlpha& choice) {
  take({0, choice.before}, AlphaVerdict::no_mark, choice);
  if (std::isnan(choice.before.relevant)) return;
  const auto value = [&](const AlphaPoint& point) {
    return choice.target == AlphaTarget::focus ? point.shares.focus() : point.shares.relevant;
  };
  double largest = 0;
  for (const AlphaPoint& point : choice.scan) largest = std::max(largest, value(point));
  constexpr double reached = 0.99;
  for (const AlphaPoint& point : choice.scan) {
    if (value(point) < reached * largest) continue;
    return take(point, AlphaVerdict::largest, choice);
  }
}

std::string ratios(const AutoAlpha& choice) {
  return text_of("%.3f", choice.before.sink_to_context()) + " to " +
         text_of("%.3f", choice.preview.sink_to_context()) + " (band " +
         text_of("%.3f", choice.band_low) + " to " + text_of("%.3f", choice.band_high) + ")";
}

}  // namespace

AttentionShares shares_under(std::span<const HeadRows> heads, const ContextSets& sets,
                             double alpha) {
  constexpr double smallest_sum = 1e-200;
  AttentionShares total;
  double rows = 0;
  for (const HeadRows& head : heads) {
    const std::size_t keys = head.bias.size();
    std::vector<double> edited(keys);
    const std::vector<double> factors = factors_of(head.bias, alpha);
    for (std::size_t at = 0; keys > 0 && at + keys <= head.weights.size(); at += keys) {
      const auto row = head.weights.subspan(at, keys);
      double sum = multiply(row, factors, edited);
      if (sum < smallest_sum) sum = multiply_in_logarithms(row, head.bias, alpha, edited);
      if (!(sum > 0)) continue;
      add_row(edited, sum, sets, total);
      rows += 1;
    }
  }
  const double n = rows > 0 ? rows : undefined;
  return {total.sink / n, sets.gold.empty() ? undefined : total.relevant / n, total.context / n};
}

std::vector<AlphaPoint> mean_scan(const std::vector<std::vector<AlphaPoint>>& scans) {
  if (scans.empty()) return {};
  std::vector<AlphaPoint> mean(scans.front().size());
  for (const auto& scan : scans) {
    if (scan.size() != mean.size()) return {};
    for (std::size_t i = 0; i < scan.size(); ++i) {
      if (scan[i].alpha != scans.front()[i].alpha) return {};
      const double n = static_cast<double>(scans.size());
      mean[i].alpha = scan[i].alpha;
      mean[i].shares.sink += scan[i].shares.sink / n;
      mean[i].shares.relevant += scan[i].shares.relevant / n;
      mean[i].shares.context += scan[i].shares.context / n;
    }
  }
  return mean;
}

std::vector<double> default_alphas() {
  constexpr int steps = 20;
  std::vector<double> alphas;
  for (int i = 0; i <= steps; ++i) alphas.push_back(static_cast<double>(i) / steps);
  return alphas;
}

std::string target_name(AlphaTarget target) {
  switch (target) {
    case AlphaTarget::sink:
      return "sink";
    case AlphaTarget::relevant:
      return "relevant";
    case AlphaTarget::focus:
      return "focus";
    case AlphaTarget::automatic:
      break;
  }
  return "auto";
}

std::string verdict_name(AlphaVerdict verdict) {
  switch (verdict) {
    case AlphaVerdict::in_band:
      return "in-band";
    case AlphaVerdict::nothing_to_drain:
      return "nothing-to-drain";
    case AlphaVerdict::below_band:
      return "below-band";
    case AlphaVerdict::out_of_reach:
      return "out-of-reach";
    case AlphaVerdict::largest:
      return "largest";
    case AlphaVerdict::not_cached:
      return "not-cached";
    case AlphaVerdict::no_mark:
      break;
  }
  return "no-mark";
}

AutoAlpha choose_alpha(std::vector<AlphaPoint> scan, const AutoAlphaOptions& options) {
  std::sort(scan.begin(), scan.end(), [](const AlphaPoint& a, const AlphaPoint& b) {
    return std::abs(a.alpha) < std::abs(b.alpha);
  });
  AutoAlpha choice;
  choice.scan = std::move(scan);
  choice.verdict = AlphaVerdict::not_cached;
  if (choice.scan.empty() || choice.scan.front().alpha != 0) return choice;
  choice.before = choice.scan.front().shares;
  const bool drains = choice.before.sink >= options.least_sink;
  const bool marked = !std::isnan(choice.before.relevant);
  choice.target = options.target;
  if (options.target == AlphaTarget::automatic) {
    choice.target = !drains && marked ? AlphaTarget::focus : AlphaTarget::sink;
  }
  if (choice.target == AlphaTarget::sink) {
    choose_by_sink(options, choice);
  } else {
    choose_by_mark(choice);
  }
  return choice;
}

std::string explain(const AutoAlpha& choice) {
  const std::string alpha = text_of("%.2f", choice.alpha);
  const std::string sink = text_of("%.3f", choice.before.sink);
  switch (choice.verdict) {
    case AlphaVerdict::in_band:
      return "alpha " + alpha + " brings sink to context from " + ratios(choice) + ".";
    case AlphaVerdict::out_of_reach:
      return "No scanned alpha reaches the band; nearest: alpha " + alpha +
             ", sink to context from " + ratios(choice) + ".";
    case AlphaVerdict::below_band:
      return "Sink to context lies below the band as it is: alpha stays 0.";
    case AlphaVerdict::nothing_to_drain:
      return "Nothing to drain: these heads rest only " + sink +
             " of their attention on the sink, so alpha stays 0.";
    case AlphaVerdict::no_mark:
      return "This target needs a marked document: alpha stays 0.";
    case AlphaVerdict::not_cached:
      return "Auto alpha reads the weights of the response's rows and needs focus directions; one "
             "of "
             "them is not at hand (a long prompt keeps sums only).";
    case AlphaVerdict::largest:
      break;
  }
  const bool focus = choice.target == AlphaTarget::focus;
  const double from = focus ? choice.before.focus() : choice.before.relevant;
  const double to = focus ? choice.preview.focus() : choice.preview.relevant;
  return "alpha " + alpha + " comes within 1 % of the largest " +
         (focus ? "share of the marked document among the documents: "
                : "attention on the marked document: ") +
         text_of("%.3f", from) + " to " + text_of("%.3f", to) + " (the sink holds " + sink + ").";
}

}  // namespace headscope
