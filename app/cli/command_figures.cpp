// figures: the paper's figures from the folder of a sweep, as SVG, PNG and PDF.
#include <filesystem>
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "app/cli/provenance.h"
#include "core/base/file.h"
#include "core/experiment/sweep_figures.h"
#include "core/figure/write.h"

namespace headscope::cli {
namespace {

struct Options : CommonOptions {
  std::string from, folder;
  std::string theme = "light";
};

// What the sweep's cells have in common; nothing is known of a table that was copied alone.
Result<Passport> passport_of(const std::filesystem::path& folder) {
  const auto file = folder / "sweep.json";
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return Passport{};
  HEADSCOPE_ASSIGN(const auto json, read_json_file(file));
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(json, file.string()));
  HEADSCOPE_ASSIGN(const auto passport, object.object("passport"));
  return passport_from_json(passport.value(), file.string());
}

Result<> figures(const Options& options) {
  const std::filesystem::path from(options.from), to(options.folder);
  const auto table = from / "results.csv";
  HEADSCOPE_ASSIGN(const auto text, read_text_file(table));
  HEADSCOPE_ASSIGN(const auto rows, parse_sweep_table(text, table.string()));
  HEADSCOPE_ASSIGN(const auto passport, passport_of(from));
  const auto drawn = sweep_figures(rows, provenance_of(passport));
  if (drawn.empty()) {
    return bad_input(table.string() +
                     ": nothing to draw; a figure needs rows of --tau, --alpha or "
                     "--gold-positions");
  }
  figure::Options look;
  look.theme = figure::theme_from_name(options.theme).value_or(figure::Theme::light);
  HEADSCOPE_TRY(create_folders(to));
  Json files = Json::array();
  for (const NamedFigure& named : drawn) {
    HEADSCOPE_ASSIGN(const auto scene, draw_curves(named.figure, look));
    for (const char* ending : {".svg", ".png", ".pdf"}) {
      const auto file = to / (named.name + ending);
      HEADSCOPE_TRY(figure::write_figure(file, scene));
      files.push_back(file.string());
    }
  }
  return write_json({{"from", table.string()}, {"rows", rows.size()}, {"files", files}},
                    options.out);
}

}  // namespace

void add_figures(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command = line.add("figures", "the paper's figures from a sweep, as SVG, PNG and PDF",
                               [options] { return figures(*options); });
  command->add_option("--from", options->from, "folder of a sweep (results.csv)")->required();
  command->add_option("--out,-o", options->folder, "folder for the figures")->required();
  command->add_option("--theme", options->theme, "light or dark")
      ->check(CLI::IsMember({"light", "dark"}))
      ->capture_default_str();
  add_common(*command, *options, "");
}

}  // namespace headscope::cli
