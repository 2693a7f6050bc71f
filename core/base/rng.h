// Random numbers that are the same on every machine and compiler (std distributions are not).
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace headscope {

/// One step of SplitMix64 (Steele et al. 2014): turns any seed into well mixed bits. Also a good
/// way to derive the seed of a sub-stream: `splitmix64(seed ^ stream_number)`.
constexpr std::uint64_t splitmix64(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

/// PCG-XSH-RR 64/32 (O'Neill 2014). Small, copyable, its state can be stored in a checkpoint.
class Rng {
 public:
  /// What decides all numbers to come.
  struct State {
    std::uint64_t state = 0;
    std::uint64_t increment = 0;
    friend bool operator==(const State&, const State&) = default;
  };
  /// Generators with different streams of one seed are independent.
  explicit Rng(std::uint64_t seed = 0, std::uint64_t stream = 0)
      : state_{0, (splitmix64(stream) << 1) | 1u} {
    next_u32();
    state_.state += splitmix64(seed);
    next_u32();
  }
  explicit Rng(State state) : state_(state) {}
  State state() const { return state_; }
  /// All values are equally likely; these are the generator's steps.
  std::uint32_t next_u32() {
    const std::uint64_t old = state_.state;
    state_.state = old * 6364136223846793005ull + state_.increment;
    const auto shifted = static_cast<std::uint32_t>(((old >> 18) ^ old) >> 27);
    const auto rotation = static_cast<std::uint32_t>(old >> 59);
    return (shifted >> rotation) | (shifted << ((32u - rotation) & 31u));
  }
  std::uint64_t next_u64() {  ///< two steps
    const std::uint64_t high = next_u32();
    return (high << 32) | next_u32();
  }

  /// Uniform in [0, bound), without modulo bias; 0 when bound is 0.
  std::uint64_t below(std::uint64_t bound) {
    if (bound == 0) return 0;
    const std::uint64_t reject = (0 - bound) % bound;  // 2^64 mod bound
    for (;;) {
      const std::uint64_t x = next_u64();
      if (x >= reject) return x % bound;
    }
  }
  /// Uniform in [low, high], both ends included; `low` when the range is empty.
  std::int64_t uniform_int(std::int64_t low, std::int64_t high) {
    if (high <= low) return low;
    const auto width = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
    const std::uint64_t offset = width == 0 ? next_u64() : below(width);
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + offset);
  }
  /// Uniform in [0, 1), 53 random bits.
  double uniform() { return static_cast<double>(next_u64() >> 11) * 0x1.0p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  bool chance(double probability) { return uniform() < probability; }

  /// Standard normal (Marsaglia's polar method; the second value is dropped so that the state alone
  /// determines what follows).
  double normal() {
    for (;;) {
      const double x = uniform(-1.0, 1.0);
      const double y = uniform(-1.0, 1.0);
      const double s = x * x + y * y;
      if (s > 0.0 && s < 1.0) return x * std::sqrt(-2.0 * std::log(s) / s);
    }
  }
  double normal(double mean, double deviation) { return mean + deviation * normal(); }

  /// Fisher-Yates.
  template <class T>
  void shuffle(std::span<T> values) {
    for (std::size_t i = values.size(); i > 1; --i) {
      using std::swap;
      swap(values[i - 1], values[static_cast<std::size_t>(below(i))]);
    }
  }
  template <class T>
  void shuffle(std::vector<T>& values) {  ///< in place
    shuffle(std::span<T>(values));
  }

  /// Index drawn with probability proportional to its weight; 0 when no weight is positive.
  std::size_t weighted(std::span<const double> weights) {
    double total = 0;
    for (const double w : weights) total += w > 0 ? w : 0;
    double left = uniform() * total;
    std::size_t last = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (!(weights[i] > 0)) continue;
      last = i;
      left -= weights[i];
      if (left < 0) return i;
    }
    return last;
  }

 private:
  State state_;
};

}  // namespace headscope
