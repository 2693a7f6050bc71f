// A small builder of HTML documents over pugixml: whatever is text is escaped.
#pragma once

#include <pugixml.hpp>
#include <string>

#include "core/base/error.h"

namespace headscope::study {

/// One element. Children are added in order; texts may hold anything.
class Html {
 public:
  explicit Html(pugi::xml_node node) : node_(node) {}
  /// A new child; texts and attributes are escaped.
  Html add(const char* tag, const std::string& text = "", const char* css_class = "");
  Html& text(const std::string& text);                          ///< appends
  Html& attribute(const char* name, const std::string& value);  ///< of this element
  /// A table's row of cells; numbers stand in cells of class "n".
  Html row(const std::vector<std::string>& cells, const char* tag = "td");
  /// A drawing as core/figure writes it, inlined. `css_class` is the svg element's.
  Result<> drawing(const std::string& svg, const char* css_class);

 private:
  pugi::xml_node node_;
};

/// A whole document with an empty body, in which `style` may hold neither '<' nor '&'.
struct HtmlDocument {
  HtmlDocument(const std::string& title, const std::string& style);
  std::string written() const;  ///< the whole document

  pugi::xml_document document;
  Html body;
};

}  // namespace headscope::study
