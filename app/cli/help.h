// What --help says beside the options: the commands by purpose, an example of each, the words.
#pragma once

#include <CLI/CLI.hpp>

namespace headscope::cli {

/// To be called once every command is there.
void describe_commands(CLI::App& app);

}  // namespace headscope::cli
