// A small window that asks for a path or a name: typed, browsed or dropped. Never modal.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/views/widgets.h"

namespace headscope {

class PathDialog {
 public:
  struct Question {
    std::string title;  ///< "Open model"
    std::string hint;   ///< what kind of path
    bool folder = false;
    std::vector<std::string> files;  ///< a file may be meant too: names and patterns, in pairs
    std::string extra;  ///< label of a button that answers with `extra_answer`; empty = none
    std::string extra_answer;
    std::function<void(const std::string&)> answer;
    bool save = false;            ///< a file that need not exist
    bool name = false;            ///< no path at all: nothing is browsed for
    std::string button = "Open";  ///< what answers
  };

  PathDialog();
  ~PathDialog();
  void ask(Question question, std::string proposal = {});
  void draw(ViewContext& context);
  bool is_open() const { return open_; }

 private:
  struct Browser;  ///< the desktop's own dialog, if it has one
  void finish(const std::string& path);
  bool path_field();
  void buttons(bool entered, bool& keep);

  Question question_;
  std::string path_;
  bool open_ = false;
  bool focus_ = false;
  std::unique_ptr<Browser> browser_;
};

}  // namespace headscope
