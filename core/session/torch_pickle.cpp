#include "core/session/torch_pickle.h"

#include <cstring>
#include <map>
#include <variant>

namespace headscope {
namespace {

struct Mark {};
enum class Callable { tensor, parameter, ordered_dict };
struct FloatStorage {};
struct Dict {};  // an empty OrderedDict: hooks and attributes of a tensor
struct Storage {
  std::string key;
  std::int64_t elements = 0;
};
struct Value;
using Tuple = std::vector<Value>;
struct Value : std::variant<Mark, Callable, FloatStorage, Dict, Storage, bool, std::int64_t,
                            std::string, Tuple, PickledTensor> {
  using variant::variant;
};

template <class T>
const T* as(const Value& value) {
  return std::get_if<T>(&static_cast<const Value::variant&>(value));
}

// Copies of copies must not grow: a tensor's tuples are flat, short, and hold short texts.
constexpr std::size_t kMostParts = 64;
constexpr std::size_t kMostText = 256;

// Values in `value`, those inside of it counted.
std::size_t parts_of(const Value& value) {
  if (const auto* tensor = as<PickledTensor>(value))
    return 1 + tensor->shape.size() + tensor->strides.size();
  std::size_t parts = 1;
  if (const auto* tuple = as<Tuple>(value)) {
    for (const Value& element : *tuple) parts += parts_of(element);
  }
  return parts;
}

// A stack machine with the few opcodes of such a file (protocol 2).
class Reader {
 public:
  Reader(std::string_view bytes, const std::string& name) : rest_(bytes), name_(name) {}

  Result<PickledTensor> read() {
    for (;;) {
      HEADSCOPE_ASSIGN(const auto opcode, byte());
      if (opcode == '.') break;
      HEADSCOPE_TRY(run(opcode));
      if (stack_.size() > 64 || memo_.size() > 256) return wrong("it is no single tensor");
    }
    const auto* tensor = stack_.size() == 1 ? as<PickledTensor>(stack_[0]) : nullptr;
    if (tensor == nullptr) return wrong("it does not hold one tensor");
    if (!rest_.empty()) return wrong("bytes follow its end");
    return *tensor;
  }

 private:
  tl::unexpected<Error> wrong(const std::string& what) const {
    return bad_input(name_ + ": not one float32 tensor of torch.save: " + what);
  }

  Result<unsigned char> byte() {
    if (rest_.empty()) return wrong("its description is cut short");
    const auto value = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }

  Result<std::uint32_t> little_endian(int bytes) {
    std::uint32_t value = 0;
    for (int i = 0; i < bytes; ++i) {
      HEADSCOPE_ASSIGN(const std::uint32_t next, byte());
      value |= next << (8 * i);
    }
    return value;
  }

