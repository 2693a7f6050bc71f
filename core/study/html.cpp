#include "core/study/html.h"

#include <sstream>
#include <vector>

#include "core/figure/type.h"

namespace headscope::study {
namespace {

// An element without content would be written <td/>, which HTML reads as an opening tag.
void set_text(pugi::xml_node node, const std::string& text) {
  node.append_child(pugi::node_pcdata).set_value(figure::clean_text(text).c_str());
}

// A dash stands for a number that is not there.
bool is_number(const std::string& cell) {
  if (cell == "–") return true;
  return !cell.empty() && cell.find_first_of("0123456789") != std::string::npos &&
         cell.find_first_not_of("0123456789.+-−–[], <e%") == std::string::npos;
}

}  // namespace

Html Html::add(const char* tag, const std::string& text, const char* css_class) {
  Html child(node_.append_child(tag));
  if (*css_class != '\0') child.attribute("class", css_class);
  set_text(child.node_, text);
  return child;
}

Html& Html::text(const std::string& text) {
  set_text(node_, text);
  return *this;
}

Html& Html::attribute(const char* name, const std::string& value) {
  node_.append_attribute(name) = figure::clean_text(value).c_str();
  return *this;
}

Html Html::row(const std::vector<std::string>& cells, const char* tag) {
  Html row(node_.append_child("tr"));
  for (const std::string& cell : cells) row.add(tag, cell, is_number(cell) ? "n" : "");
  return row;
}

Result<> Html::drawing(const std::string& svg, const char* css_class) {
  pugi::xml_document parsed;
  const auto outcome =
      parsed.load_buffer(svg.data(), svg.size(), pugi::parse_default, pugi::encoding_utf8);
  pugi::xml_node root = parsed.child("svg");
  if (!outcome || !root) {
    return fail(ErrorKind::internal,
                std::string("a figure is not well-formed: ") + outcome.description());
  }
  root.append_attribute("class") = css_class;
  node_.append_copy(root);
  return {};
}

HtmlDocument::HtmlDocument(const std::string& title, const std::string& style)
    : body(pugi::xml_node()) {
  document.append_child(pugi::node_doctype).set_value("html");
  pugi::xml_node root = document.append_child("html");
  root.append_attribute("lang") = "en";
  pugi::xml_node head = root.append_child("head");
  head.append_child("meta").append_attribute("charset") = "utf-8";
  pugi::xml_node viewport = head.append_child("meta");
  viewport.append_attribute("name") = "viewport";
  viewport.append_attribute("content") = "width=device-width, initial-scale=1";
  set_text(head.append_child("title"), title);
  head.append_child("style").append_child(pugi::node_pcdata).set_value(style.c_str());
  body = Html(root.append_child("body"));
}

std::string HtmlDocument::written() const {
  std::ostringstream out;
  document.save(out, "", pugi::format_raw | pugi::format_no_declaration, pugi::encoding_utf8);
  return out.str() + "\n";
}

}  // namespace headscope::study
