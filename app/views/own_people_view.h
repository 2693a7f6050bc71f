// A form for people and facts of one's own, in words that the embedded model can read.
#pragma once

#include <string>
#include <vector>

#include "app/views/widgets.h"
#include "core/demo_world/demo_world_own.h"

namespace headscope {

class OwnPeoplePanel {
 public:
  OwnPeoplePanel() : world_(first_own_world()) {}
  void draw(ViewContext& context);
  const OwnWorld& world() const { return world_; }

 private:
  bool word_combo(const ViewContext& context, const char* id, std::string& word,
                  const std::vector<std::string>& known, float width);
  void person(ViewContext& context, std::size_t index);
  bool fact(ViewContext& context, std::size_t person, std::size_t index);
  void more_people();
  void use(ViewContext& context);

  OwnWorld world_;
  std::string filter_;  ///< typed into the list that is open
  int removed_ = -1;    ///< person to take away after the frame
};

}  // namespace headscope
