#include "app/shell/session_keeper.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "app/shell/user_files.h"
#include "core/base/file.h"
#include "core/base/in_background.h"
#include "core/engine/without_exceptions.h"

namespace headscope {
namespace {

constexpr int kMostWindows = 9;

std::string absolute(const std::string& path) {
  std::error_code failed;
  const auto full = std::filesystem::absolute(path, failed);
  return failed ? path : full.lexically_normal().string();
}

// Beside itself under a name that is free: what could not be read is not lost.
std::string put_aside(const std::filesystem::path& path) {
  std::error_code failed;
  for (int i = 1; i < 100; ++i) {
    auto aside = path;
    aside.replace_extension("unreadable-" + std::to_string(i) + ".json");
    if (std::filesystem::exists(aside, failed)) continue;
    std::filesystem::rename(path, aside, failed);
    return failed ? std::string() : aside.string();
  }
  return {};
}

}  // namespace

bool same_work(const SessionRecord& a, const SessionRecord& b) {
  if (a.tabs.size() != b.tabs.size()) return false;
  return std::equal(a.tabs.begin(), a.tabs.end(), b.tabs.begin(),
                    [](const TabRecord& x, const TabRecord& y) {
                      TabRecord copy = x;
                      copy.request.selected = y.request.selected;
                      return copy == y;
                    });
}

SessionKeeper::~SessionKeeper() {
  if (writing_.valid()) writing_.wait();
}

bool SessionKeeper::begin(std::vector<std::string>& problems, std::vector<std::string>& notes) {
  if (const auto made = create_folders(state_folder()); !made) {
    problems.push_back(made.error().message);
    return false;
  }
  for (int slot = 1; slot <= kMostWindows && slot_ == 0; ++slot) {
    auto lock = FileLock::try_for(session_path(slot).replace_extension("lock"));
    if (!lock) {
      problems.push_back(lock.error().message);
      return false;
    }
    if (!*lock) continue;
    lock_ = std::move(*lock);
    slot_ = slot;
  }
  if (slot_ == 0) return false;
  std::error_code ignored;
  has_before_ = std::filesystem::exists(before_path(), ignored);
  const auto path = session_path(slot_);
  const auto kept = read_autosave(path);
  if (!kept) {
    const std::string aside = put_aside(path);
    problems.push_back(kept.error().message +
                       (aside.empty() ? "" : "\nThe file was put aside as " + aside));
    return false;
  }
  if (!*kept) return false;
  const Autosave& autosave = **kept;
  take(autosave);
  if (!autosave.ended)
    notes.push_back("The window did not end in good order last time: your work is back as it was.");
  return true;
}

Result<> SessionKeeper::end() {
  if (writing_.valid()) writing_.wait();
  return slot_ == 0 ? Result<>() : write_autosave(session_path(slot_), autosave(true));
}

Autosave SessionKeeper::autosave(bool ended) const {
  return {record(), file_, changed_, ended};
}

SessionRecord SessionKeeper::record() const {
  SessionRecord record = tabs_.record();
  if (lessons_ != nullptr) record.lesson = lessons_->place();
  return record;
}

void SessionKeeper::restore(const SessionRecord& record) {
  tabs_.restore(record);
  if (!record.lesson || lessons_ == nullptr) return;
  if (const Result<> resumed = lessons_->resume(*record.lesson); !resumed)
    problem_ = "The session's lesson: " + resumed.error().message;
}

std::uint64_t SessionKeeper::version() const {
  return tabs_.version() + (lessons_ != nullptr ? lessons_->version() : 0);
}

void SessionKeeper::note_saved() {
  saved_ = tabs_.record(false);
  changed_ = false;
}

bool SessionKeeper::differs() const {
  return !file_.empty() && !same_work(saved_, tabs_.record(false));
}

// What is left behind without a file that holds it can be had back.
Result<> SessionKeeper::keep_before() {
  if (slot_ == 0) return {};
  has_before_ = true;
  return write_autosave(before_path(), autosave(true));
}

std::filesystem::path SessionKeeper::before_path() const {
  return session_path(slot_).replace_extension("before.json");
}

Result<> SessionKeeper::open(const std::string& path) {
  HEADSCOPE_ASSIGN(const SessionRecord record, read_session(path));
  HEADSCOPE_TRY(keep_before());
  restore(record);
  file_ = absolute(path);
  note_saved();
  return {};
}

Result<> SessionKeeper::save() {
  if (file_.empty()) return fail(ErrorKind::usage, "The session has no file yet: save it as one.");
  HEADSCOPE_TRY(write_session(file_, record()));
  note_saved();
  return {};
}

Result<> SessionKeeper::save_as(const std::string& path) {
  const std::string before = std::exchange(file_, absolute(path));
  const Result<> saved = save();
  if (!saved) file_ = before;
  return saved;
}

Result<> SessionKeeper::start_anew(const SessionRecord& record) {
  HEADSCOPE_TRY(keep_before());
  restore(record);
  file_.clear();
  saved_ = {};
  changed_ = false;
  return {};
}

Result<> SessionKeeper::back() {
  HEADSCOPE_ASSIGN(const auto before, read_autosave(before_path()));
  if (!before) return fail(ErrorKind::usage, "There is no session to go back to.");
  HEADSCOPE_TRY(keep_before());
  take(*before);
  return {};
}

void SessionKeeper::take(const Autosave& autosave) {
  restore(autosave.session);
  file_ = autosave.file;
  note_saved();
  if (!autosave.changed || file_.empty()) return;
  const auto on_disk = read_session(file_);
  saved_ = on_disk ? *on_disk : SessionRecord{};
  changed_ = differs();
}

std::string SessionKeeper::title() const {
  if (file_.empty()) return {};
  std::filesystem::path name = std::filesystem::path(file_).stem();
  if (name.extension() == ".headscope") name = name.stem();  // "work.headscope.json"
  return name.string() + (changed_ ? "*" : "");
}

void SessionKeeper::watch(double now, double interval) {
  interval_ = interval;
  if (writing_.valid() && writing_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
    note_written(writing_.get(), now);
  }
  const std::uint64_t version = this->version();
  if (version != seen_version_) {
    seen_version_ = version;
    if (changed_at_ <= 0) changed_at_ = std::max(now, 1e-3);
    // While it differs already, only saving or undoing can change that: looked at when it is
    // written, so that a slider being dragged costs nothing here.
    if (!changed_) changed_ = differs();
  }
  const double due = due_in(now);
  if (due < 0 || due > 0 || writing_.valid()) return;
  changed_at_ = 0;
  changed_ = differs();
  if (written_version_ != version && slot_ != 0 && interval_ > 0) write_in_background();
  written_version_ = version;
}

// What could not be written is tried again later, and said once.
void SessionKeeper::note_written(const Result<>& written, double now) {
  const std::string problem = written ? std::string() : written.error().message;
  if (!problem.empty() && problem != write_problem_) problem_ = problem;
  write_problem_ = problem;
  if (written) return;
  written_version_ = 0;
  if (changed_at_ <= 0) changed_at_ = std::max(now, 1e-3);
}

double SessionKeeper::due_in(double now) const {
  constexpr double kLook = 2;  // without autosave: whether undo has brought the file's state back
  if (changed_at_ <= 0) return -1;
  return std::max(0.0, changed_at_ + (interval_ > 0 ? interval_ : kLook) - now);
}

void SessionKeeper::write_in_background() {
  writing_ = in_background([path = session_path(slot_), kept = autosave(false)] {
    return without_exceptions([&] { return write_autosave(path, kept); });
  });
}

std::string SessionKeeper::take_problem() {
  return std::exchange(problem_, {});
}

}  // namespace headscope
