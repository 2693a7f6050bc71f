#include "core/figure/svg.h"

#include <cmath>
#include <cstdint>
#include <new>
#include <pugixml.hpp>
#include <sstream>
#include <string_view>

#include "core/figure/paint.h"
#include "core/figure/type.h"

namespace headscope::figure {
namespace {

// At most three decimals, no trailing zeros, independent of the locale.
std::string number(double value) {
  const auto thousandths = std::llround(value * 1000);
  const auto magnitude = std::llabs(thousandths);
  std::string text = std::to_string(magnitude / 1000);
  std::string rest = std::to_string(1000 + magnitude % 1000).substr(1);
  rest.erase(rest.find_last_not_of('0') + 1);
  if (!rest.empty()) text += "." + rest;
  return thousandths < 0 ? "-" + text : text;
}

std::string hex(Rgb color) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text = "#";
  for (const float channel : {color.r, color.g, color.b}) {
    const auto byte = static_cast<unsigned>(std::lround(channel * 255));
    text += digits[byte >> 4 & 15];
    text += digits[byte & 15];
  }
  return text;
}

std::string base64(std::string_view bytes) {
  static constexpr char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const auto byte = [&](std::size_t i) -> std::uint32_t {
      return at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0;
    };
    const std::uint32_t group = byte(0) << 16 | byte(1) << 8 | byte(2);
    out += digits[group >> 18 & 63];
    out += digits[group >> 12 & 63];
    out += at + 1 < bytes.size() ? digits[group >> 6 & 63] : '=';
    out += at + 2 < bytes.size() ? digits[group & 63] : '=';
  }
  return out;
}

class Element {
 public:
  Element(pugi::xml_node parent, const char* name) : node_(parent.append_child(name)) {}

  Element& set(const char* name, const std::string& value) {
    node_.append_attribute(name) = value.c_str();
    return *this;
  }
  Element& set(const char* name, double value) { return set(name, number(value)); }
  Element& box(const Box& box) {
    return set("x", box.x).set("y", box.y).set("width", box.width).set("height", box.height);
  }
  Element& paint(const std::optional<Paint>& fill, const std::optional<Stroke>& stroke) {
    set("fill", fill ? hex(fill->color) : "none");
    if (fill && fill->opacity < 1) set("fill-opacity", fill->opacity);
    if (!stroke) return *this;
    set("stroke", hex(stroke->paint.color)).set("stroke-width", stroke->width);
    if (stroke->paint.opacity < 1) set("stroke-opacity", stroke->paint.opacity);
    if (stroke->dashed) set("stroke-dasharray", number(kDash * stroke->width));
    return *this;
  }
  pugi::xml_node node() const { return node_; }

 private:
  pugi::xml_node node_;
};

class SvgWriter {
 public:
  explicit SvgWriter(pugi::xml_node parent) : parent_(parent) {}

  Result<> operator()(const Path& path) const {
    std::string points;
    for (const Point& p : path.points) {
      if (!points.empty()) points += ' ';
      points += number(p.x) + "," + number(p.y);
    }
    Element(parent_, path.closed ? "polygon" : "polyline")
        .set("class", path.role)
        .set("points", points)
        .paint(path.fill, path.stroke)
        .set("stroke-linejoin", "round");
    return {};
  }

  Result<> operator()(const Rect& rect) const {
    Element(parent_, "rect").set("class", rect.role).box(rect.box).paint(rect.fill, rect.stroke);
    return {};
  }

  Result<> operator()(const Disc& disc) const {
    Element(parent_, "circle")
        .set("class", disc.role)
        .set("cx", disc.centre.x)
        .set("cy", disc.centre.y)
        .set("r", disc.radius)
        .paint(disc.fill, disc.stroke);
    return {};
  }

  Result<> operator()(const Cells& cells) const {
    return cells.gap > 0 ? write_cells(cells) : write_picture(cells);
  }

  Result<> operator()(const Text& text) const {
    Element element(parent_, "text");
    element.set("class", text.role).set("font-size", text.size).set("fill", hex(text.paint.color));
    if (text.paint.opacity < 1) element.set("fill-opacity", text.paint.opacity);
    if (text.bold) element.set("font-weight", "bold");
    if (text.anchor == Anchor::middle) element.set("text-anchor", "middle");
    if (text.anchor == Anchor::end) element.set("text-anchor", "end");
    const std::string place = number(text.at.x) + " " + number(text.at.y);
    if (text.upwards) {
      element.set("transform", "translate(" + place + ") rotate(-90)");
    } else {
      element.set("x", text.at.x).set("y", text.at.y);
    }
    element.node().text().set(clean_text(text.text).c_str());
    return {};
  }

 private:
  Result<> write_cells(const Cells& cells) const {
    Element group(parent_, "g");
    group.set("class", "cells");
    for (int row = 0; row < cells.rows; ++row) {
      for (int column = 0; column < cells.columns; ++column) {
        Element(group.node(), "rect")
            .set("class", cells.role)
            .box(cells.cell(row, column))
            .set("fill", hex(cells.color(row, column)));
      }
    }
    return {};
  }

  Result<> write_picture(const Cells& cells) const {
    if (cells.rows <= 0 || cells.columns <= 0) return {};
    HEADSCOPE_ASSIGN(const Surface picture, picture_of(cells));
    HEADSCOPE_ASSIGN(const std::string png, png_bytes(*picture));
    Element(parent_, "image")
        .set("class", cells.role)
        .box(cells.box)
        .set("preserveAspectRatio", "none")
        .set("style", "image-rendering:optimizeSpeed;image-rendering:pixelated")
        .set("xlink:href", "data:image/png;base64," + base64(png));
    return {};
  }

  pugi::xml_node parent_;
};

Element begin_document(pugi::xml_document& document, const Scene& scene, double magnification) {
  pugi::xml_node declaration = document.append_child(pugi::node_declaration);
  declaration.append_attribute("version") = "1.0";
  declaration.append_attribute("encoding") = "UTF-8";
  Element svg(document, "svg");
  svg.set("xmlns", "http://www.w3.org/2000/svg")
      .set("xmlns:xlink", "http://www.w3.org/1999/xlink")
      .set("width", scene.width * magnification)
      .set("height", scene.height * magnification)
      .set("viewBox", "0 0 " + number(scene.width) + " " + number(scene.height))
      .set("font-family", kFontFamilies)
      .set("role", "img");
  svg.node().append_child("title").text().set(clean_text(scene.title).c_str());
  svg.node().append_child("desc").text().set(clean_text(scene.description).c_str());
  Element(svg.node(), "rect")
      .set("class", "page")
      .box({0, 0, scene.width, scene.height})
      .set("fill", hex(scene.background));
  return svg;
}

}  // namespace

Result<std::string> svg_document(const Scene& scene, double magnification) {
  try {
    pugi::xml_document document;
    const Element svg = begin_document(document, scene, magnification);
    const SvgWriter writer(svg.node());
    for (const Item& item : scene.items) HEADSCOPE_TRY(std::visit(writer, item));
    std::ostringstream out;
    document.save(out, " ", pugi::format_indent, pugi::encoding_utf8);
    return out.str();
  } catch (const std::bad_alloc&) {
    return fail(ErrorKind::out_of_memory, "figure: no memory for the SVG document");
  }
}

}  // namespace headscope::figure
