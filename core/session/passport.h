// Where a result comes from (cli.md): stored inside every head set, direction file and result.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace headscope {
/// What made a result: enough to make it again.
struct Passport {
  std::string application = "headscope";
  std::string version;         ///< of the application
  std::string model;           ///< "demo" or the folder's name
  std::string weights_sha256;  ///< empty = not known
  std::string tokenizer_sha256;
  std::string data;  ///< file name, suite, or "" without data
  std::string data_sha256;
  std::int64_t n = 0;  ///< samples
  std::uint64_t seed = 0;
  std::string chat_template;  ///< "none", or how the prompt was wrapped
  std::string dtype, device;
  Json options = Json::object();  ///< whatever else decides the result, by name
};

/// A passport of this build of Headscope.
Passport new_passport();
/// Texts that are empty are left out.
Json to_json(const Passport& passport);
/// Every field may be missing (third-party files): defaults. A field of the wrong type is an error.
Result<Passport> passport_from_json(const Json& value, const std::string& name);

/// What differs between two passports in a way that makes results incomparable: one line per field
/// of model, weights, tokenizer, template and dtype, like "weights: 12ab... here, 34cd... there".
/// Fields that one of them does not know are left out.
std::vector<std::string> differences(const Passport& here, const Passport& there);

}  // namespace headscope
