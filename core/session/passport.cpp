#include "core/session/passport.h"

#include "core/base/version.h"

namespace headscope {
namespace {

/// A field that may be missing or null.
template <class T>
void set_if_known(Json& json, const char* key, const T& value) {
  if (value.empty()) {
    json[key] = nullptr;
  } else {
    json[key] = value;
  }
}

std::string shortened(const std::string& value) {
  constexpr std::size_t digits = 12;
  const bool is_hash = value.size() == 64;
  return is_hash ? value.substr(0, digits) + "..." : value;
}

}  // namespace

Passport new_passport() {
  Passport passport;
  passport.version = kVersion;
  return passport;
}

Json to_json(const Passport& passport) {
  Json json = {{"application", passport.application},
               {"version", passport.version},
               {"n", passport.n},
               {"seed", passport.seed},
               {"options", passport.options}};
  set_if_known(json, "model", passport.model);
  set_if_known(json, "weights_sha256", passport.weights_sha256);
  set_if_known(json, "tokenizer_sha256", passport.tokenizer_sha256);
  set_if_known(json, "data", passport.data);
  set_if_known(json, "data_sha256", passport.data_sha256);
  set_if_known(json, "template", passport.chat_template);
  set_if_known(json, "dtype", passport.dtype);
  set_if_known(json, "device", passport.device);
  return json;
}

Result<Passport> passport_from_json(const Json& value, const std::string& name) {
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(value, name));
  Passport passport;
  HEADSCOPE_ASSIGN(passport.application, object.string_or("application", ""));
  HEADSCOPE_ASSIGN(passport.version, object.string_or("version", ""));
  HEADSCOPE_ASSIGN(passport.model, object.string_or("model", ""));
  HEADSCOPE_ASSIGN(passport.weights_sha256, object.string_or("weights_sha256", ""));
  HEADSCOPE_ASSIGN(passport.tokenizer_sha256, object.string_or("tokenizer_sha256", ""));
  HEADSCOPE_ASSIGN(passport.data, object.string_or("data", ""));
  HEADSCOPE_ASSIGN(passport.data_sha256, object.string_or("data_sha256", ""));
  HEADSCOPE_ASSIGN(passport.chat_template, object.string_or("template", ""));
  HEADSCOPE_ASSIGN(passport.dtype, object.string_or("dtype", ""));
  HEADSCOPE_ASSIGN(passport.device, object.string_or("device", ""));
  HEADSCOPE_ASSIGN(passport.n, object.integer_or("n", 0));
  if (const Json* seed = object.find("seed"); seed != nullptr && !seed->is_null()) {
    const bool negative =
        seed->is_number_integer() && !seed->is_number_unsigned() && seed->get<std::int64_t>() < 0;
    if (!seed->is_number_integer() || negative)
      return tl::unexpected<Error>(object.wrong("seed", "a whole number from 0"));
    passport.seed = seed->get<std::uint64_t>();
  }
  if (object.has("options")) {
    HEADSCOPE_ASSIGN(const auto options, object.object("options"));
    passport.options = options.value();
  }
  return passport;
}

std::vector<std::string> differences(const Passport& here, const Passport& there) {
  std::vector<std::string> lines;
  const auto compare = [&](const char* what, const std::string& a, const std::string& b) {
    if (a.empty() || b.empty() || a == b) return;
    lines.push_back(std::string(what) + ": " + shortened(a) + " here, " + shortened(b) + " there");
  };
  compare("model", here.model, there.model);
  compare("weights", here.weights_sha256, there.weights_sha256);
  compare("tokenizer", here.tokenizer_sha256, there.tokenizer_sha256);
  compare("template", here.chat_template, there.chat_template);
  compare("dtype", here.dtype, there.dtype);
  return lines;
}

}  // namespace headscope
