// The window's content: views, menus, commands, and the way to the engine. Knows neither GLFW nor
// GL, so that tests run it on the null back end.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/render/heatmap.h"
#include "app/shell/commands.h"
#include "app/shell/fonts.h"
#include "app/shell/models_view.h"
#include "app/shell/preferences_view.h"
#include "app/shell/prompt_tabs.h"
#include "app/shell/recent_files.h"
#include "app/shell/session_keeper.h"
#include "app/shell/tab_bar.h"
#include "app/shell/theme.h"
#include "app/shell/view_table.h"
#include "app/views/app_state.h"
#include "app/views/attention_view.h"
#include "app/views/command_palette.h"
#include "app/views/difference_view.h"
#include "app/views/documents_view.h"
#include "app/views/experiments_view.h"
#include "app/views/export_menu.h"
#include "app/views/head_sets_view.h"
#include "app/views/layer_view.h"
#include "app/views/lesson_view.h"
#include "app/views/overlay_view.h"
#include "app/views/own_people_view.h"
#include "app/views/path_dialog.h"
#include "app/views/profiler_view.h"
#include "app/views/prompt_view.h"
#include "app/views/ranking_view.h"
#include "app/views/score_view.h"
#include "app/views/tests_view.h"

namespace headscope {

/// The part of the engine that the window uses; null engine = a fixed snapshot (tests).
class App {
 public:
  explicit App(Engine* engine);
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  /// One frame between ImGui::NewFrame and ImGui::Render.
  void frame();

  AppState& state() { return state_; }
  const Commands& commands() const { return commands_; }
  HeatmapRenderer& heatmaps() { return heatmaps_; }
  ExperimentsPanel& experiments() { return experiments_; }
  TestsPanel& tests() { return tests_; }
  LessonPanel& lessons() { return lessons_; }
  ViewTable& view_table() { return views_; }
  PromptTabs& prompt_tabs() { return tabs_; }
  SessionKeeper& session() { return keeper_; }
  /// Reads what was opened lately, and keeps it from now on.
  void load_recent();
  const RecentFiles& recent() const { return recent_; }
  /// Takes over the user's preferences; `preferences` gives them back as they are now.
  void set_preferences(const Preferences& preferences, float display_scale);
  Preferences preferences() const;
  /// Seconds from a change to the copy that survives a crash; 0 = none before the end.
  void set_autosave(double seconds) { preferences_.autosave_seconds = seconds; }
  /// The model picker looks into models with this headscope-cli.
  void configure_models(std::filesystem::path program);
  /// Layouts under names of their own are kept in this folder.
  void configure_layouts(std::filesystem::path folder);
  void save_own_layout(const std::string& name);
  std::string window_title() const;
  /// Says that the model of the session in front is not there, if that is so.
  void note_missing_model();
  /// Lessons of these folders: in the view, as commands and in the menu.
  void configure_lessons(std::vector<std::filesystem::path> folders);
  /// Opens a lesson by name or path and shows its view. bad_input: see LessonPanel::open.
  Result<> open_lesson(const std::string& name);
  /// Presenter mode: the lesson and the views that its step speaks of, in large type and high
  /// contrast. Leaving it restores theme and size.
  void present(bool on);
  bool presenting() const { return presenting_; }
  OverlayView& overlay() { return overlay_; }
  ExportMenu& exports() { return exports_; }
  AttentionPanel& attention() { return attention_; }
  RankingView& ranking() { return ranking_; }
  LayerView& layer() { return layer_; }
  const DifferenceView& difference() const { return difference_; }
  const ScoreView& scores() const { return scores_; }
  const ProfilerView& profiler() const { return profiler_; }

  void set_fonts(const Fonts& fonts) { fonts_ = fonts; }
  /// Theme and zoom take effect before the next frame (`prepare_frame`).
  void set_theme(ThemeKind kind);
  ThemeKind theme() const { return theme_kind_; }
  void set_scale(float display_scale, float zoom);
  float zoom() const { return zoom_; }
  /// Before ImGui::NewFrame.
  void prepare_frame();

