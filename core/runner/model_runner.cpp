#include "core/runner/model_runner.h"

#include <algorithm>
#include <filesystem>

#include "core/base/make_large.h"
#include "core/base/run_trace.h"
#include "core/engine/outlook.h"
#include "core/model/answer_probability.h"
#include "core/runner/companions.h"
#include "core/runner/grouped_map.h"
#include "core/runner/growing_run.h"
#include "core/runner/prompt_view.h"
#include "core/runner/run_outlook.h"
#include "core/runner/run_plan.h"
#include "core/runner/run_result.h"
#include "core/session/directions_file.h"

namespace headscope {
namespace {

/// What checking a model may add to loading it.
constexpr double kSelfCheckSeconds = 3;

std::shared_ptr<ModelInfo> describe(const OpenedModel& opened, const Companions& companions,
                                    const ParityReport& parity, bool has_template) {
  const ModelConfig& config = opened.model->config();
  auto info = std::make_shared<ModelInfo>();
  info->name = opened.name;
  info->path = opened.folder.string();
  info->model_type = config.model_type;
  info->dtype = opened.model->dtype_name();
  info->device = opened.model->device_name();
  info->layers = config.layers;
  info->heads = config.heads;
  info->kv_heads = config.kv_heads;
  info->head_dim = config.head_dim;
  info->context_length = config.context_length;
  info->parameters = opened.model->parameters();
  info->vocab_size = config.vocab_size;
  info->parity = parity;
  info->is_demo = opened.is_demo;
  info->has_chat_template = has_template;
  info->has_directions = companions.directions != nullptr;
  info->directions_source = companions.directions_source;
  info->known_ranking = companions.ranking;
  info->known_scores = companions.relevant;
  info->known_source = companions.heads_source;
  return info;
}

std::vector<std::int32_t> all_ids(const PromptView& prompt, const RunResult& run) {
  std::vector<std::int32_t> ids = prompt_ids(prompt);
  for (const TokenView& token : run.response) ids.push_back(token.id);
  return ids;
}

}  // namespace

ModelRunner::ModelRunner(std::uint64_t weights_budget, std::int64_t map_side)
    : weights_budget_(weights_budget), map_side_(map_side) {}

Result<> ModelRunner::require_model() const {
  if (opened_) return {};
  return fail(ErrorKind::internal, "no model is loaded");
}

Result<std::shared_ptr<const ModelInfo>> ModelRunner::load(const Request& request,
                                                           const RunContext& context) {
  const Key key{request.model, request.adapter, request.device, request.dtype, request.threads};
  if (!opened_ || key_ != key) {
    HEADSCOPE_TRY(open(request, context));
    key_ = key;
  }
  use_directions(request.intervention);
  return info_;
}

Result<> ModelRunner::open(const Request& request, const RunContext& context) {
  // The old model goes first: two large ones may not fit beside each other.
  opened_.reset();
  key_.reset();
  info_.reset();
  directions_.reset();
  directions_file_.clear();
  directions_hash_.clear();
  sources_.clear();
  row_sources_.clear();
  residuals_.clear();
  store_belongs_to({});
  std::optional<TimedSpan> timed(std::in_place, tracer_of(context), TraceKind::loading, "weights");
  HEADSCOPE_ASSIGN(
      opened_,
      open_model(request.model,
                 {request.device, request.dtype, request.threads, {}, request.adapter}, context));
  HEADSCOPE_ASSIGN(const Companions companions,
                   read_companions(opened_->folder, opened_->model->config()));
  timed.emplace(tracer_of(context), TraceKind::loading, "self-check");
  directions_ = own_directions_ = companions.directions;
  own_source_ = companions.directions_source;
  HEADSCOPE_ASSIGN(const auto parity, opened_->model->self_check(kSelfCheckSeconds, context));
  timed.reset();
  chat_ = opened_->is_demo ? std::nullopt : open_chat_template(opened_->folder);
  if (!chat_ && chat_.error().kind == ErrorKind::out_of_memory)
    return tl::unexpected(chat_.error());
  auto info = describe(*opened_, companions, parity, !chat_ || chat_->has_value());
  if (chat_ && *chat_) info->chat_template = "chat " + (*chat_)->fingerprint();
  info_ = std::move(info);
  return {};
}

void ModelRunner::use_directions(const InterventionSettings& settings) {
  if (settings.directions == directions_file_ && settings.directions_hash == directions_hash_)
    return;
  auto info = std::make_shared<ModelInfo>(*info_);
  info->directions_problem.clear();
  info->directions_source = own_source_;
  auto directions = own_directions_;
  std::string file = settings.directions, hash = settings.directions_hash;
  if (!file.empty()) {
    auto read = read_fitting_directions(file, hash, info_->layers, info_->heads, info_->head_dim);
    directions = read ? std::make_shared<const Directions>(std::move(*read)) : nullptr;
    info->directions_source =
        read ? std::filesystem::path(file).filename().string() : std::string();
    if (!read) info->directions_problem = read.error().message;
    // Another time there may be memory for them.
    if (!read && read.error().kind == ErrorKind::out_of_memory) directions_file_.clear();
  }
  info->has_directions = directions != nullptr;
  // All at once: an exception above leaves everything as it was.
  directions_file_ = std::move(file);
  directions_hash_ = std::move(hash);
  directions_ = std::move(directions);
  info_ = std::move(info);
}

Result<std::shared_ptr<const PromptView>> ModelRunner::prepare(const PromptRequest& prompt) {
  HEADSCOPE_TRY(require_model());
  HEADSCOPE_ASSIGN(const PromptEncoder encoder, encoder_for(prompt));
  HEADSCOPE_ASSIGN(auto view,
                   make_prompt_view(prompt, encoder, opened_->model->config().context_length));
  store_belongs_to(prompt_ids(*view));
  return view;
}

void ModelRunner::store_belongs_to(const std::vector<std::int32_t>& ids) {
  if (stored_ids_ == ids) return;
  store_.clear();
  stored_ids_ = ids;
}

Result<PromptEncoder> ModelRunner::encoder_for(const PromptRequest& prompt) const {
  if (!prompt.chat) return PromptEncoder(*opened_->tokenizer);
  if (!chat_) {
    return bad_input(chat_.error().message + "; switch the chat template off to go on without it");
  }
  return PromptEncoder(*opened_->tokenizer, *chat_);
}

RunOutlook ModelRunner::look_ahead_at(const PromptView& prompt, const Request& request) const {
  OutlookQuestion question;
  question.prompt_tokens = prompt.prompt_tokens();
  question.new_tokens = request.max_new_tokens;
  question.sets = static_cast<std::int64_t>(prompt.documents.size()) + 1;
  question.wanted = request.keep;
  question.weights_budget = static_cast<double>(weights_budget_);
  return look_ahead(*opened_->model, question);
}

Result<std::shared_ptr<const RunOutlook>> ModelRunner::outlook(const PromptView& prompt,
                                                               const Request& request) {
  HEADSCOPE_TRY(require_model());
  return std::make_shared<const RunOutlook>(look_ahead_at(prompt, request));
}

Result<std::shared_ptr<const RunResult>> ModelRunner::run(const PromptView& prompt,
                                                          const InterventionSettings& settings,
                                                          const std::vector<HeadId>& heads,
                                                          const Request& request,
                                                          const AnswerContext& context) {
  HEADSCOPE_TRY(require_model());
  GenerateRequest generate;
  generate.prompt_ids = prompt_ids(prompt);
  store_belongs_to(generate.prompt_ids);
  generate.store = &store_;
  RunOutlook ahead = look_ahead_at(prompt, request);
  if (!require_room_for(ahead) && store_.bytes() > 0) {
    store_.clear();
    ahead = look_ahead_at(prompt, request);
  }
  HEADSCOPE_TRY(require_room_for(ahead));
  generate.max_new_tokens = max_new_tokens_ = request.max_new_tokens;
  generate.candidates = kept_candidates;
  generate.capture.emplace();
  generate.capture->span_sets = document_sets(prompt);
  generate.capture->weights = ahead.chosen == KeepAttention::rows;
  if (settings.alpha != 0 && !info_->directions_problem.empty())
    return bad_input(info_->directions_problem);
  HEADSCOPE_ASSIGN(generate.interventions,
                   plan_interventions(settings, heads, prompt, directions_));
  const bool edited = !generate.interventions.empty();
  GrowingRun growing({prompt, *opened_->tokenizer, request.row_convention, info_->layers,
                      info_->heads, request.selected, edited ? settings : InterventionSettings{},
                      edited ? heads : std::vector<HeadId>{}},
                     context);
  if (context.on_growth) {
    generate.on_row = [&](const AttentionRow& row) { growing.add_row(row); };
    generate.row_head = request.selected;
  }
  StreamDecoder decoder(*opened_->tokenizer);
  generate.on_token = [&](std::int32_t id) {
    growing.add_token(id);
    if (!context.on_text) return;
    decoder.push(id);
    context.on_text(decoder.text(), false);
  };
  HEADSCOPE_ASSIGN(const auto generation, opened_->model->generate(generate, context));
  const TimedSpan timed(tracer_of(context), TraceKind::read_back, "result");
  HEADSCOPE_ASSIGN(auto result, make_run_result(prompt, generation, request.row_convention,
                                                *opened_->tokenizer, context));
  if (context.on_text) context.on_text(result->response_text, true);
  result->settings = edited ? settings : InterventionSettings{};
  if (edited) result->touched = heads;
  return result;
}

const ModelRunner::HeldSource* ModelRunner::known_source(const std::deque<HeldSource>& all,
                                                         const HeldSource& wanted) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const HeldSource& known) {
    return known.ids == wanted.ids && known.head == wanted.head &&
           known.settings == wanted.settings && known.touched == wanted.touched;
  });
  return found == all.end() ? nullptr : &*found;
}

