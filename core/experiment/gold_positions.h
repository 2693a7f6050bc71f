// Where the gold document stands in training and in the held-out check (method.md 1.5): a direction
// acts after RoPE and could learn places instead of relevance.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/text/dataset.h"

namespace headscope {
/// Where gold documents are put for training and for its check.
struct GoldPlaces {
  /// Which places are for training.
  enum class Kind {
    every_other,  ///< places 0, 2, 4 ... for training, the others for the check
    listed,       ///< `train` for training, the others for the check
    as_they_are,  ///< nothing is moved
  } kind = Kind::every_other;
  std::vector<std::size_t> train = {};
};

/// For passports: "every other", "as they are", or the list; and back.
Json to_json(const GoldPlaces& places);
Result<GoldPlaces> gold_places_from(const Json& value, const std::string& name);

/// Fewer documents than this leave too few places to divide them by default.
inline constexpr std::size_t fewest_divided_places = 4;
/// Where they came to stand.
struct PlacedGold {
  std::vector<std::size_t> train, held_out;  ///< places that occur, ascending
  bool disjoint = false;                     ///< the check is at places that training never saw
  std::vector<std::string> notes;            ///< what a user should know about it
};

/// Moves gold documents so that training and check use different places. Those that stand at a
/// wanted place stay there, unless all stand at one; the others go to wanted places drawn at
/// random. Samples that have no wanted place, or no gold document, are left as they are or out of
/// `held_out`.
PlacedGold place_gold(std::vector<QaSample>& train, std::vector<QaSample>& held_out,
                      const GoldPlaces& places, std::uint64_t seed);

}  // namespace headscope
