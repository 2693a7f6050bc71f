// links: headscope_text
// timeout: 900
// Chat templates against jinja2 as transformers sets it up (goldens/make_chat_goldens.py), and
// templates that mean harm.
#include <doctest/doctest.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/text/chat_template.h"
#include "tests/resources.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"

using namespace headscope;
namespace fs = std::filesystem;

namespace {

struct Conversation {
  std::vector<ChatMessage> messages;
  ChatOptions options;
};

struct Goldens {
  Json json;
  std::vector<Conversation> conversations;
  std::map<std::string, std::string> tokens;
};

const Goldens& goldens() {
  static const Goldens loaded = [] {
    setenv("TZ", "UTC", 1);
    tzset();
    Goldens goldens;
    const auto text = read_gzip_or_plain(test::source_folder() / "tests/goldens/chat.json.gz");
    REQUIRE(text.has_value());
    goldens.json = *parse_json(*text, "chat.json.gz");
    goldens.tokens = goldens.json["tokens"].get<std::map<std::string, std::string>>();
    for (const Json& entry : goldens.json["conversations"]) {
      Conversation conversation;
      for (const Json& message : entry["messages"])
        conversation.messages.push_back({message["role"], message["content"]});
      conversation.options.add_generation_prompt = entry["add_generation_prompt"];
      conversation.options.now = goldens.json["now"].get<std::time_t>();
      goldens.conversations.push_back(std::move(conversation));
    }
    return goldens;
  }();
  return loaded;
}

Result<std::string> render(std::string_view source, const Conversation& conversation) {
  HEADSCOPE_ASSIGN(const ChatTemplate chat,
                   ChatTemplate::from_text(source, goldens().tokens, "test"));
  return chat.render(conversation.messages, conversation.options);
}

struct Tally {
  int same = 0;
  int both_refuse = 0;
};

void check_golden(std::string_view source, const Conversation& conversation, const Json& golden,
                  Tally& tally) {
  const auto rendered = render(source, conversation);
  if (golden.contains("error")) {
    INFO(golden["error"]);
    CHECK_MESSAGE(!rendered.has_value(), *rendered);
    ++tally.both_refuse;
    return;
  }
  CHECK_MESSAGE(rendered.has_value(), rendered.error().message);
  if (!rendered) return;
  CHECK(*rendered == golden["text"].get<std::string>());
  ++tally.same;
}

Tally check_folder(const fs::path& folder, const Json& set) {
  Tally tally;
  for (const auto& [name, outputs] : set.items()) {
    const auto source = read_text_file(folder / name);
    REQUIRE(source.has_value());
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      CAPTURE(name);
      CAPTURE(i);
      check_golden(*source, goldens().conversations[i], outputs[i], tally);
    }
  }
  return tally;
}

std::string failure(std::string_view source) {
  const auto rendered = render(source, goldens().conversations[0]);
  return rendered ? "rendered " + std::to_string(rendered->size()) + " bytes"
                  : rendered.error().message;
}

std::string repeated(std::string_view part, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += part;
  return text;
}

}  // namespace

TEST_CASE("templates of the families equal jinja2") {
  const Tally tally = check_folder(test::source_folder() / "tests/goldens/chat_templates",
                                   goldens().json["families"]);
  CHECK(tally.same > 50);
  CHECK(tally.both_refuse > 0);
}

TEST_CASE("the templates of llama.cpp's source equal jinja2") {
  const auto llama = test::llama_resource("models/templates");
  if (!llama) SKIP_TEST("HEADSCOPE_LLAMA is not set (ctest sets it)");
  const Tally tally = check_folder(*llama, goldens().json["llama_cpp"]);
  MESSAGE(tally.same << " texts equal, " << tally.both_refuse << " refused by both");
  CHECK(goldens().json["llama_cpp"].size() >= 70);
}

