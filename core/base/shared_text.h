// A long text that is copied and compared many times a second.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace headscope {

/// Reads like a std::string. Copies share their bytes, so that copying one, and comparing it with
/// its copy, takes the same time at any length. Changing it makes bytes of its own.
class SharedText {
 public:
  SharedText() = default;
  template <class Text>
  requires(std::convertible_to<Text, std::string> &&
           !std::same_as<std::remove_cvref_t<Text>, SharedText>) SharedText(Text&& text)
      : text_(std::make_shared<const std::string>(std::string(std::forward<Text>(text)))) {}
  /// As std::string has them.
  const std::string& str() const {
    static const std::string empty;
    return text_ ? *text_ : empty;
  }
  operator const std::string&() const { return str(); }
  operator std::string_view() const { return str(); }

  std::size_t size() const { return str().size(); }
  bool empty() const { return str().empty(); }
  const char* data() const { return str().data(); }
  char operator[](std::size_t i) const { return str()[i]; }
  std::size_t find(std::string_view words, std::size_t from = 0) const {  ///< npos: not there
    return str().find(words, from);
  }
  std::size_t rfind(std::string_view words) const { return str().rfind(words); }
  std::string substr(std::size_t begin, std::size_t count = std::string::npos) const {
    return str().substr(begin, count);
  }
  /// Lets go of the text.
  void clear() { text_.reset(); }
  SharedText& operator+=(std::string_view more) {  ///< a new text: others keep theirs
    *this = str() + std::string(more);
    return *this;
  }

  friend bool operator==(const SharedText& a, const SharedText& b) {
    return a.text_ == b.text_ || a.str() == b.str();
  }
  template <class Text>
  requires(std::convertible_to<const Text&, std::string_view> &&
           !std::same_as<Text, SharedText>) friend bool
  operator==(const SharedText& a, const Text& b) {
    return std::string_view(a.str()) == std::string_view(b);
  }
  /// The very same bytes: quick also where the texts differ.
  bool is(const SharedText& other) const { return text_ == other.text_; }

 private:
  std::shared_ptr<const std::string> text_;
};

}  // namespace headscope
