#include "core/base/hash.h"

#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <vector>

namespace headscope {
namespace {

using Digest = std::array<unsigned char, 32>;

}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() {
    if (context) EVP_DigestInit_ex(context, EVP_sha256(), nullptr);
  }
  ~State() { EVP_MD_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Digest finish() {
    Digest digest{};
    unsigned int size = 0;
    if (context) EVP_DigestFinal_ex(context, digest.data(), &size);
    return digest;
  }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) {
  if (state_->context) EVP_DigestUpdate(state_->context, bytes.data(), bytes.size());
}

std::string Sha256::hex() {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : state_->finish()) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

Result<std::string> sha256_file(const std::filesystem::path& path, const RunContext& context) {
  std::error_code code;
  const auto total = std::filesystem::file_size(path, code);
  std::ifstream file(path, std::ios::binary);
  if (code || !file) {
    return bad_input(path.string() + ": cannot open" +
                     (code ? ": " + code.message() : std::string()));
  }
  Sha256 hash;
  std::vector<char> block(std::size_t{1} << 22);  // a few ms each: cancellation is seen soon enough
  double done = 0;
  while (file) {
    if (context.cancelled()) return fail(ErrorKind::cancelled, "hashing was interrupted");
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    const auto got = static_cast<std::size_t>(file.gcount());
    hash.update({block.data(), got});
    done += static_cast<double>(got);
    context.progress("hash", done, static_cast<double>(total));
  }
  if (file.bad()) return bad_input(path.string() + ": cannot read");
  return hash.hex();
}

std::uint64_t stable_hash(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  const std::string text = hash.hex();
  return std::stoull(text.substr(0, 16), nullptr, 16);
}

}  // namespace headscope
