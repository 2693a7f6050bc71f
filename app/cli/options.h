// Options that several commands share.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/model.h"

namespace headscope::cli {

/// Accepted by every command.
struct CommonOptions {
  std::string device = "auto";
  std::string dtype = "auto";
  int threads = 0;                    ///< 0 = all cores
  std::vector<double> device_memory;  ///< GiB; empty = what is free
  std::uint64_t seed = 0;
  bool quiet = false;
  std::string out;  ///< empty = stdout
};

/// Accepted wherever a prompt is built.
struct PromptOptions {
  bool chat = false;
  bool no_chat = false;
  int max_new_tokens = 100;
  std::string intervene;  ///< file; empty = none
};

/// One prompt given on the command line: exactly one of the three.
struct PromptSource {
  std::optional<std::string> prompt;
  std::optional<std::string> prompt_file;
  std::optional<std::string> ids;
  std::vector<int> gold;       ///< numbers of the relevant documents as printed; empty = not marked
  std::string split = "auto";  ///< splitting_named, or "@FILE"
};

struct ModelChoice {
  std::string model = "demo";
  std::string adapter;  ///< PEFT folder; empty = none
};

/// How the commands open a model.
LoadOptions load_options(const CommonOptions& common, const ModelChoice& choice);

/// `out_help` empty: the command has an --out of its own.
void add_common(CLI::App& command, CommonOptions& options,
                const std::string& out_help = "write the JSON to this file instead of stdout");
void add_model(CLI::App& command, ModelChoice& options);
/// The same where weights are read: an adapter too.
void add_loaded_model(CLI::App& command, ModelChoice& options);
void add_chat_options(CLI::App& command, PromptOptions& options);
void add_prompt_options(CLI::App& command, PromptOptions& options);
void add_prompt_source(CLI::App& command, PromptSource& options);
void add_split(CLI::App& command, PromptSource& options);
/// --gold and --split.
void add_documents(CLI::App& command, PromptSource& options);

}  // namespace headscope::cli
