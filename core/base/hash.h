// SHA-256, for passports and for splitting data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/base/run_context.h"

namespace headscope {

/// SHA-256 fed in pieces.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();
  void update(std::string_view bytes);  ///< what follows
  std::string hex();                    ///< 64 lower-case digits; call once, at the end

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);

/// Of a file's content; reports progress in bytes ("hash") and can be cancelled.
Result<std::string> sha256_file(const std::filesystem::path& path, const RunContext& context = {});

/// First eight bytes of the SHA-256, big-endian: a stable number for a text (data split, seeds).
std::uint64_t stable_hash(std::string_view bytes);

}  // namespace headscope
