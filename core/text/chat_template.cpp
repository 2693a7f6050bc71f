#include "core/text/chat_template.h"

#include <exception>
#include <new>

#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/json.h"
#include "core/text/jinja_interpreter.h"
#include "core/text/jinja_reader.h"
#include "core/text/unicode.h"

namespace headscope {
namespace fs = std::filesystem;

struct ChatTemplate::Impl {
  chat::Program program;
  std::string source;
  std::map<std::string, std::string> special_tokens;
  std::string name;
};

namespace {

constexpr const char* kSpecialTokens[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                          "pad_token", "cls_token", "mask_token"};
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{64} << 20;

// transformers gives these by name, `tools` and `documents` also where there are none.
chat::Fields variables(const ChatTemplate::Impl& impl, std::span<const ChatMessage> messages,
                       const ChatOptions& options) {
  using namespace chat;
  Fields names;
  for (const char* spelling : {"true", "True"}) names.set(spelling, true);
  for (const char* spelling : {"false", "False"}) names.set(spelling, false);
  for (const char* spelling : {"none", "None"}) names.set(spelling, None{});
  add_globals(names);
  for (const auto& [name, token] : impl.special_tokens) names.set(name, text_value(token));
  List list;
  for (const ChatMessage& message : messages) {
    Fields fields;
    fields.set("role", text_value(message.role));
    fields.set("content", text_value(message.content));
    list.push_back(mapping_value(std::move(fields)));
  }
  names.set("messages", sequence_value(std::move(list)));
  names.set("tools", None{});
  names.set("documents", None{});
  names.set("add_generation_prompt", options.add_generation_prompt);
  return names;
}

Result<> check_messages(std::span<const ChatMessage> messages, const std::string& name) {
  if (messages.empty()) return bad_input(name + ": a conversation needs at least one message");
  for (const ChatMessage& message : messages) {
    for (const std::string* text : {&message.role, &message.content}) {
      if (unicode::valid_prefix(*text) != text->size()) {
        return bad_input(name + ": a message is not valid UTF-8");
      }
    }
  }
  return {};
}

// A special token is a text, or an object that holds it as "content".
Result<> read_special_tokens(const JsonObject& json, std::map<std::string, std::string>& tokens) {
  for (const char* name : kSpecialTokens) {
    const Json* value = json.find(name);
    if (!value || tokens.contains(name)) continue;
    if (value->is_string()) {
      tokens.emplace(name, value->get<std::string>());
    } else {
      HEADSCOPE_ASSIGN(const JsonObject object, json.object(name));
      HEADSCOPE_ASSIGN(std::string content, object.string("content"));
      tokens.emplace(name, std::move(content));
    }
  }
  return {};
}

Result<std::string> default_template(const JsonObject& json, const Json& list) {
  std::string names;
  for (std::size_t i = 0; i < list.size(); ++i) {
    HEADSCOPE_ASSIGN(const JsonObject entry, json.element("chat_template", i));
    HEADSCOPE_ASSIGN(const std::string name, entry.string("name"));
    if (name == "default") return entry.string("template");
    names += (names.empty() ? "" : ", ") + name;
  }
  return bad_input(json.name() +
                   ": field 'chat_template' has no template named 'default', only: " + names);
}

struct Found {
  std::optional<std::string> source;
  std::string name;
};

Result<> read_template_field(const JsonObject& json, Found& found) {
  const Json* value = json.find("chat_template");
  if (!value || found.source) return {};
  found.name = json.name();
  if (value->is_array()) {
    HEADSCOPE_ASSIGN(found.source, default_template(json, *value));
  } else {
    HEADSCOPE_ASSIGN(found.source, json.string("chat_template"));
  }
  return {};
}

Result<bool> is_there(const fs::path& file) {
  std::error_code problem;
  const bool there = fs::exists(file, problem);
  if (problem) return bad_input(file.string() + ": " + problem.message());
  return there;
}

}  // namespace

Result<ChatTemplate> ChatTemplate::from_text(std::string_view source,
                                             std::map<std::string, std::string> special_tokens,
                                             std::string name) {
  auto impl = std::make_shared<Impl>();
  auto program = chat::read_program(source);
  if (!program)
    return fail(program.error().kind,
                name + ": the chat template cannot be read: " + program.error().message);
  for (const auto& [token, text] : special_tokens) {
    if (unicode::valid_prefix(text) != text.size())
      return bad_input(name + ": " + token + " is not valid UTF-8");
  }
  impl->program = std::move(*program);
  impl->source = source;
  impl->special_tokens = std::move(special_tokens);
  impl->name = std::move(name);
  return ChatTemplate(std::move(impl));
}

Result<std::optional<ChatTemplate>> ChatTemplate::load(const fs::path& folder) {
  Found found;
  const fs::path file = folder / "chat_template.jinja";
  HEADSCOPE_ASSIGN(const bool has_file, is_there(file));
  if (has_file) {
    HEADSCOPE_ASSIGN(found.source, read_text_file(file, kMaxFileBytes));
    found.name = file.string();
  }
  std::map<std::string, std::string> tokens;
  for (const char* json_name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    const fs::path json_file = folder / json_name;
    HEADSCOPE_ASSIGN(const bool there, is_there(json_file));
    if (!there) continue;
    HEADSCOPE_ASSIGN(const Json json, read_json_file(json_file, kMaxFileBytes));
    HEADSCOPE_ASSIGN(const JsonObject object, JsonObject::open(json, json_file.string()));
    if (json_name == std::string_view("tokenizer_config.json"))
      HEADSCOPE_TRY(read_template_field(object, found));
    HEADSCOPE_TRY(read_special_tokens(object, tokens));
  }
  if (!found.source) return std::nullopt;
  HEADSCOPE_ASSIGN(ChatTemplate made,
                   from_text(*found.source, std::move(tokens), std::move(found.name)));
  return made;
}

Result<std::string> ChatTemplate::render(std::span<const ChatMessage> messages,
                                         const ChatOptions& options) const {
  HEADSCOPE_TRY(check_messages(messages, impl_->name));
  std::size_t bytes = 0;
  for (const ChatMessage& message : messages) bytes += message.content.size();
  chat::Interpreter interpreter(impl_->program, chat::Budget(bytes),
                                options.now ? *options.now : std::time(nullptr));
  try {
    return interpreter.run(variables(*impl_, messages, options));
  } catch (const chat::Failure& failure) {
    return bad_input(impl_->name + ": the chat template " + failure.message + " (" +
                     chat::place_of(impl_->program, interpreter.position()) + ")");
  } catch (const std::bad_alloc&) {
    return fail(ErrorKind::out_of_memory,
                impl_->name + ": no memory is left for the chat template");
  } catch (const std::exception& problem) {
    return bad_input(impl_->name + ": the chat template fails: " + problem.what());
  }
}

const std::string& ChatTemplate::source() const {
  return impl_->source;
}

std::string ChatTemplate::fingerprint() const {
  return sha256_hex(impl_->source).substr(0, 12);
}

}  // namespace headscope
