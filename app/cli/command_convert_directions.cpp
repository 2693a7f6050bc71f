// convert-directions: focus directions of another program as our file.
#include <algorithm>
#include <cmath>
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/made_by.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "core/session/directions_file.h"

namespace headscope::cli {
namespace {

struct Options : CommonOptions {
  std::string from;
  std::string file;
};

// Least, mean and largest norm of the vectors.
Json norms(const std::vector<float>& values, int head_dim) {
  if (values.empty()) return nullptr;
  double least = INFINITY, largest = 0, sum = 0;
  const auto width = static_cast<std::size_t>(head_dim);
  for (std::size_t begin = 0; begin < values.size(); begin += width) {
    double squares = 0;
    for (std::size_t i = 0; i < width; ++i)
      squares += double{values[begin + i]} * double{values[begin + i]};
    least = std::min(least, std::sqrt(squares));
    largest = std::max(largest, std::sqrt(squares));
    sum += std::sqrt(squares);
  }
  const double count = static_cast<double>(values.size() / width);
  return {{"least", least}, {"mean", sum / count}, {"largest", largest}};
}

Result<> convert(const Options& options) {
  HEADSCOPE_ASSIGN(auto read, read_directions(options.from));
  HEADSCOPE_ASSIGN(read.passport.options["source_sha256"], directions_sha256(options.from));
  const Directions& directions = read.directions;
  HEADSCOPE_TRY(write_directions(options.file, directions, read.passport,
                                 {{"made_by", dump_json(made_by())}}));
  return write_json({{"file", options.file},
                     {"layers", directions.layers},
                     {"heads", directions.heads},
                     {"head_dim", directions.head_dim},
                     {"query_norms", norms(directions.query, directions.head_dim)},
                     {"key_norms", norms(directions.key, directions.head_dim)}},
                    "");
}

}  // namespace

void add_convert_directions(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command = line.add("convert-directions",
                               "focus directions that were saved by PyTorch (.pth), as safetensors",
                               [options] { return convert(*options); });
  command
      ->add_option("from", options->from,
                   "folder of head_{q,k}_directions_L.pth; nothing in it is executed")
      ->required();
  command->add_option("--out,-o", options->file, "safetensors file to write")->required();
  add_common(*command, *options, "");
}

}  // namespace headscope::cli
