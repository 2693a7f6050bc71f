#include "app/views/app_state.h"

#include <imgui.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <utility>

#include "core/analysis/head_choice.h"
#include "core/base/in_background.h"
#include "core/engine/causal_view.h"
#include "core/engine/steps.h"
#include "core/engine/without_exceptions.h"
#include "core/session/directions_file.h"
#include "core/session/head_set.h"
#include "core/text/split_edit.h"

namespace headscope {

AppState::AppState() : snapshot(std::make_shared<Snapshot>()) {}

void AppState::notify(Notice::Kind kind, std::string text) {
  constexpr std::size_t kMaxNotices = 4;
  for (const Notice& notice : notices) {
    if (notice.text == text) return;
  }
  notices.push_back({kind, std::move(text)});
  if (notices.size() > kMaxNotices) notices.erase(notices.begin());
}

void AppState::take(std::shared_ptr<const Snapshot> next) {
  if (!next || next == snapshot) return;
  const bool new_baseline = next->baseline != snapshot->baseline || next->model != snapshot->model;
  snapshot = std::move(next);
  const std::string error =
      snapshot->status.error ? snapshot->status.error->message : std::string();
  const bool cancelled =
      snapshot->status.error && snapshot->status.error->kind == ErrorKind::cancelled;
  if (error != last_error_) {  // what is mended needs no notice any more
    std::erase_if(notices, [&](const Notice& notice) { return notice.text == last_error_; });
    if (!error.empty() && !cancelled) notify(Notice::Kind::error, error);
  }
  last_error_ = error;
  take_auto_alpha();
  if (snapshot->model && !heads_to_compare.empty())
    compare_heads(std::exchange(heads_to_compare, {}));
  if (new_baseline) take_ranking();
  runs.observe(*snapshot, chosen());
}

void AppState::take_ranking() {
  const RunResult* run = baseline();
  ranking_.clear();
  if (snapshot->model && !snapshot->model->known_ranking.empty()) {
    ranking_ = snapshot->model->known_ranking;
  } else if (run != nullptr && !run->scores.relevant.empty() &&
             !std::isnan(run->scores.relevant.front())) {
    ranking_ = rank_heads(run->scores.relevant, run->scores.layers, run->scores.heads);
  }
  const int layers = snapshot->model ? snapshot->model->layers : 0,
            heads = snapshot->model ? snapshot->model->heads : 0;
  rank_of_.assign(static_cast<std::size_t>(layers) * heads, -1);
  for (std::size_t i = 0; i < ranking_.size(); ++i) {
    const HeadId id = ranking_[i];
    if (id.layer >= 0 && id.layer < layers && id.head >= 0 && id.head < heads) {
      rank_of_[static_cast<std::size_t>(id.layer) * heads + id.head] = static_cast<int>(i);
    }
  }
  if (layers > 0 && (request.selected.layer >= layers || request.selected.head >= heads)) {
    request.selected = {};
    head_chosen_ = false;
  }
  if (layers > 0) {  // heads that another model does not have cannot be in sight
    const auto gone = [&](HeadId id) { return id.layer >= layers || id.head >= heads; };
    std::erase_if(view.heads.pinned, gone);
    if (view.heads.like && gone(*view.heads.like)) view.heads.like.reset();
  }
  if (!head_chosen_ && !ranking_.empty()) request.selected = ranking_.front();
}

int AppState::rank_of(HeadId head) const {
  if (!snapshot->model || head.head >= snapshot->model->heads) return -1;
  const std::size_t index =
      static_cast<std::size_t>(head.layer) * snapshot->model->heads + head.head;
  return index < rank_of_.size() ? rank_of_[index] : -1;
}

std::vector<HeadId> AppState::chosen() const {
  if (!snapshot->model) return {};
  return chosen_heads(request.intervention, ranking_, snapshot->model->layers,
                      snapshot->model->heads);
}

std::vector<HeadId> AppState::overlay_heads() const {
  if (view.overlay.heads == OverlayHeads::selected) return {request.selected};
  if (view.overlay.heads == OverlayHeads::chosen) return chosen();
  std::vector<HeadId> heads;
  if (!snapshot->model) return heads;
  const bool one_layer = view.overlay.heads == OverlayHeads::layer;
  const int first = one_layer ? request.selected.layer : 0;
  const int last = one_layer ? first + 1 : snapshot->model->layers;
  for (int layer = first; layer < last; ++layer) {
    for (int head = 0; head < snapshot->model->heads; ++head) heads.push_back({layer, head});
  }
  return heads;
}

bool AppState::prompt_is_current() const {
  const PromptView* prompt = snapshot->prompt.get();
  const SharedText& text = request.prompt.text;
  if (prompt == nullptr || prompt->splitting != request.prompt.splitting) return false;
  if (compared_.prompt != snapshot->prompt || !compared_.text.is(text))
    compared_ = {snapshot->prompt, text, text == prompt->text};
  return compared_.same;
}

void AppState::show_candidates(std::optional<std::size_t> token) {
  if (!token && snapshot->baseline && snapshot->intervened)
    token = first_difference(*snapshot->baseline, *snapshot->intervened);
  candidates = {token.value_or(0), true};
}

void AppState::choose_token(bool of_baseline, std::size_t token) {
  candidates.token = token;
  OverlayOptions& overlay = view.overlay;
  bool shows_baseline = overlay.source == MapSource::baseline;
  const AlignedPair* pair = aligned().pair_of(of_baseline, token);
  auto row = static_cast<std::int64_t>(token);
  if (pair != nullptr && shows_baseline != of_baseline) {
    const std::int64_t partner = shows_baseline ? pair->before : pair->after;
    if (partner < 0) overlay.source = of_baseline ? MapSource::baseline : MapSource::intervened;
    if (partner >= 0) row = partner;
  }
  overlay.rows = {row};
}

void AppState::step_token(int step) {
  const auto size = [](const RunResult* run) { return run ? std::ssize(run->response) : 0; };
  const std::int64_t most = std::max(size(baseline()), size(intervened()));
  if (most == 0) return;
  const std::int64_t wanted = static_cast<std::int64_t>(candidates.token) + step;
  const auto token = static_cast<std::size_t>(std::clamp<std::int64_t>(wanted, 0, most - 1));
  choose_token(intervened() == nullptr || token >= intervened()->response.size(), token);
}

std::optional<std::size_t> AppState::divergence() const {
  if (!snapshot->baseline || !snapshot->intervened) return std::nullopt;
  return first_difference(*snapshot->baseline, *snapshot->intervened);
}

const AlignedResponses& AppState::aligned() const {
  if (!aligned_.is_of(snapshot->baseline, snapshot->intervened))
    aligned_ = AlignedResponses(snapshot->baseline, snapshot->intervened);
  return aligned_;
}

void AppState::ask_causal(bool wanted) {
  request.questions.causal = wanted;
  checked_ = request;
}

void AppState::ask_auto_alpha() {
  last_auto_ = snapshot->auto_alpha;
  request.questions.auto_alpha = true;
}

void AppState::take_auto_alpha() {
  const auto found = snapshot->auto_alpha;
  if (!request.questions.auto_alpha || !found || found == last_auto_) return;
  request.questions.auto_alpha = false;
  last_auto_ = found;
  request.intervention.alpha = found->alpha;
  std::erase_if(notices, [&](const Notice& notice) { return notice.text == auto_notice_; });
  auto_notice_ = explain(*found);
  notify(Notice::Kind::info, auto_notice_);
}

void AppState::keep_questions() {
  if (request.questions.causal && !same_baseline(request, checked_))
    request.questions.causal = false;
  if (request.questions.head_drops && !same_baseline(request, ablated_))
    request.questions.head_drops = false;
}

std::optional<DocumentMass> AppState::mass_of(const std::shared_ptr<const RunResult>& run,
                                              const std::vector<HeadId>& heads) const {
  constexpr std::size_t kKept = 4;  // baseline and intervened, before and after a change
  const auto known = std::find_if(masses_.begin(), masses_.end(), [&](const KnownMass& mass) {
    return mass.run.lock() == run && mass.heads == heads;
  });
  if (known != masses_.end()) return known->mass;
  if (masses_.size() >= kKept) masses_.erase(masses_.begin());
  masses_.push_back({run, heads, document_mass(*run, heads)});
  return masses_.back().mass;
}

const LikelyDocument& AppState::likely() const {
  const auto& run = snapshot->baseline;
  const int top_k = std::max(1, request.intervention.top_k);
  const bool known = run && snapshot->prompt && snapshot->model &&
                     !snapshot->model->known_ranking.empty() && prompt_is_current() &&
                     request.prompt.gold_document < 0;
  if (!known) {
    likely_of_.reset();
    likely_ = {};
  } else if (likely_of_ != run || likely_heads_ != top_k) {
    likely_of_ = run;
    likely_heads_ = top_k;
    const auto heads = first_heads(snapshot->model->known_ranking, top_k, run->layers, run->heads);
    likely_ = likely_document_of(*snapshot->prompt, *run, heads);
  }
  return likely_;
}

const SplitPrompt& AppState::split() const {
  const PromptRequest& prompt = request.prompt;
  if (layout_ && layout_text_ == prompt.text && layout_splitting_ == prompt.splitting)
    return *layout_;
  layout_text_ = prompt.text;
  layout_splitting_ = prompt.splitting;
  auto found = split_prompt(prompt.text, prompt.splitting);
  layout_error_ = found ? std::string() : found.error().message;
  layout_ = found ? std::move(*found) : SplitPrompt{{prompt.text, {}, {}}, "none", ""};
  return *layout_;
}

const std::string& AppState::split_error() const {
  split();
  return layout_error_;
}

void AppState::choose_model(const std::string& model) {
  request.model = model;
  request.adapter.clear();
  use_own_directions();
}

Result<> AppState::use_directions(const std::string& path) {
  std::error_code failed;
  const auto named = std::filesystem::absolute(directions_named_by(path), failed);
  const std::string file = failed ? path : named.lexically_normal().string();
  HEADSCOPE_ASSIGN(const auto hash, directions_sha256(file));
  HEADSCOPE_ASSIGN(const auto read, read_directions(file));
  if (const ModelInfo* model = snapshot->model.get())
    HEADSCOPE_TRY(check_fits(read.directions, file, model->layers, model->heads, model->head_dim));
  request.intervention.directions = file;
  request.intervention.directions_hash = hash;
  return {};
}

void AppState::use_own_directions() {
  request.intervention.directions.clear();
  request.intervention.directions_hash.clear();
}

namespace {

/// Something pasted over all of it, or into its place once it was deleted: no half of the shorter
/// text is left at both ends.
bool is_another_prompt(const std::string& before, const std::string& after) {
  const std::size_t shorter = std::min(before.size(), after.size());
  const auto differ = std::mismatch(before.begin(), before.end(), after.begin(), after.end());
  const auto front = static_cast<std::size_t>(differ.first - before.begin());
  std::size_t back = 0;
  while (back < shorter - front &&
         before[before.size() - 1 - back] == after[after.size() - 1 - back])
    ++back;
  return before.empty() || after.empty() || 2 * (front + back) < shorter;
}

}  // namespace

void AppState::edit_text(std::string text, bool another) {
  PromptRequest& prompt = request.prompt;
  if (another || is_another_prompt(prompt.text, text)) {
    // Marks, corrections and answers were of the one that it replaces.
    if (prompt.splitting.method == "hand") prompt.splitting = {};
    prompt.mark({});
    prompt.answers.clear();
  } else if (prompt.splitting.method == "hand") {
    prompt.splitting.by_hand = after_edit(prompt.text, text, std::move(prompt.splitting.by_hand));
  }
  prompt.text = std::move(text);
  auto gold = prompt.gold_documents();
  const auto count = static_cast<int>(layout().documents.size());
  if (std::erase_if(gold, [&](int index) { return index >= count; }) > 0)
    prompt.mark(std::move(gold));
  pause();
}

void AppState::pause() {
  constexpr double kPause = 0.35;
  quiet_until = ImGui::GetTime() + kPause;
}

void AppState::edit_question(const std::string& question) {
  const ByteSpan at = layout().question;
  std::string text = request.prompt.text;
  edit_text(text.replace(at.begin, at.end - at.begin, question));
}

void AppState::mark_gold(int document, bool add) {
  auto gold = request.prompt.gold_documents();
  const bool was = request.prompt.is_gold(document);
  if (!add) gold.clear();
  if (add && was) std::erase(gold, document);
  if (!was) gold.push_back(document);
  request.prompt.mark(std::move(gold));
}

void AppState::accept_likely() {
  const int index = likely().index;
  if (index >= 0) mark_gold(index);
}

void AppState::keep_marks(const std::vector<DocumentSpan>& before, const std::vector<int>& gold) {
  std::vector<int> marked;
  const auto& now = layout().documents;
  for (std::size_t i = 0; i < now.size(); ++i) {
    const bool covers = std::any_of(gold.begin(), gold.end(), [&](int index) {
      return index < static_cast<int>(before.size()) &&
             before[static_cast<std::size_t>(index)].relevant.overlaps(now[i].relevant);
    });
    if (covers) marked.push_back(static_cast<int>(i));
  }
  request.prompt.mark(std::move(marked));
}

void AppState::split_by(Splitting splitting) {
  auto before = layout().documents;
  auto gold = request.prompt.gold_documents();
  // A pattern that is half typed has no documents: marks are those of the last prompt that was
  // read.
  const PromptView* read = snapshot->prompt.get();
  if (!split_error().empty() && read != nullptr && read->text == request.prompt.text) {
    before.clear();
    for (const DocumentView& document : read->documents)
      before.push_back({document.number, document.line, document.relevant, false, document.title});
    gold = read->gold_documents();
  }
  request.prompt.splitting = std::move(splitting);
  keep_marks(before, gold);
}

void AppState::correct(std::vector<DocumentBounds> bounds) {
  split_by({"hand", "", std::move(bounds)});
}

void AppState::select_document(ByteSpan selection, bool relevant) {
  const auto gold = request.prompt.gold_documents();
  const auto before = layout().documents;
  std::size_t place = before.size();
  auto bounds = with_document(request.prompt.text, bounds_of(before), selection, place);
  if (place > bounds.size()) return;
  correct(std::move(bounds));
  if (!relevant) return;
  // What a relevant document keeps beside the selection is no longer what was meant.
  std::vector<int> kept = {static_cast<int>(place)};
  for (const int index : request.prompt.gold_documents()) {
    const ByteSpan now = layout().documents[static_cast<std::size_t>(index)].relevant;
    const bool whole = std::any_of(gold.begin(), gold.end(), [&](int old) {
      return before[static_cast<std::size_t>(old)].relevant == now;
    });
    if (whole) kept.push_back(index);
  }
  request.prompt.mark(std::move(kept));
}

void AppState::show_sample(const QaSample& sample) {
  request.prompt.text = build_prompt(sample).text;
  request.prompt.answers = sample.answers;
  const std::optional<std::size_t> gold = sample.gold_position();
  request.prompt.splitting = {};
  request.prompt.mark(gold ? std::vector<int>{static_cast<int>(*gold)} : std::vector<int>{});
}

void AppState::new_sample() {
  if (!sample_source) {
    notify(Notice::Kind::error,
           "This build has no source of samples: open a data file (JSON lines) instead.");
    return;
  }
  Result<QaSample> sample = sample_source(wish);
  ++wish.seed;
  if (!sample) {
    notify(Notice::Kind::error, sample.error().message);
    return;
  }
  book.samples.clear();
  book.path.clear();
  show_sample(*sample);
}

void AppState::open_data(const std::string& path, std::optional<std::size_t> resume) {
  book.path = path;
  book.resume = resume;
  if (resume) book.current = *resume;
  std::function<void()> wake_window = wake;
  book.loading = in_background([path, wake_window] {
    Result<Dataset> data = without_exceptions([&] { return load_dataset(path); });
    if (wake_window) wake_window();
    return data;
  });
}

void AppState::poll_data() {
  if (!book.loading.valid() ||
      book.loading.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
    return;
  Result<Dataset> data = book.loading.get();
  const auto resume = std::exchange(book.resume, std::nullopt);
  if (!data) {
    if (!resume) book.path.clear();
    notify(Notice::Kind::error, data.error().message);
    return;
  }
  book.name = data->name;
  book.samples = std::move(data->samples);
  book.current = resume && *resume < book.samples.size() ? *resume : 0;
  if (!book.samples.empty() && !resume) show_sample(book.samples.front());
}

void AppState::compare_heads(const std::string& path) {
  const auto take = [&]() -> Result<OtherHeads> {
    if (!snapshot->model) return fail(ErrorKind::usage, "Open a model first.");
    const ModelInfo& model = *snapshot->model;
    HEADSCOPE_ASSIGN(auto set, read_head_set(path));
    HEADSCOPE_TRY(check_fits(set, path, model.layers, model.heads));
    OtherHeads other{std::filesystem::path(path).filename().string(),
                     std::move(set.ranking),
                     {},
                     model.layers,
                     model.heads};
    other.rank_of.assign(static_cast<std::size_t>(model.layers * model.heads), -1);
    for (std::size_t rank = 0; rank < other.ranking.size(); ++rank) {
      const HeadId id = other.ranking[rank];
      other.rank_of[static_cast<std::size_t>(id.layer * model.heads + id.head)] =
          static_cast<int>(rank);
    }
    return other;
  };
  auto other = take();
  if (!other) {
    notify(Notice::Kind::error, other.error().message);
    return;
  }
  other_heads = std::move(*other);
  view.score = MapScore::overlap;
}

void AppState::turn_page(int step) {
  if (book.samples.empty()) return;
  const auto last = static_cast<std::ptrdiff_t>(book.samples.size()) - 1;
  const auto wanted = static_cast<std::ptrdiff_t>(book.current) + step;
  book.current = static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(wanted, 0, last));
  show_sample(book.samples[book.current]);
}

void AppState::select(HeadId head) {
  request.selected = head;
  head_chosen_ = true;
}

void AppState::toggle_pick(HeadId head) {
  InterventionSettings& settings = request.intervention;
  if (settings.choice != HeadChoice::picked) {
    settings.picked = chosen();  // the heads acted on so far are where picking by hand begins
    settings.choice = HeadChoice::picked;
  }
  const auto at = std::find(settings.picked.begin(), settings.picked.end(), head);
  if (at != settings.picked.end()) {
    settings.picked.erase(at);
  } else {
    settings.picked.push_back(head);
    std::sort(settings.picked.begin(), settings.picked.end());
  }
}

void AppState::select_rank(int step) {
  if (ranking_.empty()) return;
  const int last = static_cast<int>(ranking_.size()) - 1;
  select(ranking_[static_cast<std::size_t>(std::clamp(rank_of(request.selected) + step, 0, last))]);
}

void AppState::reset_settings() {
  const InterventionSettings& now = request.intervention;
  InterventionSettings fresh;
  fresh.top_k = now.top_k;
  fresh.random_seed = now.random_seed;
  fresh.directions = now.directions;
  fresh.directions_hash = now.directions_hash;
  request.intervention = fresh;
}

const std::vector<float>& score_values(const HeadScores& scores, MapScore score) {
  switch (score) {
    case MapScore::relevant:
      return scores.relevant;
    case MapScore::sink:
      return scores.sink;
    case MapScore::irrelevant_sum:
      return scores.irrelevant_sum;
    case MapScore::irrelevant_max:
      return scores.irrelevant_max;
    default:
      break;
  }
  static const std::vector<float> none;
  return none;
}

std::optional<DocumentMass> document_mass(const RunResult& run, std::span<const HeadId> heads) {
  const std::int64_t rows = run.rows.size();
  const std::size_t expected = static_cast<std::size_t>(run.layers) * run.heads * rows * run.sets;
  if (heads.empty() || rows == 0 || run.sets < 1 || run.span_sums.size() != expected)
    return std::nullopt;
  std::vector<double> sums(static_cast<std::size_t>(run.sets), 0.0);
  for (const HeadId head : heads) {
    if (head.layer >= run.layers || head.head >= run.heads) return std::nullopt;
    for (std::int64_t row = 0; row < rows; ++row) {
      for (int set = 0; set < run.sets; ++set)
        sums[static_cast<std::size_t>(set)] += run.span_sum(head, row, set);
    }
  }
  const double n = static_cast<double>(heads.size()) * static_cast<double>(rows);
  DocumentMass mass;
  double total = 0;
  for (double& sum : sums) {
    sum /= n;
    total += sum;
  }
  mass.documents.assign(sums.begin(), sums.end() - 1);
  mass.sink = static_cast<float>(sums.back());
  mass.rest = static_cast<float>(std::max(0.0, 1.0 - total));
  return mass;
}

std::optional<std::size_t> first_difference(const RunResult& a, const RunResult& b) {
  const std::size_t shared = std::min(a.response.size(), b.response.size());
  for (std::size_t i = 0; i < shared; ++i) {
    if (a.response[i].id != b.response[i].id) return i;
  }
  if (a.response.size() == b.response.size()) return std::nullopt;
  return shared;
}

}  // namespace headscope
