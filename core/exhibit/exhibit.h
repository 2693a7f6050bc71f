// What a view shows, ready to leave the program: as a figure, as a table, as arrays, with what
// somebody needs in order to make it again. The window's export and `headscope-cli render` share
// it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/error.h"
#include "core/base/run_context.h"
#include "core/exhibit/origin.h"
#include "core/exhibit/table.h"
#include "core/figure/page.h"

namespace headscope {

/// Numbers in the shape they have, [shape...] row-major.
struct ExhibitArray {
  std::string name;
  std::vector<std::int64_t> shape;
  std::variant<std::vector<float>, std::vector<std::int64_t>> values;
};
/// What a view shows as figure, table and arrays; written by export.cpp.
struct Exhibit {
  /// With this look, and what the caption says about where it comes from.
  using Draw =
      std::function<Result<figure::Scene>(const figure::Options&, const figure::Provenance&)>;

  std::string name;  ///< for files: "attention-L2H3"
  Draw draw;         ///< empty: it has no picture
  Table table;
  std::vector<ExhibitArray> arrays;
  Json more = Json::object();  ///< fields of its JSON beside those that every exhibit has
  Origin origin;
  /// Of headscope-cli: {"render", "--figure", ...}; empty = no command draws this.
  std::vector<std::string> arguments;
  /// Where the figure does not come from a run over a prompt: instead of what `origin` says.
  std::optional<figure::Provenance> provenance;

  /// Model, data and settings, with the command that draws it again.
  figure::Provenance caption_provenance() const;
  Result<figure::Scene> scene(const figure::Options& look) const;  ///< with that caption
};

/// Draws with one of core/figure's functions: `drawn_by(f, figure::draw_head_map)`.
template <class Figure>
Exhibit::Draw drawn_by(Figure figure,
                       Result<figure::Scene> (*draw)(const Figure&, const figure::Options&)) {
  return [figure = std::move(figure), draw](const figure::Options& look,
                                            const figure::Provenance& provenance) {
    Figure with = figure;
    with.provenance = provenance;
    return draw(with, look);
  };
}
/// Figures, tables and arrays in files.
enum class ExportFormat { png, svg, pdf, csv, json, safetensors };
inline constexpr int export_formats = 6;

/// "png", "svg"...: also the ending of the file.
std::string_view format_name(ExportFormat format);
/// Whether the exhibit has what the format holds.
bool can_write(const Exhibit& exhibit, ExportFormat format);
/// By the name's ending; nothing for any other.
std::optional<ExportFormat> format_of_ending(const std::filesystem::path& path);
/// How a figure is written.
struct ExportLook {
  figure::Options figure;
  static constexpr int standard_scale = 3, most_scale = 4;
  int scale = standard_scale;  ///< pixels a point of PNG
};

/// The bytes of a PNG, SVG or PDF; PNG in the look's scale unless the look has a size.
Result<std::string> encode_picture(figure::Scene scene, ExportFormat format,
                                   const ExportLook& look);
/// The same of an exhibit. bad_input where nothing is drawn.
Result<std::string> picture_of(const Exhibit& exhibit, ExportFormat format, const ExportLook& look);

/// Everything about it: caption, origin, command, the files that the command names, table.
Result<Json> exhibit_as_json(const Exhibit& exhibit, const RunContext& context = {});

/// Writes whole or not at all. CSV and JSON hold the table, safetensors the arrays with the caption
/// as metadata. Errors name the path; cancelled.
Result<> write_exhibit(const std::filesystem::path& path, const Exhibit& exhibit,
                       ExportFormat format, const ExportLook& look, const RunContext& context = {});

/// Names the files of the caption's command (files_of) after `path`, beside which they will lie.
/// Call it before drawing: the names stand in the caption.
void name_files_beside(const std::filesystem::path& path, Exhibit& exhibit);
/// Writes them into the folder of `path`, and the command beside it where one writes this format;
/// nothing where no command exists. Returns their names.
Result<std::vector<std::string>> write_files_beside(const std::filesystem::path& path,
                                                    const Exhibit& exhibit, ExportFormat format,
                                                    const ExportLook& look);
/// The words of the command that writes this file again; empty where none does: commands other
/// than render write pictures alone, and those in the standard look.
std::vector<std::string> arguments_of(const Exhibit& exhibit, ExportFormat format,
                                      const ExportLook& look);

/// Files by name with what is in them.
using NamedTexts = std::vector<std::pair<std::string, std::string>>;
/// Writes `more` and the files that the command for `origin` names into the folder of `path`, and
/// to made_by_file(path) what `headscope-cli repeat` reads: {"headscope": "made_by", "command",
/// "arguments", "files", "version"}. Returns their names; nothing where no command exists.
Result<std::vector<std::string>> write_made_by_beside(const std::filesystem::path& path,
                                                      const Origin& origin,
                                                      const std::vector<std::string>& arguments,
                                                      NamedTexts more = {});

}  // namespace headscope
