#include "app/shell/prompt_tabs.h"

#include <imgui.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "core/engine/steps.h"

namespace headscope {
namespace {

constexpr std::uint64_t kNobody = ~std::uint64_t{0};  // 0 = nothing was asked yet

// At most `most` bytes, on a character's boundary, as one line.
std::string shortened(std::string_view text, std::size_t most) {
  std::string line;
  for (const char c : text) line += c == '\n' || c == '\t' ? ' ' : c;
  if (line.size() <= most) return line;
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
  return line.substr(0, end) + "...";
}

std::string question_of(const AppState& state) {
  const ByteSpan at = state.layout().question;
  const std::string& text = state.request.prompt.text;
  if (at.empty() || at.end > text.size()) return {};
  return shortened(std::string_view(text).substr(at.begin, at.end - at.begin), 32);
}

// What the tab holds stays in sight until the engine has as much: it computes for one prompt at a
// time and begins again when a tab comes back.
std::shared_ptr<const Snapshot> joined(const Snapshot& shown, const Snapshot& next, bool answers) {
  auto snapshot = std::make_shared<Snapshot>(shown);
  snapshot->status = next.status;
  if (!answers) return snapshot;
  snapshot->request_id = next.request_id;
  snapshot->streaming_text = next.streaming_text;
  snapshot->streaming_is_baseline = next.streaming_is_baseline;
  return snapshot;
}

// The results shown hold for what the engine is computing again.
bool results_hold(const Snapshot& shown, const Snapshot& next) {
  return shown.baseline && !next.baseline && !next.status.error &&
         same_baseline(shown.request, next.request);
}

// An empty prompt, or one that failed, leaves the results of another one in the engine.
bool is_foreign(const Snapshot& next) {
  return next.baseline && next.prompt && next.prompt->text != next.request.prompt.text;
}

// What belongs to the window, not to one of its prompts.
void share(const AppState& from, AppState& to) {
  to.sample_source = from.sample_source;
  to.wake = from.wake;
  to.wish = from.wish;  // the next sample is another one in whichever tab
  to.numbers = from.numbers;
  to.head_sets = from.head_sets;
  to.view.palette = from.view.palette;  // a matter of the eyes
}

}  // namespace

std::uint64_t result_bytes(const Snapshot& snapshot) {
  std::set<const void*> counted;
  std::uint64_t bytes = 0;
  const auto add_run = [&](const std::shared_ptr<const RunResult>& run) {
    if (!run || !counted.insert(run.get()).second) return;
    bytes += run->span_sums.size() * sizeof(float);
    for (const HeadWeights& block : run->weights) {
      if (block && counted.insert(block.get()).second) bytes += block->size() * sizeof(float);
    }
  };
  add_run(snapshot.baseline);
  add_run(snapshot.intervened);
  for (const auto& map : {snapshot.full_map, snapshot.full_map_baseline}) {
    if (map && counted.insert(map.get()).second) bytes += map->bytes();
  }
  if (snapshot.preview_inputs) bytes += snapshot.preview_inputs->focus_bias.size() * sizeof(float);
  return bytes;
}

PromptTabs::PromptTabs(AppState& active, Engine* engine) : front_(active), engine_(engine) {
  tabs_.emplace_back().key = next_key_++;
  update_title(0);
}

bool PromptTabs::is_answered(const Tab& tab, const AppState& state) {
  const EngineStatus::State now = state.snapshot->status.state;
  return tab.submitted_id != 0 && state.snapshot->request_id >= tab.submitted_id &&
         (now == EngineStatus::State::idle || now == EngineStatus::State::failed);
}

bool PromptTabs::is_busy(std::size_t tab) const {
  const EngineStatus::State now = state_of(tab).snapshot->status.state;
  return tabs_[tab].key == asking_ && tab != active_ &&
         (now == EngineStatus::State::running || now == EngineStatus::State::loading_model);
}

PromptTabs::Tab* PromptTabs::find(std::uint64_t key) {
  const auto at =
      std::find_if(tabs_.begin(), tabs_.end(), [key](const Tab& tab) { return tab.key == key; });
  return at == tabs_.end() ? nullptr : &*at;
}

void PromptTabs::update_title(std::size_t index) {
  Tab& tab = tabs_[index];
  tab.title = tab.name.empty() ? question_of(state_of(index)) : tab.name;
  if (tab.title.empty()) tab.title = "Prompt " + std::to_string(tab.key);
}

PromptTabs::Tab PromptTabs::fresh_tab(const AppState& like) {
  Tab tab;
  tab.key = next_key_++;
  tab.state.view = like.view;
  share(like, tab.state);
  Request& request = tab.state.request;
  request.model = like.request.model;
  request.adapter = like.request.adapter;
  request.device = like.request.device;
  request.dtype = like.request.dtype;
  request.threads = like.request.threads;
  request.keep = like.request.keep;
  request.max_new_tokens = like.request.max_new_tokens;
  request.intervention.directions = like.request.intervention.directions;
  request.intervention.directions_hash = like.request.intervention.directions_hash;
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->model = like.snapshot->model;
  snapshot->status.state = EngineStatus::State::idle;
  tab.state.take(std::move(snapshot));
  return tab;
}

void PromptTabs::insert(std::size_t at, Tab tab) {
  put_behind();
  tabs_.insert(tabs_.begin() + static_cast<std::ptrdiff_t>(at), std::move(tab));
  bring_to_front(at);
}

void PromptTabs::put_behind() {
  Tab& tab = tabs_[active_];
  tab.seen = clock_++;
  tab.state = std::move(front_);
  ++version_;
}

// The one in front was put behind before.
void PromptTabs::bring_to_front(std::size_t index) {
  Tab& tab = tabs_[index];
  if (index != active_) share(tabs_[active_].state, tab.state);
  active_ = index;
  front_ = std::move(tab.state);
  tab.state = AppState();
  if (tab.key != asking_ && !is_answered(tab, front_)) tab.submitted_id = 0;  // ask again
  update_title(index);
  forget_old_results();
}

bool PromptTabs::open() {
  if (tabs_.size() >= most_tabs) {
    front_.notify(Notice::Kind::error,
                  "Close a tab first: there are " + std::to_string(most_tabs) + " already.");
    return false;
  }
  insert(active_ + 1, fresh_tab(front_));
  return true;
}

bool PromptTabs::duplicate() {
  const Request request = front_.request;
  const std::string name = tabs_[active_].name;
  const auto snapshot = front_.snapshot;
  if (!open()) return false;
  front_.request = request;
  front_.take(snapshot);
  front_.request.selected = request.selected;
  if (!name.empty()) rename(active_, name + " (copy)");
  return true;
}

void PromptTabs::activate(std::size_t tab) {
  if (tab >= tabs_.size() || tab == active_) return;
  put_behind();
  bring_to_front(tab);
}

void PromptTabs::step(int direction) {
  const auto n = static_cast<std::ptrdiff_t>(tabs_.size());
  activate(static_cast<std::size_t>((static_cast<std::ptrdiff_t>(active_) + direction + n) % n));
}

void PromptTabs::close(std::size_t index) {
  if (index >= tabs_.size()) return;
  if (tabs_.size() == 1 && !open()) return;
  const std::uint64_t closing = index == active_ ? tabs_[index].key : 0;
  if (closing != 0) {
    put_behind();
    const std::size_t next = index + 1 < tabs_.size() ? index + 1 : index - 1;
    bring_to_front(next);
  }
  if (Tab& tab = tabs_[index]; tab.key == asking_) {  // what the engine finds now goes nowhere
    asking_ = kNobody;
    if (!is_answered(tab, tab.state)) tab.submitted_id = 0;
  }
  closed_.push_back(std::move(tabs_[index]));
  tabs_.erase(tabs_.begin() + static_cast<std::ptrdiff_t>(index));
  if (active_ > index) --active_;
  if (closed_.size() > most_closed) closed_.erase(closed_.begin());
  ++version_;
  forget_old_results();
}

void PromptTabs::reopen() {
  if (closed_.empty() || tabs_.size() >= most_tabs) return;
  Tab tab = std::move(closed_.back());
  closed_.pop_back();
  insert(active_ + 1, std::move(tab));
}

void PromptTabs::rename(std::size_t tab, const std::string& name) {
  if (tab >= tabs_.size() || tabs_[tab].name == name) return;
  tabs_[tab].name = shortened(name, 80);
  update_title(tab);
  ++version_;
}

void PromptTabs::move(std::size_t from, std::size_t to) {
  if (from >= tabs_.size() || to >= tabs_.size() || from == to) return;
  const std::uint64_t front = tabs_[active_].key;
  Tab moving = std::move(tabs_[from]);
  tabs_.erase(tabs_.begin() + static_cast<std::ptrdiff_t>(from));
  tabs_.insert(tabs_.begin() + static_cast<std::ptrdiff_t>(to), std::move(moving));
  for (std::size_t i = 0; i < tabs_.size(); ++i) {
    if (tabs_[i].key == front) active_ = i;
  }
  ++version_;
}

// Results of tabs behind, oldest first, until the rest fits; what was asked for stays and is asked
// again when the tab comes back.
void PromptTabs::forget_old_results() {
  std::vector<Tab*> behind;
  for (std::size_t i = 0; i < tabs_.size(); ++i) {
    if (i != active_) behind.push_back(&tabs_[i]);
  }
  for (Tab& tab : closed_) behind.push_back(&tab);
  std::sort(behind.begin(), behind.end(),
            [](const Tab* a, const Tab* b) { return a->seen > b->seen; });
  std::uint64_t kept = 0;
  for (Tab* tab : behind) {
    kept += result_bytes(*tab->state.snapshot);
    if (kept <= kept_bytes_ || !tab->state.snapshot->baseline) continue;
    auto bare = std::make_shared<Snapshot>();
    bare->model = tab->state.snapshot->model;
    bare->status.state = EngineStatus::State::idle;
    tab->state.snapshot = std::move(bare);
    tab->submitted_id = 0;
  }
}

void PromptTabs::poll() {
  if (engine_ == nullptr) return;
  auto next = engine_->snapshot();
  if (next == engine_snapshot_) return;
  engine_snapshot_ = next;
  Tab* tab = find(asking_);
  if (tab == nullptr) tab = asking_ == 0 ? &tabs_[active_] : nullptr;
  if (tab == nullptr) return;  // it was closed
  AppState& state = tab->key == tabs_[active_].key ? front_ : tab->state;
  const bool answers = next->request_id >= tab->first_id;
  if (!answers || is_foreign(*next) || results_hold(*state.snapshot, *next))
    next = joined(*state.snapshot, *next, answers);
  state.take(std::move(next));
}

void PromptTabs::submit_if_changed() {
  Tab& tab = tabs_[active_];
  if (engine_ == nullptr || (tab.submitted_id != 0 && front_.request == tab.submitted)) return;
  tab.submitted = front_.request;
  tab.submitted_id = engine_->submit(tab.submitted);
  if (asking_ != tab.key) tab.first_id = asking_ == 0 ? 0 : tab.submitted_id;
  asking_ = tab.key;
}

bool PromptTabs::settled() const {
  if (engine_ == nullptr) return true;
  const Tab& tab = tabs_[active_];
  if (tab.submitted_id == 0 || !(front_.request == tab.submitted)) return false;
  if (tab.key != asking_) return is_answered(tab, front_);
  return engine_->idle() && engine_snapshot_ == engine_->snapshot();
}

SessionRecord PromptTabs::record(bool with_past) const {
  SessionRecord record;
  for (std::size_t i = 0; i < tabs_.size(); ++i) {
    const AppState& state = state_of(i);
    TabRecord tab{tabs_[i].name,   state.request,      state.view,
                  state.book.path, state.book.current, {}};
    if (with_past)
      tab.past = {state.history.undo_steps(), state.history.redo_steps(), state.runs.entries(),
                  state.runs.pinned};
    tab.request.questions = {};
    tab.request.map_region = {};
    record.tabs.push_back(std::move(tab));
  }
  record.active = active_;
  return record;
}

void PromptTabs::restore(const SessionRecord& record) {
  AppState like;
  share(front_, like);
  like.request.threads = front_.request.threads;
  auto model = std::make_shared<Snapshot>();
  model->model = front_.snapshot->model;
  like.snapshot = model;
  std::vector<Tab> tabs;
  for (const TabRecord& saved : record.tabs) {
    Tab tab = fresh_tab(like);
    tab.name = saved.name;
    if (saved.request.model != front_.request.model)
      tab.state.snapshot = std::make_shared<Snapshot>();
    tab.state.request = saved.request;
    tab.state.request.threads = like.request.threads;
    tab.state.history.restore(saved.past.undo, saved.past.redo);
    tab.state.runs.restore(saved.past.runs, saved.past.pinned_run);
    tab.state.view = saved.view;
    tab.state.view.palette = like.view.palette;
    if (!saved.data.empty()) tab.state.open_data(saved.data, saved.data_sample);
    tabs.push_back(std::move(tab));
  }
  put_behind();
  tabs_ = std::move(tabs);
  closed_.clear();
  active_ = std::min(record.active, tabs_.size() - 1);
  bring_to_front(active_);
  for (std::size_t i = 0; i < tabs_.size(); ++i) update_title(i);
}

std::uint64_t PromptTabs::version() {
  const History& history = front_.history;
  const RunLog& runs = front_.runs;
  if (front_.request == noted_.request && front_.view == noted_.view &&
      front_.book.current == noted_.sample && history.version() == noted_.steps &&
      runs.version() == noted_.runs && runs.pinned == noted_.pinned_run)
    return version_;
  const bool prompt = !(front_.request.prompt == noted_.request.prompt);
  noted_ = {front_.request,    front_.view,    front_.book.current,
            history.version(), runs.version(), runs.pinned};
  if (prompt) update_title(active_);
  return ++version_;
}

}  // namespace headscope
