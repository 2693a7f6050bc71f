#include "core/session/head_set_folder.h"

#include <algorithm>

#include "core/analysis/head_choice.h"
#include "core/base/file.h"

namespace headscope {
namespace {

constexpr const char* kEnding = ".json";
constexpr const char* kChosen = "chosen_heads";  // key of a set that was picked, not scored

SavedHeads read_saved(const std::filesystem::path& path) {
  SavedHeads saved;
  saved.name = path.stem().string();
  saved.path = path;
  auto set = read_head_set(path);
  if (set) {
    saved.set = std::move(*set);
  } else {
    saved.problem = set.error();
  }
  return saved;
}

}  // namespace

bool SavedHeads::is_ranking() const {
  if (set.extra.contains(kChosen)) return false;
  const auto whole = static_cast<std::size_t>(set.layers) * static_cast<std::size_t>(set.heads);
  return !set.relevant.empty() || (whole > 0 && set.ranking.size() == whole);
}

std::vector<HeadId> SavedHeads::heads(int top_k) const {
  if (!is_ranking()) return set.ranking;
  const auto count = std::min(set.ranking.size(), static_cast<std::size_t>(std::max(1, top_k)));
  return {set.ranking.begin(), set.ranking.begin() + static_cast<std::ptrdiff_t>(count)};
}

bool SavedHeads::fits(int layers, int head_count) const {
  return !problem && check_fits(set, name, layers, head_count).has_value();
}

const SavedHeads* HeadSetFolder::find(const std::string& name) const {
  for (const SavedHeads& saved : sets_) {
    if (saved.name == name) return &saved;
  }
  return nullptr;
}

void HeadSetFolder::refresh() {
  sets_.clear();
  std::error_code ignored;
  for (std::filesystem::directory_iterator file(folder_, ignored), end; !ignored && file != end;
       file.increment(ignored)) {
    if (file->path().extension() == kEnding) sets_.push_back(read_saved(file->path()));
  }
  std::sort(sets_.begin(), sets_.end(),
            [](const SavedHeads& a, const SavedHeads& b) { return a.name < b.name; });
}

Result<std::filesystem::path> HeadSetFolder::path_for(const std::string& name) const {
  if (folder_.empty())
    return fail(ErrorKind::usage, "There is no folder for head sets in this window.");
  constexpr std::size_t longest = 100;
  const bool printable = std::none_of(name.begin(), name.end(), [](char c) {
    return c == '/' || (static_cast<unsigned char>(c) < 0x20);
  });
  if (name.empty() || name.front() == '.' || name.size() > longest || !printable) {
    return bad_input("A head set is called '" + name +
                     "': expected 1 to 100 characters without / that do not begin with a dot.");
  }
  return folder_ / (name + kEnding);
}

Result<> HeadSetFolder::save(const std::string& name, int layers, int heads,
                             const std::vector<HeadId>& chosen, const std::string& model) {
  HEADSCOPE_ASSIGN(const auto path, path_for(name));
  if (chosen.empty()) return fail(ErrorKind::usage, "No head is chosen: there is nothing to save.");
  HeadSet set;
  set.layers = layers;
  set.heads = heads;
  set.ranking = chosen;
  set.extra[kChosen] = chosen.size();
  set.passport = new_passport();
  set.passport.model = model;
  HEADSCOPE_TRY(check_fits(set, name, layers, heads));
  HEADSCOPE_TRY(create_folders(folder_));
  HEADSCOPE_TRY(write_head_set(path, set));
  refresh();
  return {};
}

Result<std::string> HeadSetFolder::import(const std::filesystem::path& file) {
  HEADSCOPE_ASSIGN(const auto set, read_head_set(file));
  std::error_code ignored;
  const std::string stem = file.stem().string();
  std::string name = stem;
  HEADSCOPE_ASSIGN(auto path, path_for(name));
  if (std::filesystem::equivalent(file, path, ignored)) return name;  // it lies there already
  for (int number = 2; std::filesystem::exists(path, ignored); ++number) {
    name = stem + " " + std::to_string(number);
    HEADSCOPE_ASSIGN(path, path_for(name));
  }
  HEADSCOPE_TRY(create_folders(folder_));
  HEADSCOPE_TRY(write_head_set(path, set));
  refresh();
  return name;
}

Result<> HeadSetFolder::remove(const std::string& name) {
  HEADSCOPE_ASSIGN(const auto path, path_for(name));
  std::error_code problem;
  if (!std::filesystem::remove(path, problem)) {
    return bad_input(path.string() + ": cannot be deleted: " +
                     (problem ? problem.message() : "there is no such file"));
  }
  refresh();
  return {};
}

}  // namespace headscope
