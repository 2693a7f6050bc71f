#include "core/base/head_json.h"

#include "core/base/json_number.h"

namespace headscope {

Json heads_json(const std::vector<HeadId>& heads) {
  Json list = Json::array();
  for (const HeadId head : heads) list.push_back({head.layer, head.head});
  return list;
}

Json head_map_json(const std::vector<float>& values, int layers, int heads) {
  Json rows = Json::array();
  for (int layer = 0; layer < layers; ++layer) {
    Json row = Json::array();
    for (int head = 0; head < heads; ++head) {
      const auto at = static_cast<std::size_t>(layer) * static_cast<std::size_t>(heads) +
                      static_cast<std::size_t>(head);
      row.push_back(json_number(static_cast<double>(values[at])));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace headscope
