// How what a view shows leaves the window: a button in every view's tab bar, and a small window
// with format, look and path. Never modal; the work is done beside the window's thread.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/shell/export_job.h"
#include "app/views/export_options.h"
#include "app/views/widgets.h"
#include "core/exhibit/exhibit.h"

namespace headscope {

/// Makes an exhibit on the worker, from values of its own.
using ExhibitMaker = std::function<Result<Exhibit>(const RunContext&)>;

class ExportMenu {
 public:
  ExportMenu();
  ~ExportMenu();

  /// A view joins in one line. `name`: of files, "attention-L2H3". `make` is called in the window's
  /// thread when somebody asks, copies what it needs (shared pointers and options), and returns
  /// what the worker calls; an empty function when there is nothing yet.
  void add(const char* title, std::function<std::string()> name,
           std::function<ExhibitMaker()> make);

  /// Once per frame, after the views.
  void draw(ViewContext& context);
  /// Opens the window for a view; an empty title = the one looked at last.
  void open(std::string_view title = {});
  void copy_picture(ViewContext& context, std::string_view title = {});
  void copy_table(ViewContext& context, std::string_view title = {});
  /// Anything else that leaves the program: its outcome is told as an export's.
  void run(std::string what, ExportQueue::Work work, std::function<void()> changed) {
    queue_.add(std::move(what), std::move(work), std::move(changed));
  }
  bool busy() const { return queue_.busy(); }
  bool is_open() const { return open_; }
  ExportOptions& options() { return options_; }
  const ExportOptions& options() const { return options_; }
  /// The path that would be written.
  const std::string& path() const { return path_; }

 private:
  struct Entry {
    const char* title;
    std::function<std::string()> name;
    std::function<ExhibitMaker()> make;
  };
  struct Browser;  ///< the desktop's own dialog, if it has one

  const Entry* find(std::string_view title) const;
  const Entry* chosen(std::string_view title) const;
  ExhibitMaker maker(ViewContext& context, std::string_view title);
  void watch_focus();
  void tab_buttons(ViewContext& context);
  void popup(ViewContext& context);
  void window(ViewContext& context);
  void what_line(ViewContext& context);
  void look_lines(ViewContext& context);
  void path_line(ViewContext& context);
  void buttons(ViewContext& context);
  void progress(ViewContext& context);
  void take_outcomes(ViewContext& context);
  void propose_path(const ViewContext& context);
  void set_format(ExportFormat format);
  void save(ViewContext& context);
  ExportLook look() const;

  std::vector<Entry> entries_;
  std::string focused_;  ///< view looked at last
  std::string title_;    ///< view that the window is for
  std::string popup_for_;
  bool open_popup_ = false;
  bool open_ = false, focus_path_ = false, own_path_ = false;
  std::string path_;
  std::string proposed_for_;  ///< title and name that `path_` was proposed for
  std::string problem_;       ///< of the last save
  ExportOptions options_;
  ExportQueue queue_;
  std::unique_ptr<Browser> browser_;
};

}  // namespace headscope
