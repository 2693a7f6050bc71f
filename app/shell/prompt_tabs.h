// Several prompts in one window. AppState is the prompt in front; those behind it wait here, each
// with its whole state, and change places with it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "app/shell/session_file.h"
#include "app/views/app_state.h"
#include "core/engine/engine.h"

namespace headscope {

class PromptTabs {
 public:
  static constexpr std::size_t most_tabs = 100;
  static constexpr std::size_t most_closed = 10;
  static constexpr std::uint64_t standard_kept_bytes = std::uint64_t{512} << 20;

  /// `active` stays where it is and is filled with whichever tab is in front. `engine` may be null.
  PromptTabs(AppState& active, Engine* engine);

  std::size_t size() const { return tabs_.size(); }
  std::size_t active() const { return active_; }
  /// Never changes while the tab exists.
  std::uint64_t key(std::size_t tab) const { return tabs_[tab].key; }
  /// The user's name, else the question's first words, else "Prompt 2".
  const std::string& title(std::size_t tab) const { return tabs_[tab].title; }
  /// A tab behind the one in front still computes.
  bool is_busy(std::size_t tab) const;

  /// A new tab beside the one in front, which it becomes: the same model and the view options, no
  /// prompt yet. False with a notice when there are too many.
  bool open();
  /// As `open` with everything that the tab in front has, except its history.
  bool duplicate();
  void activate(std::size_t tab);
  /// To the next tab (1) or the previous one (-1), round.
  void step(int direction);
  /// The last tab is emptied instead. `reopen` brings the last closed one back.
  void close(std::size_t tab);
  bool can_reopen() const { return !closed_.empty(); }
  void reopen();
  /// An empty name: named after its question again.
  void rename(std::size_t tab, const std::string& name);
  void move(std::size_t from, std::size_t to);

  /// Takes what the engine has published to the tab that asked for it.
  void poll();
  /// Asks the engine for what is in front, if that differs from what was asked for.
  void submit_if_changed();
  /// What is in front is answered.
  bool settled() const;

  /// All tabs, as they are saved; without what came before, there is less to copy.
  SessionRecord record(bool with_past = true) const;
  /// Replaces all tabs.
  void restore(const SessionRecord& record);
  /// Changes whenever `record` may differ: one comparison with the tab in front a frame.
  std::uint64_t version();

  /// How much of the results of tabs behind may stay in memory; the least recently seen go first.
  void set_kept_bytes(std::uint64_t bytes) { kept_bytes_ = bytes; }

 private:
  struct Tab {
    std::uint64_t key = 0;
    std::string name, title;
    AppState state;     ///< while it is behind
    Request submitted;  ///< the newest request that was sent to the engine
    std::uint64_t submitted_id = 0;
    std::uint64_t first_id = 0;  ///< of its requests since another tab asked for something
    std::uint64_t seen = 0;      ///< when it was in front, counted
  };
  struct Noted {
    Request request;
    ViewOptions view;
    std::size_t sample = 0;
    std::uint64_t steps = 0, runs = 0, pinned_run = 0;  ///< of what came before
  };

  AppState& state_of(std::size_t tab) { return tab == active_ ? front_ : tabs_[tab].state; }
  const AppState& state_of(std::size_t tab) const {
    return tab == active_ ? front_ : tabs_[tab].state;
  }
  Tab fresh_tab(const AppState& like);
  void insert(std::size_t at, Tab tab);
  void put_behind();
  void bring_to_front(std::size_t tab);
  void forget_old_results();
  void update_title(std::size_t tab);
  Tab* find(std::uint64_t key);
  static bool is_answered(const Tab& tab, const AppState& state);

  AppState& front_;
  Engine* engine_;
  std::vector<Tab> tabs_;  ///< in the order of the tab bar; the state of the active one is empty
  std::vector<Tab> closed_;
  std::size_t active_ = 0;
  std::uint64_t next_key_ = 1, clock_ = 1;
  std::uint64_t asking_ = 0;  ///< key of the tab whose request the engine has
  std::shared_ptr<const Snapshot> engine_snapshot_;  ///< the last one that was dealt with
  std::uint64_t kept_bytes_ = standard_kept_bytes;
  std::uint64_t version_ = 1;
  Noted noted_;
};

/// Memory of a snapshot's results, shared blocks counted once.
std::uint64_t result_bytes(const Snapshot& snapshot);

}  // namespace headscope
