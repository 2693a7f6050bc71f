// Opening a model by the name that users give: "demo", or a Hugging Face folder.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/base/error.h"
#include "core/base/run_context.h"
#include "core/model/model.h"
#include "core/text/tokenizer.h"

namespace headscope {

/// The name of the embedded model.
inline constexpr const char* kDemoModel = "demo";

/// A model with its tokenizer, ready to run.
struct OpenedModel {
  std::string name;  ///< "demo" or the folder's name
  std::filesystem::path folder;
  bool is_demo = false;
  Tokenizer tokenizer;
  std::unique_ptr<Model> model;
};

/// Folder of `model`: the asset folder's for "demo". bad_input when there is no such folder, or
/// when the path is a file of a kind that is not read.
Result<std::filesystem::path> model_folder(const std::string& model);
/// Name to show for `model`.
std::string model_name(const std::string& model);

Result<OpenedModel> open_model(const std::string& model, const LoadOptions& options,
                               const RunContext& context);

}  // namespace headscope
