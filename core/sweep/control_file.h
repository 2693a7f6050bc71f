// The control experiment on disk: the numbers in FILE, and beside them what they are made of, a
// line a sample, so that an interrupted run goes on. Free of libtorch.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/sweep/control_result.h"

namespace headscope {

/// The passport must tell apart whatever decides the masses: model, data, rows, lengths, files.
class ControlFile {
 public:
  /// `heading`: further keys of the file.
  ControlFile(std::filesystem::path path, Passport passport, Json heading = Json::object())
      : path_(std::move(path)), passport_(std::move(passport)), heading_(std::move(heading)) {}

  const std::filesystem::path& path() const { return path_; }
  /// FILE.samples.jsonl: {"index","question","baseline":[layers * heads],"arms":[[...]]} a line.
  std::filesystem::path lines_file() const;

  /// Samples of an interrupted run with the same passport and arms; none when there is no such run.
  std::vector<ControlSample> finished_before(const ControlRun& plan) const;
  /// The numbers of a run over as many samples that finished earlier with the same passport and
  /// arms; else nothing.
  std::optional<ControlResult> complete_before(const ControlRun& plan, std::size_t samples) const;
  /// Lines, then numbers: these never speak of lines that are not there.
  Result<> save(const ControlRun& run, bool complete) const;

 private:
  std::optional<ControlResult> earlier(const ControlRun& plan) const;

  std::filesystem::path path_;
  Passport passport_;
  Json heading_;
};

}  // namespace headscope
