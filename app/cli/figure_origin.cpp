#include "app/cli/figure_origin.h"

#include <filesystem>

#include "app/cli/prompt_input.h"
#include "core/base/hash.h"
#include "core/figure/write.h"
#include "core/session/intervention_file.h"
#include "core/sweep/weights_hash.h"

namespace headscope::cli {
namespace {

std::string file_name(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

// In the caption, and for the command that draws it again.
void name_given_prompt(const std::string& option, const std::string& text, Origin& origin) {
  constexpr std::size_t longest = 200;  // of a prompt within a command line
  origin.data = "the prompt given";
  origin.data_hash = sha256_hex(text);
  origin.data_arguments = {option, text};
  origin.repeatable = text.size() <= longest;
}

}  // namespace

Result<> name_run(const FigureRun& run, const CommonOptions& common, const PromptOptions& options,
                  const RunContext& context, Origin& origin) {
  const OpenedModel& opened = run.opened;
  origin.adapter = opened.adapter.filename().string();
  origin.model = model_of(opened.name, origin.adapter);
  HEADSCOPE_ASSIGN(origin.model_hash, weights_sha256(opened.folder, context, opened.adapter));
  origin.dtype = common.dtype;
  origin.numbers = opened.model->dtype_name() + " on " + opened.model->device_name();
  if (run.encoder != nullptr) origin.chat_template = run.encoder->template_name();
  origin.no_chat = options.no_chat;
  origin.rows = run.rows;
  origin.max_new_tokens = options.max_new_tokens;
  origin.seed = common.seed;
  if (options.intervene.empty()) return {};
  HEADSCOPE_ASSIGN(auto file, read_interventions_file(options.intervene));
  origin.intervention = std::move(file.interventions);
  origin.heads_acted_on = run.heads_acted_on;
  origin.intervention_file = file_name(options.intervene);
  return {};
}

Result<> name_prompt(const PromptSource& source, const std::string& text, Origin& origin) {
  origin.gold = source.gold;
  if (!source.ids) {
    HEADSCOPE_ASSIGN(origin.splitting, read_splitting(source.split));
  }
  if (source.split.starts_with("@")) origin.splitting_file = file_name(source.split.substr(1));
  origin.prompt = text;
  if (source.prompt) name_given_prompt("--prompt", *source.prompt, origin);
  if (source.ids) name_given_prompt("--ids", *source.ids, origin);
  if (source.prompt_file) origin.prompt_file = file_name(*source.prompt_file);
  return {};
}

Result<> check_picture(const std::string& file) {
  HEADSCOPE_TRY(figure::format_of(file));
  return check_folder_of(file);
}

Result<> check_folder_of(const std::string& file) {
  const auto folder = std::filesystem::path(file).parent_path();
  std::error_code ignored;
  if (folder.empty() || std::filesystem::is_directory(folder, ignored)) return {};
  return bad_input(file + ": the folder " + folder.string() + " does not exist");
}

bool is_picture(const std::string& file) {
  return figure::format_of(file).has_value();
}

}  // namespace headscope::cli
