#include "core/runner/open_model.h"

#include <system_error>

#include "core/base/file.h"

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

}  // namespace

Result<fs::path> model_folder(const std::string& model) {
  if (model == kDemoModel) return demo_folder();
  const fs::path path = model;
  std::error_code problem;
  const auto status = fs::status(path, problem);
  if (!fs::exists(status)) {
    return bad_input("model '" + model +
                     "': no such folder (expected demo or a Hugging Face "
                     "folder with config.json, *.safetensors, tokenizer.json)");
  }
  if (fs::is_directory(status)) return path;
  if (path.extension() == ".gguf") {
    return bad_input("model '" + model +
                     "': GGUF files are not read yet; use the Hugging Face "
                     "folder of the same model");
  }
  return bad_input("model '" + model + "': is a file; expected a folder with config.json");
}

std::string model_name(const std::string& model) {
  if (model == kDemoModel) return model;
  std::error_code ignored;
  const fs::path whole = fs::weakly_canonical(fs::path(model), ignored);
  const std::string name = whole.filename().string();
  return name.empty() ? model : name;
}

Result<std::optional<Tokenizer>> open_tokenizer(const fs::path& folder, TokenizerNeed need) {
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
  opened.name = model_name(model);
  opened.is_demo = model == kDemoModel;
  HEADSCOPE_ASSIGN(opened.folder, model_folder(model));
  HEADSCOPE_ASSIGN(opened.tokenizer, open_tokenizer(opened.folder, need));
  HEADSCOPE_ASSIGN(opened.model, Model::load(opened.folder.string(), options, context));
  return opened;
}

}  // namespace headscope
