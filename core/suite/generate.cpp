#include "core/suite/generate.h"

#include <algorithm>
#include <cmath>

#include "core/base/hash.h"

namespace headscope {
namespace {

constexpr int kTries = 24;

struct Sized {
  SuiteSample sample;
  std::size_t units = 0;
  std::int64_t tokens = 0;
};

// Makes one sample at several sizes until it fills the room.
class Fitter {
 public:
  Fitter(const SuiteTask& task, const PromptEncoder& encoder, double& tokens_per_unit)
      : task_(task), encoder_(encoder), tokens_per_unit_(tokens_per_unit) {}

  Result<Sized> fit(Rng rng, std::int64_t length) const {
    HEADSCOPE_ASSIGN(Sized best, make(rng, task_.least_units));
    const std::int64_t room = length - best.sample.max_new_tokens;
    if (best.tokens > room) return tl::unexpected(too_short(best, length));
    std::size_t too_many = task_.most_units + 1;
    for (int i = 0; i < kTries && too_many - best.units > 1; ++i) {
      const auto left = static_cast<double>(room - best.tokens);
      if (i > 0 && left < tokens_per_unit_) break;
      HEADSCOPE_ASSIGN(Sized next, make(rng, guess(best, left, too_many)));
      learn(best, next);
      if (next.tokens > room) {
        too_many = next.units;
      } else {
        best = std::move(next);
      }
    }
    if (best.units == task_.most_units && best.tokens < room * 4 / 5) {
      return fail(ErrorKind::usage, "task " + task_.name + " fills at most " +
                                        std::to_string(best.tokens + best.sample.max_new_tokens) +
                                        " tokens, not " + std::to_string(length));
    }
    return best;
  }

 private:
  Result<Sized> make(Rng rng, std::size_t units) const {
    Sized sized{task_.make(task_, rng, units), units};
    HEADSCOPE_ASSIGN(const auto encoding, encoder_.encode(sized.sample.prompt(is_chat(encoder_))));
    const auto unknown = std::ranges::count(encoding.unknown, 1);
    if (unknown > 0) {
      return bad_input("task " + task_.name + ": this tokenizer does not know " +
                       std::to_string(unknown) + " of the prompt's " +
                       std::to_string(encoding.size()) +
                       " words; the embedded model has a suite of its own, 'demo'");
    }
    sized.tokens = static_cast<std::int64_t>(encoding.size());
    return sized;
  }

  // Strictly between what fits and what is too much.
  std::size_t guess(const Sized& fits, double left, std::size_t too_many) const {
    const double per_unit = std::max(tokens_per_unit_, 1.0);
    const double more = tokens_per_unit_ > 0 ? std::floor(left / per_unit) : 8;
    const auto wanted = fits.units + static_cast<std::size_t>(std::max(more, 1.0));
    return std::min(wanted, too_many - 1);
  }

  void learn(const Sized& a, const Sized& b) const {
    const double slope = static_cast<double>(b.tokens - a.tokens) /
                         (static_cast<double>(b.units) - static_cast<double>(a.units));
    if (slope > 0) tokens_per_unit_ = slope;
  }

  Error too_short(const Sized& least, std::int64_t length) const {
    return {ErrorKind::usage, "task " + task_.name + " needs at least " +
                                  std::to_string(least.tokens + least.sample.max_new_tokens) +
                                  " tokens (" + std::to_string(least.sample.max_new_tokens) +
                                  " of them for the answer), not " + std::to_string(length)};
  }

  const SuiteTask& task_;
  const PromptEncoder& encoder_;
  double& tokens_per_unit_;  // as seen so far; 0 = not yet
};

Rng rng_of(const SuiteTask& task, std::uint64_t seed, std::int64_t index) {
  return Rng(seed ^ stable_hash(task.name), static_cast<std::uint64_t>(index));
}

}  // namespace

bool is_chat(const PromptEncoder& encoder) {
  return encoder.template_name() != "none";
}

Result<std::vector<FittedSample>> generate_suite(const SuiteTask& task, const SuiteOrder& order,
                                                 const PromptEncoder& encoder,
                                                 const RunContext& context) {
  double tokens_per_unit = 0;
  const Fitter fitter(task, encoder, tokens_per_unit);
  std::vector<FittedSample> samples;
  for (std::int64_t i = 0; i < order.samples; ++i) {
    if (context.cancelled()) return fail(ErrorKind::cancelled, "interrupted");
    context.progress("making " + task.name, static_cast<double>(i),
                     static_cast<double>(order.samples));
    HEADSCOPE_ASSIGN(Sized sized, fitter.fit(rng_of(task, order.seed, i), order.length));
    sized.sample.index = i;
    samples.push_back({std::move(sized.sample), order.length, sized.tokens});
  }
  return samples;
}

}  // namespace headscope
