#include "core/session/torch_file.h"

#include <zip.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include "core/session/torch_pickle.h"

namespace headscope {
namespace {

// What directions need, and far more; a stranger's archive must not fill the memory.
constexpr zip_int64_t kMostEntries = 64;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;
constexpr std::uint64_t kMostDescription = 1 << 16;

struct CloseArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseEntry {
  void operator()(zip_file_t* entry) const { zip_fclose(entry); }
};

// One open file of torch.save: FOLDER/data.pkl, FOLDER/data/KEY and a few more.
class Archive {
 public:
  static Result<Archive> open(const std::filesystem::path& path) {
    Archive archive;
    archive.name_ = path.string();
    int code = 0;
    archive.zip_.reset(zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code));
    if (archive.zip_ == nullptr) {
      zip_error_t error;
      zip_error_init_with_code(&error, code);
      const std::string reason = zip_error_strerror(&error);
      zip_error_fini(&error);
      return archive.wrong("expected a zip archive of torch.save (torch 1.6 or newer): " + reason);
    }
    HEADSCOPE_TRY(archive.find_folder());
    return archive;
  }

  tl::unexpected<Error> wrong(const std::string& what) const {
    return bad_input(name_ + ": " + what);
  }
  const std::string& name() const { return name_; }

  // Nothing when there is no such entry.
  Result<std::optional<std::string>> entry(const std::string& entry, std::uint64_t most) const {
    const std::string full = folder_ + entry;
    zip_stat_t about;
    if (zip_stat(zip_.get(), full.c_str(), 0, &about) != 0) return std::nullopt;
    const bool known = (about.valid & ZIP_STAT_SIZE) != 0;
    if (!known || about.size > most) return wrong("entry '" + full + "' is larger than it may be");
    const std::unique_ptr<zip_file_t, CloseEntry> file(zip_fopen(zip_.get(), full.c_str(), 0));
    if (file == nullptr) return wrong("entry '" + full + "': " + zip_strerror(zip_.get()));
    std::string bytes(static_cast<std::size_t>(about.size), 0);
    const zip_int64_t got = zip_fread(file.get(), bytes.data(), bytes.size());
    char more = 0;
    // Reading to the end compares the checksum.
    if (got != static_cast<zip_int64_t>(bytes.size()) || zip_fread(file.get(), &more, 1) != 0) {
      return wrong("entry '" + full + "' is damaged");
    }
    return bytes;
  }

 private:
  Result<> find_folder() {
    const zip_int64_t count = zip_get_num_entries(zip_.get(), 0);
    if (count > kMostEntries) return wrong("has more entries than one tensor needs");
    int found = 0;
    for (zip_int64_t i = 0; i < count; ++i) {
      const char* raw = zip_get_name(zip_.get(), static_cast<zip_uint64_t>(i), 0);
      const std::string entry = raw == nullptr ? "" : raw;
      const std::size_t slash = entry.find('/');
      if (slash == std::string::npos || entry.substr(slash) != "/data.pkl") continue;
      folder_ = entry.substr(0, slash + 1);
      ++found;
    }
    if (found != 1) return wrong("expected one entry 'NAME/data.pkl', as torch.save writes");
    return {};
  }

  std::unique_ptr<zip_t, CloseArchive> zip_;
  std::string name_, folder_;
};

Result<> check_byte_order(const Archive& archive) {
  HEADSCOPE_ASSIGN(const auto order, archive.entry("byteorder", 64));
  if (order && *order != "little")
    return archive.wrong("byte order '" + *order + "', expected little");
  return {};
}

// Elements of a contiguous view that lies inside its storage.
Result<std::int64_t> checked_elements(const Archive& archive, const PickledTensor& tensor) {
  constexpr std::int64_t most = kMostBytes / sizeof(float);
  std::int64_t elements = 1;
  for (const std::int64_t size : tensor.shape) {
    if (size < 1 || size > most / elements) return archive.wrong("has an impossible shape");
    elements *= size;
  }
  bool contiguous = tensor.strides.size() == tensor.shape.size();
  std::int64_t stride = 1;
  for (std::size_t i = tensor.shape.size(); contiguous && i > 0; --i) {
    contiguous = tensor.strides[i - 1] == stride || tensor.shape[i - 1] == 1;
    stride *= tensor.shape[i - 1];
  }
  if (!contiguous) return archive.wrong("its tensor is not contiguous (a transposed view?)");
  const bool inside = tensor.offset >= 0 && tensor.storage_elements >= elements &&
                      tensor.offset <= tensor.storage_elements - elements;
  if (!inside) return archive.wrong("its tensor is larger than its storage");
  return elements;
}

}  // namespace

Result<TorchTensor> read_torch_tensor(const std::filesystem::path& path) {
  HEADSCOPE_ASSIGN(const auto archive, Archive::open(path));
  HEADSCOPE_TRY(check_byte_order(archive));
  HEADSCOPE_ASSIGN(const auto pickle, archive.entry("data.pkl", kMostDescription));
  if (!pickle) return archive.wrong("entry 'data.pkl' is missing");
  HEADSCOPE_ASSIGN(const auto tensor, read_pickled_tensor(*pickle, archive.name()));
  HEADSCOPE_ASSIGN(const std::int64_t elements, checked_elements(archive, tensor));
  HEADSCOPE_ASSIGN(const auto bytes, archive.entry("data/" + tensor.storage, kMostBytes));
  if (!bytes) return archive.wrong("entry 'data/" + tensor.storage + "' is missing");
  if (bytes->size() != static_cast<std::size_t>(tensor.storage_elements) * sizeof(float)) {
    return archive.wrong("entry 'data/" + tensor.storage + "' has " +
                         std::to_string(bytes->size()) + " bytes, expected " +
                         std::to_string(tensor.storage_elements) + " float32 numbers");
  }
  TorchTensor result{tensor.shape, std::vector<float>(static_cast<std::size_t>(elements))};
  std::memcpy(result.values.data(),
              bytes->data() + static_cast<std::size_t>(tensor.offset) * sizeof(float),
              result.values.size() * sizeof(float));
  return result;
}

}  // namespace headscope
