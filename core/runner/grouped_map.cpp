#include "core/runner/grouped_map.h"

#include <algorithm>
#include <utility>

namespace headscope {
namespace {
constexpr std::int64_t kRows = 512, kColumns = 4096;  // of a tile: 8 MB
}  // namespace

Result<std::shared_ptr<const GroupedMap>> grouped_map(const HeadMapSource& source,
                                                      const PromptView& prompt,
                                                      TokenGrouping grouping,
                                                      const RunContext& context) {
  const std::int64_t tokens = source.tokens();
  PromptGroups groups = prompt_groups(prompt, tokens - prompt.prompt_tokens(), grouping);
  MapGrouper grouper(groups.axis(), groups.axis());
  for (std::int64_t row = 0; row < tokens; row += kRows) {
    const std::int64_t rows = std::min(kRows, tokens - row);
    for (std::int64_t column = 0; column < row + rows; column += kColumns) {
      const std::int64_t columns = std::min(kColumns, tokens - column);
      HEADSCOPE_ASSIGN(const auto weights, source.tile({0, row, column, rows, columns}, context));
      grouper.add({weights.data(), rows, columns, row - column}, row, column);
    }
    context.progress("groups", static_cast<double>(row + rows), static_cast<double>(tokens));
  }
  GroupedMap found = GroupedMap::from({}, grouper);
  found.groups = std::move(groups);
  return std::make_shared<const GroupedMap>(std::move(found));
}

}  // namespace headscope