TEST_CASE("every rule of the language equals jinja2, or is refused by name") {
  Tally tally;
  for (const Json& probe : goldens().json["probes"]) {
    const auto source = probe["template"].get<std::string>();
    CAPTURE(source);
    if (probe["refused"].get<bool>()) {
      const auto rendered = render(source, goldens().conversations[0]);
      CHECK_MESSAGE(!rendered.has_value(), *rendered);
      if (!rendered) MESSAGE(rendered.error().message);
      continue;
    }
    check_golden(source, goldens().conversations[0], probe, tally);
  }
  CHECK(tally.same > 100);
}

TEST_CASE("a failure names the construct and the line") {
  const auto names = [](const std::string& source, std::string_view line, std::string_view what) {
    const std::string message = failure(source);
    CAPTURE(message);
    CHECK(message.find(line) != std::string::npos);
    CHECK(message.find(what) != std::string::npos);
  };
  names("a\nb\n{{ 'x' | center(3) }}", "line 3", "filter 'center'");
  names("a\n{{ 1 +\n undefined_name }}", "line 2", "'undefined_name' is undefined");
  names("{{ raise_exception('System role not supported') }}", "line 1",
        "System role not supported");
  names("a\n\n{% raw %}{% endraw %}", "line 3", "raw");
  names("{% for m in messages %}\n{{ m.role.nothing() }}{% endfor %}", "line 2", "nothing");
  names("{{ a b }}", "a b", "Expected }}");
}

TEST_CASE("a template that means harm ends with an error") {
  std::vector<std::string> sources = {
      "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
      "{% for a in range(100000) if a in range(100000) %}{% endfor %}",
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{% macro f(x) %}{{ [f(x)] | map('upper') | list }}{% endmacro %}{{ f(1) }}",
      "{{ 'a' * 1000000000000 }}",
      "{{ [1] * 1000000000000 }}",
      "{{ range(10000000000) }}",
      "{{ range(0, 9223372036854775807, 1) }}",
      "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s "
      "%}{% endfor %}{{ ns.s }}",
      "{% set ns = namespace(l=[1]) %}{% for i in range(1000) %}{% set ns.l = [ns.l] %}{% endfor "
      "%}{{ ns.l }}",
      "{% set ns = namespace(l=[1]) %}{% for i in range(90) %}{% set ns.l = [ns.l, ns.l] %}{% "
      "endfor %}{{ ns.l }}",
      "{% set ns = namespace(l=[1]) %}{% for i in range(90) %}{% set ns.l = [ns.l, ns.l] %}{% "
      "endfor %}{{ ns.l | tojson }}",
      "{% set ns = namespace(l=[1], m=[1]) %}{% for i in range(90) %}{% set ns.l = [ns.l, ns.l] %}"
      "{% set ns.m = [ns.m, ns.m] %}{% endfor %}{{ ns.l == ns.m }}",
      "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns | tojson }}",
      "{% set s = 'a' * 60000 %}{{ s.replace('a', s).replace('a', s) }}",
      "{{ 'a' | indent(1000000000000) }}",
      "{{ ['a', 'b'] * 100000 | join('x' * 60000) }}",
      "{{ [1, 2] | tojson(indent=1000000000) }}",
      "{{ 1 % 0 }}",
      "{{ 1 is divisibleby 0 }}",
      "{{ -9223372036854775807 - 2 }}",
      "{{ (-9223372036854775807 - 1) | abs }}",
      "{{ 'nan' | float | string }}{{ [3.0 * ('1' ~ '0' * 300) | float * ('1' ~ '0' * 300) | "
      "float] | max < 1 / 0 }}",
      "{{ strftime_now('%Y' * 10000) }}",
      "{{ strftime_now('%999999999Y') }}",
      repeated("{% if true %}", 100000),
      repeated("{% for x in [1] %}", 100000),
      "{{ " + repeated("(", 100000),
      "{{ " + repeated("[", 100000),
      "{{ " + repeated("not ", 100000) + "x }}",
      "{{ " + repeated("-", 100000) + "1 }}",
      "{{ 1" + repeated(" + 1", 100000) + " }}",
      "{{ x" + repeated(".x", 100000) + " }}",
      "{{ x" + repeated("()", 100000) + " }}",
      "{{ x" + repeated("|trim", 100000) + " }}",
      "{{ x" + repeated(" if x else x", 100000) + " }}",
      "{{ 'a'" + repeated(" 'a'", 100000) + " }}{{ x() }}",
      "{% if x %}" + repeated("{% elif x %}", 100000) + "{% endif %}",
      repeated("{% set x = 1 %}", 60000) + "{% bad %}",
      repeated("a", 2 << 20),
      "{{ '\\",
      "{{",
      "{%",
      "{#",
      "{{ '",
      "{% set",
      "{{ x[",
      "{{ {'a'",
      "{% macro",
      "{% for x in",
      std::string("a\0b{{ 1 +", 10),
      "\xff\xfe",
      "{{ 99999999999999999999999999 }}",
  };
  for (const std::string& source : sources) {
    CAPTURE(source.substr(0, 120));
    const std::string message = failure(source);
    CHECK_MESSAGE(message.starts_with("test: "), message);
    CHECK(message.size() < 600);
  }
}

