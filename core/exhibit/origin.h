// What made a figure of one prompt: model, prompt, intervention and settings, in the words of its
// caption and as the command line that draws it again.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/snapshot.h"
#include "core/figure/page.h"
#include "core/session/intervention_file.h"
#include "core/text/splitting.h"

namespace headscope {
/// What made the numbers of an exhibit: its caption and its command.
struct Origin {
  std::string model = "demo";  ///< as --model names it: "demo" or the folder's name
  std::string model_hash;      ///< SHA-256 of the weights; empty = not known
  std::string adapter;
  std::string dtype = "auto";          ///< as --dtype was given
  std::string numbers;                 ///< "float32 on cpu"
  std::string chat_template = "none";  ///< PromptEncoder::template_name
  bool no_chat = false;                ///< the model has a template and the prompt goes without
  std::string prompt;                  ///< its text; empty = it was given as ids
  /// Name of the file that holds the prompt; the window writes it beside the figure.
  std::string prompt_file = "prompt.txt";
  std::vector<int> gold;  ///< numbers of the relevant documents, as printed; empty = none
  Splitting splitting;    ///< how the prompt's documents are found
  std::string splitting_file = "splitting.json";  ///< where no name says it
  /// What is drawn comes from a data set or was given otherwise: its name in captions, its hash,
  /// and the arguments that name it. Without a name: `prompt_file`.
  std::string data, data_hash;
  std::vector<std::string> data_arguments;
  RowConvention rows = RowConvention::input;
  int max_new_tokens = 100;
  std::vector<InterventionDescription> intervention;  ///< empty = none
  std::size_t heads_acted_on = 0;
  std::string intervention_file = "intervention.json";
  std::vector<HeadId> heads;              ///< for --heads; empty = the command needs none
  std::string heads_file = "heads.json";  ///< empty = the command takes the model's own
  std::uint64_t seed = 0;
  bool repeatable = true;  ///< a command line can say all of it
};

/// What --model takes of an opened model's name: with an adapter it is "tiny + mine".
std::string model_of(const std::string& name, const std::string& adapter);

/// The same without its intervention.
Origin unedited(Origin origin);

/// "split-softmax τ = 0.1 on 5 heads"; empty without an intervention.
std::string in_words(const Origin& origin);

/// Model, prompt and every setting, as captions name them.
figure::Provenance provenance_of(const Origin& origin);

/// {"headscope-cli", arguments..., "--model", ...}; empty where none makes it again.
std::vector<std::string> command_words(const Origin& origin,
                                       const std::vector<std::string>& arguments);

/// `headscope-cli ARGUMENTS --model ...` in one line for a shell; empty where none draws it again.
std::string command_of(const Origin& origin, const std::vector<std::string>& arguments);

/// The --intervene file of `origin`.
Json intervention_json(const Origin& origin);

/// The files that its command names, with what is in them: prompt (a string: text), splitting,
/// intervention, heads.
std::vector<std::pair<std::string, Json>> files_of(const Origin& origin);

/// What the window has shown: model, prompt, and the intervened run's settings where there is one.
/// `model_hash` is not known to a snapshot.
Origin origin_of(const Snapshot& snapshot);

/// The window's settings as a file says them, with the heads by name; parts that had nothing to
/// act on are left out, as when they ran.
std::vector<InterventionDescription> descriptions_of(const InterventionSettings& settings,
                                                     const std::vector<HeadId>& heads,
                                                     const PromptView& prompt);

}  // namespace headscope
