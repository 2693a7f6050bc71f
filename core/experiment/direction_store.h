// Keys and queries of training samples in a file: what does not fit in memory is read again for
// every pass, and what was collected survives the process.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <vector>

#include "core/sweep/result_lines.h"
#include "core/training/directions.h"

namespace headscope {

/// An append-only file of records, one per sample that was looked at: its keys and queries, or why
/// it was skipped. The first samples are kept in memory too, as far as `memory_bytes` reach; the
/// others are read when they are wanted. The floats are the same either way.
class DirectionStore final : public DirectionSamples {
 public:
  /// Goes on behind the whole records of `file` (a record that is torn or damaged and all behind it
  /// are cut off), or begins it. The folder must exist. bad_input: not such a file, another shape.
  /// `file` empty: everything stays in memory.
  static Result<DirectionStore> open(const std::filesystem::path& file, const DirectionShape& shape,
                                     std::uint64_t memory_bytes);
  DirectionStore(DirectionStore&&) = default;
  DirectionStore& operator=(DirectionStore&&) = default;

  /// Samples that were looked at, skipped ones too: the next to add has this index.
  std::size_t finished() const { return finished_; }
  const SkipCounts& skipped() const { return skipped_; }
  std::size_t spilled() const { return entries_.size() - in_memory_.size(); }
  std::uint64_t bytes() const { return end_; }  ///< of the file

  /// bad_input when the disk is full: what was written before stays readable.
  Result<> add(DirectionSample sample);
  Result<> skip(const std::string& reason);  ///< counts a sample that is left out

  std::size_t size() const override { return entries_.size(); }
  Result<const DirectionSample*> at(std::size_t index) override;

 private:
  struct Entry {
    std::uint64_t payload = 0;  ///< where its floats begin
    DirectionSample outline;    ///< without keys and queries
  };
  DirectionStore() = default;
  Result<> begin_file();
  Result<> read_records();
  Result<bool> read_record(std::uint64_t file_size);
  Result<> append(const Json& header, const DirectionSample* sample);
  void keep(DirectionSample sample, std::uint64_t payload);
  Error broken(const std::string& what) const;

  std::filesystem::path path_;
  std::fstream file_;
  DirectionShape shape_;
  std::uint64_t memory_left_ = 0, end_ = 0;
  std::size_t finished_ = 0;
  SkipCounts skipped_;
  std::vector<Entry> entries_;
  std::vector<DirectionSample> in_memory_;  ///< the first of the entries
  DirectionSample scratch_;                 ///< the one that was read last
};

}  // namespace headscope
