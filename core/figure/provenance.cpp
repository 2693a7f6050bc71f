#include "core/figure/provenance.h"

#include "core/base/version.h"

namespace headscope::figure {
namespace {

constexpr std::size_t kHashDigits = 12;

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : dump_json(value);
}

// "heads heads.json (sha256 0123456789ab)"; nothing when the passport has no such file.
void add_file(const Json& options, const std::string& what, std::vector<std::string>& settings) {
  const Json name = options.value(what, Json(nullptr));
  const Json hash = options.value(what + "_sha256", Json(nullptr));
  if (!name.is_string() || !hash.is_string()) return;
  settings.push_back(what + " " + name.get<std::string>() + " (sha256 " +
                     hash.get<std::string>().substr(0, kHashDigits) + ")");
}

}  // namespace

Provenance provenance_of(const Passport& passport) {
  Provenance p;
  p.model = passport.model;
  p.model_hash = passport.weights_sha256;
  p.data = passport.data;
  p.data_hash = passport.data_sha256;
  p.samples = passport.n;
  add_file(passport.options, "heads", p.settings);
  add_file(passport.options, "directions", p.settings);
  for (const char* name : {"rows", "part", "max_new_tokens"}) {
    if (passport.options.contains(name)) {
      p.settings.push_back(std::string(name) + ": " + text_of(passport.options.at(name)));
    }
  }
  if (!passport.dtype.empty()) p.settings.push_back(passport.dtype + " on " + passport.device);
  p.version = passport.version.empty() ? kVersion : passport.version;
  return p;
}

}  // namespace headscope::figure