  /// A file or folder dropped onto the window, or given on the command line: what it is follows
  /// from its content.
  void open_path(const std::string& path);
  /// As `open_path`, and says what it was taken for.
  void take_dropped(const std::string& path);
  /// A file whose content is a prompt, whatever it looks like.
  void open_prompt(const std::string& path);
  /// Nothing pending: engine idle, newest request answered, no file being read.
  bool settled() const;
  /// Seconds until something must be drawn again without input; < 0 = nothing is due.
  double redraw_in() const;
  bool quit_requested() const { return quit_; }
  /// The user asked for a picture of the window; cleared by reading.
  bool take_picture_request();

 private:
  void register_commands();
  void register_views();
  void register_session_commands();
  void register_tab_commands();
  void report(const Result<>& done, const std::string& said);
  void open_tab();
  void new_session();
  void save_session();
  void save_session_as(std::string path);
  void open_session(const std::string& path);
  void open_directions(const std::string& path);
  void ask_for_directions();
  void ask_for_session();
  void ask_where_to_save(const std::string& proposal = {});
  void watch_recent();
  void list_recent_commands();
  void open_recent(RecentKind kind, const std::string& path);
  void register_file_commands();
  void register_edit_commands();
  void register_prompt_commands();
  void register_run_commands();
  void register_view_commands();
  void register_shown_numbers_commands();
  void register_look_commands();
  void register_explain_commands();
  void register_panel_commands();
  void draw_preferences(ViewContext& context);
  void draw_models(ViewContext& context);
  void ask_for_model_folder();
  void list_layout_commands();
  void ask_for_layout_name();
  void load_own_layout(const std::filesystem::path& path);
  void register_exports();
  void register_export_commands();
  void register_test_commands();
  void register_model_commands();
  void register_head_commands();
  void register_exploration_commands();
  void register_experiment_commands();
  void register_lesson_commands();
  void register_answer_commands();
  void next_in_lesson();
  void register_map_commands();
  void list_lesson_commands();
  void reload_lessons();
  void menu_bar(ViewContext& context);
  void menu_items(const std::string& menu) const;
  void menu_item(const Command& command) const;
  void presentation(ViewContext& context);
  void outline_views(const ViewContext& context) const;
  void submit_if_changed();
  void ask_for_model();
  void ask_for_adapter();
  void ask_for_data();
  void open_example_study();
  void ask_for_heads();
  void ask_for_head_set();

  /// What the engine may keep and compute ahead, while the user does other things.
  void set_reuse();

  Engine* engine_;
  AppState state_;
  PromptTabs tabs_;
  SessionKeeper keeper_;
  TabBar tab_bar_;
  RecentFiles recent_;
  bool recent_changed_ = false, keep_recent_ = false;
  std::shared_ptr<const ModelInfo> noted_model_;
  std::string noted_data_;
  std::string overwrite_;  ///< a file that will be replaced when it is named once more
  Preferences preferences_;
  bool reuse_by_preference_ = false;  ///< they were set: the engine follows them
  PreferencesView preferences_view_;
  ModelFinder finder_;
  ModelsView models_view_;
  std::filesystem::path layouts_;  ///< folder of the user's own; empty = none are kept
  std::string layout_to_load_;     ///< text of a layout file, taken over before the next frame
  bool list_layouts_ = false;
  Commands commands_;
  ViewTable views_;
  HeatmapRenderer heatmaps_;
  Fonts fonts_;
  Theme theme_;
  ThemeKind theme_kind_ = ThemeKind::dark;
  float display_scale_ = 1, zoom_ = 1;
  bool restyle_ = true;
  int arrange_ = -1;  ///< arrangement to build in the next frame; < 0 = none
  bool quit_ = false;
  bool picture_ = false;
  PromptPanel prompt_;
  DocumentsPanel documents_;
  TestsPanel tests_;
  OverlayView overlay_;
  OwnPeoplePanel own_people_;
  AttentionPanel attention_;
  RankingView ranking_;
  HeadSetsView head_sets_{[this] { ask_for_head_set(); }};
  LayerView layer_;
  DifferenceView difference_;
  ScoreView scores_;
  ProfilerView profiler_;
  ExperimentsPanel experiments_;
  LessonPanel lessons_;
  bool reload_lessons_ = false;
  bool presenting_ = false;
  ThemeKind theme_before_ = ThemeKind::dark;  ///< presenting
  float zoom_before_ = 1;
  CommandPalette palette_;
  PathDialog path_dialog_;
  ExportMenu exports_;
  std::function<void(ViewContext&)> export_request_;  ///< of a command; done after the views
};

}  // namespace headscope
