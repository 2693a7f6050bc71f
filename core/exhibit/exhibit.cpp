#include "core/exhibit/exhibit.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/safetensors.h"
#include "core/base/version.h"
#include "core/figure/colour_maps.h"
#include "core/figure/write.h"
#include "core/session/made_by.h"

namespace headscope {
namespace {

constexpr std::array<std::string_view, export_formats> kNames = {"png", "svg",  "pdf",
                                                                 "csv", "json", "safetensors"};

bool is_picture(ExportFormat format) {
  return format == ExportFormat::png || format == ExportFormat::svg || format == ExportFormat::pdf;
}

figure::Format figure_format(ExportFormat format) {
  if (format == ExportFormat::svg) return figure::Format::svg;
  return format == ExportFormat::pdf ? figure::Format::pdf : figure::Format::png;
}

// The words below the picture, without drawing it for long.
Result<std::string> caption_of(const Exhibit& exhibit) {
  if (!exhibit.draw) return figure::provenance_text(exhibit.caption_provenance());
  HEADSCOPE_ASSIGN(const auto scene, exhibit.scene({}));
  return scene.title + ". " + scene.description;
}

Json origin_json(const Origin& origin) {
  return {{"model", origin.model},
          {"weights_sha256", origin.model_hash},
          {"adapter", origin.adapter},
          {"numbers", origin.numbers},
          {"chat_template", origin.chat_template},
          {"prompt", origin.prompt},
          {"gold", origin.gold},
          {"data", origin.data},
          {"data_sha256", origin.data_hash},
          {"rows", origin.rows == RowConvention::input ? "input" : "predict"},
          {"max_new_tokens", origin.max_new_tokens},
          {"intervention", intervention_json(origin)}};
}

// The files of its command as they are written: name, text.
NamedTexts texts_of(const Origin& origin) {
  NamedTexts texts;
  for (const auto& [name, content] : files_of(origin)) {
    texts.emplace_back(
        name, content.is_string() ? content.get<std::string>() : dump_json(content, 1) + "\n");
  }
  return texts;
}

// Returns their names.
Result<std::vector<std::string>> write_texts(const std::filesystem::path& folder,
                                             const NamedTexts& texts) {
  std::vector<std::string> names;
  for (const auto& [name, text] : texts) {
    HEADSCOPE_TRY(write_file_atomically(folder / name, text));
    names.push_back(name);
  }
  return names;
}

// Options of render for a look; those of the standard one are left out.
std::vector<std::string> look_arguments(ExportFormat format, const ExportLook& look) {
  std::vector<std::string> words;
  if (!is_picture(format)) return words;
  const ExportLook standard;
  if (look.figure.theme != standard.figure.theme) words = {"--theme", "dark"};
  if (look.figure.palette != standard.figure.palette)
    words.insert(words.end(), {"--palette", std::string(palette_name(look.figure.palette))});
  if (format == ExportFormat::png && look.scale != standard.scale)
    words.insert(words.end(), {"--scale", std::to_string(look.scale)});
  return words;
}

Json command_json(const Exhibit& exhibit) {
  const std::string command = command_of(exhibit.origin, exhibit.arguments);
  if (command.empty()) return nullptr;
  Json files = Json::object();
  for (auto& [name, content] : files_of(exhibit.origin)) files[name] = std::move(content);
  return {{"command", command}, {"files", std::move(files)}};
}

TensorToWrite as_tensor(const ExhibitArray& array) {
  TensorToWrite tensor{array.name, DType::f32, array.shape, {}};
  if (const auto* floats = std::get_if<std::vector<float>>(&array.values)) {
    tensor.bytes = std::as_bytes(std::span(*floats));
  } else {
    tensor.dtype = DType::i64;
    tensor.bytes = std::as_bytes(std::span(std::get<std::vector<std::int64_t>>(array.values)));
  }
  return tensor;
}

Result<> write_arrays(const std::filesystem::path& path, const Exhibit& exhibit) {
  std::vector<TensorToWrite> tensors;
  for (const ExhibitArray& array : exhibit.arrays) tensors.push_back(as_tensor(array));
  HEADSCOPE_ASSIGN(const std::string caption, caption_of(exhibit));
  return write_safetensors(path, std::move(tensors),
                           {{"headscope", "exhibit_arrays"},
                            {"application", "headscope"},
                            {"version", kVersion},
                            {"caption", caption},
                            {"origin", dump_json(origin_json(exhibit.origin))},
                            {"command", command_of(exhibit.origin, exhibit.arguments)}});
}

Result<> write_picture(const std::filesystem::path& path, const Exhibit& exhibit,
                       ExportFormat format, const ExportLook& look, const RunContext& context) {
  HEADSCOPE_ASSIGN(const std::string bytes, picture_of(exhibit, format, look));
  if (context.cancelled()) return fail(ErrorKind::cancelled, "export cancelled");
  return write_file_atomically(path, bytes);
}

std::string sibling(const std::filesystem::path& path, const char* ending) {
  return path.stem().string() + ending;
}

}  // namespace

figure::Provenance Exhibit::caption_provenance() const {
  figure::Provenance p = provenance ? *provenance : provenance_of(origin);
  if (p.command.empty()) p.command = command_of(origin, arguments);
  return p;
}

Result<figure::Scene> Exhibit::scene(const figure::Options& look) const {
  if (!draw) return bad_input(name + ": there is no picture of it; export the table");
  return draw(look, caption_provenance());
}

std::string_view format_name(ExportFormat format) {
  return kNames[static_cast<std::size_t>(format)];
}

std::optional<ExportFormat> format_of_ending(const std::filesystem::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  for (int i = 0; i < export_formats; ++i) {
    const auto format = static_cast<ExportFormat>(i);
    if (ending == "." + std::string(format_name(format))) return format;
  }
  return std::nullopt;
}

bool can_write(const Exhibit& exhibit, ExportFormat format) {
  if (is_picture(format)) return static_cast<bool>(exhibit.draw);
  return format == ExportFormat::safetensors ? !exhibit.arrays.empty() : !exhibit.table.empty();
}

Result<std::string> encode_picture(figure::Scene scene, ExportFormat format,
                                   const ExportLook& look) {
  if (format == ExportFormat::png && !look.figure.size) scene.magnification = look.scale;
  return figure::encode(scene, figure_format(format));
}

Result<std::string> picture_of(const Exhibit& exhibit, ExportFormat format,
                               const ExportLook& look) {
  HEADSCOPE_ASSIGN(auto scene, exhibit.scene(look.figure));
  return encode_picture(std::move(scene), format, look);
}

Result<Json> exhibit_as_json(const Exhibit& exhibit, const RunContext& context) {
  HEADSCOPE_ASSIGN(const std::string caption, caption_of(exhibit));
  HEADSCOPE_ASSIGN(auto table, table_as_json(exhibit.table, context));
  Json json = {{"headscope", "exhibit"},
               {"application", "headscope"},
               {"version", kVersion},
               {"what", exhibit.name},
               {"caption", caption},
               {"origin", origin_json(exhibit.origin)},
               {"repeat", command_json(exhibit)},
               {"table", std::move(table)}};
  json.update(exhibit.more);
  return json;
}

Result<> write_exhibit(const std::filesystem::path& path, const Exhibit& exhibit,
                       ExportFormat format, const ExportLook& look, const RunContext& context) {
  if (!can_write(exhibit, format)) {
    return bad_input(path.string() + ": " + exhibit.name + " cannot be written as " +
                     std::string(format_name(format)));
  }
  if (is_picture(format)) return write_picture(path, exhibit, format, look, context);
  if (format == ExportFormat::safetensors) return write_arrays(path, exhibit);
  if (format == ExportFormat::csv) {
    HEADSCOPE_ASSIGN(const std::string text, table_as_csv(exhibit.table, context));
    return write_file_atomically(path, text);
  }
  HEADSCOPE_ASSIGN(const Json json, exhibit_as_json(exhibit, context));
  return write_file_atomically(path, dump_json(json, 1) + "\n");
}

void name_files_beside(const std::filesystem::path& path, Exhibit& exhibit) {
  exhibit.origin.prompt_file = sibling(path, ".prompt.txt");
  exhibit.origin.intervention_file = sibling(path, ".intervention.json");
  exhibit.origin.splitting_file = sibling(path, ".splitting.json");
  if (!exhibit.origin.heads_file.empty()) exhibit.origin.heads_file = sibling(path, ".heads.json");
}

Result<std::vector<std::string>> write_files_beside(const std::filesystem::path& path,
                                                    const Exhibit& exhibit, ExportFormat format,
                                                    const ExportLook& look) {
  if (command_of(exhibit.origin, exhibit.arguments).empty()) return std::vector<std::string>();
  const std::vector<std::string> arguments = arguments_of(exhibit, format, look);
  if (!arguments.empty()) return write_made_by_beside(path, exhibit.origin, arguments);
  return write_texts(path.parent_path(), texts_of(exhibit.origin));
}

std::vector<std::string> arguments_of(const Exhibit& exhibit, ExportFormat format,
                                      const ExportLook& look) {
  std::vector<std::string> words = exhibit.arguments;
  if (words.empty()) return words;
  const std::vector<std::string> more = look_arguments(format, look);
  if (words.front() != "render" && (!is_picture(format) || !more.empty())) return {};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

Result<std::vector<std::string>> write_made_by_beside(const std::filesystem::path& path,
                                                      const Origin& origin,
                                                      const std::vector<std::string>& arguments,
                                                      NamedTexts more) {
  const std::vector<std::string> words = command_words(origin, arguments);
  if (words.size() < 2) return std::vector<std::string>();
  NamedTexts texts = texts_of(origin);
  std::move(more.begin(), more.end(), std::back_inserter(texts));
  Json hashes = Json::object();
  for (const auto& [name, text] : texts) hashes[name] = sha256_hex(text);
  HEADSCOPE_TRY(write_made_by(
      path, made_by_json(words[1], {words.begin() + 2, words.end()}, std::move(hashes))));
  HEADSCOPE_ASSIGN(auto names, write_texts(path.parent_path(), texts));
  names.push_back(made_by_file(path).filename().string());
  return names;
}

}  // namespace headscope
