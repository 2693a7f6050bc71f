#include "app/render/heatmap.h"

#include <epoxy/gl.h>

#include <algorithm>
#include <cmath>

#include "app/render/shaders.h"

namespace headscope {
namespace {

constexpr std::int64_t kMaxTile = 4096;
constexpr std::size_t kMaxTextures = 24;

struct Picture {
  ImVec2 min, max;
  HeatmapData data, baseline;
  HeatmapStyle style;
  HeatmapWindow window;
};

struct Texture {
  HeatmapData data;
  GLuint name = 0;
  int tile_columns = 1, tile_rows = 1;
  std::uint64_t last_frame = 0;
};

std::int64_t tiles_for(std::int64_t extent, std::int64_t max_tile) {
  return (extent + max_tile - 1) / max_tile;
}

GLuint compile(GLenum kind, const char* source, std::string& error) {
  const GLuint shader = glCreateShader(kind);
  glShaderSource(shader, 1, &source, nullptr);
  glCompileShader(shader);
  GLint ok = 0;
  glGetShaderiv(shader, GL_COMPILE_STATUS, &ok);
  if (ok == 0) {
    char log[1024] = "";
    glGetShaderInfoLog(shader, sizeof log, nullptr, log);
    error = std::string("the heat-map shader does not compile on this OpenGL driver: ") + log;
  }
  return shader;
}

}  // namespace

struct HeatmapRenderer::Impl {
  std::vector<Picture> pictures;
  std::vector<Texture> textures;
  std::string error;
  std::int64_t uploads = 0;
  std::uint64_t frame = 0;
  std::int64_t max_tile = kMaxTile;
  GLuint program = 0, vertex_array = 0, palette_texture = 0;
  bool failed = false;