Result<std::shared_ptr<const HeadMapSource>> ModelRunner::row_source(const PromptView& prompt,
                                                                     const RunResult& run,
                                                                     HeadId head,
                                                                     const RunContext& context) {
  constexpr std::size_t kept = 2;
  HeldSource held{all_ids(prompt, run), head, run.settings, run.touched, nullptr, nullptr};
  if (const HeldSource* known = known_source(sources_, held)) return known->source;
  if (const HeldSource* known = known_source(row_sources_, held)) return known->source;
  if (row_sources_.size() >= kept) row_sources_.pop_front();
  HEADSCOPE_ASSIGN(const auto replayed, edited_replay(prompt, run));
  HEADSCOPE_ASSIGN(held.source, opened_->model->head_map_source(replayed, head, context,
                                                                HeadMapSource::rows_only));
  row_sources_.push_back(held);
  return held.source;
}

Result<const ModelRunner::HeldSource*> ModelRunner::map_source(const PromptView& prompt,
                                                               const RunResult& run, HeadId head,
                                                               const RunContext& context) {
  constexpr std::size_t kept = 2;
  HeldSource held{all_ids(prompt, run), head, run.settings, run.touched, nullptr, nullptr};
  if (const HeldSource* known = known_source(sources_, held)) return known;
  if (sources_.size() >= kept) sources_.pop_front();
  HEADSCOPE_ASSIGN(const auto replayed, edited_replay(prompt, run));
  HEADSCOPE_ASSIGN(held.source,
                   opened_->model->head_map_source(replayed, head, context, map_side_));
  const int level = held.source->overview_level();
  const std::int64_t side = held.source->side(level);
  HEADSCOPE_ASSIGN(auto overview, held.source->tile({level, 0, 0, side, side}, context));
  held.overview = make_large<const std::vector<float>>(std::move(overview));
  sources_.push_back(std::move(held));
  return &sources_.back();
}

