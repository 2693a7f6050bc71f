// Commands of the attention map: moving about in it, its scale, its groups.
#include <string>

#include "app/shell/app.h"

namespace headscope {
namespace {

struct Move {
  const char *id, *name;
  ImGuiKeyChord key;
  MapMove move;
};

constexpr Move kMoves[] = {
    {"map.nearer", "Zoom in", ImGuiKey_Equal, MapMove::nearer},
    {"map.farther", "Zoom out", ImGuiKey_Minus, MapMove::farther},
    {"map.left", "Move left", ImGuiMod_Shift | ImGuiKey_LeftArrow, MapMove::left},
    {"map.right", "Move right", ImGuiMod_Shift | ImGuiKey_RightArrow, MapMove::right},
    {"map.up", "Move up", ImGuiMod_Shift | ImGuiKey_UpArrow, MapMove::up},
    {"map.down", "Move down", ImGuiMod_Shift | ImGuiKey_DownArrow, MapMove::down},
    {"map.whole", "Show the whole map", ImGuiKey_Home, MapMove::whole},
};

}  // namespace

void App::register_map_commands() {
  constexpr const char* kMenu = "Map";
  MapOptions& map = state_.view.map;
  for (const Move& move : kMoves) {
    commands_.add({move.id,
                   move.name,
                   kMenu,
                   move.key,
                   [this, step = move.move] { attention_.move(step); },
                   [this] { return state_.baseline() != nullptr; },
                   {}});
  }
  const auto grouping = [&](const char* id, const char* name, TokenGrouping which, bool first) {
    commands_.add({id,
                   name,
                   kMenu,
                   0,
                   [&map, which] { map.grouping = which; },
                   {},
                   [&map, which] { return map.grouping == which; },
                   first});
  };
  grouping("map.tokens", "By token", TokenGrouping::none, true);
  grouping("map.documents", "By document", TokenGrouping::documents, false);
  grouping("map.sentences", "By sentence", TokenGrouping::sentences, false);
  commands_.add({"map.per_row",
                 "Every row by its own largest weight",
                 kMenu,
                 0,
                 [&map] { map.per_row = !map.per_row; },
                 {},
                 [&map] { return map.per_row; },
                 true});
  commands_.add({"map.mask_sink",
                 "Hide the attention sink",
                 kMenu,
                 ImGuiKey_M,
                 [&map] { map.mask_sink = !map.mask_sink; },
                 {},
                 [&map] { return map.mask_sink; }});
}

}  // namespace headscope
