// Small multiples: the attention of every head of one layer, side by side on one scale.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "app/views/widgets.h"
#include "core/engine/latest_worker.h"
#include "core/engine/layer_maps.h"

namespace headscope {

/// The pictures are made once for a layer and a run, beside the window's thread where that takes
/// longer; a frame only places them.
class LayerView {
 public:
  LayerView();
  /// Before the views of a frame: a run that nobody looks at any more is let go.
  void begin_frame();
  void draw(ViewContext& context);
  bool busy() const { return maps_.busy(); }
  int layer() const { return layer_; }
  void show(int layer) { layer_ = layer; }
  /// What its pictures are of.
  LayerQuestion question() const { return {layer_, kind_}; }
  bool logarithmic() const { return logarithmic_; }

 private:
  struct Job {
    std::shared_ptr<const RunResult> run, baseline;  // `baseline` for differences
    LayerQuestion question;
    friend bool operator==(const Job&, const Job&) = default;
  };
  using Maps = std::shared_ptr<const LayerMaps>;
  // Where the pictures stand.
  struct Places {
    int across = 1, down = 1;
    ImVec2 cell, picture;
  };

  void follow_selection(const AppState& state);
  void toolbar(ViewContext& context);
  bool find_job(const ViewContext& context, Job& job) const;
  HeatmapStyle style_of(const ViewContext& context, const LayerMaps& maps) const;
  static Places place(const LayerMaps& maps, ImVec2 room);
  void picture(ViewContext& context, const Maps& maps, const HeatmapStyle& style, int head,
               ImVec2 min, const Places& places);
  void pictures(ViewContext& context, const Maps& maps);
  void nothing_kept(ViewContext& context) const;
  void click(ViewContext& context, HeadId head);
  void tooltip(const ViewContext& context, const LayerMaps& maps, int head, ImVec2 min,
               ImVec2 size) const;

  int layer_ = 0;
  bool drawn_ = false;  ///< in the last frame
  HeadId followed_{-1, -1};
  LayerColumns kind_ = LayerColumns::tokens;
  bool logarithmic_ = true;
  std::shared_ptr<const RunResult> shown_run_;  ///< of this frame
  std::vector<HeadId> on_;                      ///< heads acted on, in this frame
  NewestResult<Job, Maps> maps_;
};

}  // namespace headscope