Result<std::shared_ptr<const FullMap>> ModelRunner::full_map(const PromptView& prompt,
                                                             const RunResult& run, HeadId head,
                                                             const MapRegion& region,
                                                             const RunContext& context) {
  HEADSCOPE_TRY(require_model());
  HEADSCOPE_ASSIGN(const HeldSource* held, map_source(prompt, run, head, context));
  const auto& source = held->source;
  auto full = make_large<FullMap>();
  full->head = head;
  full->settings = run.settings;
  full->tokens = source->tokens();
  full->level = source->overview_level();
  full->weights = held->overview;
  if (full->level == 0) return full;
  full->region.groups = region.groups;
  if (region.groups != TokenGrouping::none) {
    HEADSCOPE_ASSIGN(full->groups, grouped_map(*source, prompt, region.groups, context));
  }
  if (region.empty()) return full;
  const auto within = [&](TokenRange range) {
    return TokenRange{range.begin,
                      std::min({range.end, full->tokens, range.begin + HeadMapSource::max_tile})};
  };
  full->region = {within(region.rows), within(region.columns), region.groups};
  if (full->region.empty()) return full;
  const MapTile tile{0, full->region.rows.begin, full->region.columns.begin,
                     full->region.rows.size(), full->region.columns.size()};
  HEADSCOPE_ASSIGN(full->exact, source->tile(tile, context));
  return full;
}

Result<std::shared_ptr<const PreviewInputs>> ModelRunner::preview_inputs(
    const PromptView& prompt, const RunResult& baseline, const RunContext& context) {
  HEADSCOPE_TRY(require_model());
  auto inputs = std::make_shared<PreviewInputs>();
  // Weights do not tell the scores before a soft-cap, to which a direction adds: no preview then.
  const bool capped = opened_->model->config().attention_softcap > 0;
  inputs->directions_hash = directions_hash_;
  if (directions_ == nullptr || capped) return inputs;
  HEADSCOPE_ASSIGN(inputs->focus_bias,
                   opened_->model->focus_bias(replay(prompt, baseline), *directions_, context));
  return inputs;
}

Result<CausalDrops> ModelRunner::causal_drops(const PromptView& prompt, const RunResult& baseline,
                                              bool documents, const std::vector<HeadId>& heads,
                                              const RunContext& context) {
  HEADSCOPE_TRY(require_model());
  Model& model = *opened_->model;
  ForcedAnswer answer{prompt_ids(prompt), {}, {}};
  for (const TokenView& token : baseline.response) answer.response.push_back(token.id);
  CausalDrops drops;
  HEADSCOPE_ASSIGN(drops.log_probability, answer_log_probability(model, answer, context));
  auto sets = document_sets(prompt);
  sets.pop_back();  // the sink
  if (!documents) sets.clear();
  const auto total = static_cast<double>(sets.size() + heads.size());
  for (const TokenSet& document : sets) {
    context.progress("documents masked", double(drops.documents.size()), total);
    HEADSCOPE_ASSIGN(const double without,
                     hidden_log_probability(model, answer, document, context));
    drops.documents.push_back(drops.log_probability - without);
  }
  for (const HeadId head : heads) {
    context.progress("heads ablated", double(sets.size() + drops.heads.size()), total);
    HEADSCOPE_ASSIGN(const double without, ablated_log_probability(model, answer, head, context));
    drops.heads.push_back(drops.log_probability - without);
  }
  return drops;
}

}  // namespace headscope
