#include "app/views/run_log.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "app/views/app_state.h"
#include "core/intervention/method.h"

namespace headscope {
namespace {

std::string number(const char* format, double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}

// Largest value of each of at most `most` groups of neighbours.
std::vector<float> pooled(std::span<const float> values, std::size_t most) {
  const std::size_t n = values.size(), groups = std::min(n, most);
  std::vector<float> result(groups, 0.0f);
  for (std::size_t i = 0; i < n; ++i) {
    float& group = result[i * groups / n];
    if (!std::isnan(values[i])) group = std::max(group, values[i]);
  }
  return result;
}

void take_masses(RunEntry& entry, const Snapshot& snapshot, const RunResult& run,
                 std::span<const HeadId> looked_at) {
  const auto mass = document_mass(run, looked_at);
  if (!mass) return;
  const int gold = snapshot.prompt ? snapshot.prompt->gold_document() : -1;
  entry.sink = mass->sink;
  entry.rest = mass->rest;
  entry.others = 0;
  for (std::size_t i = 0; i < mass->documents.size(); ++i) {
    if (static_cast<int>(i) == gold) {
      entry.gold = mass->documents[i];
    } else {
      entry.others += mass->documents[i];
    }
  }
  entry.bars = pooled(mass->documents, RunLog::most_bars);
  if (gold >= 0 && !mass->documents.empty())
    entry.gold_bar = static_cast<int>(static_cast<std::size_t>(gold) * entry.bars.size() /
                                      mass->documents.size());
}

void take_cells(RunEntry& entry, const RunResult& run) {
  const auto& scores = run.scores.relevant.empty() ? run.scores.sink : run.scores.relevant;
  const auto n = static_cast<std::size_t>(run.layers) * static_cast<std::size_t>(run.heads);
  if (n == 0 || scores.size() != n) return;
  entry.cell_rows = std::min(run.layers, RunLog::most_cells);
  entry.cell_columns = std::min(run.heads, RunLog::most_cells);
  entry.cells.assign(static_cast<std::size_t>(entry.cell_rows * entry.cell_columns), 0.0f);
  for (int layer = 0; layer < run.layers; ++layer) {
    for (int head = 0; head < run.heads; ++head) {
      const int row = layer * entry.cell_rows / run.layers;
      const int column = head * entry.cell_columns / run.heads;
      const float score = scores[static_cast<std::size_t>(layer * run.heads + head)];
      float& cell = entry.cells[static_cast<std::size_t>(row * entry.cell_columns + column)];
      if (!std::isnan(score)) cell = std::max(cell, score);
    }
  }
}

bool same_run(const RunEntry& a, const Request& request, const RunResult& run) {
  const Request& b = a.request;
  return b.model == request.model && b.adapter == request.adapter && b.dtype == request.dtype &&
         b.device == request.device && b.max_new_tokens == request.max_new_tokens &&
         (a.is_baseline ? run.settings.is_identity() : b.intervention == run.settings) &&
         a.answer == run.response_text && *a.prompt == request.prompt;
}

}  // namespace

std::string describe_settings(const InterventionSettings& s) {
  if (s.is_identity()) return "baseline";
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (s.tau != 1.0) add("tau " + number("%.2f", s.tau));
  if (s.alpha != 0.0) add("alpha " + number("%.2f", s.alpha));
  if (!s.also.empty()) {
    const InterventionMethod* method = find_method(s.also);
    add((method != nullptr ? std::string(method->label) : s.also) + " " +
        number("%.3g", s.also_strength));
  }
  const bool picked = s.choice == HeadChoice::picked;
  const std::size_t heads = picked ? s.picked.size() : static_cast<std::size_t>(s.top_k);
  add(std::to_string(heads) +
      (picked                               ? " picked"
       : s.choice == HeadChoice::contextual ? " contextual"
                                            : " random (" + std::to_string(s.random_seed) + ")") +
      (heads == 1 ? " head" : " heads"));
  if (s.rows.kind == RowSelection::Kind::response) add("response rows");
  if (s.rows.kind != RowSelection::Kind::response && s.rows.kind != RowSelection::Kind::all)
    add("rows from " + std::to_string(s.rows.from));
  if (s.use_key_directions) add("key half");
  if (s.span == SpanChoice::document)
    add("document " + std::to_string(s.marked_document + 1) + " marked");
  return text;
}

void RunLog::add(const Snapshot& snapshot, const RunResult& run,
                 std::span<const HeadId> looked_at) {
  for (const RunEntry& entry : entries_) {
    if (!same_run(entry, snapshot.request, run)) continue;
    current_ = entry.number;
    return;
  }
  RunEntry entry;
  entry.number = next_++;
  entry.when = std::time(nullptr);
  entry.request = snapshot.request;
  entry.request.intervention = run.settings;
  entry.request.questions = {};
  entry.request.prompt = {};
  entry.prompt = !entries_.empty() && *entries_.back().prompt == snapshot.request.prompt
                     ? entries_.back().prompt
                     : std::make_shared<const PromptRequest>(snapshot.request.prompt);
  entry.is_baseline = run.settings.is_identity();
  entry.answer = run.response_text;
  entry.graded = snapshot.prompt && !snapshot.prompt->answers.empty();
  entry.right = run.matches_answer;
  entry.seconds = run.seconds;
  entry.touched = run.touched.size();
  take_masses(entry, snapshot, run, run.touched.empty() ? looked_at : std::span(run.touched));
  take_cells(entry, run);
  current_ = entry.number;
  entries_.push_back(std::move(entry));
  ++version_;
  if (entries_.size() <= most) return;
  const bool keep_first = entries_.front().number == pinned;  // what is compared with stays
  entries_.erase(entries_.begin() + (keep_first ? 1 : 0));
}

void RunLog::observe(const Snapshot& snapshot, std::span<const HeadId> looked_at) {
  const auto& baseline = snapshot.baseline;
  const auto& shown = snapshot.intervened ? snapshot.intervened : baseline;
  if (!baseline || shown->quality != Quality::exact || shown == last_.lock()) return;
  // Results of another request are on their way out.
  if (!snapshot.prompt || snapshot.prompt->text != snapshot.request.prompt.text) return;
  if (snapshot.prompt != last_of_) add(snapshot, *baseline, looked_at);
  last_of_ = snapshot.prompt;
  add(snapshot, *shown, looked_at);
  last_ = shown;
}

const RunEntry* RunLog::find(std::uint64_t number) const {
  for (const RunEntry& entry : entries_) {
    if (entry.number == number) return &entry;
  }
  return nullptr;
}

void RunLog::clear() {
  entries_.clear();
  current_ = pinned = 0;
  ++version_;
}

void RunLog::restore(std::vector<RunEntry> entries, std::uint64_t pinned_run) {
  entries_ = std::move(entries);
  pinned = pinned_run;
  current_ = 0;
  next_ = 1;
  for (const RunEntry& entry : entries_) next_ = std::max(next_, entry.number + 1);
  last_.reset();
  last_of_.reset();
  ++version_;
}

}  // namespace headscope
