// Every figure of the paper that lies in a file or a folder of results.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/session/head_set.h"
#include "core/sweep/sweep_figures.h"

namespace headscope {

/// Fig. 2 (map and sorted curve), Fig. 5 (distribution over the layers) and the stability of the
/// first heads against the number of samples (where the set holds it) of a head set; of a ranking
/// alone the map of ranks and the distribution of its first heads.
std::vector<NamedFigure> head_set_figures(const HeadSet& set, figure::Provenance provenance);

/// What one path gave.
struct StudyFigures {
  std::vector<NamedFigure> figures;  ///< with names of their own
  std::vector<std::string> sources;  ///< files and folders they were made from
};

/// `from`: the folder of a sweep, a head set, control.json, the table of suites, a result of bench
/// (growth, peers), or a folder that holds several of these (files *.json, and folders with a
/// results.csv). bad_input when it is none of them, when a file of a sweep is damaged, or when
/// nothing can be drawn.
Result<StudyFigures> study_figures(const std::filesystem::path& from);

/// Draws every figure as SVG, PDF and PNG, and writes its numbers as CSV beside them; captions.md
/// has all captions. Returns [{"name","title","caption","files"}].
Result<Json> write_study_figures(const StudyFigures& study, const std::filesystem::path& folder,
                                 const figure::Options& look);

}  // namespace headscope
