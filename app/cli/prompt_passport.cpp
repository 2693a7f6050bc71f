#include "app/cli/prompt_passport.h"

#include <filesystem>

#include "app/cli/intervene.h"
#include "core/base/hash.h"
#include "core/sweep/weights_hash.h"

namespace headscope::cli {

Result<Passport> prompt_passport(const OpenedPrompt& input, const CommonOptions& common,
                                 const PromptOptions& options, const PromptSource& source,
                                 const RunContext& context) {
  const OpenedModel& opened = input.opened;
  Passport passport = new_passport();
  passport.model = opened.name;
  HEADSCOPE_ASSIGN(passport.weights_sha256, weights_sha256(opened.folder, context, opened.adapter));
  if (opened.tokenizer) passport.tokenizer_sha256 = opened.tokenizer->sha256();
  if (source.prompt_file)
    passport.data = std::filesystem::path(*source.prompt_file).filename().string();
  passport.data_sha256 = sha256_hex(source.ids ? *source.ids : input.prompt.text);
  passport.n = 1;
  passport.seed = common.seed;
  passport.chat_template = input.encoder ? input.encoder->template_name() : "none";
  passport.dtype = opened.model->dtype_name();
  passport.device = opened.model->device_name();
  passport.options = {{"max_new_tokens", options.max_new_tokens}};
  if (!source.gold.empty()) passport.options["gold"] = source.gold;
  if (!options.intervene.empty()) passport.options["intervene"] = described_file(options.intervene);
  return passport;
}

}  // namespace headscope::cli