  Result<std::string> text(std::size_t length) {
    if (length > rest_.size()) return wrong("its description is cut short");
    std::string value(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return value;
  }

  Result<std::string> line() {
    const std::size_t end = rest_.find('\n');
    if (end == std::string_view::npos) return wrong("its description is cut short");
    HEADSCOPE_ASSIGN(auto value, text(end));
    rest_.remove_prefix(1);
    return value;
  }

  Result<Value> pop() {
    if (stack_.empty()) return wrong("its description takes what it never put");
    Value top = std::move(stack_.back());
    stack_.pop_back();
    return top;
  }

  void push(Value value) { stack_.push_back(std::move(value)); }

  Result<> run(unsigned char opcode) {
    switch (opcode) {
      case 0x80:
        return protocol();
      case 'c':
        return global();
      case 'q':
        return remember(1);
      case 'r':
        return remember(4);
      case 'h':
        return recall(1);
      case 'j':
        return recall(4);
      case '(':
        push(Mark{});
        return {};
      case ')':
        push(Tuple{});
        return {};
      case 't':
        return tuple_to_mark();
      case 0x85:
        return tuple_of(1);
      case 0x86:
        return tuple_of(2);
      case 0x87:
        return tuple_of(3);
      case 0x88:
        push(true);
        return {};
      case 0x89:
        push(false);
        return {};
      case 'K':
        return integer(1);
      case 'M':
        return integer(2);
      case 'J':
        return integer(4);
      case 'X':
        return unicode();
      case 'Q':
        return storage();
      case 'R':
        return call();
      default:
        break;
    }
    constexpr const char* digits = "0123456789abcdef";
    return wrong(std::string("opcode 0x") + digits[opcode >> 4] + digits[opcode & 15] +
                 " does not belong there");
  }

  Result<> protocol() {
    HEADSCOPE_ASSIGN(const auto version, byte());
    if (version != 2) return wrong("pickle protocol " + std::to_string(version) + " instead of 2");
    return {};
  }

  Result<> global() {
    HEADSCOPE_ASSIGN(const auto module, line());
    HEADSCOPE_ASSIGN(const auto symbol, line());
    const std::string full = module + "." + symbol;
    if (full == "torch._utils._rebuild_tensor_v2") {
      push(Callable::tensor);
    } else if (full == "torch._utils._rebuild_parameter") {
      push(Callable::parameter);
    } else if (full == "collections.OrderedDict") {
      push(Callable::ordered_dict);
    } else if (full == "torch.FloatStorage") {
      push(FloatStorage{});
    } else if (module == "torch" && symbol.ends_with("Storage")) {
      return wrong("its numbers are " + full + " instead of torch.FloatStorage");
    } else {
      return wrong("it wants to use '" + full + "', which is never done here");
    }
    return {};
  }

  Result<> remember(int bytes) {
    HEADSCOPE_ASSIGN(const auto index, little_endian(bytes));
    if (stack_.empty()) return wrong("its description takes what it never put");
    memo_[index] = stack_.back();
    return {};
  }

  Result<> recall(int bytes) {
    HEADSCOPE_ASSIGN(const auto index, little_endian(bytes));
    const auto found = memo_.find(index);
    if (found == memo_.end()) return wrong("its description takes what it never put");
    push(found->second);
    return {};
  }

  Result<> integer(int bytes) {
    HEADSCOPE_ASSIGN(const auto value, little_endian(bytes));
    push(bytes == 4 ? std::int64_t{static_cast<std::int32_t>(value)} : std::int64_t{value});
    return {};
  }

  Result<> unicode() {
    HEADSCOPE_ASSIGN(const auto length, little_endian(4));
    if (length > kMostText) return wrong("a text in it is longer than a storage's name");
    HEADSCOPE_ASSIGN(auto value, text(length));
    push(std::move(value));
    return {};
  }

  Result<> tuple_of(std::size_t count) {
    if (stack_.size() < count) return wrong("its description takes what it never put");
    Tuple values(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    Value tuple = std::move(values);
    if (parts_of(tuple) > kMostParts) return wrong("it is no single tensor");
    push(std::move(tuple));
    return {};
  }

  Result<> tuple_to_mark() {
    std::size_t at = stack_.size();
    while (at > 0 && as<Mark>(stack_[at - 1]) == nullptr) --at;
    if (at == 0) return wrong("its description takes what it never put");
    HEADSCOPE_TRY(tuple_of(stack_.size() - at));
    stack_.erase(stack_.end() - 2);
    return {};
  }

  // ("storage", FloatStorage, key, device, elements)
  Result<> storage() {
    HEADSCOPE_ASSIGN(const auto top, pop());
    const auto* id = as<Tuple>(top);
    const bool shaped =
        id != nullptr && id->size() == 5 && as<std::string>((*id)[0]) != nullptr &&
        *as<std::string>((*id)[0]) == "storage" && as<FloatStorage>((*id)[1]) != nullptr &&
        as<std::string>((*id)[2]) != nullptr && as<std::string>((*id)[3]) != nullptr &&
        as<std::int64_t>((*id)[4]) != nullptr;
    if (!shaped) return wrong("its storage is not described as torch.save does");
    push(Storage{*as<std::string>((*id)[2]), *as<std::int64_t>((*id)[4])});
    return {};
  }

  Result<> call() {
    HEADSCOPE_ASSIGN(const auto top, pop());
    HEADSCOPE_ASSIGN(const auto what, pop());
    const auto* arguments = as<Tuple>(top);
    const auto* callable = as<Callable>(what);
    if (arguments == nullptr || callable == nullptr) return wrong("it calls what is no function");
    switch (*callable) {
      case Callable::ordered_dict:
        if (!arguments->empty()) return wrong("its OrderedDict is not empty");
        push(Dict{});
        return {};
      case Callable::tensor:
        return tensor(*arguments);
      case Callable::parameter:
        break;
    }
    // (tensor, requires_grad, hooks)
    const bool shaped = arguments->size() == 3 && as<PickledTensor>((*arguments)[0]) != nullptr &&
                        as<bool>((*arguments)[1]) != nullptr &&
                        as<Dict>((*arguments)[2]) != nullptr;
    if (!shaped) return wrong("its parameter is not described as torch.save does");
    push(*as<PickledTensor>((*arguments)[0]));
    return {};
  }

  // (storage, offset, shape, strides, requires_grad, hooks)
  Result<> tensor(const Tuple& arguments) {
    PickledTensor made;
    const bool shaped = arguments.size() == 6 && as<Storage>(arguments[0]) != nullptr &&
                        as<std::int64_t>(arguments[1]) != nullptr &&
                        integers(arguments[2], made.shape) &&
                        integers(arguments[3], made.strides) && as<bool>(arguments[4]) != nullptr &&
                        as<Dict>(arguments[5]) != nullptr;
    if (!shaped) return wrong("its tensor is not described as torch.save does");
    made.storage = as<Storage>(arguments[0])->key;
    made.storage_elements = as<Storage>(arguments[0])->elements;
    made.offset = *as<std::int64_t>(arguments[1]);
    push(std::move(made));
    return {};
  }

  static bool integers(const Value& value, std::vector<std::int64_t>& into) {
    const auto* tuple = as<Tuple>(value);
    if (tuple == nullptr) return false;
    for (const Value& element : *tuple) {
      const auto* number = as<std::int64_t>(element);
      if (number == nullptr) return false;
      into.push_back(*number);
    }
    return true;
  }

  std::string_view rest_;
  const std::string& name_;
  std::vector<Value> stack_;
  std::map<std::uint32_t, Value> memo_;
};

}  // namespace

Result<PickledTensor> read_pickled_tensor(std::string_view pickle, const std::string& name) {
  return Reader(pickle, name).read();
}

}  // namespace headscope
