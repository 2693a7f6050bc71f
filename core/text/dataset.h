// Data sets of questions with documents: JSON lines, gzip allowed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/text/prompt.h"

namespace headscope {

/// Questions are divided by the hash of their text, so that a question is always in the same part.
enum class DataPart {
  all,
  train,  ///< scoring and training directions
  test,   ///< evaluation
};

/// Stable across runs, machines and files: even first SHA-256 byte of the question = train.
DataPart part_of_question(std::string_view question);
/// What of a file is read.
struct DatasetOptions {
  std::optional<std::int64_t> max_samples = {};  ///< after the part is chosen
  DataPart part = DataPart::all;
  std::optional<std::size_t> gold_position = {};  ///< move the (first) gold there, from 0
};
/// Samples with the file that they come from.
struct Dataset {
  std::vector<QaSample> samples;
  std::string name;    ///< file name
  std::string sha256;  ///< of the file's bytes as they lie on disk
};

/// Reads `{"question","answers":[],"ctxs":[{"title","text","isgold","hasanswer"}]}` per line, and
/// the key-value retrieval format `{"ordered_kv_records":[[k,v]],"key","value"}` (each record
/// becomes a document titled by its key; the wanted one is gold). Messages carry the line number.
/// `isgold` and `hasanswer` may be missing (false). Blank lines are skipped; a file without samples
/// is bad_input.
Result<Dataset> load_dataset(const std::filesystem::path& path, const DatasetOptions& options = {});
Result<std::vector<QaSample>> parse_dataset(std::string_view text, std::string_view name,
                                            const DatasetOptions& options = {});

/// One line of the format above, without newline.
std::string sample_to_json_line(const QaSample& sample);
/// Whole or not at all; gzip when the name ends in ".gz".
Result<> write_dataset(const std::filesystem::path& path, std::span<const QaSample> samples);

/// Moves the first gold document to `position` (from 0, at most the last); the order of the others
/// is kept. bad_input when there is no gold document.
Result<> move_gold(QaSample& sample, std::size_t position);

}  // namespace headscope
