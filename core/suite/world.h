// An invented world in English sentences, made from a seed: text for long prompts about which no
// model has read anything, and which does not repeat itself.
#pragma once

#include <array>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "core/base/rng.h"

namespace headscope {
/// What the made-up world is populated by.
enum class EntityKind { person, town, company, ship };
inline constexpr std::size_t entity_kinds = 4;

/// What a question asks for; every kind of entity has one fact of each.
enum class FactClass { person, place, year, number, thing, colour };
inline constexpr std::size_t fact_classes = 6;
/// One of them with its facts.
struct Entity {
  EntityKind kind = EntityKind::person;
  std::size_t index = 0;  ///< of its name among all names of its kind
  std::string name;
  std::array<std::string, fact_classes> values;
};

/// One world: names are given once only.
class World {
 public:
  explicit World(Rng rng) : rng_(rng) {}
  /// One that was not there before, of a kind or of any.
  Entity entity(EntityKind kind);
  Entity entity() { return entity(static_cast<EntityKind>(rng_.below(entity_kinds))); }
  /// Another of the same kind that shares a part of the name; any other when all those are taken.
  Entity namesake(const Entity& of);

  Rng& rng() { return rng_; }

 private:
  Entity named(EntityKind kind, std::size_t index);

  Rng rng_;
  std::array<std::set<std::size_t>, entity_kinds> taken_;
};

/// "Arlo Venwick was born in Tarnmouth." in one of its wordings.
std::string statement(const Entity& entity, FactClass fact, Rng& rng);
/// "Where was Arlo Venwick born?" in one of its wordings.
std::string question(const Entity& entity, FactClass fact, Rng& rng);
/// All facts in random order, a sentence each, joined by spaces.
std::string description(const Entity& entity, Rng& rng);

/// "amber-anchor": `index` modulo their number gives all of them.
std::string key_phrase(std::size_t index);
std::size_t key_phrases();
/// Random UUID (version 4).
std::string uuid(Rng& rng);
/// `count` different numbers below `bound`, in random order. count <= bound.
std::vector<std::size_t> distinct_numbers(std::size_t count, std::size_t bound, Rng& rng);

}  // namespace headscope
