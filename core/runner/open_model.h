// Opening a model by the name that users give: "demo", a Hugging Face folder or a GGUF file.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "core/base/error.h"
#include "core/base/run_context.h"
#include "core/model/model.h"
#include "core/text/chat_template.h"
#include "core/text/tokenizer.h"

namespace headscope {

/// The name of the embedded model.
inline constexpr const char* kDemoModel = "demo";

/// A model with its tokenizer, ready to run.
struct OpenedModel {
  std::string name;  ///< "demo" or the folder's or file's name, and the adapter's: "demo + mine"
  std::filesystem::path folder;   ///< or the GGUF file
  std::filesystem::path adapter;  ///< folder of the merged adapter; empty = none
  bool is_demo = false;
  std::optional<Tokenizer> tokenizer;  ///< always there when it was required
  std::unique_ptr<Model> model;
};

/// Folder of `model`: the asset folder's for "demo"; a GGUF file stands for itself. bad_input when
/// there is neither.
Result<std::filesystem::path> model_folder(const std::string& model);
/// Name to show for `model` with the adapter folder `adapter` (empty = none).
std::string model_name(const std::string& model, const std::string& adapter = {});

/// Who works on token ids alone can do without tokenizer.json.
enum class TokenizerNeed { required, optional };
/// "demo", a folder or a GGUF file, as --model takes it.
Result<OpenedModel> open_model(const std::string& model, const LoadOptions& options,
                               const RunContext& context,
                               TokenizerNeed need = TokenizerNeed::required);

/// The tokenizer of a model folder or GGUF file; nothing when it has none and none is needed.
Result<std::optional<Tokenizer>> open_tokenizer(const std::filesystem::path& folder,
                                                TokenizerNeed need);

/// The chat template that `folder` carries; nothing when it has none.
Result<std::optional<ChatTemplate>> open_chat_template(const std::filesystem::path& folder);

}  // namespace headscope
