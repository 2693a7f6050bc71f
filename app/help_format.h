// How both programs print their --help: what may follow an option, what holds without it, and what
// excludes what, in words rather than in CLI11's notation.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace headscope {

class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() {
    label("SUBCOMMAND", "COMMAND");
    label("OPTIONS", "options");
    label("Positionals", "Arguments");
  }

  /// Options of which one is to be chosen come first, for a command hardly runs without them.
  std::string make_positionals(const CLI::App* app) const override {
    std::string text = CLI::Formatter::make_positionals(app);
    for (const CLI::App* choice : app->get_subcommands({})) {
      if (!choice->get_name().empty()) continue;
      text += make_group(choice->get_group() + ", " + choice->get_description(), false,
                         choice->get_options({}));
    }
    return text;
  }
  std::string make_expanded(const CLI::App* choice) const override {
    return choice->get_name().empty() ? "" : CLI::Formatter::make_expanded(choice);
  }

  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    const std::string names = CLI::Formatter::make_option_name(option, is_positional);
    return CLI::detail::find_and_replace(names, ",", ", ");
  }

  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_type_size() == 0) return {};
    std::string text = " " + value_name(*option);
    if (option->get_expected_max() == CLI::detail::expected_max_vector_size) text += ",...";
    return text;
  }

  std::string make_option_desc(const CLI::Option* option) const override {
    std::string text = option->get_description();
    if (option->get_required()) text += " (required)";
    const std::string standard = option->get_type_size() == 0 ? "" : option->get_default_str();
    if (!standard.empty()) text += " [" + standard + "]";
    for (const CLI::Option* other : option->get_excludes()) {
      text += " (not with " + other->get_name() + ")";
    }
    return text;
  }

 private:
  // "TEXT:{cpu,cuda}" as cpu|cuda, "INT:INT in [0 - 9]" as 0..9, INT as NUMBER.
  static std::string value_name(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    const std::size_t colon = type.find(':');
    const std::string kind = type.substr(0, colon);
    std::string rule = colon == std::string::npos ? "" : type.substr(colon + 1);
    if (rule.starts_with('{')) {
      rule = rule.substr(1, rule.find('}') - 1);
      return CLI::detail::find_and_replace(rule, ",", "|");
    }
    if (kind == "TEXT") return rule.empty() ? "TEXT" : rule;
    const std::size_t begin = rule.find('['), middle = rule.find(" - ");
    if (begin == std::string::npos || middle == std::string::npos) {
      return kind == "INT" || kind == "UINT" || kind == "FLOAT" ? "NUMBER" : kind;
    }
    const std::string highest = rule.substr(middle + 3, rule.find(']') - middle - 3);
    if (highest.size() > 8) return "NUMBER";  // that of the type
    return rule.substr(begin + 1, middle - begin - 1) + ".." + highest;
  }
};

}  // namespace headscope