TEST_CASE("any piece and any small change of a real template is rendered or refused, never worse") {
  const auto source =
      read_text_file(test::source_folder() / "tests/goldens/chat_templates/mistral-v3.jinja");
  REQUIRE(source.has_value());
  int rendered = 0;
  for (std::size_t at = 0; at < source->size(); at += 3) {
    rendered += render(source->substr(0, at), goldens().conversations[0]).has_value() ? 1 : 0;
    std::string without = *source;
    without.erase(at, 1 + at % 5);
    rendered += render(without, goldens().conversations[1]).has_value() ? 1 : 0;
    std::string changed = *source;
    changed[at] = "{}%#'\"()[]|.-+~ \n"[at % 18];
    rendered += render(changed, goldens().conversations[2]).has_value() ? 1 : 0;
  }
  CHECK(rendered > 100);
}

TEST_CASE("a template is rendered on a thread with a small stack") {
  const std::string deep =
      "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(100000) }}";
  std::string message;
  std::thread([&] { message = failure(deep); }).join();
  CHECK(message.find("nests more than") != std::string::npos);
}

namespace {

/// A model folder with the given files.
class Folder : public test::TemporaryFolder {
 public:
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path() / name) << text;
  }
  std::string rendered() const {
    const auto chat = ChatTemplate::load(path());
    if (!chat) return chat.error().message;
    if (!*chat) return "no template";
    const std::vector<ChatMessage> messages = {{"user", "hi"}};
    const auto text = (*chat)->render(messages);
    return text ? *text : text.error().message;
  }
};

}  // namespace

TEST_CASE("the template of a model folder") {
  const Folder folder;
  CHECK(folder.rendered() == "no template");
  folder.write(
      "tokenizer_config.json",
      R"({"bos_token": {"content": "<b>"}, "chat_template": "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"})");
  CHECK(folder.rendered() == "<b>hi");
  folder.write("special_tokens_map.json", R"({"bos_token": "<other>", "eos_token": "<e>"})");
  CHECK(folder.rendered() == "<b>hi<e>");
  folder.write("chat_template.jinja", "file {{ bos_token }}\n");
  CHECK(folder.rendered() == "file <b>");
  fs::remove(folder.path() / "chat_template.jinja");
  folder.write(
      "tokenizer_config.json",
      R"({"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]})");
  CHECK(folder.rendered() == "d");
  folder.write("tokenizer_config.json",
               R"({"chat_template": [{"name": "tool_use", "template": "t"}]})");
  CHECK(folder.rendered().find("only: tool_use") != std::string::npos);
  folder.write("tokenizer_config.json", R"({"chat_template": 5})");
  CHECK(folder.rendered().find("'chat_template' expected") != std::string::npos);
  folder.write("tokenizer_config.json", R"({"chat_template": "{{ x"})");
  CHECK(folder.rendered().find("cannot be read") != std::string::npos);
}
