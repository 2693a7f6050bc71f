// The model picker in the window.
#include <algorithm>
#include <string>
#include <utility>

#include "app/shell/app.h"
#include "app/shell/layout.h"

namespace headscope {

void App::configure_models(std::filesystem::path program) {
  finder_.configure(std::move(program), state_.wake);
}

void App::draw_models(ViewContext& context) {
  const ModelHooks hooks{
      [this](const std::string& path) {
        if (path == "demo") {
          state_.choose_model(path);
        } else {
          open_path(path);
        }
      },
      [this] { ask_for_model(); }, [this] { ask_for_model_folder(); },
      [this] { finder_.look(recent_.of(RecentKind::model), preferences_.model_folders); }};
  models_view_.draw(context, finder_, preferences_.model_folders, hooks);
}

void App::ask_for_model_folder() {
  path_dialog_.ask({"Folder of models",
                    "A folder in which models lie, up to four levels deep. The same folder once "
                    "more takes it off the list.",
                    true,
                    {},
                    "",
                    "",
                    [this](const std::string& path) {
                      auto& folders = preferences_.model_folders;
                      if (std::erase(folders, path) == 0) folders.push_back(path);
                      finder_.look(recent_.of(RecentKind::model), folders);
                    }});
}

}  // namespace headscope
