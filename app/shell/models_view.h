// The view "Models": what can be opened, what it takes, and how the one that is open was found.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "app/shell/model_finder.h"
#include "app/views/widgets.h"

namespace headscope {

struct ModelHooks {
  std::function<void(const std::string&)> open;
  std::function<void()> ask_for_path;    ///< of a model
  std::function<void()> ask_for_folder;  ///< in which models lie
  std::function<void()> look;            ///< anew
};

class ModelsView {
 public:
  void draw(ViewContext& context, ModelFinder& finder, const std::vector<std::string>& folders,
            const ModelHooks& hooks);

 private:
  void state_of_loading(ViewContext& context);
  void table(ViewContext& context, const ModelHooks& hooks);
  void row(ViewContext& context, const FoundModel& model, const ModelHooks& hooks);

  std::vector<FoundModel> models_;
  std::uint64_t version_ = 0;
  double free_bytes_ = 0;
  bool looked_ = false;
};

}  // namespace headscope
