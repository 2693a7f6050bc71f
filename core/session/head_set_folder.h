// The user's own head sets: a folder of head set files, each under a name.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/session/head_set.h"

namespace headscope {

/// One file of the folder. A damaged one is listed with its error, so that it can be deleted.
struct SavedHeads {
  std::string name;  ///< of the file, without .json
  std::filesystem::path path;
  HeadSet set;  ///< without heads where there is a problem
  std::optional<Error> problem;

  /// The heads that the set stands for: all that were chosen by hand; of the scores of a whole
  /// model the first `top_k`.
  std::vector<HeadId> heads(int top_k) const;
  /// It ranks a whole model, so that how many are meant is a question.
  bool is_ranking() const;
  bool fits(int layers, int head_count) const;  ///< a model of this shape
};
/// The user's own head sets, a file each.
class HeadSetFolder {
 public:
  /// Nothing can be saved until there is a folder. It is created with the first file.
  void configure(std::filesystem::path folder) { folder_ = std::move(folder); }
  bool configured() const { return !folder_.empty(); }
  const std::filesystem::path& folder() const { return folder_; }

  /// By name, as of the last `refresh`.
  const std::vector<SavedHeads>& sets() const { return sets_; }
  const SavedHeads* find(const std::string& name) const;  ///< null: not there
  /// Reads the folder again; a folder that is not there is empty.
  void refresh();

  /// Writes chosen heads of a model of layers x heads; replaces a set of the same name. Errors: no
  /// heads, no folder, a name that is no file name, what writing the file says.
  Result<> save(const std::string& name, int layers, int heads, const std::vector<HeadId>& chosen,
                const std::string& model);
  /// Copies a head set file into the folder, under its name or a numbered one. Returns the name.
  Result<std::string> import(const std::filesystem::path& file);
  Result<> remove(const std::string& name);  ///< deletes the file

 private:
  Result<std::filesystem::path> path_for(const std::string& name) const;

  std::filesystem::path folder_;
  std::vector<SavedHeads> sets_;
};

}  // namespace headscope
