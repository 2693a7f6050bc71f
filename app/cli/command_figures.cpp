// figures: the paper's figures from results, as SVG, PNG and PDF with their numbers as CSV.
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/made_by.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "core/sweep/study_figures.h"

namespace headscope::cli {
namespace {

struct Options : CommonOptions {
  std::string from, folder;
  std::string theme = "light";
};

Result<> figures(const Options& options) {
  HEADSCOPE_ASSIGN(const auto study, study_figures(options.from));
  figure::Options look;
  look.theme = figure::theme_from_name(options.theme).value_or(figure::Theme::light);
  HEADSCOPE_ASSIGN(auto drawn, write_study_figures(study, options.folder, look));
  HEADSCOPE_TRY(write_made_by(options.folder));
  Json files = Json::array();
  for (const Json& entry : drawn) {
    for (const Json& file : entry["files"]) files.push_back(file);
  }
  return write_json({{"from", study.sources}, {"figures", std::move(drawn)}, {"files", files}},
                    options.out);
}

}  // namespace

void add_figures(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      line.add("figures", "the figures of results as SVG, PNG and PDF, with their numbers as CSV",
               [options] { return figures(*options); });
  command
      ->add_option("--from", options->from,
                   "folder of a sweep (results.csv), head set, result of control, table of suites, "
                   "result of bench (growth, peers), or a folder that holds several of these")
      ->required();
  command->add_option("--out,-o", options->folder, "folder for the figures")->required();
  command->add_option("--theme", options->theme, "light or dark")
      ->check(CLI::IsMember({"light", "dark"}))
      ->capture_default_str();
  add_common(*command, *options, "");
}

}  // namespace headscope::cli
