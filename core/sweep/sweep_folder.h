// The folder of a sweep, which several processes fill at once and any of them may leave at any
// time:
//
//   sweep.json        what every cell has in common (passport); another sweep is refused by name
//   cells/NAME.jsonl  a line a sample, as `evaluate` writes them; complete once NAME.json is there
//   cells/NAME.json   the cell, its heads, its summary
//   results.csv       the table: made of cells/*.json
//   paired.csv        paired tests (sweep_paired.h), once a run came to its end
//
// Nobody needs to hear of another process: a cell is claimed by a lock on the shared folder, and
// the table is written whole from what lies there.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/file_lock.h"
#include "core/session/passport.h"
#include "core/sweep/result_lines.h"
#include "core/sweep/sweep_table.h"

namespace headscope {

/// What NAME.json holds.
struct SweepResult {
  SweepCell cell;
  std::vector<HeadId> heads;       ///< acted on; empty for a baseline
  std::vector<HeadId> mass_heads;  ///< over which masses are means
  Json summary;                    ///< of summary_json: n, em, em_low, em_high, masses, skipped
};
/// Cells/NAME.json, and back.
Json to_json(const SweepResult& result);
Result<SweepResult> sweep_result_from_json(const Json& value, const std::string& name);

/// The result as a row of the table.
SweepRow row_of(const SweepResult& result);
/// Cells and their results on disk, shared by any number of processes.
class SweepFolder {
 public:
  /// Creates the folder or opens what an earlier run left. Of `settings`, names of model, data and
  /// files are not compared (their hashes are), nor which card it is; directions that one side does
  /// not have are no difference: the grid grew by them. bad_input names every setting that differs.
  static Result<SweepFolder> open(const std::filesystem::path& path, const Passport& settings);

  /// The same without creating or comparing anything: to read what is there.
  static SweepFolder view(std::filesystem::path path) { return SweepFolder(std::move(path)); }
  /// Results.csv, cells/NAME.jsonl and cells/NAME.json.
  std::filesystem::path table_file() const { return path_ / "results.csv"; }
  std::filesystem::path lines_file(const SweepCell& cell) const;   ///< of the samples
  std::filesystem::path result_file(const SweepCell& cell) const;  ///< there once it is done
  /// Its result is there.
  bool finished(const SweepCell& cell) const;
  /// Nothing when another process works on it. Ask `finished` again once it is yours.
  Result<std::optional<FileLock>> claim(const SweepCell& cell) const;
  /// Samples that an interrupted run of this cell left; none when their file cannot be read.
  std::vector<EvaluatedSample> samples_before(const SweepCell& cell) const;
  /// The lines so far.
  Result<> keep(const SweepCell& cell, const EvaluateRun& run) const;
  /// The lines, then the result that says they are complete; the claim's file goes.
  Result<> finish(const SweepResult& result, const EvaluateRun& run) const;

  /// Every finished cell of the folder, whoever ran it.
  Result<std::vector<SweepResult>> results() const;
  /// Writes the table from every finished cell. Two processes that merge at the same time cannot
  /// leave the older table: each looks again after it wrote.
  Result<> merge() const;

 private:
  explicit SweepFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path manifest() const { return path_ / "sweep.json"; }
  std::filesystem::path cells() const { return path_ / "cells"; }
  std::filesystem::path lock_file(const SweepCell& cell) const;
  Result<> adopt(const Passport& settings) const;
  std::vector<std::filesystem::path> result_files() const;

  std::filesystem::path path_;
};

}  // namespace headscope
