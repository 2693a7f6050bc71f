#include "core/exhibit/origin.h"

#include <algorithm>
#include <filesystem>

#include "core/base/hash.h"
#include "core/base/head_json.h"
#include "core/base/process.h"
#include "core/base/version.h"
#include "core/figure/ticks.h"
#include "core/text/splitting_json.h"

namespace headscope {
namespace {

constexpr std::size_t kLongestCommand = 1200;  // longer ones are for machines: JSON has them

std::string symbol_of(const std::string& parameter) {
  return parameter == "tau" ? "τ" : parameter == "alpha" ? "α" : parameter;
}

// Spans that split-softmax and its like favour; empty where there is nothing to favour.
std::vector<ByteSpan> marked_spans(const InterventionSettings& settings, const PromptView& prompt) {
  std::vector<ByteSpan> spans;
  for (const int index :
       marked_among(settings, prompt.gold_documents(), static_cast<int>(prompt.documents.size())))
    spans.push_back(prompt.documents[static_cast<std::size_t>(index)].relevant);
  return spans;
}

// No name of --split says it.
bool needs_splitting_file(const Origin& origin) {
  const std::string& method = origin.splitting.method;
  return origin.data.empty() && (method == "pattern" || method == "between" || method == "hand");
}

bool needs_heads_file(const Origin& origin) {
  return !origin.heads.empty() && !origin.heads_file.empty();
}

bool draws_directions(const Origin& origin) {
  return std::any_of(origin.intervention.begin(), origin.intervention.end(),
                     [](const auto& part) { return part.directions == "random"; });
}

}  // namespace

std::string model_of(const std::string& name, const std::string& adapter) {
  return adapter.empty() ? name : name.substr(0, name.rfind(" + "));
}

Origin unedited(Origin origin) {
  origin.intervention.clear();
  origin.heads_acted_on = 0;
  return origin;
}

std::string in_words(const Origin& origin) {
  if (origin.intervention.empty()) return "";
  std::string text;
  for (const InterventionDescription& part : origin.intervention) {
    text += (text.empty() ? "" : " + ") + std::string(part.method->name);
    for (std::size_t i = 0; i < part.values.size(); ++i) {
      const MethodParameter& parameter = part.method->parameters[i];
      if (parameter.kind != MethodParameter::Kind::number) continue;
      text += " " + symbol_of(parameter.name) + " = " + figure::shortest(part.values[i]);
    }
    if (!part.directions.empty())
      text += " (" + std::filesystem::path(part.directions).filename().string() + ")";
  }
  return text + " on " + std::to_string(origin.heads_acted_on) +
         (origin.heads_acted_on == 1 ? " head" : " heads");
}

figure::Provenance provenance_of(const Origin& origin) {
  figure::Provenance p;
  p.model = origin.model;
  p.model_hash = origin.model_hash;
  p.data = origin.data.empty() ? "prompt " + origin.prompt_file : origin.data;
  p.data_hash = !origin.data_hash.empty() || origin.prompt.empty() ? origin.data_hash
                                                                   : sha256_hex(origin.prompt);
  p.samples = 1;
  if (!origin.intervention.empty()) p.settings.push_back("intervention: " + in_words(origin));
  if (!origin.adapter.empty()) p.settings.push_back("adapter " + origin.adapter);
  if (origin.chat_template != "none") p.settings.push_back(origin.chat_template);
  p.settings.push_back(origin.rows == RowConvention::input ? "rows: input" : "rows: predict");
  p.settings.push_back("greedy, at most " + std::to_string(origin.max_new_tokens) + " new tokens");
  if (!origin.numbers.empty()) p.settings.push_back(origin.numbers);
  if (draws_directions(origin)) p.settings.push_back("seed " + std::to_string(origin.seed));
  p.version = kVersion;
  return p;
}

std::vector<std::string> command_words(const Origin& origin,
                                       const std::vector<std::string>& arguments) {
  if (!origin.repeatable || arguments.empty()) return {};
  std::vector<std::string> all = {"headscope-cli"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  const auto add = [&](std::initializer_list<std::string> more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  if (origin.model != "demo") add({"--model", origin.model});
  if (!origin.adapter.empty()) add({"--adapter", origin.adapter});
  if (origin.dtype != "auto") add({"--dtype", origin.dtype});
  if (origin.data.empty()) add({"--prompt-file", origin.prompt_file});
  all.insert(all.end(), origin.data_arguments.begin(), origin.data_arguments.end());
  std::string gold;
  for (const int number : origin.gold) gold += (gold.empty() ? "" : ",") + std::to_string(number);
  if (!gold.empty()) add({"--gold", gold});
  if (needs_splitting_file(origin)) {
    add({"--split", "@" + origin.splitting_file});
  } else if (origin.splitting.method != "auto") {
    add({"--split", origin.splitting.method});
  }
  if (origin.no_chat) add({"--no-chat"});
  if (origin.rows == RowConvention::predict) add({"--rows", "predict"});
  if (origin.max_new_tokens != 100)
    add({"--max-new-tokens", std::to_string(origin.max_new_tokens)});
  if (!origin.intervention.empty()) add({"--intervene", origin.intervention_file});
  if (needs_heads_file(origin)) add({"--heads", origin.heads_file});
  if (draws_directions(origin)) add({"--seed", std::to_string(origin.seed)});
  return all;
}

std::string command_of(const Origin& origin, const std::vector<std::string>& arguments) {
  const std::string line = shell_line(command_words(origin, arguments));
  return line.size() <= kLongestCommand ? line : "";
}

Json intervention_json(const Origin& origin) {
  Json list = Json::array();
  for (const InterventionDescription& part : origin.intervention) list.push_back(to_json(part));
  return list;
}

std::vector<std::pair<std::string, Json>> files_of(const Origin& origin) {
  std::vector<std::pair<std::string, Json>> files;
  if (origin.data.empty()) files.emplace_back(origin.prompt_file, origin.prompt);
  if (needs_splitting_file(origin))
    files.emplace_back(origin.splitting_file, to_json(origin.splitting));
  if (!origin.intervention.empty())
    files.emplace_back(origin.intervention_file, intervention_json(origin));
  if (!needs_heads_file(origin)) return files;
  files.emplace_back(origin.heads_file, heads_json(origin.heads));
  return files;
}

std::vector<InterventionDescription> descriptions_of(const InterventionSettings& settings,
                                                     const std::vector<HeadId>& heads,
                                                     const PromptView& prompt) {
  std::vector<InterventionDescription> parts;
  if (settings.is_identity() || heads.empty()) return parts;
  const std::vector<ByteSpan> marked = marked_spans(settings, prompt);
  const auto add = [&](const InterventionMethod& method, MethodValues values) {
    if (method.marks_keys && marked.empty()) return;
    InterventionDescription part;
    part.method = &method;
    part.values = std::move(values);
    part.heads = heads;
    part.rows = settings.rows;
    if (method.adds_directions) part.directions = settings.directions;
    if (method.marks_keys && settings.span == SpanChoice::document) {
      part.gold = false;
      part.spans = marked;
    }
    parts.push_back(std::move(part));
  };
  if (settings.alpha != 0)
    add(focus_method, {settings.alpha, settings.use_key_directions ? 1.0 : 0.0});
  if (const InterventionMethod* also = find_method(settings.also)) {
    MethodValues values = standard_values(*also);
    if (!values.empty()) values[0] = settings.also_strength;
    add(*also, std::move(values));
  }
  if (settings.tau != 1) add(split_softmax_method, {settings.tau});
  return parts;
}

Origin origin_of(const Snapshot& snapshot) {
  Origin origin;
  const Request& request = snapshot.request;
  if (snapshot.model) {
    const ModelInfo& model = *snapshot.model;
    origin.model = model.is_demo ? "demo" : model_of(model.name, request.adapter);
    origin.numbers = model.dtype + " on " + model.device;
    if (request.prompt.chat && !model.chat_template.empty())
      origin.chat_template = model.chat_template;
    origin.no_chat = model.has_chat_template && !request.prompt.chat;
  }
  origin.adapter = std::filesystem::path(request.adapter).filename().string();
  origin.dtype = request.dtype;
  origin.rows = request.row_convention;
  origin.max_new_tokens = request.max_new_tokens;
  if (!snapshot.prompt) return origin;
  const PromptView& prompt = *snapshot.prompt;
  origin.prompt = prompt.text;
  origin.splitting = prompt.splitting;
  for (const int gold : prompt.gold_documents())
    origin.gold.push_back(prompt.documents[static_cast<std::size_t>(gold)].number);
  if (snapshot.baseline) origin.repeatable = snapshot.baseline->quality == Quality::exact;
  if (snapshot.intervened && snapshot.intervened != snapshot.baseline) {
    const RunResult& run = *snapshot.intervened;
    origin.intervention = descriptions_of(run.settings, run.touched, prompt);
    origin.heads_acted_on = run.touched.size();
    origin.repeatable = run.quality == Quality::exact;
  }
  return origin;
}

}  // namespace headscope
