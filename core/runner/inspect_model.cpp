#include "core/runner/inspect_model.h"

#include <filesystem>
#include <functional>
#include <map>
#include <set>

#include "core/base/json.h"
#include "core/gguf/gguf_tokenizer.h"
#include "core/model/checkpoint.h"
#include "core/model/device.h"
#include "core/model/dtype_choice.h"
#include "core/runner/open_model.h"

namespace headscope {
namespace fs = std::filesystem;

namespace {

std::string readable_dtype(const std::string& stored) {
  static const std::map<std::string, std::string, std::less<>> names = {
      {"F32", "float32"}, {"F16", "float16"}, {"BF16", "bfloat16"}, {"F64", "float64"}};
  const auto it = names.find(stored);
  return it == names.end() ? stored : it->second;
}

void count_tensors(const WeightSource& source, ModelSummary& summary) {
  const bool tied = summary.config.tie_word_embeddings;
  std::set<std::string> dtypes;
  for (const auto& [name, stored] : source.tensors()) {
    if (name.ends_with(".rotary_emb.inv_freq") || (tied && name == "lm_head.weight")) continue;
    std::int64_t numbers = 1;
    for (const std::int64_t size : stored.shape) numbers *= size;
    summary.parameters += numbers;
    dtypes.insert(readable_dtype(stored.dtype));
  }
  summary.dtype = dtypes.size() == 1 ? *dtypes.begin() : "mixed";
}

void estimate_weights(ModelSummary& summary) {
  for (const WeightFormat& format :
       {WeightFormat{c10::ScalarType::Float}, WeightFormat{c10::ScalarType::BFloat16},
        WeightFormat{c10::ScalarType::Half}, WeightFormat{c10::ScalarType::Float, true}}) {
    summary.weights_bytes[format.name()] =
        static_cast<std::int64_t>(weights_bytes(summary.config, format));
  }
}

void note_vocabulary(const Tokenizer& tokenizer, ModelSummary& summary) {
  if (tokenizer.vocab_size() <= summary.config.vocab_size) return;
  summary.notes.push_back("the tokenizer knows " + std::to_string(tokenizer.vocab_size()) +
                          " ids, the model only " + std::to_string(summary.config.vocab_size));
}

// A template that cannot be read stops nobody: --no-chat goes on without it.
void note_chat_template(const fs::path& folder, ModelSummary& summary) {
  const auto chat = open_chat_template(folder);
  if (!chat) {
    summary.notes.push_back(chat.error().message + "; use --no-chat");
  } else if (*chat) {
    summary.notes.push_back("has a chat template (" + (*chat)->fingerprint() +
                            "), applied to prompts unless --no-chat says otherwise");
  }
}

Result<> choose_dtype(ModelSummary& summary) {
  HEADSCOPE_ASSIGN(const auto devices, select_devices("auto", {}));
  const DtypeChoice choice = usual_dtype(summary.config, !devices.front().device.is_cpu());
  summary.auto_dtype = choice.dtype;
  if (!choice.reason.empty())
    summary.notes.push_back("--dtype auto is " + choice.dtype + ": " + choice.reason);
  return {};
}

}  // namespace

Result<ModelSummary> inspect_model(const std::string& folder, const std::string& adapter) {
  ModelSummary summary;
  HEADSCOPE_ASSIGN(summary.config, load_config(folder));
  HEADSCOPE_ASSIGN(const auto source, open_weights(folder, adapter));
  HEADSCOPE_TRY(settle_output(*source, summary.config));
  HEADSCOPE_TRY(check_weights(*source, folder, summary.config));
  HEADSCOPE_ASSIGN(const auto tokenizer, open_tokenizer(folder, TokenizerNeed::optional));
  count_tensors(*source, summary);
  if (is_gguf(folder)) summary.dtype = summary.config.stored_dtype;
  estimate_weights(summary);
  summary.notes = summary.config.notes;
  HEADSCOPE_TRY(choose_dtype(summary));
  if (tokenizer) {
    note_vocabulary(*tokenizer, summary);
  } else {
    summary.notes.push_back(std::string(is_gguf(folder) ? "no tokenizer" : "no tokenizer.json") +
                            ": only prompts given as ids can be used");
  }
  note_chat_template(folder, summary);
  return summary;
}

}  // namespace headscope
