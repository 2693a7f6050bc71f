#include "core/experiment/gold_positions.h"

#include <algorithm>
#include <functional>
#include <set>

#include "core/base/rng.h"

namespace headscope {
namespace {

constexpr const char* kEveryOther = "every other";
constexpr const char* kAsTheyAre = "as they are";

using Wanted = std::function<bool(std::size_t place)>;

std::set<std::size_t> places_in(const std::vector<QaSample>& samples) {
  std::set<std::size_t> places;
  for (const QaSample& sample : samples) {
    if (const auto place = sample.gold_position()) places.insert(*place);
  }
  return places;
}

// False when the sample has no wanted place.
bool move_to_wanted(QaSample& sample, const Wanted& wanted, bool redraw, Rng& rng) {
  const auto now = sample.gold_position();
  if (!now) return false;
  if (!redraw && wanted(*now)) return true;
  std::vector<std::size_t> choice;
  for (std::size_t place = 0; place < sample.documents.size(); ++place)
    if (wanted(place)) choice.push_back(place);
  if (choice.empty()) return false;
  return move_gold(sample, choice[static_cast<std::size_t>(rng.below(choice.size()))]).has_value();
}

bool all_at_one_place(const std::vector<QaSample>& samples) {
  return samples.size() > 1 && places_in(samples).size() == 1;
}

// How many samples have no wanted place.
std::size_t move_all(std::vector<QaSample>& samples, const Wanted& wanted, Rng& rng,
                     bool leave_out) {
  const bool redraw = all_at_one_place(samples);
  std::size_t left = 0;
  std::vector<QaSample> kept;
  for (QaSample& sample : samples) {
    const bool moved = move_to_wanted(sample, wanted, redraw, rng);
    left += moved ? 0 : 1;
    if (moved || !leave_out) kept.push_back(std::move(sample));
  }
  samples = std::move(kept);
  return left;
}

std::size_t most_documents(const std::vector<QaSample>& samples) {
  std::size_t most = 0;
  for (const QaSample& sample : samples) most = std::max(most, sample.documents.size());
  return most;
}

PlacedGold describe(const std::vector<QaSample>& train, const std::vector<QaSample>& held_out) {
  const auto a = places_in(train), b = places_in(held_out);
  PlacedGold placed{{a.begin(), a.end()}, {b.begin(), b.end()}, !b.empty(), {}};
  for (const std::size_t place : b) placed.disjoint = placed.disjoint && !a.contains(place);
  if (all_at_one_place(train)) {
    placed.notes.push_back("the gold document always stands at position " +
                           std::to_string(placed.train.front()) +
                           ": the directions may have learnt the place");
  }
  return placed;
}

}  // namespace

Json to_json(const GoldPlaces& places) {
  if (places.kind == GoldPlaces::Kind::listed) return places.train;
  return places.kind == GoldPlaces::Kind::every_other ? kEveryOther : kAsTheyAre;
}

Result<GoldPlaces> gold_places_from(const Json& value, const std::string& name) {
  if (value == Json(kEveryOther)) return GoldPlaces{GoldPlaces::Kind::every_other, {}};
  if (value == Json(kAsTheyAre)) return GoldPlaces{GoldPlaces::Kind::as_they_are, {}};
  const Json holder = {{"gold_places", value}};
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(holder, name));
  HEADSCOPE_ASSIGN(const auto listed, object.integers("gold_places"));
  GoldPlaces places{GoldPlaces::Kind::listed, {}};
  for (const std::int64_t place : listed) {
    if (place < 0) return tl::unexpected<Error>(object.wrong("gold_places", "places from 0"));
    places.train.push_back(static_cast<std::size_t>(place));
  }
  return places;
}

PlacedGold place_gold(std::vector<QaSample>& train, std::vector<QaSample>& held_out,
                      const GoldPlaces& places, std::uint64_t seed) {
  const bool few =
      places.kind == GoldPlaces::Kind::every_other && most_documents(train) < fewest_divided_places;
  if (places.kind == GoldPlaces::Kind::as_they_are) return describe(train, held_out);
  Rng rng(seed, 4);
  if (few) {
    const Wanted any = [](std::size_t) { return true; };
    if (all_at_one_place(train) && most_documents(train) > 1) {
      (void)move_all(train, any, rng, false);
      (void)move_all(held_out, any, rng, false);
    }
    return describe(train, held_out);
  }
  const Wanted trained = [&places](std::size_t place) {
    if (places.kind == GoldPlaces::Kind::every_other) return place % 2 == 0;
    return std::find(places.train.begin(), places.train.end(), place) != places.train.end();
  };
  const bool fixed = all_at_one_place(train);
  const std::string where = fixed ? std::to_string(*places_in(train).begin()) : "";
  const std::size_t without = move_all(train, trained, rng, false);
  const std::size_t left_out = move_all(
      held_out, [&](std::size_t place) { return !trained(place); }, rng, true);
  PlacedGold placed = describe(train, held_out);
  if (fixed) {
    placed.notes.push_back("the gold document always stood at position " + where +
                           ": it was moved to positions drawn at random");
  }
  if (without > 0) {
    placed.notes.push_back(std::to_string(without) +
                           " samples have no position to train on and stay as they are");
  }
  if (left_out > 0) {
    placed.notes.push_back(std::to_string(left_out) +
                           " held-out samples have no other position and are left out");
  }
  return placed;
}

}  // namespace headscope
