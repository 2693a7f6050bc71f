#include "core/runner/open_model.h"

#include <map>
#include <system_error>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/gguf/gguf_tokenizer.h"

namespace headscope {
namespace fs = std::filesystem;

namespace {

Result<fs::path> demo_folder() {
  HEADSCOPE_ASSIGN(const auto assets, asset_folder());
  const fs::path folder = assets / kDemoModel;
  std::error_code ignored;
  if (!fs::is_regular_file(folder / "config.json", ignored)) {
    return bad_input(folder.string() +
                     ": the embedded model is not there (expected config.json); "
                     "install Headscope again or set HEADSCOPE_ASSETS");
  }
  return folder;
}

Result<std::optional<Tokenizer>> tokenizer_inside(const fs::path& path, TokenizerNeed need) {
  HEADSCOPE_ASSIGN(const GgufFile file, GgufFile::open(path));
  if (need == TokenizerNeed::optional && !file.metadata().contains("tokenizer.ggml.model")) {
    return std::nullopt;
  }
  HEADSCOPE_ASSIGN(const std::string json, gguf_tokenizer_json(file));
  HEADSCOPE_ASSIGN(auto tokenizer, Tokenizer::from_json(json, path.string()));
  return tokenizer;
}

Result<std::optional<ChatTemplate>> template_inside(const fs::path& path) {
  HEADSCOPE_ASSIGN(const GgufFile file, GgufFile::open(path));
  HEADSCOPE_ASSIGN(const auto found, gguf_chat_template(file));
  if (!found) return std::nullopt;
  std::map<std::string, std::string> special;
  if (!found->bos_token.empty()) special["bos_token"] = found->bos_token;
  if (!found->eos_token.empty()) special["eos_token"] = found->eos_token;
  HEADSCOPE_ASSIGN(ChatTemplate chat,
                   ChatTemplate::from_text(found->text, std::move(special), path.string()));
  return chat;
}

}  // namespace

Result<fs::path> model_folder(const std::string& model) {
  if (model == kDemoModel) return demo_folder();
  const fs::path path = model;
  std::error_code problem;
  const auto status = fs::status(path, problem);
  if (!fs::exists(status)) {
    return bad_input("model '" + model +
                     "': no such folder or file (expected demo, a Hugging Face folder with "
                     "config.json, *.safetensors, tokenizer.json, or a .gguf file)");
  }
  if (fs::is_directory(status) || is_gguf(path)) return path;
  return bad_input("model '" + model +
                   "': is a file, but no GGUF file; expected that or a folder with config.json");
}

std::string model_name(const std::string& model, const std::string& adapter) {
  if (!adapter.empty()) return model_name(model) + " + " + model_name(adapter);
  if (model == kDemoModel) return model;
  std::error_code ignored;
  const fs::path whole = fs::weakly_canonical(fs::path(model), ignored);
  const std::string name = whole.filename().string();
  return name.empty() ? model : name;
}

Result<std::optional<Tokenizer>> open_tokenizer(const fs::path& folder, TokenizerNeed need) {
  if (is_gguf(folder)) return tokenizer_inside(folder, need);
  std::error_code ignored;
  if (need == TokenizerNeed::optional && !fs::exists(folder / "tokenizer.json", ignored)) {
    return std::nullopt;
  }
  HEADSCOPE_ASSIGN(auto tokenizer, Tokenizer::load(folder));
  return tokenizer;
}

Result<OpenedModel> open_model(const std::string& model, const LoadOptions& options,
                               const RunContext& context, TokenizerNeed need) {
  OpenedModel opened;
  opened.name = model_name(model, options.adapter);
  opened.adapter = options.adapter;
  opened.is_demo = model == kDemoModel;
  HEADSCOPE_ASSIGN(opened.folder, model_folder(model));
  HEADSCOPE_ASSIGN(opened.tokenizer, open_tokenizer(opened.folder, need));
  HEADSCOPE_ASSIGN(opened.model, Model::load(opened.folder.string(), options, context));
  return opened;
}

Result<std::optional<ChatTemplate>> open_chat_template(const fs::path& folder) {
  return is_gguf(folder) ? template_inside(folder) : ChatTemplate::load(folder);
}

}  // namespace headscope
