#include "core/suite/world.h"

#include <algorithm>
#include <numeric>
#include <string_view>

namespace headscope {
namespace {

using Text = std::string_view;

constexpr std::array<Text, 40> kFirstNames{
    "Arlo",   "Bettina",  "Caspar", "Delphine", "Edmund", "Fiona",    "Gregor", "Hester",
    "Ivo",    "Jasmine",  "Konrad", "Lavinia",  "Milo",   "Nadine",   "Oswin",  "Petra",
    "Quill",  "Rosalind", "Silas",  "Tabitha",  "Ulric",  "Verena",   "Wendel", "Xenia",
    "Yorick", "Zelda",    "Anselm", "Brigid",   "Cyril",  "Dorothea", "Emil",   "Freya",
    "Gideon", "Harriet",  "Ignatz", "Judith",   "Kaspar", "Leonie",   "Magnus", "Odile"};
constexpr std::array<Text, 24> kNameHeads{
    "Ven", "Tarn", "Ash", "Brom", "Cald", "Dun", "Elm", "Fair",  "Gal", "Hart", "Ing", "Kel",
    "Lyn", "Mar",  "Nor", "Oak",  "Pel",  "Rud", "Sel", "Thorn", "Ul",  "Wex",  "Yar", "Zet"};
constexpr std::array<Text, 20> kFamilyTails{
    "wick",  "more", "hurst", "berg",  "strom", "feld", "lund",  "acre", "well", "ridge",
    "stead", "shaw", "man",   "croft", "vale",  "hall", "brook", "son",  "gate", "wood"};
constexpr std::array<Text, 20> kTownTails{
    "mouth", "ford",  "holm",  "minster", "haven", "stow",   "thorpe", "burgh", "leigh", "combe",
    "dale",  "firth", "garth", "wold",    "mere",  "bridge", "port",   "cliff", "marsh", "quay"};
constexpr std::array<Text, 16> kTownFronts{
    "Upper ", "Lower ",  "North ", "South ", "East ", "West ", "Old ",    "New ",
    "Great ", "Little ", "Saint ", "Long ",  "High ", "Far ",  "Market ", "Castle "};
constexpr std::array<Text, 12> kCompanyTails{
    " and Sons", " Brothers", " Works",     " Foundry",    " Mills",   " Trading",
    " Printers", " Brewers",  " Carpentry", " Glassworks", " Weavers", " Instruments"};
constexpr std::array<Text, 40> kShipNames{
    "Heron",   "Lantern", "Comet",   "Juniper", "Sparrow",   "Meridian", "Beacon",  "Otter",
    "Falcon",  "Harvest", "Tempest", "Orchid",  "Pilgrim",   "Swift",    "Thistle", "Voyager",
    "Walrus",  "Aurora",  "Bramble", "Cygnet",  "Driftwood", "Ember",    "Fathom",  "Gannet",
    "Horizon", "Island",  "Jubilee", "Kestrel", "Lodestar",  "Marigold", "Nimbus",  "Osprey",
    "Petrel",  "Quest",   "Raven",   "Seagull", "Trident",   "Umber",    "Venture", "Wanderer"};
constexpr std::array<Text, 40> kThings{
    "clocks",   "violins",  "ladders",  "barrels", "saddles",  "candles",   "kettles",   "anchors",
    "baskets",  "lanterns", "blankets", "buttons", "chisels",  "compasses", "drums",     "feathers",
    "flutes",   "globes",   "hammers",  "harps",   "kites",    "lenses",    "maps",      "mirrors",
    "needles",  "nets",     "organs",   "paddles", "pencils",  "puppets",   "quilts",    "ropes",
    "scissors", "sledges",  "spoons",   "teapots", "thimbles", "trunks",    "umbrellas", "wheels"};
constexpr std::array<Text, 16> kColours{
    "crimson", "turquoise", "ochre",  "violet", "scarlet", "emerald", "indigo",   "silver",
    "maroon",  "ivory",     "cobalt", "amber",  "magenta", "olive",   "charcoal", "lilac"};
constexpr std::array<Text, 64> kAdjectives{
    "amber",  "ancient", "bashful",  "brave",   "brisk",    "calm",     "careful",   "cheerful",
    "clever", "cosmic",  "crisp",    "curious", "daring",   "dazzling", "distant",   "dusty",
    "eager",  "early",   "faded",    "famous",  "fearless", "floating", "fragile",   "gentle",
    "giant",  "golden",  "graceful", "hidden",  "hollow",   "humble",   "icy",       "jolly",
    "keen",   "kindly",  "lazy",     "lively",  "lonely",   "loyal",    "mellow",    "mighty",
    "misty",  "modest",  "narrow",   "nimble",  "noble",    "patient",  "polite",    "proud",
    "quiet",  "rapid",   "restless", "rusty",   "secret",   "shiny",    "silent",    "sleepy",
    "solemn", "steady",  "sturdy",   "tender",  "tidy",     "vivid",    "wandering", "witty"};
constexpr std::array<Text, 64> kNouns{
    "acorn",  "almond",  "anchor",   "badger",  "balcony", "banner",  "beetle", "bell",
    "bishop", "blossom", "bottle",   "bridge",  "button",  "cabin",   "camel",  "candle",
    "canyon", "carpet",  "castle",   "cellar",  "cherry",  "chimney", "cloak",  "cottage",
    "cradle", "crown",   "desert",   "dolphin", "donkey",  "engine",  "falcon", "feather",
    "fiddle", "forest",  "fountain", "garden",  "glacier", "goblet",  "hammer", "harbour",
    "hedge",  "island",  "jacket",   "kettle",  "ladder",  "lantern", "magnet", "meadow",
    "mirror", "needle",  "orchard",  "paddle",  "parrot",  "pepper",  "pillow", "planet",
    "quarry", "ribbon",  "saddle",   "shadow",  "spider",  "temple",  "tunnel", "walnut"};

// "@" stands for the name, "#" for the value.
struct Wording {
  std::array<Text, 2> statements, questions;
};

constexpr std::array<std::array<Wording, fact_classes>, entity_kinds> kWordings{{
    {{{{"As a young apprentice, @ was taught by #, whom neighbours described as strict but fair.",
        "The letters show that # was the only teacher @ ever had."},
       {"Who taught @?", "Who was the teacher of @?"}},
      {{"According to the parish register, @ was born in #.",
        "The birthplace of @ was #, a fact that was long disputed."},
       {"Where was @ born?", "What is the birthplace of @?"}},
      {{"It was in # that @ retired from public life.",
        "After a long illness @ retired in # and never worked again."},
       {"In which year did @ retire?", "When did @ retire?"}},
      {{"Over the decades @ filled # notebooks, most of which survive.",
        "A catalogue counts # notebooks written by @."},
       {"How many notebooks did @ fill?", "How many notebooks were written by @?"}},
      {{"Visitors remembered that @ collected # from every corner of the country.",
        "The attic of @ was crowded with #, gathered over many summers."},
       {"What did @ collect?", "Which objects did @ gather over the years?"}},
      {{"At every festival @ wore a coat of #.",
        "Friends knew @ from afar by a coat that was always #."},
       {"What colour was the coat of @?", "Which colour did @ wear at festivals?"}}}},
    {{{{"The present mayor of @ is #, elected without opposition.",
        "In @ the office of mayor is held by #."},
       {"Who is the mayor of @?", "Who holds the office of mayor in @?"}},
      {{"The old coach road leads from @ over the hills to #.",
        "For generations @ has been twinned with #."},
       {"Which town is linked with @?", "To which place is @ connected by tradition?"}},
      {{"The charter of @ was sealed in #.", "Records say that @ received its charter in #."},
       {"In which year did @ receive its charter?", "When was the charter of @ sealed?"}},
      {{"At the last census @ had # inhabitants.",
        "The census gives the population of @ as # people."},
       {"How many inhabitants does @ have?", "What is the population of @?"}},
      {{"The weekly market of @ is famous for its #.", "Traders travel to @ chiefly to buy #."},
       {"What is the market of @ famous for?", "What do traders buy in @?"}},
      {{"Every roof in @ must be painted #.", "By an old rule the roofs of @ are #."},
       {"What colour are the roofs of @?", "Which colour must roofs in @ have?"}}}},
    {{{{"The firm @ was founded by #, who had borrowed the money.",
        "It was # who founded @ in a rented cellar."},
       {"Who founded @?", "Who was the founder of @?"}},
      {{"The head office of @ stands in #.",
        "From its head office in #, @ serves the whole coast."},
       {"Where is the head office of @?", "In which town does @ have its head office?"}},
      {{"The company @ moved into steam power in #.",
        "The ledgers of @ record the first steam engine in #."},
       {"When did @ begin to use steam power?", "In which year did @ get its first steam engine?"}},
      {{"At its height @ employed # people.", "The wage books of @ list # workers."},
       {"How many people did @ employ?", "How many workers do the wage books of @ list?"}},
      {{"Today @ makes nothing but #.", "The name of @ is found on # all over the country."},
       {"What does @ make?", "Which goods are produced by @?"}},
      {{"The delivery carts of @ are painted #.", "Anyone could tell the # carts of @."},
       {"What colour are the carts of @?", "Which colour do the delivery carts of @ have?"}}}},
    {{{{"The first captain of @ was #.", "On her maiden voyage @ sailed under Captain #."},
       {"Who was the first captain of @?", "Who commanded @ on her maiden voyage?"}},
      {{"The vessel @ was built in the yards of #.",
        "In # the shipwrights still speak of @, built there."},
       {"Where was @ built?", "In whose yards was @ built?"}},
      {{"In # @ was launched before a large crowd.", "The launch of @ took place in #."},
       {"In which year was @ launched?", "When did the launch of @ take place?"}},
      {{"A full crew of @ numbered # sailors.", "With # sailors aboard, @ was crowded."},
       {"How many sailors did @ carry?", "How many sailors made up the crew of @?"}},
      {{"On most voyages @ carried a cargo of #.", "The hold of @ was usually filled with #."},
       {"What cargo did @ carry?", "What filled the hold of @?"}},
      {{"The hull of @ was # from bow to stern.", "Lookouts recognised @ by her # hull."},
       {"What colour was the hull of @?", "Which colour did the hull of @ have?"}}}},
}};

template <std::size_t N>
std::string pick(const std::array<Text, N>& words, Rng& rng) {
  return std::string(words[rng.below(N)]);
}

std::string join(Text a, Text b, Text c = "", Text d = "") {
  return std::string(a).append(b).append(c).append(d);
}

// Names of a kind are numbered front + fronts * back: namesakes have the same back.
struct NameRange {
  std::size_t fronts, backs;
};

constexpr NameRange name_range(EntityKind kind) {
  constexpr std::size_t family_names = kNameHeads.size() * kFamilyTails.size();
  constexpr std::size_t town_names = kNameHeads.size() * kTownTails.size();
  switch (kind) {
    case EntityKind::person:
      return {kFirstNames.size(), family_names};
    case EntityKind::town:
      return {kTownFronts.size(), town_names};
    case EntityKind::company:
      return {kCompanyTails.size(), family_names};
    case EntityKind::ship:
      break;
  }
  return {kNameHeads.size(), kShipNames.size() * kFamilyTails.size()};
}

template <std::size_t N, std::size_t M>
std::string compound(const std::array<Text, N>& heads, const std::array<Text, M>& tails,
                     std::size_t index) {
  return join(heads[index % N], tails[index / N % M]);
}

std::string name_of(EntityKind kind, std::size_t index) {
  const auto [fronts, backs] = name_range(kind);
  const std::size_t front = index % fronts, back = index / fronts;
  switch (kind) {
    case EntityKind::person:
      return join(kFirstNames[front], " ", compound(kNameHeads, kFamilyTails, back));
    case EntityKind::town:
      return join(kTownFronts[front], compound(kNameHeads, kTownTails, back));
    case EntityKind::company:
      return join(compound(kNameHeads, kFamilyTails, back), kCompanyTails[front]);
    case EntityKind::ship:
      break;
  }
  const Text ship = kShipNames[back % kShipNames.size()];
  return join("the ", ship, " of ",
              join(kNameHeads[front], kFamilyTails[back / kShipNames.size()]));
}

std::string random_name(EntityKind kind, Rng& rng) {
  const auto [fronts, backs] = name_range(kind);
  return name_of(kind, rng.below(fronts * backs));
}

std::string filled(Text wording, Text name, Text value) {
  std::string sentence;
  for (const char c : wording) {
    if (c == '@') {
      sentence += name;
    } else if (c == '#') {
      sentence += value;
    } else {
      sentence += c;
    }
  }
  return sentence;
}

const Wording& wording_of(const Entity& entity, FactClass fact) {
  return kWordings[static_cast<std::size_t>(entity.kind)][static_cast<std::size_t>(fact)];
}

}  // namespace

Entity World::named(EntityKind kind, std::size_t index) {
  taken_[static_cast<std::size_t>(kind)].insert(index);
  Entity entity{kind, index, name_of(kind, index), {}};
  entity.values = {random_name(EntityKind::person, rng_),
                   random_name(EntityKind::town, rng_),
                   std::to_string(rng_.uniform_int(1801, 1999)),
                   std::to_string(rng_.uniform_int(12, 9999)),
                   pick(kThings, rng_),
                   pick(kColours, rng_)};
  return entity;
}

Entity World::entity(EntityKind kind) {
  const auto [fronts, backs] = name_range(kind);
  const auto& taken = taken_[static_cast<std::size_t>(kind)];
  std::size_t index = rng_.below(fronts * backs);
  while (taken.contains(index)) index = (index + 1) % (fronts * backs);
  return named(kind, index);
}

Entity World::namesake(const Entity& of) {
  const std::size_t fronts = name_range(of.kind).fronts;
  const std::size_t back = of.index / fronts;
  const auto& taken = taken_[static_cast<std::size_t>(of.kind)];
  const std::size_t first = rng_.below(fronts);
  for (std::size_t i = 0; i < fronts; ++i) {
    const std::size_t index = (first + i) % fronts + fronts * back;
    if (!taken.contains(index)) return named(of.kind, index);
  }
  return entity(of.kind);
}

std::string statement(const Entity& entity, FactClass fact, Rng& rng) {
  std::string sentence = filled(wording_of(entity, fact).statements[rng.below(2)], entity.name,
                                entity.values[static_cast<std::size_t>(fact)]);
  if (sentence.front() == 't') sentence.front() = 'T';  // "the Heron of ..."
  return sentence;
}

std::string question(const Entity& entity, FactClass fact, Rng& rng) {
  return filled(wording_of(entity, fact).questions[rng.below(2)], entity.name, "");
}

std::string description(const Entity& entity, Rng& rng) {
  std::string text;
  for (const std::size_t fact : distinct_numbers(fact_classes, fact_classes, rng)) {
    if (!text.empty()) text += ' ';
    text += statement(entity, static_cast<FactClass>(fact), rng);
  }
  return text;
}

std::string key_phrase(std::size_t index) {
  return join(kAdjectives[index % kAdjectives.size()], "-",
              kNouns[index / kAdjectives.size() % kNouns.size()]);
}

std::size_t key_phrases() {
  return kAdjectives.size() * kNouns.size();
}

std::string uuid(Rng& rng) {
  constexpr Text digits = "0123456789abcdef";
  std::string text = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
  for (char& c : text) {
    if (c == 'x') c = digits[rng.below(16)];
    if (c == 'y') c = digits[8 + rng.below(4)];
  }
  return text;
}

std::vector<std::size_t> distinct_numbers(std::size_t count, std::size_t bound, Rng& rng) {
  std::vector<std::size_t> numbers(bound);
  std::iota(numbers.begin(), numbers.end(), std::size_t{0});
  for (std::size_t i = 0; i < count; ++i) std::swap(numbers[i], numbers[i + rng.below(bound - i)]);
  numbers.resize(count);
  return numbers;
}

}  // namespace headscope