  bool prepare();
  const Texture* texture_for(const HeatmapData& data);
  bool upload(Texture& texture);
  void set_uniforms(const Picture& picture, const Texture& values, const Texture& baseline,
                    const Texture& rows, const ImVec4& pixels) const;
  void paint(const Picture& picture);
  GLint uniform(const char* name) const { return glGetUniformLocation(program, name); }
};

bool HeatmapRenderer::Impl::prepare() {
  if (program != 0 || failed) return !failed;
  const GLuint vertex = compile(GL_VERTEX_SHADER, shaders::heatmap_vertex, error);
  const GLuint fragment = compile(GL_FRAGMENT_SHADER, shaders::heatmap_fragment, error);
  program = glCreateProgram();
  glAttachShader(program, vertex);
  glAttachShader(program, fragment);
  glLinkProgram(program);
  glDeleteShader(vertex);
  glDeleteShader(fragment);
  GLint linked = 0;
  glGetProgramiv(program, GL_LINK_STATUS, &linked);
  if (linked == 0) {
    if (error.empty()) error = "the heat-map shader does not link on this OpenGL driver";
    failed = true;
    return false;
  }
  glGenVertexArrays(1, &vertex_array);
  GLint limit = 0;
  glGetIntegerv(GL_MAX_TEXTURE_SIZE, &limit);
  max_tile = std::min<std::int64_t>(kMaxTile, std::max(limit, 64));

  glGenTextures(1, &palette_texture);
  glBindTexture(GL_TEXTURE_2D, palette_texture);
  glPixelStorei(GL_UNPACK_ALIGNMENT, 1);
  glTexImage2D(GL_TEXTURE_2D, 0, GL_RGB8, palette_steps, palette_count, 0, GL_RGB, GL_UNSIGNED_BYTE,
               palette_table().data());
  glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
  glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
  return true;
}

// All tiles have one size, so that they can be the layers of one array texture: one draw call, no
// seams.
bool HeatmapRenderer::Impl::upload(Texture& texture) {
  const std::int64_t columns = texture.data.columns, rows = texture.data.rows;
  const std::int64_t across = tiles_for(columns, max_tile), down = tiles_for(rows, max_tile);
  texture.tile_columns = static_cast<int>((columns + across - 1) / across);
  texture.tile_rows = static_cast<int>((rows + down - 1) / down);
  while (glGetError() != GL_NO_ERROR) {
  }
  glGenTextures(1, &texture.name);
  glBindTexture(GL_TEXTURE_2D_ARRAY, texture.name);
  glTexImage3D(GL_TEXTURE_2D_ARRAY, 0, GL_R32F, texture.tile_columns, texture.tile_rows,
               static_cast<GLsizei>(across * down), 0, GL_RED, GL_FLOAT, nullptr);
  glTexParameteri(GL_TEXTURE_2D_ARRAY, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
  glTexParameteri(GL_TEXTURE_2D_ARRAY, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
  glTexParameteri(GL_TEXTURE_2D_ARRAY, GL_TEXTURE_MAX_LEVEL, 0);
  glPixelStorei(GL_UNPACK_ALIGNMENT, 4);
  glPixelStorei(GL_UNPACK_ROW_LENGTH, static_cast<GLint>(columns));
  for (std::int64_t y = 0; y < down; ++y) {
    for (std::int64_t x = 0; x < across; ++x) {
      const std::int64_t left = x * texture.tile_columns, top = y * texture.tile_rows;
      glTexSubImage3D(
          GL_TEXTURE_2D_ARRAY, 0, 0, 0, static_cast<GLint>(y * across + x),
          static_cast<GLsizei>(std::min<std::int64_t>(texture.tile_columns, columns - left)),
          static_cast<GLsizei>(std::min<std::int64_t>(texture.tile_rows, rows - top)), 1, GL_RED,
          GL_FLOAT, texture.data.values + top * columns + left);
    }
  }
  glPixelStorei(GL_UNPACK_ROW_LENGTH, 0);
  ++uploads;
  if (glGetError() == GL_NO_ERROR) return true;
  glDeleteTextures(1, &texture.name);
  error = "the graphics card has no room for a map of " + std::to_string(columns) + " x " +
          std::to_string(rows) + " values (" + std::to_string(columns * rows * 4 / (1 << 20)) +
          " MiB)";
  return false;
}

const Texture* HeatmapRenderer::Impl::texture_for(const HeatmapData& data) {
  for (Texture& texture : textures) {
    if (!(texture.data == data)) continue;
    texture.last_frame = frame;
    return &texture;
  }
  Texture texture;
  texture.data = data;
  texture.last_frame = frame;
  if (!upload(texture)) return nullptr;
  textures.push_back(std::move(texture));
  return &textures.back();
}

void HeatmapRenderer::Impl::set_uniforms(const Picture& picture, const Texture& values,
                                         const Texture& baseline, const Texture& rows,
                                         const ImVec4& pixels) const {
  const HeatmapStyle& style = picture.style;
  const HeatmapWindow& window = picture.window;
  glUniform1i(uniform("values"), 1);
  glUniform1i(uniform("baseline"), 2);
  glUniform1i(uniform("palettes"), 3);
  glUniform1i(uniform("row_values"), 4);
  glUniform2i(uniform("size"), static_cast<int>(values.data.columns),
              static_cast<int>(values.data.rows));
  glUniform2i(uniform("tile"), values.tile_columns, values.tile_rows);
  glUniform2i(uniform("baseline_size"), static_cast<int>(baseline.data.columns),
              static_cast<int>(baseline.data.rows));
  glUniform2i(uniform("baseline_tile"), baseline.tile_columns, baseline.tile_rows);
  glUniform4f(uniform("view"), static_cast<float>(window.left), static_cast<float>(window.top),
              static_cast<float>(window.right), static_cast<float>(window.bottom));
  glUniform4f(uniform("rect"), pixels.x, pixels.y, pixels.z, pixels.w);
  glUniform2f(uniform("range"), style.low, style.high);
  glUniform1i(uniform("palette"), static_cast<int>(style.palette));
  glUniform1i(uniform("logarithmic"), style.logarithmic ? 1 : 0);
  glUniform1i(uniform("difference"), style.difference ? 1 : 0);
  glUniform1i(uniform("causal"), static_cast<int>(style.causal));
  glUniform1i(uniform("left_out"), static_cast<int>(style.left_out));
  glUniform1i(uniform("per_row"), style.rows.empty() ? 0 : 1);
  glUniform2i(uniform("row_size"), static_cast<int>(rows.data.columns),
              static_cast<int>(rows.data.rows));
  glUniform2i(uniform("row_tile"), rows.tile_columns, rows.tile_rows);
  glUniform2i(uniform("row_place"), static_cast<int>(style.row_offset),
              static_cast<int>(style.row_cell));
}

void HeatmapRenderer::Impl::paint(const Picture& picture) {
  glActiveTexture(GL_TEXTURE1);  // uploads must not disturb what ImGui has bound to unit 0
  if (!prepare()) return;
  const bool difference = picture.style.difference && !picture.baseline.empty();
  // Uploading may move the vector of textures, so the second look-up happens before both are used.
  if (texture_for(picture.data) == nullptr) return;
  if (difference && texture_for(picture.baseline) == nullptr) return;
  const bool per_row = !picture.style.rows.empty();
  if (per_row && texture_for(picture.style.rows) == nullptr) return;
  const Texture* values = texture_for(picture.data);
  const Texture* baseline = difference ? texture_for(picture.baseline) : values;
  const Texture* rows = per_row ? texture_for(picture.style.rows) : values;

  const ImDrawData* frame_data = ImGui::GetDrawData();
  const ImVec2 scale = frame_data->FramebufferScale, origin = frame_data->DisplayPos;
  const float width = frame_data->DisplaySize.x * scale.x,
              height = frame_data->DisplaySize.y * scale.y;
  const float left = (picture.min.x - origin.x) * scale.x,
              right = (picture.max.x - origin.x) * scale.x;
  const float top = height - (picture.min.y - origin.y) * scale.y;
  const float bottom = height - (picture.max.y - origin.y) * scale.y;
  glUseProgram(program);
  glBindVertexArray(vertex_array);
  glBindTexture(GL_TEXTURE_2D_ARRAY, values->name);
  glActiveTexture(GL_TEXTURE2);
  glBindTexture(GL_TEXTURE_2D_ARRAY, baseline->name);
  glActiveTexture(GL_TEXTURE3);
  glBindTexture(GL_TEXTURE_2D, palette_texture);
  glActiveTexture(GL_TEXTURE4);
  glBindTexture(GL_TEXTURE_2D_ARRAY, rows->name);
  glUniform4f(uniform("clip_rect"), left / width * 2 - 1, bottom / height * 2 - 1,
              right / width * 2 - 1, top / height * 2 - 1);
  set_uniforms(picture, *values, *baseline, *rows,
               ImVec4(left, bottom, right - left, top - bottom));
  glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
}

HeatmapRenderer::HeatmapRenderer() : impl_(std::make_unique<Impl>()) {}

HeatmapRenderer::~HeatmapRenderer() {
  if (impl_->program == 0) return;
  for (const Texture& texture : impl_->textures) glDeleteTextures(1, &texture.name);
  glDeleteTextures(1, &impl_->palette_texture);
  glDeleteVertexArrays(1, &impl_->vertex_array);
  glDeleteProgram(impl_->program);
}

void HeatmapRenderer::begin_frame() {
  Impl& self = *impl_;
  ++self.frame;
  self.pictures.clear();
  // A texture whose values nobody else holds belongs to a snapshot that is gone.
  std::erase_if(self.textures, [&](const Texture& texture) {
    const bool orphan = texture.data.owner.use_count() <= 1;
    if (orphan) glDeleteTextures(1, &texture.name);
    return orphan;
  });
  while (self.textures.size() > kMaxTextures) {
    const auto oldest = std::min_element(
        self.textures.begin(), self.textures.end(),
        [](const Texture& a, const Texture& b) { return a.last_frame < b.last_frame; });
    glDeleteTextures(1, &oldest->name);
    self.textures.erase(oldest);
  }
}

void HeatmapRenderer::draw(ImDrawList& list, ImVec2 min, ImVec2 max, const HeatmapData& data,
                           const HeatmapData& baseline, const HeatmapStyle& style,
                           const HeatmapWindow& window) {
  if (data.empty() || max.x <= min.x || max.y <= min.y) return;
  impl_->pictures.push_back({min, max, data, baseline, style, window});
  struct Call {
    HeatmapRenderer* renderer;
    std::size_t picture;
  } call{this, impl_->pictures.size() - 1};
  list.AddCallback(&HeatmapRenderer::render, &call, sizeof call);
  if (const ImDrawCallback reset = ImGui::GetPlatformIO().DrawCallback_ResetRenderState)
    list.AddCallback(reset, nullptr);
}

void HeatmapRenderer::render(const ImDrawList*, const ImDrawCmd* command) {
  struct Call {
    HeatmapRenderer* renderer;
    std::size_t picture;
  };
  const Call& call = *static_cast<const Call*>(command->UserCallbackData);
  Impl& self = *call.renderer->impl_;
  if (call.picture >= self.pictures.size()) return;
  const ImDrawData* frame_data = ImGui::GetDrawData();
  const ImVec2 scale = frame_data->FramebufferScale, origin = frame_data->DisplayPos;
  const ImVec4 clip = command->ClipRect;
  const float height = frame_data->DisplaySize.y * scale.y;
  const int x = static_cast<int>(std::floor((clip.x - origin.x) * scale.x));
  const int y = static_cast<int>(std::floor(height - (clip.w - origin.y) * scale.y));
  const int w = static_cast<int>(std::ceil((clip.z - clip.x) * scale.x));
  const int h = static_cast<int>(std::ceil((clip.w - clip.y) * scale.y));
  if (w <= 0 || h <= 0) return;
  glScissor(x, y, w, h);
  self.paint(self.pictures[call.picture]);
  glActiveTexture(GL_TEXTURE0);  // the back end's reset takes unit 0 for granted
}

const std::string& HeatmapRenderer::error() const {
  return impl_->error;
}
std::int64_t HeatmapRenderer::uploads() const {
  return impl_->uploads;
}
std::size_t HeatmapRenderer::pictures() const {
  return impl_->pictures.size();
}

}  // namespace headscope
