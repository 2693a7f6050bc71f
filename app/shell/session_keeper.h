// The session file: which one is open, what changed since, and the copy that survives a crash.
#pragma once

#include <cstdint>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "app/shell/prompt_tabs.h"
#include "app/shell/session_file.h"
#include "core/base/file_lock.h"

namespace headscope {

class SessionKeeper {
 public:
  /// `lessons`: whose place is kept too; may be null.
  explicit SessionKeeper(PromptTabs& tabs, LessonPanel* lessons = nullptr)
      : tabs_(tabs), lessons_(lessons) {}
  ~SessionKeeper();
  SessionKeeper(const SessionKeeper&) = delete;
  SessionKeeper& operator=(const SessionKeeper&) = delete;

  /// Takes the first slot that no other window holds, and brings back what its autosave holds.
  /// False when there was none. `problems` gets what could not be read: such a file is put aside,
  /// never written over.
  bool begin(std::vector<std::string>& problems, std::vector<std::string>& notes);
  /// Writes the autosave a last time, marked as ended in good order.
  Result<> end();

  /// bad_input: not a session, broken or newer; what is open stays.
  Result<> open(const std::string& path);
  Result<> save();  ///< usage without a file
  Result<> save_as(const std::string& path);
  /// Puts `record` in the place of what is open; it has no file.
  Result<> start_anew(const SessionRecord& record);
  /// To what was open before the last `open`, `start_anew` or `back`, saved or not.
  Result<> back();
  bool has_before() const { return has_before_; }

  const std::string& file() const { return file_; }
  /// What is open differs from its file; false while there is none.
  bool changed() const { return changed_; }
  /// "wall*" - name of the file and whether it is saved; empty without a file.
  std::string title() const;

  /// Once a frame: notices changes, and has them written a moment later, by a worker. `now` in
  /// seconds. 0 `interval` = never before the end.
  void watch(double now, double interval);
  /// Seconds until something has to be written; < 0 = nothing.
  double due_in(double now) const;
  /// What went wrong in the background since the last call.
  std::string take_problem();

 private:
  Autosave autosave(bool ended) const;
  SessionRecord record() const;
  void restore(const SessionRecord& record);
  std::uint64_t version() const;
  void take(const Autosave& autosave);
  Result<> keep_before();
  std::filesystem::path before_path() const;
  void note_saved();
  bool differs() const;
  void write_in_background();
  void note_written(const Result<>& written, double now);

  PromptTabs& tabs_;
  LessonPanel* lessons_;
  std::string file_;
  bool changed_ = false;
  bool has_before_ = false;
  SessionRecord saved_;  ///< content of file_
  std::optional<FileLock> lock_;
  int slot_ = 0;  ///< 0 = nothing is kept
  std::uint64_t seen_version_ = 0, written_version_ = 0;
  double changed_at_ = 0;  ///< first change that is not in the autosave
  double interval_ = 0;
  std::future<Result<>> writing_;
  std::string problem_, write_problem_;  ///< not taken yet; why the last autosave failed
};

/// Two sessions that differ in which heads are looked at, in how the work came to be or in the
/// lesson only are the same to their file.
bool same_work(const SessionRecord& a, const SessionRecord& b);

}  // namespace headscope
